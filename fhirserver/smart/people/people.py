"""People of a server: their accounts, their sessions, and how they prove who they are."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog
from starlette.requests import HTTPConnection

from fhirserver.smart.people.account import Account
from fhirserver.smart.people.accounts import ACCOUNT_INDEXES, HANDLE_INDEXES, Accounts
from fhirserver.smart.people.attempts import Attempts
from fhirserver.smart.people.cookies import SESSION, Cookies
from fhirserver.smart.people.flows import Flows
from fhirserver.smart.people.password_rules import PasswordRules
from fhirserver.smart.people.passwords import Passwords
from fhirserver.smart.people.rules import LoginRules
from fhirserver.smart.people.session import Session, SessionRules
from fhirserver.smart.people.sessions import SESSION_INDEXES, Sessions, session_of
from fhirserver.smart.people.signin import SignIn
from fhirserver.smart.people.stations import Stations
from fhirserver.smart.secret import Secret
from fhirserver.store.records import Records

Listener: TypeAlias = Callable[[str, str | None], Awaitable[None]]
"""Hears that what a user (by id) may do has changed, or that one session (by id) has ended."""
RecordsOf: TypeAlias = Callable[[str, Sequence[str]], Records]
"""Returns the records of a collection, with the fields that they are found by."""
COLLECTIONS: Final = ("account", "handle", "session", "attempt", "flow", "station")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleOptions:
    """What a server demands of its people."""

    login: LoginRules = field(default_factory=LoginRules)
    passwords: PasswordRules = field(default_factory=PasswordRules)
    sessions: SessionRules = field(default_factory=SessionRules)
    public_origin: str | None = None
    hash_threads: int = 2


class People:
    """All that pages, endpoints and commands ask about people."""

    def __init__(
        self, records_of: RecordsOf, options: PeopleOptions, secret: Secret, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep everything in records; nothing is connected before the first call."""
        self._records = {
            "account": records_of("account", ACCOUNT_INDEXES),
            "handle": records_of("handle", HANDLE_INDEXES),
            "session": records_of("session", SESSION_INDEXES),
            "attempt": records_of("attempt", ()),
            "flow": records_of("flow", ()),
            "station": records_of("station", ("site",)),
        }
        self.options = options
        self.secret = secret
        self.clock = clock
        self.accounts = Accounts(self._records["account"], self._records["handle"], clock)
        self.sessions = Sessions(self._records["session"], options.sessions, clock)
        self.attempts = Attempts(self._records["attempt"], clock)
        self.flows = Flows(self._records["flow"])
        self.stations = Stations(self._records["station"], clock)
        self.passwords = Passwords(options.hash_threads)
        self.sign_in = SignIn(self.accounts, self.passwords, self.attempts, secret, clock)
        self.cookies = Cookies(options.public_origin)
        self.listeners: list[Listener] = []

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        for records in self._records.values():
            await records.prepare()

    def close(self) -> None:
        """End the threads."""
        self.passwords.close()

    async def current_session(self, request: HTTPConnection) -> Session | None:
        """Return the session of a request's cookie; None also when it is suspended or its account is locked."""
        cookie = self.cookies.read(request, SESSION)
        record = await self.sessions.of_cookie(cookie) if cookie else None
        account = await self.account(record["user"]) if record else None
        return session_of(record, account) if record and account else None

    async def session(self, session_id: str) -> Session | None:
        """Return a session that is neither over nor suspended, of an account that is not locked."""
        record = await self.sessions.alive(session_id)
        account = await self.account(record["user"]) if record else None
        return session_of(record, account) if record and account else None

    async def account(self, user_id: str) -> Account | None:
        """Return an account that may log in."""
        account = await self.accounts.get(user_id)
        return None if account is None or account.locked else account

    async def end_session(self, user_id: str, session_id: str) -> bool:
        """End one session of a user; tells whether there was one."""
        record = next((one for one in await self.sessions.of_user(user_id) if one["key"] == session_id), None)
        if record is None:
            return False
        await self.sessions.end(session_id)
        await self.tell(user_id, session_id)
        return True

    async def end_sessions(self, user_id: str, but: str | None = None) -> int:
        """End the sessions of a user, all but one; return how many."""
        ended = await self.sessions.end_all(user_id, but)
        for session_id in ended:
            await self.tell(user_id, session_id)
        return len(ended)

    async def tell(self, user_id: str, session_id: str | None = None) -> None:
        """Tell all who want to know that a user's rights, or a session, are no longer what they were."""
        for listener in self.listeners:
            await listener(user_id, session_id)

    def note(self, event: str, user_id: str | None = None, **more: str) -> None:
        """Log an event of login, which names nobody but by the id of an account."""
        structlog.get_logger().info("login", event_kind=event, user=user_id, **more)
