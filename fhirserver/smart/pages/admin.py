"""The JSON API of administrators over accounts, below ``/auth/admin/users``.

Who calls it is an administrator who is logged in at this browser, or an app of this network in the name of one. A page
of another origin cannot call it: its requests carry no cookie, and those with a body would have to be allowed first.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from fhirserver.kernel.outcome import FhirError
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.pages.services import PageServices
from fhirserver.smart.people.account import Account, BadAccount
from fhirserver.smart.people.assurance import satisfies
from fhirserver.smart.refusals import refusals

PREFIX: Final = "/auth/admin/users"
_NO_STORE: Final = {"Cache-Control": "no-store"}


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class _Sent(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class User(_Shown):
    """An account, without anything that one logs in with."""

    id: str
    username: str
    name: str
    site: str
    fhir_user: str | None
    roles: list[str]
    organizations: list[str]
    is_admin: bool
    locked: bool
    has_password: bool
    must_change_password: bool
    has_authenticator_app: bool
    passkeys: int
    identities: list[str]
    created_seconds: float
    logged_in_seconds: float


Text = Annotated[str, Field(min_length=1, max_length=200)]
Roles = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=50)]
References = Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=50)]
Password = Annotated[str, Field(max_length=1024)]


class NewUser(_Sent):
    """What an account begins with; without a password another provider or an invitation must let its owner in."""

    username: Text
    name: Text
    site: str | None = None
    fhir_user: Annotated[str | None, Field(max_length=80)] = None
    roles: Roles = []
    organizations: References = []
    is_admin: bool = False
    password: Password | None = None
    must_change_password: bool = True
    identities: Annotated[list[Annotated[str, Field(max_length=600)]], Field(max_length=10)] = []
    """``issuer|subject`` of upstream identities that log it in."""


class UserChange(_Sent):
    """What of an account is changed; members that are absent stay, ``fhirUser`` alone can be null: linked to nobody."""

    name: Text = ""
    fhir_user: Annotated[str | None, Field(max_length=80)] = None
    roles: Roles = []
    organizations: References = []
    is_admin: bool = False


class NewPassword(_Sent):
    """A password that its owner changes at the next login."""

    password: Password
    must_change_password: bool = True


class UserSession(_Shown):
    """Where somebody is logged in."""

    id: str
    agent: str
    source: str
    suspended: bool
    acr: str
    created_seconds: float
    seen_seconds: float


AccountId = Annotated[str, Path(alias="id", min_length=1, max_length=128)]


def admin_router(services: PageServices) -> APIRouter:
    """Return the endpoints."""
    router = APIRouter(prefix=PREFIX, tags=["users"], responses=refusals(400, 401, 403, 404, 409, 429, 503))
    administrator = Depends(_administrator(services))
    _reading(router, services, administrator)
    _writing(router, services, administrator)
    _acting(router, services, administrator)
    return router


def _reading(router: APIRouter, services: PageServices, administrator: Any) -> None:  # noqa: ANN401 - of FastAPI
    people = services.people

    @router.get("", dependencies=[administrator])
    async def list_users(
        response: Response,
        site: Annotated[str | None, Query(max_length=32)] = None,
        fhir_user: Annotated[str | None, Query(alias="fhirUser", max_length=80)] = None,
        role: Annotated[str | None, Query(max_length=64)] = None,
        count: Annotated[int, Query(ge=1, le=1000, alias="_count")] = 100,
    ) -> list[User]:
        """Return accounts, in no particular order."""
        response.headers.update(_NO_STORE)
        wanted = {"site": site, "fhir_user": fhir_user, "roles": role}
        with _translated():
            found = await people.accounts.find(count, **{name: value for name, value in wanted.items() if value})
        return [user_of(account) for account in found]

    @router.get("/{id}", dependencies=[administrator])
    async def show_user(response: Response, account_id: AccountId) -> User:
        """Return one account, by its id or its user name."""
        response.headers.update(_NO_STORE)
        with _translated():
            return user_of(await _account(services, account_id))

    @router.get("/{id}/sessions", dependencies=[administrator])
    async def list_sessions(response: Response, account_id: AccountId) -> list[UserSession]:
        """Return where somebody is logged in."""
        response.headers.update(_NO_STORE)
        with _translated():
            account = await _account(services, account_id)
            records = await people.sessions.of_user(account.id)
        return [_session_of(record) for record in records]


def _writing(router: APIRouter, services: PageServices, administrator: Any) -> None:  # noqa: ANN401
    management = services.management

    @router.post("", status_code=201, dependencies=[administrator])
    async def add_user(new: Annotated[NewUser, Body()]) -> User:
        """Enter a new account."""
        account = _account_of(new, _site(services, new.site))
        with _translated():
            return user_of(await management.add(account, new.password))

    @router.patch("/{id}", dependencies=[administrator])
    async def change_user(account_id: AccountId, change: Annotated[UserChange, Body()]) -> User:
        """Change an account; its tokens have the new roles within a second."""
        given = change.model_dump(exclude_unset=True)
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        with _translated():
            account = await _account(services, account_id)
            return user_of(await management.change(account, **fields) if fields else account)

    @router.delete("/{id}", status_code=204, dependencies=[administrator])
    async def remove_user(account_id: AccountId) -> None:
        """Delete an account and end all that it began."""
        with _translated():
            await management.remove(await _account(services, account_id))

    @router.delete("/{id}/sessions/{session}", status_code=204, dependencies=[administrator])
    async def end_session(account_id: AccountId, session: Annotated[str, Path(max_length=64)]) -> None:
        """End a session of somebody."""
        with _translated():
            account = await _account(services, account_id)
            if not await services.people.end_session(account.id, session):
                raise HTTPException(404, "There is no such session.")


def _acting(router: APIRouter, services: PageServices, administrator: Any) -> None:  # noqa: ANN401 - of FastAPI
    management = services.management

    @router.post("/{id}/lock", dependencies=[administrator])
    async def lock_user(account_id: AccountId) -> User:
        """Let somebody in no more; all they began ends within a second."""
        with _translated():
            return user_of(await management.lock(await _account(services, account_id)))

    @router.post("/{id}/unlock", dependencies=[administrator])
    async def unlock_user(account_id: AccountId) -> User:
        """Let somebody in again, without the delays of earlier attempts."""
        with _translated():
            return user_of(await management.unlock(await _account(services, account_id)))

    @router.post("/{id}/password", dependencies=[administrator])
    async def set_password(account_id: AccountId, new: Annotated[NewPassword, Body()]) -> User:
        """Give somebody a new password, and end their sessions."""
        with _translated():
            account = await _account(services, account_id)
            must_change = new.must_change_password
            return user_of(await management.set_password(account, new.password, must_change=must_change))

    @router.post("/{id}/reset-factors", dependencies=[administrator])
    async def reset_factors(account_id: AccountId) -> User:
        """Take second factors that somebody has lost away, and end their sessions."""
        with _translated():
            return user_of(await management.reset_factors(await _account(services, account_id)))


def _session_of(record: Mapping[str, Any]) -> UserSession:
    return UserSession(
        id=record["key"],
        agent=record["agent"],
        source=record["source"],
        suspended=record["suspended"],
        acr=record["acr"],
        created_seconds=record["created_s"],
        seen_seconds=record["seen_s"],
    )


def _administrator(services: PageServices) -> Callable[[Request], Awaitable[None]]:
    async def administrator(request: Request) -> None:
        """Raises HTTPException unless an administrator calls."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with _translated():
            if scheme.lower() == "bearer":
                return await services.check_token(token.strip())
            if request.headers.get("origin") not in (None, services.origin_of(request)):
                raise HTTPException(403, "Pages of another origin may not call this.")
            session = await services.people.current_session(request)
            if session is None:
                raise HTTPException(401, "Log in first.", headers={"WWW-Authenticate": 'Cookie realm="fhirserver"'})
            account = await services.people.account(session.user_id)
        if account is None or not account.is_admin:
            raise HTTPException(403, "This is for administrators.")
        if not satisfies(session.acr, services.people.options.login.level_for(account)):
            raise HTTPException(403, "This needs a login with a second factor.")
        return None

    return administrator


