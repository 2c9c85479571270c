"""Which version of a definition stands in for one that is not here: another of the same major version.

Claims and references stay pinned to the version of their day, while what is at hand moves on. R4 says nothing of it;
packages are versioned so that a new minor version may be read as the older one.
Spec: http://hl7.org/fhir/R4/references.html#canonical, https://hl7.org/fhir/packages.html
"""

import re
from collections.abc import Callable
from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.validation.profiles.sources import Structures

_MAJOR: Final = re.compile(r"(\d{1,40})(?:[.\-+_]|$)", re.ASCII)


def stand_in(structures: Structures, canonical: str) -> str | None:
    """Return the version by which to judge what names a version that is not here; None: none has its major number.

    It is the first that is offered, older or newer: what the definition would mean if no version were named, unless
    that is of another major version.
    """
    named = parse_canonical(canonical)
    wanted = _major(named.version)
    if wanted is None:
        return None
    return next((version for version in structures.versions(named.url) if _major(version) == wanted), None)


def tolerant(structures: Structures) -> Callable[[str], Resource | None]:
    """Return what finds the structure of a canonical, in another version where the one that it names is not here."""

    def find(canonical: str) -> Resource | None:
        found = structures.structure(canonical)
        if found is None and (version := stand_in(structures, canonical)) is not None:
            return structures.structure(in_version(canonical, version))
        return found

    return find


def in_version(canonical: str, version: str) -> str:
    """Return a canonical with another version."""
    return f"{parse_canonical(canonical).url}|{version}"


def _major(version: str | None) -> int | None:
    found = None if version is None else _MAJOR.match(version)
    return None if found is None else int(found[1])
