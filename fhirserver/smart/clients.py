"""Clients: the programs that may ask for tokens, each with the most it may be granted and the sites that let it in.

Spec: https://www.rfc-editor.org/rfc/rfc7591#section-2, https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final

from fhirserver.store.records import Records

CLIENT_INDEXES: Final = ("owner", "udap_uri")
AUTHORIZATION_CODE: Final = "authorization_code"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - the name of a grant
CLIENT_CREDENTIALS: Final = "client_credentials"
GRANT_TYPES: Final = (AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS)
_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 12


class AuthMethod(StrEnum):
    """How a client proves who it is at the token endpoint."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"

    @property
    def by_secret(self) -> bool:
        """Whether the client has a secret."""
        return self in (AuthMethod.BASIC, AuthMethod.POST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client, as its record has it."""

    client_id: str
    client_name: str
    token_endpoint_auth_method: AuthMethod
    grant_types: tuple[str, ...]
    scope: str
    """The ceiling: what may be granted at most."""
    redirect_uris: tuple[str, ...] = ()
    launch_uri: str | None = None
    jwks_uri: str | None = None
    jwks: Mapping[str, Any] | None = None
    secret_digest: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    description: str | None = None
    logo: str | None = None
    """A ``data:`` URL of a small picture, which the pages show."""
    owner: str | None = None
    """Who answers for it: the account that registered it, or an organization by name."""
    software_id: str | None = None
    software_version: str | None = None
    software_statement: str | None = None
    udap_uri: str | None = None
    """The URI in its certificate by which a client of a trust community is known."""
    sites: tuple[str, ...] = ()
    """The sites that have approved it; no other lets it in."""
    trusted: bool = False
    """Belongs to this network: its users are not asked for their consent."""
    introspects: bool = False
    """A resource server: it may ask about every token."""
    organization: str | None = None
    """``Organization/1`` or a name: whom a backend service acts for."""
    purpose: str = "TREAT"
    """What a backend service uses the record for, a code of v3-ActReason."""
    roles: tuple[str, ...] = ()
    """Roles of the policy file that a backend service acts in."""
    self_registered: bool = False
    registration_digest: str | None = None
    blocked: bool = False
    created_s: float = 0.0

    @property
    def is_public(self) -> bool:
        """Whether it can keep no secret."""
        return self.token_endpoint_auth_method is AuthMethod.NONE

    def proves_secret(self, secret: str) -> bool:
        """Tell whether this is its secret, in the same time whatever it is."""
        known = self.secret_digest or digest_of(secrets.token_hex())
        return hmac.compare_digest(known, digest_of(secret))

    def proves_registration(self, token: str) -> bool:
        """Tell whether this is the token with which its registration can be changed."""
        known = self.registration_digest or digest_of(secrets.token_hex())
        return hmac.compare_digest(known, digest_of(token))


class Clients:
    """Records ``client`` by ``client_id``."""

    def __init__(self, records: Records) -> None:
        """Keep them in ``records``."""
        self._records = records

    async def get(self, client_id: str) -> Client | None:
        """Return a client, also a blocked one."""
        record = await self._records.get(client_id)
        return None if record is None else client_of(record)

    async def active(self, client_id: str) -> Client | None:
        """Return a client that is not blocked."""
        client = await self.get(client_id)
        return None if client is None or client.blocked else client

    async def add(self, client: Client) -> bool:
        """Enter a client; tells whether there was none of this id."""
        return await self._records.insert(client.client_id, _fields(replace(client, created_s=time.time())))

    async def change(self, client_id: str, **changes: Any) -> Client | None:  # noqa: ANN401 - any value of a field
        """Change fields of a client; return it as it is then."""
        stored = {name: _stored(value) for name, value in changes.items()}
        record = await self._records.change(client_id, stored)
        return None if record is None else client_of(record)

    async def remove(self, client_id: str) -> bool:
        """Delete a client; tells whether there was one."""
        return await self._records.delete(client_id)

    async def find(self, where: Mapping[str, Any] | None = None, limit: int = 1000) -> list[Client]:
        """Return clients by their fields."""
        return [client_of(record) for record in await self._records.find(where or {}, limit)]


def client_of(record: Mapping[str, Any]) -> Client:
    """Return the client of a record; fields it lacks are as in a new one."""
    known = {field.name: record[field.name] for field in fields(Client) if field.name in record}
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    method = AuthMethod(record["token_endpoint_auth_method"])
    return Client(**{**plain, "client_id": record["key"], "token_endpoint_auth_method": method})


def new_client_id() -> str:
    """Return an id that nobody has."""
    return secrets.token_urlsafe(_ID_BYTES)


def new_secret() -> str:
    """Return what a client proves itself by: random and long, so that its digest tells nothing."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _fields(client: Client) -> dict[str, Any]:
    return {name: _stored(value) for name, value in asdict(client).items() if name != "client_id"}


def _stored(value: Any) -> Any:  # noqa: ANN401 - any value of a field
    if isinstance(value, AuthMethod):
        return value.value
    return list(value) if isinstance(value, tuple) else value
