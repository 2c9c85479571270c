"""Extraction: a resource becomes its index values, by the same rules that queries are read by.

Spec: http://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.fhirpath import CompiledExpression, Environment, FhirPathError
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.attachments import BINARY, showing, terms_of
from fhirserver.search.consent_actors import CONSENT, actor_terms
from fhirserver.search.contained import add_contained, add_first, add_referred, identified
from fhirserver.search.content import add_words
from fhirserver.search.entries import FIRST, Entries, first_of
from fhirserver.search.index import Group, IndexValues, Span
from fhirserver.search.parameters import Indexed, SearchParameters
from fhirserver.search.presence import needed_properties
from fhirserver.search.subjects import PROVENANCE, subject_terms
from fhirserver.search.values.date import extract_date
from fhirserver.search.values.number import extract_number
from fhirserver.search.values.quantity import extract_quantity
from fhirserver.search.values.reference import extract_reference
from fhirserver.search.values.special import extract_position
from fhirserver.search.values.string import extract_string
from fhirserver.search.values.token import token_extractor
from fhirserver.search.values.uri import extract_uri
from fhirserver.search.whole_systems import CODE_SYSTEM, whole_terms
from fhirserver.ucum import Ucum

COMPARTMENT: Final = "Patient"
"""The compartment that has terms of its own; others are searched by their parameters."""
_OWN: Final[Mapping[str, Callable[[Resource, tuple[str, ...]], Iterable[str]]]] = MappingProxyType(
    {CONSENT: actor_terms, CODE_SYSTEM: whole_terms}
)
"""What makes terms of the server's own, by type."""


@dataclass(frozen=True, slots=True)
class IndexingRules:
    """What extraction and binding must agree on; changing one needs a reindex."""

    ucum: Ucum
    own_bases: tuple[str, ...] = ()
    """The base urls of this server, each with its closing slash: references into them are local."""
    zone: tzinfo | None = None
    """The zone of dates without one; None is UTC."""


class Extractor:
    """Extracts the index values of resources; types are compiled on first use."""

    def __init__(self, definitions: Definitions, parameters: SearchParameters, rules: IndexingRules) -> None:
        """Index by ``parameters`` under ``rules``."""
        self._definitions = definitions
        self._parameters = parameters
        self._rules = rules
        self._plans: dict[str, _TypePlan] = {}
        self._showing: dict[str, frozenset[str]] = {}

    def over(self, parameters: SearchParameters) -> "Extractor":
        """Return what indexes by other parameters; what is compiled for types that they share is kept."""
        other = copy(self)
        other._parameters = parameters
        kept = (name for name in self._plans if parameters.of(name).indexed is self._parameters.of(name).indexed)
        other._plans = {name: self._plans[name] for name in kept}
        return other

    def extract(self, resource: Resource) -> IndexValues:
        """Return the index values of a valid resource that has its id."""
        values = self._extract(resource)
        resource_type = resource["resourceType"]
        if "contained" in resource:
            add_contained(resource, values, self._extract)
        first = first_of(resource)
        if first is not None:
            self._add_first(resource, identified(first), values)
        if (
            "contained" in resource
            or resource_type == BINARY
            or not self._showing_of(resource_type).isdisjoint(resource)
        ):
            values.terms += dict.fromkeys(terms_of(resource, self._showing_of, self._rules.own_bases))
        own = _OWN.get(resource_type)
        if own is not None:
            values.terms += dict.fromkeys(own(resource, self._rules.own_bases))
        if resource_type == PROVENANCE and "extension" in resource:
            values.terms = list(dict.fromkeys((*values.terms, *subject_terms(resource, self._rules.own_bases))))
        add_words(resource, values)
        return values

    def _add_first(self, bundle: Resource, first: Resource, values: IndexValues) -> None:
        """Index what a document or message begins with, which may be in its Bundle only."""
        found = self.extract(first)
        add_referred(found, Entries(bundle), self._extract)
        indexed = self._parameters.of(bundle["resourceType"]).indexed
        keys = [one.key for one in indexed if any(expression.source == FIRST for expression in one.expressions)]
        add_first(values, first, found, keys)

    def _showing_of(self, resource_type: str) -> frozenset[str]:
        found = self._showing.get(resource_type)
        if found is None:
            found = self._showing[resource_type] = showing(resource_type, self._definitions)
        return found

    def _extract(self, resource: Resource) -> IndexValues:
        resource_type = resource["resourceType"]
        plan = self._plans.get(resource_type)
        if plan is None:
            plan = self._compile(resource_type)
            self._plans[resource_type] = plan
        return plan.extract(resource)

    def _compile(self, resource_type: str) -> "_TypePlan":
        by_property: dict[str, list[Step]] = {}
        always: list[Step] = []
        for indexed in self._parameters.of(resource_type).indexed:
            for expression in indexed.expressions:
                step = _step(indexed, expression, self._rules)
                if indexed.is_custom:
                    always.append(_forgiving(step))
                    continue
                properties = needed_properties(resource_type, indexed, expression.source, self._definitions)
                for name in sorted(properties):
                    by_property.setdefault(name, []).append(step)
                if not properties:
                    always.append(step)
        steps = {name: tuple(found) for name, found in by_property.items()}
        return _TypePlan(resource_type, steps, tuple(always), self._compartment_prefixes(resource_type))

    def _compartment_prefixes(self, resource_type: str) -> tuple[str, ...]:
        compartment = self._definitions.compartment(COMPARTMENT)
        codes = compartment.parameters.get(resource_type, ()) if compartment else ()
        bound = self._parameters.of(resource_type).bound
        keys = [key for code in codes if code in bound for key in bound[code].keys]
        return tuple(f"{key}={COMPARTMENT}/" for key in dict.fromkeys(keys))


