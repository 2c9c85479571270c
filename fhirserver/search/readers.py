"""How a value is read for each type of parameter: text to plan.

Spec: http://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from fhirserver.definitions.search_parameters import SearchType
from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.extract import IndexingRules
from fhirserver.search.parameters import Bound, Part
from fhirserver.search.plan import Plan, any_of
from fhirserver.search.values.date import plan_date
from fhirserver.search.values.number import plan_number
from fhirserver.search.values.quantity import plan_quantity
from fhirserver.search.values.reference import ReferenceForm, plan_reference, resolved
from fhirserver.search.values.special import plan_near
from fhirserver.search.values.string import plan_string
from fhirserver.search.values.text import unescape
from fhirserver.search.values.token import TokenForm, codes_of, plan_token
from fhirserver.search.values.uri import plan_uri
from fhirserver.search.values.words import plan_words

_CANONICALS: Final = frozenset({"canonical", "uri"})
_NEGATED: Final = MappingProxyType({"not": None, "not-in": "in"})
"""Modifiers that negate another, by that one."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a value is read for."""

    keys: tuple[str, ...]
    form: TokenForm
    targets: tuple[str, ...] = ()
    restricted: bool = False
    whole: bool = False
    code: str = ""
    """Of the parameter."""
    concept_map: str | None = None


def target_of(bound: Bound) -> Target:
    """Return what values of a parameter are read for."""
    definition = bound.definition
    return Target(
        bound.keys,
        bound.form,
        bound.targets,
        bound.restricted,
        bound.whole,
        definition.code,
        definition.concept_map,
    )


def target_of_part(part: Part) -> Target:
    """Return what values of a composite's part are read for."""
    return Target((part.key,), part.form, part.targets)


def is_negated(modifier: str | None) -> bool:
    """Tell whether a modifier asks for the resources that a value does not select."""
    return modifier in _NEGATED


def read_value(kind: SearchType, rules: IndexingRules, target: Target, value: str, modifier: str | None = None) -> Plan:
    """Read one value, which still has its escapes; a negating modifier is left to the caller. Raises BadSearchValue."""
    return _READERS[kind](rules, target, value, modifier)


_Reader = Callable[[IndexingRules, Target, str, str | None], Plan]


def _read_token(rules: IndexingRules, target: Target, value: str, modifier: str | None) -> Plan:
    positive = None if modifier is None else _NEGATED.get(modifier, modifier)
    name = f"{target.code}:{modifier}" if target.code else ""
    if positive == "in":
        return InValueSet(codes_of(target.keys, target.form), resolved(unescape(value), rules.own_bases), name)
    plan = plan_token(target.keys, value, positive, target.form)
    if target.concept_map is not None and positive is None:
        return any_of(plan, *_translated(target, target.concept_map, value, name))
    return replace(plan, parameter=name) if isinstance(plan, Subsumes) else plan


def _translated(target: Target, concept_map: str, value: str, name: str) -> Iterator[Plan]:
    """Yield what also finds the codes that a concept map has for a code with its system."""
    system, bar, code = (unescape(part) for part in value.partition("|"))
    if bar and system and code:
        yield Translated(codes_of(target.keys, target.form), system, code, concept_map, name)


def _read_string(rules: IndexingRules, target: Target, value: str, modifier: str | None) -> Plan:
    if modifier == "text":
        return plan_words(tuple(f"{key}=" for key in target.keys), unescape(value))
    return plan_string(target.keys, unescape(value), modifier)


def _read_reference(rules: IndexingRules, target: Target, value: str, modifier: str | None) -> Plan:
    form = ReferenceForm(target.targets, target.restricted, not _CANONICALS.isdisjoint(target.form.types))
    return plan_reference(target.keys, value, modifier, form, rules.own_bases)


def _read_uri(rules: IndexingRules, target: Target, value: str, modifier: str | None) -> Plan:
    return plan_uri(target.keys, unescape(value), modifier, canonical="canonical" in target.form.types)


_READERS: Final[Mapping[SearchType, _Reader]] = MappingProxyType(
    {
        SearchType.STRING: _read_string,
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
)
