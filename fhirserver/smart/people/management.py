"""What administrators do to accounts; whatever narrows what somebody may do ends the sessions begun before it."""

from dataclasses import dataclass, replace
from typing import Any, Final

from fhirserver.smart.people import recovery, totp
from fhirserver.smart.people.account import Account, BadAccount
from fhirserver.smart.people.password_rules import PasswordProblem, problem_of
from fhirserver.smart.people.people import People
from fhirserver.smart.people.signin import TOTP

SENTENCES: Final = {
    PasswordProblem.TOO_SHORT: "The password is too short; expected at least {min} characters.",
    PasswordProblem.TOO_LONG: "The password is too long; expected at most {max} characters.",
    PasswordProblem.TOO_SIMPLE: "The password repeats too few characters.",
    PasswordProblem.ABOUT_OWNER: "The password is mostly the name of its owner.",
    PasswordProblem.BREACHED: "The password is in a list of breached passwords.",
}


class BadPassword(BadAccount):
    """A password breaks a rule."""

    def __init__(self, problem: PasswordProblem, people: People) -> None:
        """Say which rule."""
        rules = people.options.passwords
        super().__init__(SENTENCES[problem].format(min=rules.min_characters, max=rules.max_characters))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Management:
    """Changes to accounts, each of which binds at once."""

    people: People

    async def add(self, account: Account, password: str | None) -> Account:
        """Enter a new account; without a password only a passkey or an upstream provider lets it in. BadAccount."""
        hashed = None if password is None else await self._hashed(account, password)
        added = await self.people.accounts.add(
            replace(account, password_hash=hashed, password_changed_s=self.people.clock())
        )
        self.people.note("added", added.id)
        return added

    async def change(self, account: Account, **changes: Any) -> Account:  # noqa: ANN401 - any value of a field
        """Change links, roles, organizations, name, rights. Raises BadAccount, Conflict."""
        changed = await self.people.accounts.change(account, **changes)
        self.people.note("changed", account.id)
        await self.people.tell(account.id)
        return changed

    async def lock(self, account: Account) -> Account:
        """Let an account in no more, and end what it began."""
        locked = await self.people.accounts.change(account, locked=True)
        self.people.note("locked", account.id)
        await self.people.end_sessions(account.id)
        await self.people.tell(account.id)
        return locked

    async def unlock(self, account: Account) -> Account:
        """Let an account in again, without the delays of earlier attempts."""
        unlocked = await self.people.accounts.change(account, locked=False)
        for tried in (f"account:{account.username}", f"code:{account.id}"):
            await self.people.attempts.forget(tried)
        self.people.note("unlocked", account.id)
        return unlocked

    async def set_password(self, account: Account, password: str, *, must_change: bool = False) -> Account:
        """Give a new password and end the sessions. Raises BadAccount."""
        changed = await self.people.accounts.change(
            account,
            password_hash=await self._hashed(account, password),
            password_changed_s=self.people.clock(),
            must_change_password=must_change,
        )
        self.people.note("password", account.id)
        await self.people.end_sessions(account.id)
        await self.people.tell(account.id)
        return changed

    async def change_own_password(self, account: Account, password: str, session_id: str) -> Account:
        """Take the new password of somebody who is logged in; the other sessions end. Raises BadAccount."""
        changed = await self.people.accounts.change(
            account,
            password_hash=await self._hashed(account, password),
            password_changed_s=self.people.clock(),
            must_change_password=False,
        )
        self.people.note("password", account.id)
        await self.people.end_sessions(account.id, but=session_id)
        return changed

    async def check_password(self, account: Account, password: str) -> None:
        """Raises BadPassword when it cannot be the account's."""
        problem = problem_of(password, account.own_words, self.people.options.passwords)
        if problem is not None:
            raise BadPassword(problem, self.people)

    async def reset_factors(self, account: Account) -> Account:
        """Take all second factors away: somebody has lost them."""
        for passkey in account.passkeys:
            await self.people.accounts.drop_handle(passkey=passkey.id)
        changed = await self.people.accounts.change(
            account, totp_secret=None, totp_step=-1, recovery=(), passkeys=(), pin_hash=None
        )
        self.people.note("factors-reset", account.id)
        await self.people.end_sessions(account.id)
        return changed

    async def remove(self, account: Account) -> None:
        """Delete an account and end what it began."""
        await self.people.accounts.remove(account)
        self.people.note("removed", account.id)
        await self.people.end_sessions(account.id)
        await self.people.tell(account.id)

    async def set_totp(self, account: Account, secret: bytes, step: int) -> tuple[Account, tuple[str, ...]]:
        """Begin to ask for one-time codes; return the recovery codes, which are shown once."""
        codes = recovery.new_codes()
        changed = await self.people.accounts.change(
            account,
            totp_secret=self.people.secret.seal(TOTP, account.id, secret),
            totp_step=step,
            recovery=tuple(recovery.digest_of(code) for code in codes),
        )
        self.people.note("totp-set", account.id)
        return changed, codes

    async def new_recovery_codes(self, account: Account) -> tuple[Account, tuple[str, ...]]:
        """Make the earlier recovery codes void and return new ones."""
        codes = recovery.new_codes()
        digests = tuple(recovery.digest_of(code) for code in codes)
        return await self.people.accounts.change(account, recovery=digests), codes

    def step_of(self, secret: bytes, code: str) -> int | None:
        """Return the step of a code that proves that an app holds the secret, or None."""
        return totp.matching_step(secret, code, self.people.clock())

    async def _hashed(self, account: Account, password: str) -> str:
        await self.check_password(account, password)
        return await self.people.passwords.hash(password)
