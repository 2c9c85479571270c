"""What one caller is granted: the scopes of the token AND the rules of the site, as one plan for each type and right.

Scopes are compiled once for all requests of the same scopes and patient. Rules are asked for anew by each request; as
long as they are the same, what was worked out of both for one request serves the next.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from fhirserver.access.compartments import member_terms
from fhirserver.access.masks import Mask
from fhirserver.access.rights import Right
from fhirserver.access.rules import NoRules, RuleBook, Rules
from fhirserver.access.scopes import Scopes, scopes_of
from fhirserver.kernel.caller import Caller
from fhirserver.search.attachments import BINARY
from fhirserver.search.bind import Binder
from fhirserver.search.plan import ALL, NONE, And, HasTerm, Not, Or, Plan, all_of, any_of, none_of

_LABELS: Final = frozenset({"meta.security"})
_SHOWN: Final = (Right.READ,)
_CHANGING: Final = (Right.UPDATE, Right.DELETE)
_REMEMBERED: Final = 4096
"""Compiled scopes, of as many tokens that differ in scopes or patient."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The access of one caller, by rules of one moment."""

    caller: Caller
    scopes: Scopes
    rules: Rules
    has_masks: bool
    """Whether there may be elements, of whatever type, that the caller never sees."""
    decision: str
    """By what is decided, as the audit trail has it."""
    _allowed: dict[tuple[str, Right], bool] = field(default_factory=dict, compare=False)
    _filters: dict[tuple[str, Right], Plan] = field(default_factory=dict, compare=False)
    _within: dict[tuple[str, Right], Plan] = field(default_factory=dict, compare=False)
    """What is left of filters within the record of the patient."""
    _members: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)
    _masks: dict[str, Mask | None] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        """The token's name: its cursors are no one else's."""
        return self.caller.token_id or f"{self.caller.client_id} {self.caller.fhir_user}"

    def is_for(self, caller: Caller, binder: Binder) -> bool:
        """Tell whether it is what this caller is granted by these search parameters, as far as scopes go."""
        is_same = self.caller is caller or self.caller == caller
        return is_same and self.scopes.binder.parameters is binder.parameters

    def allows(self, resource_type: str, right: Right) -> bool:
        """Tell whether any resource of the type could be used so."""
        found = self._allowed.get((resource_type, right))
        if found is None:
            found = self.scopes.plan(resource_type, right) != NONE and self.rules.allows(resource_type, right)
            self._allowed[resource_type, right] = found
        return found

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        """Return the plan that every resource of the type must match, without what ``near`` asks for already."""
        if near is not ALL and self._keeps_to_record(resource_type, near):
            return self._within_record(resource_type, right)
        found = self._filters.get((resource_type, right))
        if found is None:
            found = self._filters[resource_type, right] = self._filter(resource_type, right)
        return found

    def shown(self, resource_type: str, right: Right) -> Plan:
        """Return the plan of what may be used so by who may read a resource that shows it."""
        if resource_type != BINARY or not self.allows(resource_type, right):
            return NONE
        if right not in _SHOWN and not (right in _CHANGING and self.scopes.has_broad(resource_type, right)):
            return NONE
        return self.rules.shown(resource_type)

    def kept(self, resource_type: str, right: Right) -> frozenset[str]:
        """Return the elements that this caller may not set or change: an app of the patient's, no security labels."""
        return frozenset() if self.scopes.has_broad(resource_type, right) else _LABELS

    def mask(self, resource_type: str) -> Mask | None:
        """Return the elements of the type that this caller never sees."""
        if resource_type not in self._masks:
            self._masks[resource_type] = self.rules.mask(resource_type)
        return self._masks[resource_type]

    def _filter(self, resource_type: str, right: Right) -> Plan:
        if not self.allows(resource_type, right):
            return NONE
        return all_of(self._scoped(resource_type, right), self.rules.filter(resource_type, right))

    def _scoped(self, resource_type: str, right: Right) -> Plan:
        """Return what the scopes give; who may not see every patient uses a Binary only where it is shown."""
        if resource_type == BINARY and right is not Right.CREATE and not self._sees_every_patient():
            return self.scopes.of_patient(resource_type, right)
        return self.scopes.plan(resource_type, right)

    def _keeps_to_record(self, resource_type: str, near: Plan) -> bool:
        """Tell whether what is asked for keeps to the record of the patient of the token."""
        patient = self.scopes.patient
        if patient is None:
            return False
        members = self._members.get(resource_type)
        if members is None:
            members = self._members[resource_type] = member_terms(self.scopes.binder, resource_type, patient)
        return _is_within(near, members)

    def _within_record(self, resource_type: str, right: Right) -> Plan:
        """Return the filter without membership in the patient's compartment."""
        found = self._within.get((resource_type, right))
        if found is None:
            known = HasTerm((f"@Patient/{self.scopes.patient}",))
            found = self._within[resource_type, right] = _knowing(self.filter(resource_type, right), known)
        return found

    def _sees_every_patient(self) -> bool:
        return self.rules.filter("Patient", Right.READ) == ALL


