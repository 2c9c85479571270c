"""A FHIR package registry: which versions of a package there are, and their archives.

It speaks the protocol of NPM. Spec: https://hl7.org/fhir/packages.html, https://github.com/npm/registry
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import orjson

from fhirserver.kernel.version_order import is_pattern, matches, order_key
from fhirserver.outbound.client import Answer, Outbound
from fhirserver.outbound.guard import Refused

LATEST: Final = "latest"
BUILDS: Final = frozenset({"current", "dev"})
"""Names of what is not published: a registry may have them as tags."""
_MAX_LISTING: Final = 8 * 1024 * 1024
_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NOT_FOUND: Final = 404
_OK: Final = 200
_SHOWN: Final = 6


class NoPackage(Exception):
    """A package cannot be had; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a package, and where its archive is."""

    name: str
    version: str
    url: str
    shasum: str = ""
    """The SHA-1 that the registry gives, by which a broken transfer is told."""


class PackageRegistry:
    """Asks one registry."""

    def __init__(self, base: str, outbound: Outbound) -> None:
        """Ask the registry at ``base``."""
        self._base = base.rstrip("/")
        self._outbound = outbound

    async def find(self, name: str, wanted: str) -> Release:
        """Return the version that ``wanted`` means: one, a pattern (``4.0.x``), ``latest``; raises NoPackage."""
        listing = await self._listing(name)
        versions = listing.get("versions")
        if not isinstance(versions, dict) or not versions:
            raise NoPackage(f"The registry lists no versions of `{name}`.")
        version = _chosen(wanted, versions, listing.get("dist-tags"))
        if version is None:
            known = ", ".join(sorted(versions, key=order_key)[-_SHOWN:])
            raise NoPackage(f"The registry has no version `{wanted}` of `{name}`; among others it has {known}.")
        found = versions[version]
        dist = found.get("dist") if isinstance(found, dict) else None
        given = dist if isinstance(dist, dict) else {}
        own = f"{self._base}/{name}/{version}"
        tarball = given.get("tarball")
        return Release(
            name, version, urljoin(own, tarball) if isinstance(tarball, str) else own, str(given.get("shasum", ""))
        )

    async def fetch(self, release: Release, max_bytes: int) -> bytes:
        """Return the archive of a version; raises NoPackage."""
        content = await download(self._outbound, release.url, max_bytes)
        if release.shasum and hashlib.sha1(content, usedforsecurity=False).hexdigest() != release.shasum.lower():
            named = f"{release.name}#{release.version}"
            raise NoPackage(f"The archive of `{named}` is not the one that the registry lists: its SHA-1 is another.")
        return content

    async def _listing(self, name: str) -> Mapping[str, Any]:
        answer = await _asked(self._outbound, f"{self._base}/{name}", _MAX_LISTING)
        if answer.status == _NOT_FOUND:
            raise NoPackage(f"The registry has no package `{name}`.")
        try:
            listing = orjson.loads(answer.content) if answer.status == _OK else None
        except orjson.JSONDecodeError:
            listing = None
        if not isinstance(listing, dict):
            raise NoPackage(f"The registry answers {answer.status} for `{name}`, and no list of versions.")
        return listing


async def download(outbound: Outbound, url: str, max_bytes: int) -> bytes:
    """Return what is at a URL; raises NoPackage."""
    answer = await _asked(outbound, url, max_bytes)
    if answer.status != _OK:
        raise NoPackage(f"The archive cannot be fetched: its server answers {answer.status}.")
    return answer.content


async def _asked(outbound: Outbound, url: str, max_bytes: int) -> Answer:
    """Ask, and follow a few redirects, each of which must be allowed like the first request."""
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            answer = await outbound.send("GET", url, max_bytes=max_bytes)
        except Refused as problem:
            raise NoPackage(f"`{urlsplit(url).hostname}` cannot be asked for packages: {problem}") from None
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            return answer
        url = urljoin(url, answer.headers["location"])
    raise NoPackage("The registry redirects again and again.")


def _chosen(wanted: str, versions: Mapping[str, Any], tags: object) -> str | None:
    tagged = tags.get(wanted) if isinstance(tags, dict) else None
    if wanted in versions:
        return wanted
    if isinstance(tagged, str) and tagged in versions:
        return tagged
    if wanted == LATEST:
        return max(versions, key=order_key)
    if is_pattern(wanted):
        return max((one for one in versions if matches(wanted, one)), key=order_key, default=None)
    return None
