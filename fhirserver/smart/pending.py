"""Pending authorizations: what an app asked for, while its user logs in, chooses a patient and decides.

One belongs to the session that first came with it; of several answers to it one counts.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from fhirserver.smart.asked import AuthorizeRequest, Target, needs_encounter, needs_patient
from fhirserver.smart.authorization import LaunchContext
from fhirserver.smart.launches import context_of
from fhirserver.store.records import Records

_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """One of them, as it was when it was read."""

    id: str
    client_id: str
    site: str
    issuer: str
    redirect_uri: str
    state: str | None
    asked: str
    """The scopes, within what the client may have."""
    challenge: str
    created_s: float
    nonce: str | None = None
    prompts: tuple[str, ...] = ()
    max_age_s: float | None = None
    acr_values: str | None = None
    login_hint: str | None = None
    launch: str | None = None
    """What the app showed and nobody took yet."""
    context: LaunchContext = field(default_factory=LaunchContext)
    needs_patient: bool = False
    needs_encounter: bool = False
    session_id: str | None = None
    user: str | None = None
    granted: tuple[str, ...] | None = None
    denied: bool = False


class PendingAuthorizations:
    """Records ``authorization`` by a random id."""

    def __init__(self, records: Records, lives_s: float) -> None:
        """Keep them in ``records``; a user has so long."""
        self._records = records
        self._lives_s = lives_s

    async def begin(self, target: Target, request: AuthorizeRequest, now_s: float) -> PendingAuthorization:
        """Enter what an app asks for."""
        pending = PendingAuthorization(
            id=secrets.token_urlsafe(_BYTES),
            client_id=target.client.client_id,
            site=request.site,
            issuer=target.issuer,
            redirect_uri=target.redirect_uri,
            state=target.state,
            asked=" ".join(request.asked.texts),
            challenge=request.challenge,
            created_s=now_s,
            nonce=request.nonce,
            prompts=tuple(sorted(request.prompts)),
            max_age_s=request.max_age_s,
            acr_values=request.acr_values,
            login_hint=request.login_hint,
            launch=request.launch,
            needs_patient=needs_patient(request.asked),
            needs_encounter=needs_encounter(request.asked),
        )
        await self._records.insert(pending.id, _fields(pending), self._lives_s)
        return pending

    async def get(self, request_id: str) -> PendingAuthorization | None:
        """Return one that is neither decided and answered nor expired."""
        record = await self._records.get(request_id)
        return None if record is None else _pending_of(record)

    async def bind(self, pending: PendingAuthorization, session_id: str, user: str) -> PendingAuthorization | None:
        """Let it be of a session, if it is of none; return it as it is then."""
        fields = {"session_id": session_id, "user": user}
        record = await self._records.change(pending.id, fields, where={"session_id": pending.session_id})
        return None if record is None else _pending_of(record)

    async def change(self, pending: PendingAuthorization, **changes: Any) -> PendingAuthorization | None:  # noqa: ANN401
        """Change what was chosen of one of a session; None when it is gone."""
        changed = _fields(replace(pending, **changes))
        fields = {name: changed[name] for name in changes}
        record = await self._records.change(pending.id, fields, where={"session_id": pending.session_id})
        return None if record is None else _pending_of(record)

    async def take(self, pending: PendingAuthorization) -> PendingAuthorization | None:
        """End one: of all who ask at the same time one has it."""
        record = await self._records.take(pending.id)
        return None if record is None else _pending_of(record)


def _fields(pending: PendingAuthorization) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(pending).items()
    }
    del fields["id"]
    fields["context"]["fhir_context"] = list(pending.context.fhir_context)
    return fields


def _pending_of(record: Mapping[str, Any]) -> PendingAuthorization:
    known = {name: value for name, value in record.items() if name not in ("key", "expires")}
    granted = known["granted"]
    known["prompts"] = tuple(known["prompts"])
    known["granted"] = None if granted is None else tuple(granted)
    known["context"] = context_of(known["context"])
    return PendingAuthorization(**{**known, "id": record["key"]})
