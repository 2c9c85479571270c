"""Which steps a login must go through: pure decisions on an account, what it proved, and what is asked for."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fhirserver.kernel.scopes import ANY_TYPE, Scope, parse_scope
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
    """From scopes (``user/*.cud``) to the level that is needed by whatever gives some of the same."""

    def level_for(self, account: Account) -> str:
        """Return the level that an account must always reach."""
        wanted = self.second_factor_roles
        is_concerned = EVERYBODY in wanted or (STAFF in wanted and account.is_staff)
        if account.exempt or not (is_concerned or set(wanted).intersection(account.roles)):
            return ONE_FACTOR
        return TWO_FACTORS

    def level_of_scopes(self, scopes: Iterable[str]) -> str:
        """Return the level that scopes need: the highest of those that any of them gives something of."""
        asked = [scope for text in scopes if (scope := _scope(text)) is not None]
        needed = ONE_FACTOR
        for text, level in self.step_up.items():
            guarded = _scope(text)
            if guarded is None or any(_meet(guarded, scope) for scope in asked):
                needed = higher(needed, level)
        return needed


def is_guarded_scope(text: str) -> bool:
    """Tell whether a text says which scopes need more: one of resources, without criteria."""
    scope = _scope(text)
    return scope is not None and not scope.criteria


def _scope(text: str) -> Scope | None:
    return parse_scope(text, is_resource_type=bool)  # types were checked when the scope was asked for


def _meet(one: Scope, other: Scope) -> bool:
    """Tell whether two scopes have a right on a type in common, however they are written."""
    types = {one.resource_type, other.resource_type}
    is_same = one.context is other.context and (ANY_TYPE in types or len(types) == 1)
    return is_same and not set(one.rights).isdisjoint(other.rights)


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