def _is_within(near: Plan, members: frozenset[str]) -> bool:
    """Tell whether what is asked for keeps to the members of a compartment."""
    match near:
        case And(plans):
            return any(_is_within(part, members) for part in plans)
        case HasTerm(terms):
            return members.issuperset(terms)
        case _:
            return False


def _knowing(plan: Plan, known: Plan) -> Plan:
    """Simplify a plan of which a part is known to hold."""
    match plan:
        case And(plans):
            return all_of(*(_knowing(part, known) for part in plans))
        case Or(plans):
            return any_of(*(_knowing(part, known) for part in plans))
        case Not(inner):
            return none_of(_knowing(inner, known))
        case _:
            return ALL if plan == known else plan


class _NoBook:
    """Of a site without rules."""

    async def rules_for(self, caller: Caller) -> Rules:
        """Leave everything to scopes."""
        return NoRules()

    def at_hand(self, caller: Caller) -> None:
        """Have nothing ready."""


class Grants:
    """Makes the access of callers; one for each site."""

    def __init__(self, book: RuleBook | None = None) -> None:
        """Hold callers to the rules of ``book``."""
        self._book: RuleBook = book or _NoBook()
        self._compiled: OrderedDict[tuple[tuple[str, ...], str | None], Scopes] = OrderedDict()
        self._granted: OrderedDict[str, Granted] = OrderedDict()
        """By token: what was worked out for one request serves the next, as long as nothing has changed."""

    def at_hand(self, caller: Caller, binder: Binder) -> Granted | None:
        """Return the access of a caller for whom nothing has to be asked or worked out; None: await ``access_of``."""
        known = self._granted.get(caller.token_id)
        if known is None or known.caller is not caller or known.scopes.binder.parameters is not binder.parameters:
            return None
        return known if self._book.at_hand(caller) is known.rules else None

    async def access_of(self, caller: Caller, binder: Binder) -> Granted:
        """Return the access of a caller, by the search parameters as they are now."""
        rules = await self._book.rules_for(caller)
        known = self._granted.get(caller.token_id)
        if known is not None and known.rules is rules and known.is_for(caller, binder):
            return known
        granted = Granted(caller, self._scopes(caller, binder), rules, rules.has_masks, rules.decision)
        if caller.token_id:
            self._granted[caller.token_id] = granted
            if len(self._granted) > _REMEMBERED:
                self._granted.popitem(last=False)
        return granted

    def _scopes(self, caller: Caller, binder: Binder) -> Scopes:
        key = (caller.scopes, caller.patient)
        found = self._compiled.get(key)
        if found is None or found.binder.parameters is not binder.parameters:
            found = self._compiled[key] = scopes_of(caller.scopes, caller.patient, binder)
            if len(self._compiled) > _REMEMBERED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return found
