"""An account: who a person is here, which resource that is in the record, and what they can log in with."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from fhirserver.kernel.ids import is_id

USERNAME: Final = re.compile(r"[\w.@+-]{1,128}")
FHIR_USERS: Final = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person")
"""What ``fhirUser`` may name, of those that log in (SMART App Launch 2.2, "Scopes for requesting identity data")."""
_ROLE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")


class BadAccount(ValueError):
    """An account cannot be as it was given; the text is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One WebAuthn credential. Spec: https://www.w3.org/TR/webauthn-3/#credential-record"""

    id: bytes
    public_key: bytes
    sign_count: int
    name: str
    """What its owner calls it."""
    synced: bool
    """Kept by a provider on several devices; else it lives in one piece of hardware."""
    transports: tuple[str, ...] = ()
    created_s: float = 0.0
    used_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """As it was when it was read; ``revision`` counts its changes."""

    id: str
    username: str
    name: str
    site: str
    """The establishment whose resource it is linked to; its sessions are good for that one only."""
    fhir_user: str | None = None
    roles: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    is_admin: bool = False
    locked: bool = False
    """By an administrator; nothing unlocks it by itself."""
    language: str | None = None
    password_hash: str | None = None
    must_change_password: bool = False
    exempt: bool = False
    """From the second factor that its role would demand: accounts of the demo record."""
    totp_secret: bytes | None = None
    """Sealed."""
    totp_step: int = -1
    """The last step whose code was used."""
    recovery: tuple[str, ...] = ()
    pin_hash: str | None = None
    passkeys: tuple[Passkey, ...] = ()
    identities: tuple[str, ...] = ()
    """``issuer|subject`` of each upstream identity it is linked to."""
    created_s: float = 0.0
    password_changed_s: float = 0.0
    logged_in_s: float = 0.0
    revision: int = 0

    @property
    def has_second_factor(self) -> bool:
        """Tell whether there is more than a password."""
        return self.totp_secret is not None or bool(self.passkeys)

    @property
    def is_staff(self) -> bool:
        """Tell whether the person works here: who is neither a patient nor a patient's relative does."""
        return self.is_admin or not (self.fhir_user or "").startswith(("Patient/", "RelatedPerson/"))

    @property
    def own_words(self) -> tuple[str, ...]:
        """What a password must not be made of."""
        return (self.username, self.name)

    def passkey(self, credential_id: bytes) -> Passkey | None:
        """Return one of the passkeys."""
        return next((passkey for passkey in self.passkeys if passkey.id == credential_id), None)


def normalized_username(text: str) -> str:
    """Return the form in which names are compared; raises BadAccount."""
    name = unicodedata.normalize("NFKC", text).casefold().strip()
    if not USERNAME.fullmatch(name):
        raise BadAccount("A user name has 1 to 128 letters, digits, and `.`, `@`, `+`, `-`, `_`.")
    return name


def checked_link(reference: str | None) -> str | None:
    """Return a ``fhirUser`` reference; raises BadAccount."""
    if not reference:
        return None
    resource_type, _, logical_id = reference.partition("/")
    if resource_type not in FHIR_USERS or not is_id(logical_id):
        raise BadAccount(f"`{reference[:80]}` cannot be a `fhirUser`; expected {', '.join(FHIR_USERS)}/id.")
    return reference


def checked_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return roles, each once; raises BadAccount."""
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise BadAccount(f"`{role[:80]}` cannot be a role; expected a name such as `physician`.")
    return tuple(dict.fromkeys(roles))


def checked_organizations(references: tuple[str, ...]) -> tuple[str, ...]:
    """Return references to organizations, each once; raises BadAccount."""
    for reference in references:
        resource_type, _, logical_id = reference.partition("/")
        if resource_type != "Organization" or not is_id(logical_id):
            raise BadAccount(f"`{reference[:80]}` is not an organization; expected Organization/id.")
    return tuple(dict.fromkeys(references))


def fields_of(account: Account) -> dict[str, Any]:
    """Return an account as its record holds it, without the id, which is its key."""
    known = asdict(account)
    del known["id"]
    return {name: _stored(value) for name, value in known.items()}


def stored(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return some fields of an account as its record holds them."""
    return {
        name: [_stored(asdict(one) if isinstance(one, Passkey) else one) for one in value]
        if isinstance(value, tuple)
        else value
        for name, value in changes.items()
    }


def account_of(record: Mapping[str, Any]) -> Account:
    """Return the account of a record; fields it lacks are as in a new account."""
    known = {field.name: record[field.name] for field in fields(Account) if field.name in record}
    passkeys = tuple(
        Passkey(**{**one, "transports": tuple(one.get("transports", ()))}) for one in known.pop("passkeys", ())
    )
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    return Account(**{**plain, "id": record["key"], "passkeys": passkeys})


def _stored(value: Any) -> Any:  # noqa: ANN401 - any value of a field
    if isinstance(value, dict):
        return {name: _stored(inner) for name, inner in value.items()}
    return [_stored(inner) for inner in value] if isinstance(value, tuple) else value
