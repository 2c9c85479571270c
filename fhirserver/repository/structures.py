"""The StructureDefinitions that are stored on a site, kept at hand: who validates by one does not wait for it.

They are kept compressed, and read when they are asked for. What was written here is learned at once, what others wrote
within a second.
"""

import asyncio
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.instant import Clock
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version_order import order_key
from fhirserver.store.changes import changed_since
from fhirserver.store.definitions import stored_contents, stored_versions
from fhirserver.store.store import Store

STRUCTURE: Final = "StructureDefinition"
MAX_STRUCTURES: Final = 5000
"""That take effect; of more, those stored first."""
_WINDOW_US: Final = 120_000_000
"""No transaction lasts so long, and no machine's clock is so far behind."""
_AT_A_TIME: Final = 100


class _Named(msgspec.Struct):
    url: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    version_id: int
    url: str
    version: str
    content: bytes


class StoredStructures:
    """Those of one site, in one worker."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Read from ``store``; nothing is known before ``refresh``."""
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}
        self._by_url: dict[str, list[_Kept]] = {}
        self._seen: set[tuple[str, int]] | None = None
        self._changes = 0

    @property
    def mark(self) -> str:
        """Another text after every change."""
        return str(self._changes)

    def structure(self, canonical: str) -> Resource | None:
        """Return a stored StructureDefinition by url or ``url|version``, of several versions the last."""
        named = parse_canonical(canonical)
        found = [one for one in self._by_url.get(named.url, ()) if named.version in (None, one.version)]
        return parse_json(zlib.decompress(found[-1].content)) if found else None

    def versions(self, url: str) -> list[str]:
        """Return the versions of a StructureDefinition that are stored, the last one first."""
        return [one.version for one in reversed(self._by_url.get(url, ()))]

    async def refresh(self) -> None:
        """Learn what has changed. Raises Unavailable."""
        async with self._lock:
            if self._seen is None:
                await self._begin()
            else:
                await self._follow(self._seen)

    async def _begin(self) -> None:
        """Learn all that there is; what is written meanwhile is learned the next time."""
        self._seen = set()
        versions = await stored_versions(self._store, STRUCTURE, MAX_STRUCTURES)
        await self._take(list(versions))

    async def _follow(self, seen: set[tuple[str, int]]) -> None:
        found = set(await changed_since(self._store, (STRUCTURE,), self._clock() - _WINDOW_US))
        news = {key for key, version in found - seen if self._version(key) != version}
        if news:
            await self._take(sorted(news))
        self._seen = found

    def _version(self, key: str) -> int:
        known = self._kept.get(key)
        return 0 if known is None else known.version_id

    async def _take(self, keys: list[str]) -> None:
        for start in range(0, len(keys), _AT_A_TIME):
            part = keys[start : start + _AT_A_TIME]
            contents = await stored_contents(self._store, part)
            for key in part:
                self._keep(key, contents.get(key))
        if keys:
            self._arrange()

    def _keep(self, key: str, found: tuple[int, bytes] | None) -> None:
        if found is None:
            self._kept.pop(key, None)
        elif key in self._kept or len(self._kept) < MAX_STRUCTURES:
            named = msgspec.json.decode(found[1], type=_Named)
            self._kept[key] = _Kept(found[0], named.url, named.version, zlib.compress(found[1]))

    def _arrange(self) -> None:
        by_url: dict[str, list[_Kept]] = {}
        for one in sorted(self._kept.values(), key=lambda kept: order_key(kept.version)):
            by_url.setdefault(one.url, []).append(one)
        self._by_url = by_url
        self._changes += 1