def _account_of(new: NewUser, site: str) -> Account:
    return Account(
        id="",
        username=new.username,
        name=new.name,
        site=site,
        fhir_user=new.fhir_user,
        roles=tuple(new.roles),
        organizations=tuple(new.organizations),
        is_admin=new.is_admin,
        must_change_password=new.password is not None and new.must_change_password,
        identities=tuple(new.identities),
    )


def _site(services: PageServices, name: str | None) -> str:
    if name is not None and name not in services.sites:
        raise HTTPException(400, f"There is no such site; sites are {', '.join(services.sites)}.")
    return name or services.sites[0]


async def _account(services: PageServices, name: str) -> Account:
    accounts = services.people.accounts
    account = await accounts.get(name) or await accounts.named(name)
    if account is None:
        raise HTTPException(404, "There is no such user.")
    return account


@contextmanager
def _translated() -> Iterator[None]:
    """Answer what happened below as this API does."""
    try:
        yield
    except BadAccount as problem:
        raise HTTPException(400, str(problem)) from None
    except OAuthError as problem:
        raise HTTPException(problem.status, problem.description, headers=problem.headers) from None
    except FhirError as problem:
        raise HTTPException(problem.status, problem.diagnostics, headers=problem.headers) from None


def user_of(account: Account) -> User:
    """Return an account as the API shows it."""
    return User(
        id=account.id,
        username=account.username,
        name=account.name,
        site=account.site,
        fhir_user=account.fhir_user,
        roles=list(account.roles),
        organizations=list(account.organizations),
        is_admin=account.is_admin,
        locked=account.locked,
        has_password=account.password_hash is not None,
        must_change_password=account.must_change_password,
        has_authenticator_app=account.totp_secret is not None,
        passkeys=len(account.passkeys),
        identities=list(account.identities),
        created_seconds=account.created_s,
        logged_in_seconds=account.logged_in_s,
    )
