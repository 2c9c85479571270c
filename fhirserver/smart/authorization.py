"""What was granted to a client: who may do what for whom; codes, refresh tokens and access tokens stand for it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as the login knows them now."""

    user_id: str
    site: str
    name: str
    fhir_user: str | None = None
    """``Practitioner/1``."""
    roles: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    is_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchContext:
    """What the app is launched with. Spec: SMART App Launch 2.2, "Launch context arrives with your access_token"."""

    patient: str | None = None
    """A logical id."""
    encounter: str | None = None
    fhir_context: tuple[Mapping[str, Any], ...] = ()
    intent: str | None = None
    tenant: str | None = None
    need_patient_banner: bool | None = None
    smart_style_url: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return what stands in the answer of the token endpoint."""
        known = {
            "patient": self.patient,
            "encounter": self.encounter,
            "fhirContext": [dict(one) for one in self.fhir_context] or None,
            "intent": self.intent,
            "tenant": self.tenant,
            "need_patient_banner": self.need_patient_banner,
            "smart_style_url": self.smart_style_url,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One authorization; ``id`` ties together all that came of it, so that it ends as one."""

    id: str
    client_id: str
    site: str
    scopes: tuple[str, ...]
    """As granted, those of the launch and of OpenID Connect with them."""
    context: LaunchContext = field(default_factory=LaunchContext)
    user: str | None = None
    """The account; None where the client acts for itself."""
    session_id: str | None = None
    grant: str | None = None
    """The record of the user's consent, when there is one: with it ends the authorization."""
    auth_time_s: float = 0.0
    acr: str | None = None
    amr: tuple[str, ...] = ()
    nonce: str | None = None
    purpose: str = "TREAT"
    issuer: str = ""
    """The origin at which it was granted."""
    certificate: str | None = None
    """The thumbprint of the client's certificate, where it showed one: its tokens are of no use without it."""

    def has(self, scope: str) -> bool:
        """Tell whether a scope was granted."""
        return scope in self.scopes

    def to_record(self) -> dict[str, Any]:
        """Return the fields of a record."""
        return {**asdict(self), "scopes": list(self.scopes), "amr": list(self.amr), "context": _context(self.context)}


def authorization_of(record: Mapping[str, Any]) -> Authorization:
    """Return the authorization that a record holds among other things."""
    known = {field.name: record[field.name] for field in fields(Authorization) if field.name in record}
    context = dict(known.pop("context", {}))
    context["fhir_context"] = tuple(context.get("fhir_context", ()))
    return Authorization(
        **{
            **known,
            "scopes": tuple(known["scopes"]),
            "amr": tuple(known.get("amr", ())),
            "context": LaunchContext(**context),
        }
    )


def _context(context: LaunchContext) -> dict[str, Any]:
    return {**asdict(context), "fhir_context": [dict(one) for one in context.fhir_context]}
