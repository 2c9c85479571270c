"""Query to plan: names become definitions, values become index values; the moment of truth for errors.

Spec: http://hl7.org/fhir/R4/search.html#modifiers
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import BadRequest, BadSearchValue, Issue, IssueType, NotServedYet, UnknownParameter
from fhirserver.search.extract import COMPARTMENT, IndexingRules
from fhirserver.search.filter_plan import FilterPlanner
from fhirserver.search.filter_tests import presence_under
from fhirserver.search.full_text import TEXT_CODES, plan_presence, plan_text
from fhirserver.search.hierarchies import parent_keys
from fhirserver.search.parameters import Bound, Part, SearchParameters
from fhirserver.search.plan import (
    ALL,
    NONE,
    Chain,
    HasGroup,
    HasTerm,
    InHierarchy,
    IsOneOf,
    OnList,
    Plan,
    ReverseChain,
    all_of,
    any_of,
    none_of,
)
from fhirserver.search.query import Chained, Criterion, Given, Reverse, Simple, shown
from fhirserver.search.readers import is_negated, read_value, target_of, target_of_part
from fhirserver.search.values.date import plan_last_updated
from fhirserver.search.values.reference import resolved
from fhirserver.search.values.text import split_unescaped, unescape
from fhirserver.search.values.token import plan_token
from fhirserver.search.values.uri import plan_uri

_MODIFIERS: Final[dict[SearchType, frozenset[str]]] = {
    SearchType.STRING: frozenset({"exact", "contains", "text"}),
    SearchType.TOKEN: frozenset(
        ("text", "not", "of-type", "above", "below", "in", "not-in", "code-text", "text-advanced")
    ),
    SearchType.REFERENCE: frozenset({"identifier", "above", "below"}),
    SearchType.URI: frozenset({"above", "below"}),
}
_MODIFIERS_OF: Final[dict[str, frozenset[str]]] = {"_id": frozenset({"not"}), "_lastUpdated": frozenset()}
"""Of the parameters that differ from their type."""
_OF_CODES: Final = frozenset({"code", "Coding", "CodeableConcept"})
_NEEDED: Final[dict[tuple[SearchType, str], frozenset[str]]] = {
    (SearchType.TOKEN, "of-type"): frozenset({"Identifier"}),
    **{(SearchType.TOKEN, modifier): _OF_CODES for modifier in ("above", "below", "in", "not-in", "code-text")},
    (SearchType.REFERENCE, "identifier"): frozenset({"Reference"}),
}
"""The data types without any of which a modifier has no meaning."""
_COMPUTED: Final = frozenset({"_filter", "_list"})
"""Criteria on every type that no SearchParameter indexes."""


class _RefusedModifier(Exception):
    """The parameter is known, its modifier is not supported; says so in one sentence."""


@dataclass(frozen=True, slots=True)
class Binder:
    """Binds queries to the parameters of a type."""

    definitions: Definitions
    parameters: SearchParameters
    rules: IndexingRules

    def bind(self, resource_type: str, given: Given) -> Plan:
        """Return the plan of one criterion. Errors name the parameter.

        Raises UnknownParameter, BadSearchValue, and BadRequest for a modifier: a server "SHALL reject" those it does
        not support, however leniently it handles parameters.
        """
        try:
            return self.criterion(resource_type, given.criterion)
        except BadSearchValue as error:
            message = f"A value of `{shown(given.name)}` cannot be read. {error}"
            raise BadSearchValue(message, expression=[f"http.{shown(given.name)}"]) from None
        except UnknownParameter as error:
            raise UnknownParameter(str(error), expression=[f"http.{shown(given.name)}"]) from None
        except _RefusedModifier as error:
            issue = Issue(IssueType.NOT_SUPPORTED, str(error), expression=(f"http.{shown(given.name)}",))
            raise BadRequest(str(error), issues=[issue]) from None

    def compartment(self, resource_type: str, code: str, logical_id: str, *, of_many: bool = False) -> Plan:
        """Return the plan of a compartment's members of one type; ``of_many``: so that many types can share it."""
        if code == COMPARTMENT and of_many:
            return all_of(HasTerm((resource_type,)), HasTerm((f"@{code}/{logical_id}",)))
        definition = self.definitions.compartment(code)
        codes = definition.parameters.get(resource_type, ()) if definition else ()
        bound = self.parameters.of(resource_type).bound
        own = IsOneOf((f"{code}/{logical_id}",)) if resource_type == code else NONE
        keys = [key for c in codes if c in bound for key in bound[c].keys]
        terms = HasTerm(tuple(f"{key}={code}/{logical_id}" for key in keys)) if keys else NONE
        return any_of(own, terms)

    def find(self, resource_type: str, code: str) -> Bound:
        """Return a parameter of a type by its code. Raises UnknownParameter."""
        bound = self.parameters.of(resource_type).bound.get(code)
        if bound is None:
            waiting = self.parameters.refusal(resource_type, code)
            if waiting is not None:
                message = f"`{resource_type}` is not searched by `{code}` yet. {waiting}"
                raise NotServedYet(message, expression=[f"http.{code}"])
            raise UnknownParameter(f"`{resource_type}` has no search parameter `{shown(code)}`.")
        return bound

    def criterion(self, resource_type: str, criterion: Criterion) -> Plan:
        """Return the plan of one criterion; errors do not name the parameter."""
        match criterion:
            case Simple():
                return self._simple(resource_type, criterion)
            case Chained(code, target, inner):
                return self._chain(resource_type, (code, target), inner)
            case Reverse(source, code, inner):
                return self._reverse(resource_type, (source, code), inner)

    def _simple(self, resource_type: str, simple: Simple) -> Plan:
        if simple.code == "_type" and simple.modifier is None:  # at the end of a chain
            return ALL if resource_type in simple.values else NONE
        if simple.code in _COMPUTED or simple.code in TEXT_CODES:
            return self._computed(resource_type, simple)
        bound = self.find(resource_type, simple.code)
        if simple.modifier == "missing":
            return self._missing(bound, simple.values)
        self._check_modifier(bound, simple.modifier)
        if simple.code == "_id":
            plan: Plan = _plan_id(resource_type, simple)
            return none_of(plan) if simple.modifier == "not" else plan
        if simple.code == "_lastUpdated":
            return any_of(*(plan_last_updated(unescape(value), self.rules.zone) for value in simple.values))
        plan = any_of(*(self._value(resource_type, bound, value, simple.modifier) for value in simple.values))
        return none_of(plan) if is_negated(simple.modifier) else plan

    def _computed(self, resource_type: str, simple: Simple) -> Plan:
        if simple.modifier == "missing" and simple.code in TEXT_CODES:
            return _unless_missing(plan_presence(simple.code), simple.values)
        if simple.modifier is not None:
            raise _RefusedModifier(f"`{simple.code}` does not take the modifier `:{shown(simple.modifier)}`.")
        if simple.code == "_filter":
            return FilterPlanner(self, self.definitions, self.parameters, self.rules).plan(
                resource_type, simple.values[0]
            )
        if simple.code in TEXT_CODES:
            return any_of(*(plan_text(resource_type, simple.code, unescape(value)) for value in simple.values))
        return any_of(*(self._on_list(resource_type, unescape(value)) for value in simple.values))

    def _on_list(self, resource_type: str, value: str) -> Plan:
        if value.startswith("$"):
            raise BadSearchValue("Functional lists, `$current-problems` and their like, are not kept here.")
        list_id = resolved(value, self.rules.own_bases).removeprefix("List/")
        if not is_id(list_id):
            raise BadSearchValue("It is not the id of a List.")
        return OnList(resource_type, list_id)

    def _check_modifier(self, bound: Bound, modifier: str | None) -> None:
        if modifier is None:
            return
        kind, code = bound.definition.type, bound.definition.code
        if modifier in _MODIFIERS_OF.get(code, _MODIFIERS.get(kind, ())):
            needed = _NEEDED.get((kind, modifier))
            if needed is None or needed & bound.form.types:
                return
        elif kind is SearchType.REFERENCE and self.definitions.is_resource_type(modifier):
            if modifier in bound.targets:
                return
            raise _RefusedModifier(f"`{code}` does not refer to `{modifier}`.")
        raise _RefusedModifier(f"`{code}` does not take the modifier `:{shown(modifier)}`.")

    def _missing(self, bound: Bound, values: tuple[str, ...]) -> Plan:
        if bound.definition.type is SearchType.COMPOSITE:
            raise _RefusedModifier(f"`{bound.definition.code}` is a composite, which takes no modifiers.")
        return _unless_missing(presence(bound), values)

    def _value(self, resource_type: str, bound: Bound, value: str, modifier: str | None) -> Plan:
        if bound.definition.type is SearchType.COMPOSITE:
            return self._composite(resource_type, bound, value)
        if bound.definition.code == "url" and modifier is None and "|" in value:
            return self._canonical(resource_type, bound, split_unescaped(value, "|"))
        if bound.definition.type is SearchType.REFERENCE and modifier in ("above", "below"):
            return self._hierarchy(bound, value, modifier)
        return read_value(bound.definition.type, self.rules, target_of(bound), value, modifier)

    def _hierarchy(self, bound: Bound, value: str, modifier: str) -> Plan:
        """Read a reference into a hierarchy, or a canonical with the versions below it."""
        address = resolved(unescape(value), self.rules.own_bases)
        target, slash, logical_id = address.rpartition("/")
        parents = {t: keys for t in bound.targets if (keys := self._parents(t))} if is_id(logical_id) else {}
        named = [t for t in parents if not slash or t == target]
        if named:
            start = ((t, f"{t}/{logical_id}") for t in named)
            return any_of(*(InHierarchy(bound.keys, key, parents[t], modifier == "above") for t, key in start))
        if modifier == "below" and "canonical" in bound.form.types:
            return read_value(SearchType.REFERENCE, self.rules, target_of(bound), value, modifier)
        raise _RefusedModifier(f"`{bound.definition.code}` refers to no hierarchy that `:{modifier}` could follow.")

    def _parents(self, resource_type: str) -> tuple[str, ...]:
        return parent_keys(self.parameters, self.definitions, resource_type)

    def _canonical(self, resource_type: str, bound: Bound, parts: list[str]) -> Plan:
        """Read ``url|version`` of a conformance resource as a search on the version too."""
        url = plan_uri(bound.keys, unescape(parts[0]), None)
        own_version = self.parameters.of(resource_type).bound.get("version")
        if own_version is None or len(parts) != 2 or not parts[1]:
            return plan_uri(bound.keys, unescape("|".join(parts)), None)
        return all_of(url, plan_token(own_version.keys, parts[1], None, own_version.form))

    def _composite(self, resource_type: str, bound: Bound, value: str) -> Plan:
        values = split_unescaped(value, "$")
        if len(values) != len(bound.parts):
            raise BadSearchValue(f"It is not of the form `{'$'.join('value' for _ in bound.parts)}`.")
        inner = all_of(*(self._part(part, text) for part, text in zip(bound.parts, values, strict=True)))
        groups = any_of(*(HasGroup(key, inner) for key in bound.keys))
        return all_of(*self._implied(resource_type, bound, values), groups)

    def _part(self, part: Part, text: str) -> Plan:
        return read_value(part.type, self.rules, target_of_part(part), text)

    def _implied(self, resource_type: str, bound: Bound, values: list[str]) -> list[Plan]:
        """Return what a composite implies of its components' own parameters, so that an index can find it."""
        own = {b.definition.url: b for b in self.parameters.of(resource_type).bound.values()}
        plans = []
        for component, text in zip(bound.definition.components, values, strict=True):
            part = own.get(component.definition)
            if part is not None and part.definition.type in (SearchType.TOKEN, SearchType.REFERENCE, SearchType.URI):
                plans.append(self._value(resource_type, part, text, None))
        return plans

    def _chain(self, resource_type: str, link: tuple[str, str | None], inner: Criterion) -> Plan:
        code, target = link
        bound = self.find(resource_type, code)
        if bound.definition.type is not SearchType.REFERENCE:
            raise UnknownParameter(f"`{code}` is not a reference; only references chain.")
        if target is not None and target not in bound.targets:
            raise UnknownParameter(f"`{code}` does not refer to `{shown(target)}`.")
        targets = (target,) if target is not None else bound.targets
        found = ((t, self._inner(t, inner, len(targets))) for t in targets)
        plans = [Chain(bound.keys, t, plan, bound.inline) for t, plan in found if plan is not None]
        if not plans:
            raise UnknownParameter(f"No target of `{code}` has the parameter chained to it.")
        return any_of(*plans)

    def _inner(self, target: str, inner: Criterion, alternatives: int) -> Plan | None:
        """Bind the rest of a chain on one of its targets; None where that target lacks the parameter."""
        try:
            return self.criterion(target, inner)
        except UnknownParameter:
            if alternatives > 1:
                return None
            raise

    def _reverse(self, resource_type: str, link: tuple[str, str], inner: Criterion) -> Plan:
        source, code = link
        if not self.definitions.is_resource_type(source):
            raise UnknownParameter(f"`{shown(source)}` is not a resource type.")
        bound = self.find(source, code)
        if bound.definition.type is not SearchType.REFERENCE or resource_type not in bound.targets:
            raise UnknownParameter(f"`{source}.{code}` does not refer to `{resource_type}`.")
        return ReverseChain(source, bound.keys, self.criterion(source, inner))


def _unless_missing(present: Plan, values: tuple[str, ...]) -> Plan:
    if values not in (("true",), ("false",)):
        raise BadSearchValue("`:missing` is `true` or `false`.")
    return none_of(present) if values == ("true",) else present


def presence(bound: Bound) -> Plan:
    """Return the plan of the resources that have some value for a parameter."""
    if bound.definition.code in ("_id", "_lastUpdated"):
        return none_of(NONE)
    targets = bound.targets if bound.restricted else ()
    return any_of(*(presence_under(key, bound.definition.type, targets) for key in bound.keys))


def _plan_id(resource_type: str, simple: Simple) -> Plan:
    """Read ids; what cannot be an id is no resource's."""
    values = (unescape(value).removeprefix(f"{resource_type}/") for value in simple.values)
    keys = tuple(f"{resource_type}/{value}" for value in dict.fromkeys(values) if is_id(value))
    return IsOneOf(keys) if keys else NONE
