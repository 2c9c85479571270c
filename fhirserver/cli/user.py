"""``fhirserver user …``: accounts at the command line; passwords made here are printed once, on standard output."""

import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.table import Table

from fhirserver.app.authorization import Authorization
from fhirserver.app.commanding import with_authorization
from fhirserver.app.database import DatabaseProblem
from fhirserver.app.logs import configure_logs
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.kernel.outcome import Conflict
from fhirserver.settings import LogLevel, Settings
from fhirserver.smart.pages.admin import user_of
from fhirserver.smart.people.account import Account, BadAccount
from fhirserver.smart.people.issuers import BadLoginFile
from fhirserver.smart.people.management import Management

T = TypeVar("T")
_RANDOM_BYTES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """An account to be entered."""

    username: str
    name: str
    site: str | None
    fhir_user: str | None
    roles: tuple[str, ...]
    organizations: tuple[str, ...]
    is_admin: bool
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What of an account is changed; None stays."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    fhir_user: str | None
    organizations: Sequence[str] | None
    is_admin: bool | None

    def of(self, account: Account) -> dict[str, Any]:
        """Return the fields that change."""
        known = {"fhir_user": self.fhir_user, "is_admin": self.is_admin}
        fields: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
        if self.organizations is not None:
            fields["organizations"] = tuple(self.organizations)
        if self.add or self.remove:
            fields["roles"] = tuple(role for role in (*account.roles, *self.add) if role not in self.remove)
        return fields


@dataclass(frozen=True, slots=True)
class Password:
    """A password, and whether it was made here, so that it must be shown."""

    text: str
    is_made: bool


def password_of(*, from_input: bool) -> Password:
    """Return the password of the first line of standard input, or a random one. Raises UsageProblem."""
    if not from_input:
        return Password(secrets.token_urlsafe(_RANDOM_BYTES), is_made=True)
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise UsageProblem("--password-stdin: there is no password on standard input.")
    return Password(line, is_made=False)


def add(settings: Settings, new: NewUser, password: Password | None) -> int:
    """Enter an account and print it. Raises UsageProblem, Failure."""
    site = new.site or settings.sites[0]
    if site not in settings.sites:
        raise UsageProblem(f"`{site}` is not a site; sites are {', '.join(settings.sites)}.")
    account = Account(
        id="",
        username=new.username,
        name=new.name,
        site=site,
        fhir_user=new.fhir_user,
        roles=new.roles,
        organizations=new.organizations,
        is_admin=new.is_admin,
        must_change_password=password is not None,
        identities=new.identities,
    )
    text = None if password is None else password.text
    _print(_with(settings, lambda management: management.add(account, text)), password)
    return 0


def show_all(settings: Settings, *, site: str | None, role: str | None) -> int:
    """Print accounts as a table."""
    wanted: dict[str, Any] = {name: value for name, value in (("site", site), ("roles", role)) if value is not None}
    table = Table("user name", "name", "site", "fhirUser", "roles", "second factor", "state")
    for account in _with(settings, lambda management: management.people.accounts.find(**wanted)):
        factors = ["app"] if account.totp_secret else []
        factors += [f"{len(account.passkeys)} passkeys"] if account.passkeys else []
        state = "locked" if account.locked else "administrator" if account.is_admin else ""
        roles, link = ", ".join(account.roles), account.fhir_user or ""
        table.add_row(account.username, account.name, account.site, link, roles, ", ".join(factors), state)
    Console().print(table)
    return 0


def show(settings: Settings, name: str) -> int:
    """Print an account. Raises UsageProblem, Failure."""
    _print(_with(settings, lambda management: _account(management, name)))
    return 0


def change(settings: Settings, name: str, wanted: Change) -> int:
    """Change links, roles and rights of an account, and print it. Raises UsageProblem, Failure."""

    async def work(management: Management) -> Account:
        account = await _account(management, name)
        fields = wanted.of(account)
        return await management.change(account, **fields) if fields else account

    _print(_with(settings, work))
    return 0


def lock(settings: Settings, name: str) -> int:
    """Let somebody in no more. Raises UsageProblem, Failure."""

    async def work(management: Management) -> Account:
        return await management.lock(await _account(management, name))

    _with(settings, work)
    return 0


def unlock(settings: Settings, name: str) -> int:
    """Let somebody in again. Raises UsageProblem, Failure."""

    async def work(management: Management) -> Account:
        return await management.unlock(await _account(management, name))

    _with(settings, work)
    return 0


def set_password(settings: Settings, name: str, password: Password, *, keep: bool, reset_factors: bool) -> int:
    """Give somebody a new password. Raises UsageProblem, Failure."""

    async def work(management: Management) -> None:
        account = await _account(management, name)
        if reset_factors:
            account = await management.reset_factors(account)
        await management.set_password(account, password.text, must_change=not keep)

    _with(settings, work)
    if password.is_made:
        sys.stdout.write(f"{password.text}\n")
    return 0


def remove(settings: Settings, name: str) -> int:
    """Delete an account. Raises UsageProblem, Failure."""

    async def work(management: Management) -> None:
        await management.remove(await _account(management, name))

    _with(settings, work)
    return 0


async def _account(management: Management, name: str) -> Account:
    accounts = management.people.accounts
    account = await accounts.named(name) or await accounts.get(name)
    if account is None:
        raise UsageProblem(f"there is no user `{name}`; `fhirserver user list` shows them.")
    return account


def _with(settings: Settings, work: Callable[[Management], Awaitable[T]]) -> T:
    async def with_management(authorization: Authorization) -> T:
        return await work(Management(authorization.people))

    configure_logs(settings.model_copy(update={"log_level": LogLevel.WARNING}))  # what is done is seen already
    try:
        return with_authorization(settings, with_management)
    except (BadAccount, BadLoginFile) as problem:
        raise UsageProblem(str(problem)) from None
    except (Conflict, DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None


def _print(account: Account, password: Password | None = None) -> None:
    shown = user_of(account).model_dump(by_alias=True)
    known = {name: value for name, value in shown.items() if value not in (None, [], False)}
    made = {"password": password.text} if password is not None and password.is_made else {}
    sys.stdout.write(f"{json.dumps({**known, **made}, indent=2, ensure_ascii=False)}\n")
