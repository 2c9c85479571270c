"""What the packages of a site are to those who read its CapabilityStatement: guides, and profiles by type.

Spec: http://hl7.org/fhir/R4/implementationguide.html, http://hl7.org/fhir/R4/capabilitystatement.html
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from fhirserver.definitions.installed import ActivePackages, Installed, Place
from fhirserver.kernel.resource import Resource

GUIDE: Final = "ImplementationGuide"
TAG: Final = "urn:fhirserver:package"
"""The system of the tag of guides that the server stored: the code is the package."""
_MAX_PROFILES: Final = 200
"""Of one type, that a statement lists."""
_MAX_ID: Final = 64
_UNFIT: Final = re.compile(r"[^A-Za-z0-9.-]+")
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def guide_canonicals(active: ActivePackages) -> tuple[str, ...]:
    """Return the guides of a site's packages, with their versions."""
    found = {f"{one.entry.url}|{one.entry.version or one.package.version}" for one in active.of(GUIDE)}
    lacking = [one for one in active.packages() if _place_of(active, one) is None]
    return tuple(sorted(found.union(f"{_url_of(one)}|{one.version}" for one in lacking)))


def profiles_by_type(active: ActivePackages) -> Mapping[str, tuple[str, ...]]:
    """Return the urls of the profiles of a site's packages, by the type that they constrain."""
    found: dict[str, set[str]] = {}
    for one in active.of("StructureDefinition"):
        if one.entry.subject:
            found.setdefault(one.entry.subject, set()).add(one.entry.url)
    return {name: tuple(sorted(urls)[:_MAX_PROFILES]) for name, urls in found.items()}


def guides(active: ActivePackages) -> dict[str, list[Resource]]:
    """Return the ImplementationGuides of installed packages by id: as the package has it, then as its name says.

    The second is for where the first is not one that R4 accepts.
    """
    found: dict[str, list[Resource]] = {}
    for one in active.packages():
        place = _place_of(active, one)
        own = [] if place is None else [place.read()]
        logical_id = _id_of(one)
        found[logical_id] = [_tagged(guide, one, logical_id) for guide in (*own, _plain(one, place))]
    return found


def _place_of(active: ActivePackages, package: Installed) -> Place | None:
    return next((one for one in active.installed(GUIDE) if one.package.key == package.key), None)


def _url_of(one: Installed) -> str:
    base = one.canonical.rstrip("/") or f"urn:fhirserver:package:{one.name}"
    return f"{base}/{GUIDE}/{one.name}" if one.canonical else base


def _plain(one: Installed, place: Place | None) -> Resource:
    """Return the least that a guide is."""
    guide: Resource = {
        "resourceType": GUIDE,
        "url": _url_of(one) if place is None else place.entry.url,
        "version": one.version,
        "name": "".join(word.capitalize() for word in _WORD.findall(one.name)),
        "status": "active",
        "packageId": _UNFIT.sub("-", one.name)[:_MAX_ID],
        "fhirVersion": ["4.0.1"],
    }
    return {**guide, **({"title": one.title} if one.title else {})}


def _tagged(guide: Resource, one: Installed, logical_id: str) -> Resource:
    meta = {**guide.get("meta", {})}
    others = [tag for tag in meta.get("tag", ()) if tag.get("system") != TAG]
    return {**guide, "id": logical_id, "meta": {**meta, "tag": [*others, {"system": TAG, "code": one.key}]}}


def _id_of(one: Installed) -> str:
    plain = _UNFIT.sub("-", f"{one.name}-{one.version}")
    if len(plain) <= _MAX_ID:
        return plain
    return hashlib.sha256(one.key.encode()).hexdigest()[:_MAX_ID]
