"""Query to plan: names become definitions, values become index values; the moment of truth for errors.

Spec: http://hl7.org/fhir/R4/search.html#modifiers
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import BadRequest, BadSearchValue, Issue, IssueType, UnknownParameter
from fhirserver.search.extract import COMPARTMENT, IndexingRules
from fhirserver.search.parameters import Bound, Part, SearchParameters
from fhirserver.search.plan import (
    ALL,
    NONE,
    Chain,
    HasAnySpan,
    HasGroup,
    HasPosition,
    HasTerm,
    HasTermPrefix,
    IsOneOf,
    Plan,
    ReverseChain,
    all_of,
    any_of,
    none_of,
)
from fhirserver.search.query import Chained, Criterion, Given, Reverse, Simple, shown
from fhirserver.search.values.date import plan_date, plan_last_updated
from fhirserver.search.values.number import plan_number
from fhirserver.search.values.quantity import plan_quantity
from fhirserver.search.values.reference import ReferenceForm, plan_reference
from fhirserver.search.values.special import plan_near
from fhirserver.search.values.string import plan_string
from fhirserver.search.values.text import split_unescaped, unescape
from fhirserver.search.values.token import TokenForm, plan_token
from fhirserver.search.values.uri import plan_uri

_MODIFIERS: Final[dict[SearchType, frozenset[str]]] = {
    SearchType.STRING: frozenset({"exact", "contains"}),
    SearchType.TOKEN: frozenset({"text", "not", "of-type"}),
    SearchType.REFERENCE: frozenset({"identifier", "below"}),
    SearchType.URI: frozenset({"above", "below"}),
}
_MODIFIERS_OF: Final[dict[str, frozenset[str]]] = {"_id": frozenset({"not"}), "_lastUpdated": frozenset()}
"""Of the parameters that differ from their type."""
_NEEDED: Final[dict[tuple[SearchType, str], str]] = {
    (SearchType.TOKEN, "of-type"): "Identifier",
    (SearchType.REFERENCE, "identifier"): "Reference",
    (SearchType.REFERENCE, "below"): "canonical",
}
"""The data type without which a modifier has no meaning."""


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
            return self._criterion(resource_type, given.criterion)
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
            raise UnknownParameter(f"`{resource_type}` has no search parameter `{shown(code)}`.")
        return bound

    def _criterion(self, resource_type: str, criterion: Criterion) -> Plan:
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
        return none_of(plan) if simple.modifier == "not" else plan

    def _check_modifier(self, bound: Bound, modifier: str | None) -> None:
        if modifier is None:
            return
        kind, code = bound.definition.type, bound.definition.code
        if modifier in _MODIFIERS_OF.get(code, _MODIFIERS.get(kind, ())):
            needed = _NEEDED.get((kind, modifier))
            if needed is None or needed in bound.form.types:
                return
        elif kind is SearchType.REFERENCE and self.definitions.is_resource_type(modifier):
            if modifier in bound.targets:
                return
            raise _RefusedModifier(f"`{code}` does not refer to `{modifier}`.")
        raise _RefusedModifier(f"`{code}` does not take the modifier `:{shown(modifier)}`.")

    def _missing(self, bound: Bound, values: tuple[str, ...]) -> Plan:
        if bound.definition.type is SearchType.COMPOSITE:
            raise _RefusedModifier(f"`{bound.definition.code}` is a composite, which takes no modifiers.")
        if values not in (("true",), ("false",)):
            raise BadSearchValue("`:missing` is `true` or `false`.")
        present = presence(bound)
        return none_of(present) if values == ("true",) else present

    def _value(self, resource_type: str, bound: Bound, value: str, modifier: str | None) -> Plan:
        if bound.definition.type is SearchType.COMPOSITE:
            return self._composite(resource_type, bound, value)
        if bound.definition.code == "url" and modifier is None and "|" in value:
            return self._canonical(resource_type, bound, split_unescaped(value, "|"))
        target = _Target(bound.keys, bound.form, bound.targets, bound.restricted, bound.whole)
        return _READERS[bound.definition.type](self.rules, target, value, modifier)

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
        return _READERS[part.type](self.rules, _Target((part.key,), part.form, part.targets), text, None)

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
        plans = [Chain(bound.keys, t, p) for t in targets if (p := self._inner(t, inner, len(targets))) is not None]
        if not plans:
            raise UnknownParameter(f"No target of `{code}` has the parameter chained to it.")
        return any_of(*plans)

    def _inner(self, target: str, inner: Criterion, alternatives: int) -> Plan | None:
        """Bind the rest of a chain on one of its targets; None where that target lacks the parameter."""
        try:
            return self._criterion(target, inner)
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
        return ReverseChain(source, bound.keys, self._criterion(source, inner))


def presence(bound: Bound) -> Plan:
    """Return the plan of the resources that have some value for a parameter."""
    if bound.definition.code in ("_id", "_lastUpdated"):
        return none_of(NONE)
    match bound.definition.type:
        case SearchType.DATE | SearchType.NUMBER | SearchType.QUANTITY:
            return any_of(*(HasAnySpan(key) for key in bound.keys))
        case SearchType.COMPOSITE:
            return any_of(*(HasGroup(key, none_of(NONE)) for key in bound.keys))
        case SearchType.SPECIAL:
            return HasPosition()
        case SearchType.REFERENCE if bound.restricted:
            return any_of(*(HasTermPrefix(f"{key}={target}/") for key in bound.keys for target in bound.targets))
        case SearchType.REFERENCE:
            variants: tuple[str, ...] = ("=", ":identifier=")
        case SearchType.TOKEN:
            variants = ("=", "|=", ":text=")
        case _:
            variants = ("=",)
    return any_of(*(HasTermPrefix(f"{key}{variant}") for key in bound.keys for variant in variants))


def _plan_id(resource_type: str, simple: Simple) -> Plan:
    """Read ids; what cannot be an id is no resource's."""
    values = (unescape(value).removeprefix(f"{resource_type}/") for value in simple.values)
    keys = tuple(f"{resource_type}/{value}" for value in dict.fromkeys(values) if is_id(value))
    return IsOneOf(keys) if keys else NONE


