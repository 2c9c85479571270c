"""People of a network, put together: accounts, rules of login, upstream providers, and the pages."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from starlette.requests import HTTPConnection

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import Deleted, Forbidden, NotFound
from fhirserver.outbound.client import GuardedTransport
from fhirserver.outbound.guard import Allowed, Guard
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import SearchRequest
from fhirserver.settings import Settings
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.network import Network
from fhirserver.smart.pages.contracts import Authorizations, Grants
from fhirserver.smart.pages.patients import name_of
from fhirserver.smart.pages.services import CheckToken, PageServices
from fhirserver.smart.people.breached import BreachedPasswords
from fhirserver.smart.people.federation import Federation
from fhirserver.smart.people.issuers import LoginFile, read_login_file
from fhirserver.smart.people.linking import Linking
from fhirserver.smart.people.password_rules import PasswordRules
from fhirserver.smart.people.people import People, PeopleOptions
from fhirserver.smart.people.rules import LoginRules
from fhirserver.smart.people.session import SessionRules
from fhirserver.smart.record_door import RepositoryFor
from fhirserver.smart.secret import Secret
from fhirserver.store.connection import Connection

OpenSite: TypeAlias = Callable[[str], Repository]
"""Returns the repository of a site with the rights of the server itself; raises Unavailable."""
_TWO: Final = "2"


def people_of(
    connection: Connection, settings: Settings, secret: Secret, clock: Callable[[], float] = time.time
) -> People:
    """Return the people of all sites; nothing is asked of the database yet. Raises BadLoginFile, ValueError."""
    records_of = partial(connection.records, settings.network_database)
    return People(records_of, _options(settings), secret, clock)


def page_services(
    people: People,
    settings: Settings,
    network: Network,
    *,
    authorizations: Authorizations,
    grants: Grants,
    repository_for: RepositoryFor,
    open_site: OpenSite,
    check_token: CheckToken,
) -> PageServices:
    """Return what the pages work with. Raises BadLoginFile."""
    transport = GuardedTransport(Guard(Allowed.parse(settings.outbound_allow)))
    return PageServices(
        people=people,
        federation=Federation(login_file_of(settings).issuers, transport, people.clock),
        linking=Linking(people.accounts, RecordDirectory(open_site), settings.sites[0]),
        authorizations=authorizations,
        grants=grants,
        repository_for=repository_for,
        origin_of=partial(_origin, network),
        check_token=check_token,
        sites=settings.sites,
        name=settings.name,
    )


class RecordDirectory:
    """Finds people of the record with the rights of the server; what it finds is linked and never shown."""

    def __init__(self, open_site: OpenSite) -> None:
        """Look in the sites that ``open_site`` opens."""
        self._open_site = open_site

    async def find(self, site: str, resource_type: str, system: str, value: str) -> list[str]:
        """Return references to the resources that have this identifier, two at most."""
        escaped = value.replace("\\", "\\\\").replace("|", "\\|").replace(",", "\\,").replace("$", "\\$")
        parameters = (("identifier", f"{system}|{escaped}"), ("_count", _TWO), ("_total", "none"))
        page = await self._open_site(site).search(SearchRequest(resource_types=(resource_type,), parameters=parameters))
        return [version.key for version in page.matches]

    async def name_of(self, site: str, reference: str) -> str | None:
        """Return how a person of the record is called."""
        resource_type, _, logical_id = reference.partition("/")
        try:
            version = await self._open_site(site).read(resource_type, logical_id)
        except (NotFound, Deleted):
            return None
        person = parse_json(version.content or b"{}")
        return name_of(person) if isinstance(person, Mapping) else None


def login_file_of(settings: Settings) -> LoginFile:
    """Return what the login file of the settings says. Raises BadLoginFile."""
    return LoginFile() if settings.login_file is None else read_login_file(settings.login_file)


def _options(settings: Settings) -> PeopleOptions:
    breached = None if settings.breached_passwords is None else BreachedPasswords(settings.breached_passwords)
    return PeopleOptions(
        login=LoginRules(settings.second_factor_roles, login_file_of(settings).step_up),
        passwords=PasswordRules(min_characters=settings.min_password_characters, is_breached=breached),
        sessions=SessionRules(idle_s=settings.session_idle_s, longest_s=settings.session_longest_s),
        public_origin=settings.base_url,
    )


def _origin(network: Network, connection: HTTPConnection) -> str:
    try:
        return network.origin(connection)
    except OAuthError as problem:
        raise Forbidden(problem.description) from None
