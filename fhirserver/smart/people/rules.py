"""Which steps a login must go through: pure decisions on an account, what it proved, and what is asked for."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from fhirserver.smart.people.account import Account
from fhirserver.smart.people.assurance import ONE_FACTOR, PHISHING_RESISTANT, TWO_FACTORS, higher, satisfies
from fhirserver.smart.people.session import Proof

STAFF: Final = "staff"
EVERYBODY: Final = "everybody"


class Step(StrEnum):
    """What comes next in a login."""

    SECOND_FACTOR = "second-factor"
    PASSKEY = "passkey"
    """Only a passkey will do, and the person has one."""
    ENROL = "enrol"
    """The person has no second factor yet and must set one up."""
    ENROL_PASSKEY = "enrol-passkey"
    CHANGE_PASSWORD = "change-password"  # noqa: S105 - a step
    DONE = "done"


@dataclass(frozen=True, slots=True)
class LoginRules:
    """What a site demands of logins."""

    second_factor_roles: Collection[str] = (STAFF,)
    """Roles; ``staff`` are all who are not patients or their relatives, ``everybody`` is everybody."""
    step_up: Mapping[str, str] = field(default_factory=dict)
    """From patterns of scopes (``user/*.write``) to the level they need."""

    def level_for(self, account: Account) -> str:
        """Return the level that an account must always reach."""
        wanted = self.second_factor_roles
        is_concerned = EVERYBODY in wanted or (STAFF in wanted and account.is_staff)
        if account.exempt or not (is_concerned or set(wanted).intersection(account.roles)):
            return ONE_FACTOR
        return TWO_FACTORS

    def level_of_scopes(self, scopes: Iterable[str]) -> str:
        """Return the level that scopes need: the highest of those of the patterns that any of them matches."""
        needed = ONE_FACTOR
        for scope in scopes:
            resource_scope = scope.partition("?")[0]
            for pattern, level in self.step_up.items():
                if fnmatchcase(resource_scope, pattern):
                    needed = higher(needed, level)
        return needed


def next_step(account: Account, proof: Proof, wanted: str) -> Step:
    """Return what a login still needs to reach the level that is wanted."""
    if not satisfies(proof.acr, wanted):
        return _factor_step(account, proof, wanted)
    return Step.CHANGE_PASSWORD if account.must_change_password and "pwd" in proof.amr else Step.DONE


def _factor_step(account: Account, proof: Proof, wanted: str) -> Step:
    if wanted == PHISHING_RESISTANT:
        if account.passkeys:
            return Step.PASSKEY
        # Nobody sets up the stronger factor on the weaker one alone where a second one is there to be asked for.
        needs_other = account.totp_secret is not None and not satisfies(proof.acr, TWO_FACTORS)
        return Step.SECOND_FACTOR if needs_other else Step.ENROL_PASSKEY
    return Step.SECOND_FACTOR if account.has_second_factor else Step.ENROL
