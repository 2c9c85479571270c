"""What is remembered between two pages, for ten minutes: bound to the browser it was begun in."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

from fhirserver.store.records import Records

LASTS_S: Final = 600.0
_BYTES: Final = 24


class Flows:
    """Records ``flow``; ``browser`` is the digest of the secret that the browser's cookie holds."""

    def __init__(self, records: Records) -> None:
        """Keep them in ``records``."""
        self._records = records

    async def begin(self, kind: str, browser: str, fields: Mapping[str, Any]) -> str:
        """Begin a flow; return the id by which the next page names it."""
        flow = secrets.token_urlsafe(_BYTES)
        await self.put(flow, kind, browser, fields)
        return flow

    async def put(self, flow: str, kind: str, browser: str, fields: Mapping[str, Any]) -> None:
        """Begin a flow under a name that is random already."""
        await self._records.insert(flow, {**fields, "kind": kind, "browser": browser}, LASTS_S)

    async def get(self, flow: str, kind: str, browser: str) -> dict[str, Any] | None:
        """Return a flow of this browser."""
        record = await self._records.get(flow)
        return record if _belongs(record, kind, browser) else None

    async def change(self, flow: str, fields: Mapping[str, Any]) -> None:
        """Remember more."""
        await self._records.change(flow, fields)

    async def take(self, flow: str, kind: str, browser: str) -> dict[str, Any] | None:
        """Return a flow of this browser and end it: it is good once."""
        record = await self._records.get(flow)
        if not _belongs(record, kind, browser):
            return None
        return await self._records.take(flow)

    async def use(self, challenge: bytes) -> bool:
        """Note that something random was used; tells whether it was not before."""
        return await self._records.insert(hashlib.sha256(challenge).hexdigest(), {"kind": "used"}, LASTS_S)


def _belongs(record: dict[str, Any] | None, kind: str, browser: str) -> bool:
    return record is not None and record["kind"] == kind and record.get("browser") == browser
