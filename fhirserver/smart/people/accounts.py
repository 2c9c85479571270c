"""The accounts of all sites, and what each is found by: its name, its passkeys, its upstream identities."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fhirserver.kernel.outcome import Conflict
from fhirserver.smart.people.account import (
    Account,
    BadAccount,
    account_of,
    checked_link,
    checked_organizations,
    checked_roles,
    fields_of,
    normalized_username,
    stored,
)
from fhirserver.store.records import Records

ACCOUNT_INDEXES: Final = ("site", "fhir_user", "username")
HANDLE_INDEXES: Final = ("account",)
_ID_BYTES: Final = 16


class Accounts:
    """Records ``account`` by id, and ``handle`` from a name, credential or identity to the id: each is one person's."""

    def __init__(self, accounts: Records, handles: Records, clock: Callable[[], float] = time.time) -> None:
        """Keep them in these records."""
        self._accounts = accounts
        self._handles = handles
        self._clock = clock

    async def add(self, account: Account) -> Account:
        """Enter a new account and return it with its id. Raises BadAccount, also when the name is taken."""
        new = replace(_checked(account), id=secrets.token_urlsafe(_ID_BYTES), created_s=self._clock())
        if not await self._claim(_by_name(new.username), new.id):
            raise BadAccount(f"The user name `{new.username}` is taken.")
        for identity in new.identities:
            if not await self._claim(_by_identity(identity), new.id):
                await self._handles.delete_where({"account": new.id})
                raise BadAccount("The upstream identity is linked to another account.")
        await self._accounts.insert(new.id, fields_of(new))
        return new

    async def get(self, account_id: str) -> Account | None:
        """Return an account."""
        record = await self._accounts.get(account_id)
        return None if record is None else account_of(record)

    async def named(self, username: str) -> Account | None:
        """Return the account of a user name, in whatever case it is typed."""
        try:
            return await self._held(_by_name(normalized_username(username)))
        except BadAccount:
            return None

    async def with_passkey(self, credential_id: bytes) -> Account | None:
        """Return the account that a credential belongs to."""
        return await self._held(_by_passkey(credential_id))

    async def with_identity(self, identity: str) -> Account | None:
        """Return the account linked to an upstream identity."""
        return await self._held(_by_identity(identity))

    async def find(self, limit: int = 1000, **where: Any) -> list[Account]:  # noqa: ANN401 - any value of a field
        """Return accounts by their fields; of a field with several values, any of them."""
        return [account_of(record) for record in await self._accounts.find(where, limit)]

    async def change(self, account: Account, **changes: Any) -> Account:  # noqa: ANN401 - any value of a field
        """Change fields of an account as it was read; raises Conflict when it has changed since, BadAccount."""
        changed = _checked(replace(account, **changes))
        values = stored({name: getattr(changed, name) for name in changes})
        record = await self._accounts.change(
            account.id, {**values, "revision": account.revision + 1}, where={"revision": account.revision}
        )
        if record is None:
            raise Conflict("The account was changed by somebody else; look at it again.")
        return account_of(record)

    async def add_handle(self, account: Account, *, passkey: bytes | None = None, identity: str | None = None) -> bool:
        """Let an account be found by a credential or identity; tells whether it was nobody's."""
        key = _by_passkey(passkey) if passkey is not None else _by_identity(identity or "")
        return await self._claim(key, account.id)

    async def drop_handle(self, *, passkey: bytes | None = None, identity: str | None = None) -> None:
        """Let nobody be found by a credential or identity."""
        await self._handles.delete(_by_passkey(passkey) if passkey is not None else _by_identity(identity or ""))

    async def remove(self, account: Account) -> None:
        """Delete an account and all that it was found by."""
        await self._accounts.delete(account.id)
        await self._handles.delete_where({"account": account.id})

    async def _claim(self, handle: str, account_id: str) -> bool:
        return await self._handles.insert(handle, {"account": account_id})

    async def _held(self, handle: str) -> Account | None:
        record = await self._handles.get(handle)
        return None if record is None else await self.get(record["account"])


def _checked(account: Account) -> Account:
    return replace(
        account,
        username=normalized_username(account.username),
        fhir_user=checked_link(account.fhir_user),
        roles=checked_roles(account.roles),
        organizations=checked_organizations(account.organizations),
    )


def _by_name(username: str) -> str:
    return f"name:{username}"


def _by_passkey(credential_id: bytes) -> str:
    return f"passkey:{credential_id.hex()}"


def _by_identity(identity: str) -> str:
    return f"identity:{identity}"
