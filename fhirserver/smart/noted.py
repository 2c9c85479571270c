"""What a request of the authorization server turns out to be about, noted on its way for the audit trail.

Who it is about becomes known deep inside; the trail is told once, at the edge, before the answer goes out.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field

from fhirserver.kernel.caller import Caller
from fhirserver.repository.trail import UNTRACED, Trail


@dataclass(slots=True)
class Noted:
    """Who asks, for whom, at which site; nothing of it is a secret."""

    client_id: str = ""
    fhir_user: str | None = None
    name: str | None = None
    """Of a login that fails: the name that was tried."""
    roles: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    site: str | None = None
    patient: str | None = None
    policy: str = ""
    asked: dict[str, str] = field(default_factory=dict)
    """Parameters that say what was asked for."""
    looker: Caller | None = None
    """In whose name the record was opened, if it was."""
    trail: Trail = field(default_factory=Trail)
    """What was seen of it."""


_present: ContextVar[Noted | None] = ContextVar("noted", default=None)


def begin() -> Noted:
    """Begin to note what the present request is about."""
    noted = Noted()
    _present.set(noted)
    return noted


def note_client(client_id: str, asked: dict[str, str] | None = None) -> None:
    """Note which client asks, and for what."""
    noted = _present.get()
    if noted is not None:
        noted.client_id = client_id
        noted.asked.update(asked or {})


def note_name(name: str) -> None:
    """Note who somebody says they are."""
    noted = _present.get()
    if noted is not None:
        noted.name = name


def note_user(
    name: str, site: str, fhir_user: str | None, roles: tuple[str, ...] = (), organizations: tuple[str, ...] = ()
) -> None:
    """Note which user it is."""
    noted = _present.get()
    if noted is not None:
        noted.name, noted.site, noted.fhir_user = name, site, fhir_user
        noted.roles, noted.organizations = roles, organizations


def note_decision(client_id: str, patient: str | None, **decided: str) -> None:
    """Note what a user lets a client do, or no more, with whose record."""
    note_client(client_id, decided)
    noted = _present.get()
    if noted is not None:
        noted.patient = patient


def note_authorization(site: str, patient: str | None, policy: str = "") -> None:
    """Note the site and the patient that a token is for, and what the trail calls it by."""
    noted = _present.get()
    if noted is not None:
        noted.site, noted.patient, noted.policy = site, patient, policy


def note_token(bearer: Caller) -> None:
    """Note whose access token is asked about or given back."""
    if bearer.fhir_user is not None:
        note_user(bearer.name or "", bearer.site, bearer.fhir_user, bearer.roles, bearer.organizations)
    note_authorization(bearer.site, bearer.patient, bearer.policy)


def trail_of(caller: Caller) -> Trail:
    """Return where to note what is seen of the record in the name of ``caller``."""
    noted = _present.get()
    if noted is None:
        return UNTRACED
    noted.looker = caller
    return noted.trail
