"""Proving who one is: password, one-time code, recovery code, passkey; every try is counted before it is made.

A name that is not known is treated as one that is: the same words, the same work, the same delays.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fhirserver.kernel.outcome import Conflict
from fhirserver.smart.people import recovery, totp
from fhirserver.smart.people.account import Account, BadAccount, normalized_username
from fhirserver.smart.people.accounts import Accounts
from fhirserver.smart.people.assurance import HARDWARE_KEY, ONE_TIME_CODE, RECOVERY, SOFTWARE_KEY
from fhirserver.smart.people.attempts import Attempts
from fhirserver.smart.people.lockout import OF_ACCOUNT, OF_SECOND_FACTOR, OF_SOURCE, source_of
from fhirserver.smart.people.passkeys import BadPasskey, Passkeys, credential_id_of
from fhirserver.smart.people.passwords import Passwords
from fhirserver.smart.secret import Secret

TOTP: Final = "totp"
"""What the secrets of authenticator apps are sealed for."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """The ways to prove who one is, over the accounts of all sites."""

    accounts: Accounts
    passwords: Passwords
    attempts: Attempts
    secret: Secret
    clock: Callable[[], float] = time.time

    async def by_password(self, username: str, password: str, address: str | None) -> Account | None:
        """Return the account whose name and password these are, or None. Raises TooManyAttempts."""
        of_source, of_account = f"source:{source_of(address)}", f"account:{_comparable(username)}"
        await self.attempts.begin(of_source, OF_SOURCE)
        await self.attempts.begin(of_account, OF_ACCOUNT)
        account = await self.accounts.named(username)
        is_right = await self.passwords.verify(password, account.password_hash if account else None)
        if account is None or not is_right or account.locked:
            return None
        await self.attempts.undo(of_source)
        await self.attempts.forget(of_account)
        return await self._with_present_hash(account, password)

    async def check_password(self, account: Account, password: str) -> bool:
        """Tell whether it is the password of an account that is known already. Raises TooManyAttempts."""
        of_account = f"account:{account.username}"
        await self.attempts.begin(of_account, OF_ACCOUNT)
        is_right = await self.passwords.verify(password, account.password_hash)
        if is_right:
            await self.attempts.forget(of_account)
        return is_right

    async def by_code(self, account: Account, typed: str) -> str | None:
        """Return the method by which a typed code proves the account, or None. Raises TooManyAttempts."""
        tries = f"code:{account.id}"
        await self.attempts.begin(tries, OF_SECOND_FACTOR)
        try:
            method = await self._use_code(account, typed)
        except Conflict:  # another use of the same code was first
            return None
        if method is not None:
            await self.attempts.forget(tries)
        return method

    async def by_passkey(self, answer: str, challenge: bytes, passkeys: Passkeys) -> tuple[Account, str] | None:
        """Return the account that an authenticator's answer proves, and the method; None when it proves none."""
        try:
            credential_id = credential_id_of(answer)
            account = await self.accounts.with_passkey(credential_id)
            passkey = account.passkey(credential_id) if account else None
            if account is None or passkey is None or account.locked:
                return None
            used = passkeys.used(answer, challenge, passkey)
        except BadPasskey:
            return None
        others = tuple(used if one.id == used.id else one for one in account.passkeys)
        try:
            account = await self.accounts.change(account, passkeys=others)
        except Conflict:
            return None
        return account, SOFTWARE_KEY if used.synced else HARDWARE_KEY

    async def _use_code(self, account: Account, typed: str) -> str | None:
        if account.totp_secret is not None:
            opened = self.secret.open(TOTP, account.id, account.totp_secret)
            step = totp.matching_step(opened, typed, self.clock(), account.totp_step)
            if step is not None:
                await self.accounts.change(account, totp_step=step)
                return ONE_TIME_CODE
        left = recovery.without(typed, account.recovery)
        if left is None:
            return None
        await self.accounts.change(account, recovery=left)
        return RECOVERY

    async def _with_present_hash(self, account: Account, password: str) -> Account:
        """Hash a password anew whose stored hash is of earlier parameters."""
        if account.password_hash is None or not self.passwords.is_outdated(account.password_hash):
            return account
        try:
            return await self.accounts.change(account, password_hash=await self.passwords.hash(password))
        except Conflict:  # whoever changed it meanwhile did it with present parameters
            return account


def _comparable(username: str) -> str:
    try:
        return normalized_username(username)
    except BadAccount:
        return username.casefold()[:256]
