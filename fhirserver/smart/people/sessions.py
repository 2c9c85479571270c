"""Sessions of all workers: a cookie names one and proves it with a secret of which only the digest is stored.

The secret changes at every proof of identity, so that nobody can know a session's cookie from before.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fhirserver.smart.people.account import Account
from fhirserver.smart.people.assurance import PIN
from fhirserver.smart.people.lockout import PIN_TRIES
from fhirserver.smart.people.session import TOUCH_S, Place, Proof, Session, SessionRules, is_over, is_past_shift
from fhirserver.store.records import Records

SESSION_INDEXES: Final = ("user", "station")
_BYTES: Final = 32
_ID_BYTES: Final = 16


class Sessions:
    """Records ``session`` by id."""

    def __init__(self, records: Records, rules: SessionRules, clock: Callable[[], float] = time.time) -> None:
        """Keep them in ``records``."""
        self._records = records
        self.rules = rules
        self._clock = clock

    async def begin(self, account: Account, proof: Proof, place: Place) -> tuple[str, str]:
        """Begin a session; return its id and the value of its cookie."""
        session_id, secret, now = secrets.token_urlsafe(_ID_BYTES), secrets.token_urlsafe(_BYTES), self._clock()
        fields = {
            "user": account.id,
            "secret": _digest(secret),
            "created_s": now,
            "seen_s": now,
            "auth_time_s": now,
            "amr": list(proof.amr),
            "acr": proof.acr,
            "agent": place.agent,
            "source": place.source,
            "station": place.station,
            "suspended": False,
            "tries": 0,
        }
        await self._records.insert(session_id, fields, self.rules.longest_s)
        return session_id, f"{session_id}.{secret}"

    async def of_cookie(self, cookie: str) -> dict[str, Any] | None:
        """Return the record of the session that a cookie proves, and note its use; None when it is over."""
        session_id, _, secret = cookie.partition(".")
        record = await self.alive(session_id)
        if record is None or not hmac.compare_digest(record["secret"], _digest(secret)):
            return None
        now = self._clock()
        if now - record["seen_s"] >= TOUCH_S:
            await self._records.change(session_id, {"seen_s": now}, where={"secret": record["secret"]})
        return record

    async def alive(self, session_id: str) -> dict[str, Any] | None:
        """Return the record of a session that is neither over nor suspended."""
        record = await self._records.get(session_id)
        if record is None or record["suspended"]:
            return None
        if is_over(record["created_s"], record["seen_s"], self._clock(), self.rules):
            await self._lapse(record)
            return None
        return record

    async def touch(self, session_id: str) -> None:
        """Note that somebody still works in a session, in an app that was opened from it."""
        if await self.alive(session_id) is not None:
            await self._records.change(session_id, {"seen_s": self._clock()}, where={"suspended": False})

    async def renew(self, session_id: str, proof: Proof) -> str | None:
        """Give a session a new secret after a new proof of identity; return its cookie, or None when it is gone."""
        secret = secrets.token_urlsafe(_BYTES)
        now = self._clock()
        fields = {
            "secret": _digest(secret),
            "auth_time_s": now,
            "seen_s": now,
            "amr": list(proof.amr),
            "acr": proof.acr,
            "suspended": False,
            "tries": 0,
        }
        return f"{session_id}.{secret}" if await self._records.change(session_id, fields) else None

    async def suspend(self, session_id: str) -> None:
        """Close a session of a station until its person comes back."""
        await self._records.change(session_id, {"suspended": True})

    async def suspended_at(self, station: str) -> list[dict[str, Any]]:
        """Return the sessions that can be taken up again at a station: those of the present shift."""
        found = await self._records.find({"station": station})
        now = self._clock()
        waiting = []
        for record in found:
            if is_past_shift(record["created_s"], now, self.rules):
                await self._records.delete(record["key"])
            elif record["suspended"] or is_over(record["created_s"], record["seen_s"], now, self.rules):
                waiting.append(record)
        return waiting

    async def try_to_resume(self, session_id: str, station: str) -> dict[str, Any] | None:
        """Count one try at the PIN of a session of a station; None when there is no such session, or no try left."""
        record = await self._records.get(session_id)
        while record is not None and record["station"] == station:
            if record["tries"] >= PIN_TRIES or is_past_shift(record["created_s"], self._clock(), self.rules):
                await self._records.delete(session_id)
                return None
            counted = await self._records.change(
                session_id, {"tries": record["tries"] + 1, "suspended": True}, where={"tries": record["tries"]}
            )
            if counted is not None:
                return counted
            record = await self._records.get(session_id)
        return None

    async def resume(self, session_id: str) -> str | None:
        """Take up a suspended session after its PIN; it was not proven in full, so ``auth_time`` stays."""
        record = await self._records.get(session_id)
        if record is None:
            return None
        secret = secrets.token_urlsafe(_BYTES)
        amr = list(dict.fromkeys([*record["amr"], PIN]))
        fields = {"secret": _digest(secret), "seen_s": self._clock(), "suspended": False, "tries": 0, "amr": amr}
        return f"{session_id}.{secret}" if await self._records.change(session_id, fields) else None

    async def of_user(self, user_id: str) -> list[dict[str, Any]]:
        """Return the sessions of a user that are not over, the latest first."""
        now = self._clock()
        found = [
            record
            for record in await self._records.find({"user": user_id})
            if record["suspended"] or not is_over(record["created_s"], record["seen_s"], now, self.rules)
        ]
        return sorted(found, key=lambda record: -float(record["seen_s"]))

    async def end(self, session_id: str) -> bool:
        """End a session; tells whether there was one."""
        return await self._records.delete(session_id)

    async def end_all(self, user_id: str, but: str | None = None) -> list[str]:
        """End the sessions of a user, all but one; return their ids."""
        ended = [record["key"] for record in await self._records.find({"user": user_id}) if record["key"] != but]
        for session_id in ended:
            await self._records.delete(session_id)
        return ended

    async def _lapse(self, record: Mapping[str, Any]) -> None:
        """End a session that lay idle, or suspend it where its person may unlock it."""
        if record["station"] and not is_past_shift(record["created_s"], self._clock(), self.rules):
            await self.suspend(record["key"])
        else:
            await self._records.delete(record["key"])


def session_of(record: Mapping[str, Any], account: Account) -> Session:
    """Return the session of a record and its account, as both are now."""
    return Session(
        id=record["key"],
        user_id=account.id,
        site=account.site,
        name=account.name,
        fhir_user=account.fhir_user,
        roles=account.roles,
        organizations=account.organizations,
        is_admin=account.is_admin,
        auth_time_s=record["auth_time_s"],
        amr=tuple(record["amr"]),
        acr=record["acr"],
        language=account.language,
        created_s=record["created_s"],
        seen_s=record["seen_s"],
        agent=record["agent"],
        source=record["source"],
        station=record["station"],
        suspended=record["suspended"],
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