@dataclass(frozen=True, slots=True)
class _Target:
    """What a value is read for."""

    keys: tuple[str, ...]
    form: TokenForm
    targets: tuple[str, ...] = ()
    restricted: bool = False
    whole: bool = False


_CANONICALS: Final = frozenset({"canonical", "uri"})
_Reader = Callable[[IndexingRules, _Target, str, str | None], Plan]


def _read_token(rules: IndexingRules, target: _Target, value: str, modifier: str | None) -> Plan:
    return plan_token(target.keys, value, None if modifier == "not" else modifier, target.form)


def _read_reference(rules: IndexingRules, target: _Target, value: str, modifier: str | None) -> Plan:
    form = ReferenceForm(target.targets, target.restricted, not _CANONICALS.isdisjoint(target.form.types))
    return plan_reference(target.keys, value, modifier, form, rules.own_bases)


def _read_uri(rules: IndexingRules, target: _Target, value: str, modifier: str | None) -> Plan:
    return plan_uri(target.keys, unescape(value), modifier, canonical="canonical" in target.form.types)


_READERS: Final[dict[SearchType, _Reader]] = {
    SearchType.STRING: lambda rules, target, value, modifier: plan_string(target.keys, unescape(value), modifier),
    SearchType.TOKEN: _read_token,
    SearchType.REFERENCE: _read_reference,
    SearchType.URI: _read_uri,
    SearchType.DATE: lambda rules, target, value, modifier: plan_date(target.keys, unescape(value), rules.zone),
    SearchType.NUMBER: lambda rules, target, value, modifier: plan_number(
        target.keys, unescape(value), whole=target.whole
    ),
    SearchType.QUANTITY: lambda rules, target, value, modifier: plan_quantity(target.keys, value, rules.ucum),
    SearchType.SPECIAL: lambda rules, target, value, modifier: plan_near(value),
}
