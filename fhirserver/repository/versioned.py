"""Includes of version-specific references: what ``Patient/1/_history/2`` refers to is that version.

Spec: http://hl7.org/fhir/R4/references.html#Reference ("version specific"), http://hl7.org/fhir/R4/search.html#include
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.version import Version
from fhirserver.repository.services import Services
from fhirserver.repository.sight import Sight

_MARK: Final = b"/_history/"
_REFERENCE: Final = re.compile(
    rb'"reference":"((?:https?://[^"]*/)?)([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})/_history/([0-9]{1,9})"'
)


async def as_referred_to(
    services: Services, access: Access, sources: Iterable[Version], found: Sequence[Version]
) -> tuple[Version, ...]:
    """Return what was found for references in the versions these name; the current one where some name none."""
    contents = [source.content for source in sources if source.content is not None]
    wanted = _versions_in((one for one in contents if _MARK in one), services.binder.rules.own_bases)
    if not wanted:
        return tuple(found)
    versions: list[Version] = []
    for current in found:
        named = wanted.get(current.key, {}).keys()
        earlier = [await _earlier(services, access, current, number) for number in named]
        known = [version for version in earlier if version is not None]
        if len(known) < len(named) or not named or _is_referred_to(current.key, contents):
            known.append(current)
        versions += {version.version_id: version for version in known}.values()
    return tuple(versions)


def _versions_in(contents: Iterable[bytes], own_bases: Sequence[str]) -> dict[str, dict[int, None]]:
    """Map ``Type/id`` to the versions of it that are referred to, in their order."""
    bases = {b"", *(base.encode() for base in own_bases)}
    wanted: dict[str, dict[int, None]] = {}
    for content in contents:
        for base, key, number in _REFERENCE.findall(content):
            if base in bases:
                wanted.setdefault(key.decode(), {})[int(number)] = None
    return wanted


def _is_referred_to(key: str, contents: Iterable[bytes]) -> bool:
    """Tell whether some of the sources refer to an instance without naming a version."""
    plain = re.compile(rb'"reference":"(?:[^"]*/)?%b"' % re.escape(key.encode()))
    return any(plain.search(content) for content in contents)


async def _earlier(services: Services, access: Access, current: Version, number: int) -> Version | None:
    if number == current.version_id:
        return current
    version = await services.store.earlier(current.key, number)
    if version is None or version.content is None:
        return None
    wanted = access.filter(version.resource_type, Right.READ)
    return version if Sight(services, access).sees(version, wanted) else None
