"""What the authorization server asks of the accounts and sessions of people.

Spec: https://openid.net/specs/openid-connect-core-1_0.html#Authentication
"""

from dataclasses import dataclass
from typing import Final, Protocol

from starlette.requests import Request

from fhirserver.kernel.caller import Caller
from fhirserver.smart.authorization import Person
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.assurance import satisfies
from fhirserver.smart.people.people import People
from fhirserver.smart.people.session import Session

OWN_PAGES: Final = "fhirserver"
"""The client in whose name the pages of this server act; no other may be registered under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """That a person has logged in at the browser that asks."""

    session_id: str
    person: Person
    auth_time_s: float
    amr: tuple[str, ...] = ()
    acr: str | None = None


class Logins(Protocol):
    """Knows who logged in, and who still may."""

    async def current(self, request: Request) -> Login | None:
        """Return who has logged in at the browser of a request."""
        ...

    async def person(self, user_id: str) -> Person | None:
        """Return a user as of now; None when the account is gone or locked."""
        ...

    async def is_alive(self, session_id: str) -> bool:
        """Tell whether a session is not over."""
        ...

    async def touch(self, session_id: str) -> None:
        """Note that somebody still works in a session."""
        ...

    async def may_administer(self, login: Login) -> bool:
        """Tell whether this is an administrator, who has logged in as surely as administrators must."""
        ...


class AccountLogins:
    """The people of this server."""

    def __init__(self, people: People) -> None:
        """Ask ``people``."""
        self._people = people

    async def current(self, request: Request) -> Login | None:
        """Return who has logged in at the browser of a request."""
        session = await self._people.current_session(request)
        return None if session is None else _login_of(session)

    async def person(self, user_id: str) -> Person | None:
        """Return a user as of now."""
        account = await self._people.account(user_id)
        return None if account is None else _person_of(account, account.id)

    async def is_alive(self, session_id: str) -> bool:
        """Tell whether a session is not over."""
        return await self._people.session(session_id) is not None

    async def touch(self, session_id: str) -> None:
        """Note that somebody still works in a session."""
        await self._people.sessions.touch(session_id)

    async def may_administer(self, login: Login) -> bool:
        """Tell whether this is an administrator, who has logged in as surely as administrators must."""
        account = await self._people.account(login.person.user_id)
        if account is None or not account.is_admin:
            return False
        return satisfies(login.acr or "", self._people.options.login.level_for(account))


def caller_in_person(login: Login) -> Caller:
    """Return who acts in the pages of this server: the person, with all the rights that the rules give."""
    person = login.person
    return Caller(
        client_id=OWN_PAGES,
        scopes=("user/*.rs",),
        fhir_user=person.fhir_user,
        name=person.name,
        roles=person.roles,
        organizations=person.organizations,
        session_id=login.session_id,
        site=person.site,
        is_admin=person.is_admin,
        token_id=f"session {login.session_id}",
    )


def _login_of(session: Session) -> Login:
    return Login(
        session_id=session.id,
        person=_person_of(session, session.user_id),
        auth_time_s=session.auth_time_s,
        amr=session.amr,
        acr=session.acr,
    )


def _person_of(known: Account | Session, user_id: str) -> Person:
    return Person(
        user_id=user_id,
        site=known.site,
        name=known.name,
        fhir_user=known.fhir_user,
        roles=known.roles,
        organizations=known.organizations,
        is_admin=known.is_admin,
    )
