"""Grants: that a user has let an app have something; seen and withdrawn by that user at any time.

While a grant holds and covers what an app asks for, its user is not asked again.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from fhirserver.smart.scopes import Scopes
from fhirserver.store.records import Records

GRANT_INDEXES: Final = ("user", "client_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantKey:
    """Who has granted to whom, where, and about which patient."""

    user: str
    client_id: str
    site: str
    patient: str | None

    @property
    def id(self) -> str:
        """The id under which it is remembered."""
        parts = "\n".join((self.user, self.client_id, self.site, self.patient or ""))
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


class Grants:
    """Records ``grant``, one for each user, client, site and patient."""

    def __init__(self, records: Records, lives_s: float) -> None:
        """Keep them in ``records``, each until it was not renewed for so long."""
        self._records = records
        self._lives_s = lives_s

    async def remember(self, key: GrantKey, asked: Scopes, granted: Sequence[str]) -> str:
        """Note what a user has granted of what was asked; return the grant's id."""
        now = time.time()
        fields = {**asdict(key), "asked": sorted(asked.texts), "scopes": list(granted), "granted_s": now, "used_s": now}
        await self._records.put(key.id, fields, self._lives_s)
        return key.id

    async def known(self, key: GrantKey, asked: Scopes) -> dict[str, Any] | None:
        """Return the grant that answers a question: one that was given when exactly this was asked."""
        where = {"asked": sorted(asked.texts)}
        return await self._records.change(key.id, {"used_s": time.time()}, where=where, expires_s=self._lives_s)

    async def of_user(self, user: str) -> list[dict[str, Any]]:
        """Return what a user has granted."""
        return await self._records.find({"user": user})

    async def get(self, grant: str) -> Mapping[str, Any] | None:
        """Return a grant."""
        return await self._records.get(grant)

    async def remove(self, where: Mapping[str, Any]) -> int:
        """Forget grants by their fields."""
        return await self._records.delete_where(where)

    async def withdraw(self, grant: str, user: str) -> bool:
        """Forget a grant of a user; tells whether there was one."""
        record = await self._records.get(grant)
        return record is not None and record["user"] == user and await self._records.delete(grant)
