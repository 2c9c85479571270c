"""What the endpoints share; put together once per process."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fhirserver.repository.repository import Repository
from fhirserver.settings import Registration
from fhirserver.smart.access_tokens import AccessTokens
from fhirserver.smart.client_auth import ClientAuthentication
from fhirserver.smart.clients import Clients
from fhirserver.smart.codes import Codes
from fhirserver.smart.grants import Grants
from fhirserver.smart.keys import SigningKeys
from fhirserver.smart.launches import Launches
from fhirserver.smart.logins import Logins
from fhirserver.smart.network import Network
from fhirserver.smart.pending import PendingAuthorizations
from fhirserver.smart.record_door import RepositoryFor
from fhirserver.smart.refresh_tokens import RefreshTokens
from fhirserver.smart.revocations import Revocations
from fhirserver.smart.scopes import Scopes
from fhirserver.smart.state import State
from fhirserver.smart.udap import Udap


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator has decided."""

    access_token_s: float
    """The life of an app's access token."""
    service_token_s: float
    """The life of a backend service's."""
    online_token_s: float = 900.0
    """The life of one that comes with online access: renewing it is what keeps a session from lying idle."""
    code_s: float = 60.0
    launch_s: float = 300.0
    pending_s: float = 900.0
    """How long a user may take to log in and to decide."""
    registration: Registration = Registration.OFF
    registration_scope: str = ""
    """The most that a client gets that registers itself."""
    binds_certificates: bool = False
    """Whether clients are asked for certificates (RFC 8705)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The authorization server without its endpoints."""

    network: Network
    policy: Policy
    state: State
    keys: SigningKeys
    clients: Clients
    authentication: ClientAuthentication
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    codes: Codes
    grants: Grants
    launches: Launches
    pending: PendingAuthorizations
    revocations: Revocations
    udap: Udap | None
    """For clients of a trust community, where the network belongs to one."""
    logins: Logins
    repository_for: RepositoryFor
    open_site: Callable[[str], Repository]
    """Opens a site with the rights of the server itself; raises Unavailable."""
    level_of_scopes: Callable[[Iterable[str]], str]
    """How sure the login must be for these scopes: a level of ``people.assurance``."""
    read_scopes: Callable[[str], Scopes]
    is_resource_type: Callable[[str], bool]
    clock: Callable[[], float]