Step = Callable[[Resource, IndexValues], None]
"""Adds what one expression of a key indexes of a resource."""


@dataclass(frozen=True, slots=True)
class _TypePlan:
    resource_type: str
    by_property: Mapping[str, tuple[Step, ...]]
    """What to do for each JSON property that is there."""
    always: tuple[Step, ...]
    compartment_prefixes: tuple[str, ...]

    def extract(self, resource: Resource) -> IndexValues:
        values = IndexValues(terms=[self.resource_type])
        for name in resource:
            for step in self.by_property.get(name, ()):
                step(resource, values)
        for step in self.always:
            step(resource, values)
        terms = dict.fromkeys(values.terms)
        if self.compartment_prefixes:
            members = [t.partition("=")[2] for t in terms if t.startswith(self.compartment_prefixes)]
            terms.update(dict.fromkeys(f"@{member}" for member in members))
        if self.resource_type == COMPARTMENT:
            terms[f"@{COMPARTMENT}/{resource['id']}"] = None
        values.terms = list(terms)
        if len(values.spans) > 1:
            values.spans = list(dict.fromkeys(values.spans))
        return values


def _forgiving(step: Step) -> Step:
    """Let a resource on which a user's expression fails have no value: it is none the worse for that."""

    def forgiven(resource: Resource, into: IndexValues) -> None:
        try:
            step(resource, into)
        except FhirPathError:
            return

    return forgiven


TermAdder = Callable[[str, Json, list[str]], None]
SpanExtractor = Callable[[str, str, Json], Iterable[Span]]


def _step(indexed: Indexed, expression: CompiledExpression, rules: IndexingRules) -> Step:
    if indexed.type is SearchType.COMPOSITE:
        return _composite_step(indexed, expression, rules)
    select = _following(expression) if indexed.is_custom and "resolve" in expression.source else expression.select
    if indexed.type is SearchType.SPECIAL:
        return lambda resource, into: into.positions.extend(
            place for type_name, value in select(resource) for place in extract_position(type_name, value)
        )
    add = _adder(indexed.key, indexed.type, rules)

    def step(resource: Resource, into: IndexValues) -> None:
        for type_name, value in select(resource):
            add(type_name, value, into)

    return step


def _following(expression: CompiledExpression) -> Callable[[Resource], Iterable[tuple[str, Json]]]:
    """Return what evaluates an expression with a ``resolve()`` that reaches the entries of the same Bundle."""
    return lambda resource: expression.select(resource, Environment(resolver=Entries(resource)))


def _composite_step(indexed: Indexed, expression: CompiledExpression, rules: IndexingRules) -> Step:
    parts = tuple((part.expressions, _adder(part.key, part.type, rules)) for part in indexed.parts)
    compiled = (e for part in indexed.parts for found in part.expressions.values() for e in found)
    looks_outside = any("%" in e.source for e in compiled)

    def step(resource: Resource, into: IndexValues) -> None:
        environment = Environment(resource=resource) if looks_outside else None
        for context, item in expression.select(resource):
            values = _group_values(parts, context, item, environment)
            if values is not None:
                into.groups.append(Group(indexed.key, values))

    return step


Adder = Callable[[str, Json, IndexValues], None]
"""Adds what one value indexes: (FHIR type, value, index values)."""


def _group_values(
    parts: tuple[tuple[Mapping[str, tuple[CompiledExpression, ...]], Adder], ...],
    context: str,
    item: Json,
    environment: Environment | None,
) -> IndexValues | None:
    """Index one item of a composite; None when a part has no value, for such a group can never match."""
    values = IndexValues()
    for expressions, add in reversed(parts):  # the value is absent more often than the code
        before = len(values.terms) + len(values.spans)
        for expression in expressions.get(context, ()):
            for type_name, value in expression.select(item, environment):
                add(type_name, value, values)
        if len(values.terms) + len(values.spans) == before:
            return None
    values.terms = [term for term in dict.fromkeys(values.terms) if ":text=" not in term]
    return values


def value_adder(key: str, kind: SearchType, rules: IndexingRules) -> Adder:
    """Return what indexes values under a key as a type of parameter does; composites and specials have none."""
    return _adder(key, kind, rules)


def _adder(key: str, kind: SearchType, rules: IndexingRules) -> Adder:
    spans = _span_extractor(kind, rules)
    if spans is not None:
        return lambda type_name, value, into: into.spans.extend(spans(key, type_name, value))
    terms = _term_adder(key, kind, rules)
    return lambda type_name, value, into: terms(type_name, value, into.terms)


def _term_adder(key: str, kind: SearchType, rules: IndexingRules) -> TermAdder:
    match kind:
        case SearchType.TOKEN:
            return token_extractor(key)
        case SearchType.STRING:
            return lambda type_name, value, into: into.extend(extract_string(key, type_name, value))
        case SearchType.REFERENCE:
            bases = rules.own_bases
            return lambda type_name, value, into: into.extend(extract_reference(key, type_name, value, bases))
        case SearchType.URI:
            return lambda type_name, value, into: into.extend(extract_uri(key, type_name, value))
        case _:
            raise ValueError(f"{kind} has no terms")


def _span_extractor(kind: SearchType, rules: IndexingRules) -> SpanExtractor | None:
    match kind:
        case SearchType.DATE:
            return lambda key, type_name, value: extract_date(key, type_name, value, rules.zone)
        case SearchType.NUMBER:
            return extract_number
        case SearchType.QUANTITY:
            return lambda key, type_name, value: extract_quantity(key, type_name, value, rules.ucum)
        case _:
            return None
