"""Canonical urls: ``url[|version][#fragment]``. Spec: http://hl7.org/fhir/R4/datatypes.html#canonical"""

from dataclasses import dataclass
from typing import Final

_CONSTRAINT: Final = "?fhir_vs=ecl/"
"""What follows is a constraint on concepts, in which bars and hashes are no more than that."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """The url of a definition and, where it is pinned, its business version."""

    url: str
    version: str | None = None
    fragment: str | None = None


def parse_canonical(text: str) -> Canonical:
    """Read ``url[|version][#fragment]``."""
    if _CONSTRAINT in text:
        return Canonical(text)
    url, bar, version = text.partition("|")
    version, hash_sign, fragment = version.partition("#")
    if not bar:
        url, hash_sign, fragment = text.partition("#")
    return Canonical(url, version or None, fragment if hash_sign else None)
