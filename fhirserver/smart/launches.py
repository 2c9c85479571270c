"""Launches: the record opens an app for a patient; the app shows the launch once, in the session that made it.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from fhirserver.smart.authorization import LaunchContext
from fhirserver.smart.clients import digest_of
from fhirserver.store.records import Records

_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What an app is opened with, by whom."""

    client_id: str
    site: str
    user: str
    session_id: str | None
    context: LaunchContext


class Launches:
    """Records ``launch`` by digest."""

    def __init__(self, records: Records, lives_s: float) -> None:
        """Keep them in ``records``; each is good for so long."""
        self._records = records
        self._lives_s = lives_s

    async def issue(self, launch: Launch) -> str:
        """Return what the app gets in its URL: it tells nothing by itself."""
        token = secrets.token_urlsafe(_BYTES)
        await self._records.insert(digest_of(token), asdict(launch), self._lives_s)
        return token

    async def take(self, token: str, *, client_id: str, site: str, user: str, session_id: str) -> LaunchContext | None:
        """Return what a launch is about, once; None when it is unknown, used, or not of this app, user and session."""
        key = digest_of(token)
        known = await self._records.get(key)
        if known is None or (known["client_id"], known["site"], known["user"]) != (client_id, site, user):
            return None
        if known["session_id"] not in (None, session_id):
            return None
        taken = await self._records.take(key)
        return None if taken is None else context_of(taken["context"])


def context_of(record: Mapping[str, Any]) -> LaunchContext:
    """Return the launch context that a record holds."""
    return LaunchContext(**{**record, "fhir_context": tuple(record.get("fhir_context", ()))})
