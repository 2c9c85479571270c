"""Pending authorizations: what an app asked for, while its user logs in, chooses a patient and decides.

Anybody may ask, so until somebody has logged in one is with the browser alone, sealed, and costs nothing to keep. Then
it is a record that belongs to that session; of several answers to it one counts.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import msgspec

from fhirserver.kernel.base64url import base64url
from fhirserver.smart.asked import AuthorizeRequest, Target, needs_encounter, needs_patient
from fhirserver.smart.authorization import LaunchContext
from fhirserver.smart.launches import context_of
from fhirserver.smart.secret import Secret, WrongSecret
from fhirserver.store.records import Records

_BYTES: Final = 24
_PURPOSE: Final = "authorization request"
_NAME: Final = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """One of them, as it was when it was read."""

    id: str = ""
    """Of its record; empty as long as it has none."""
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

    def __init__(self, records: Records, lives_s: float, secret: Secret) -> None:
        """Keep them in ``records``, or sealed by ``secret``; a user has so long."""
        self._records = records
        self._lives_s = lives_s
        self._secret = secret

    @staticmethod
    def new(target: Target, request: AuthorizeRequest, now_s: float) -> PendingAuthorization:
        """Return what an app asks for; it is kept nowhere yet."""
        return PendingAuthorization(
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

    def sealed(self, pending: PendingAuthorization) -> str:
        """Return one that has no record as text for the browser to bring back."""
        content = msgspec.msgpack.encode(_fields(pending))
        return base64url(self._secret.seal(_PURPOSE, _NAME, content))

    def opened(self, text: str, now_s: float) -> PendingAuthorization | None:
        """Return what was sealed, unless its user took too long."""
        try:
            content = self._secret.open(_PURPOSE, _NAME, base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, WrongSecret):
            return None
        pending = _pending_of({**msgspec.msgpack.decode(content), "key": ""})
        return pending if now_s - pending.created_s < self._lives_s else None

    async def enter(self, pending: PendingAuthorization, session_id: str, user: str) -> PendingAuthorization:
        """Make it a record of a session."""
        entered = replace(pending, id=secrets.token_urlsafe(_BYTES), session_id=session_id, user=user)
        await self._records.insert(entered.id, _fields(entered), self._lives_s)
        return entered

    async def get(self, request_id: str) -> PendingAuthorization | None:
        """Return one that is neither decided and answered nor expired."""
        record = await self._records.get(request_id)
        return None if record is None else _pending_of(record)

    async def bind(self, pending: PendingAuthorization, session_id: str, user: str) -> PendingAuthorization | None:
        """Let it be of another session than that known of it; return it as it is then."""
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
