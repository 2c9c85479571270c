"""Who asks: what is known of the user and the client of one request, once its access token is verified."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """Access that a person took because a patient's life depends on it: break-the-glass."""

    reason: str
    patient: str
    """The logical id of the only patient it is about."""
    until_s: float
    """A moment of ``time.time()``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user and the client, as the access token and its record name them."""

    client_id: str
    scopes: tuple[str, ...]
    """Resource scopes as granted, each as it was written: one of SMART v1 stays so."""
    fhir_user: str | None = None
    """``Practitioner/1``."""
    name: str | None = None
    """How a person is called, for people to read."""
    roles: tuple[str, ...] = ()
    """Names of the site's policy file: ``physician``."""
    organizations: tuple[str, ...] = ()
    """``Organization/1``: whom the user acts for."""
    patient: str | None = None
    """Launch context: a logical id."""
    encounter: str | None = None
    purpose: str = "TREAT"
    """A code of http://terminology.hl7.org/CodeSystem/v3-ActReason."""
    emergency: Emergency | None = None
    token_id: str = ""
    """Names the token without being it: cursors, quotas and caches are bound to it."""
    policy: str = ""
    """What the audit trail calls the authorization by: ``urn:ietf:params:oauth:jti:…``."""
    session_id: str | None = None
    site: str = "main"
    expires_at_s: float = 0.0
    """A moment of ``time.time()``."""
    is_admin: bool = False
