"""Extraction: a resource becomes its index values, by the same rules that queries are read by.

Spec: http://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.fhirpath import CompiledExpression, Environment
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.index import Group, IndexValues, Span
from fhirserver.search.parameters import Indexed, Part, SearchParameters
from fhirserver.search.values.date import extract_date
from fhirserver.search.values.number import extract_number
from fhirserver.search.values.quantity import extract_quantity
from fhirserver.search.values.reference import extract_reference
from fhirserver.search.values.special import extract_position
from fhirserver.search.values.string import extract_string
from fhirserver.search.values.token import extract_token
from fhirserver.search.values.uri import extract_uri
from fhirserver.ucum import Ucum

COMPARTMENT: Final = "Patient"
"""The compartment that has terms of its own; others are searched by their parameters."""


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

    def extract(self, resource: Resource) -> IndexValues:
        """Return the index values of a valid resource that has its id."""
        resource_type = resource["resourceType"]
        plan = self._plans.get(resource_type)
        if plan is None:
            plan = self._compile(resource_type)
            self._plans[resource_type] = plan
        return plan.extract(resource)

    def _compile(self, resource_type: str) -> "_TypePlan":
        indexed = self._parameters.of(resource_type).indexed
        steps = tuple(_step(one, self._rules) for one in indexed)
        return _TypePlan(resource_type, steps, self._compartment_prefixes(resource_type))

    def _compartment_prefixes(self, resource_type: str) -> tuple[str, ...]:
        compartment = self._definitions.compartment(COMPARTMENT)
        codes = compartment.parameters.get(resource_type, ()) if compartment else ()
        bound = self._parameters.of(resource_type).bound
        keys = [key for code in codes if code in bound for key in bound[code].keys]
        return tuple(f"{key}={COMPARTMENT}/" for key in dict.fromkeys(keys))


Step = Callable[[Resource, IndexValues], None]
"""Adds what one key indexes of a resource."""


@dataclass(frozen=True, slots=True)
class _TypePlan:
    resource_type: str
    steps: tuple[Step, ...]
    compartment_prefixes: tuple[str, ...]

    def extract(self, resource: Resource) -> IndexValues:
        values = IndexValues(terms=[self.resource_type])
        for step in self.steps:
            step(resource, values)
        terms = dict.fromkeys(values.terms)
        if self.compartment_prefixes:
            members = [t.partition("=")[2] for t in terms if t.startswith(self.compartment_prefixes)]
            terms.update(dict.fromkeys(f"@{member}" for member in members))
        if self.resource_type == COMPARTMENT:
            terms[f"@{COMPARTMENT}/{resource['id']}"] = None
        values.terms = list(terms)
        values.spans = list(dict.fromkeys(values.spans))
        return values


TermExtractor = Callable[[str, str, Json], Iterable[str]]
SpanExtractor = Callable[[str, str, Json], Iterable[Span]]


def _step(indexed: Indexed, rules: IndexingRules) -> Step:
    if indexed.type is SearchType.COMPOSITE:
        return _composite_step(indexed, rules)
    if indexed.type is SearchType.SPECIAL:
        return _position_step(indexed)
    terms, spans = _term_extractor(indexed.type, rules), _span_extractor(indexed.type, rules)
    return _step_of(indexed.key, indexed.expressions, terms, spans)


def _step_of(
    key: str,
    expressions: tuple[CompiledExpression, ...],
    terms: TermExtractor | None,
    spans: SpanExtractor | None,
) -> Step:
    selects = tuple(expression.select for expression in expressions)

    def add_terms(resource: Resource, into: IndexValues) -> None:
        for select in selects:
            for type_name, value in select(resource):
                into.terms.extend(terms(key, type_name, value))  # type: ignore[misc]

    def add_spans(resource: Resource, into: IndexValues) -> None:
        for select in selects:
            for type_name, value in select(resource):
                into.spans.extend(spans(key, type_name, value))  # type: ignore[misc]

    return add_terms if terms is not None else add_spans


def _position_step(indexed: Indexed) -> Step:
    def add(resource: Resource, into: IndexValues) -> None:
        for expression in indexed.expressions:
            for type_name, value in expression.select(resource):
                into.positions.extend(extract_position(type_name, value))

    return add


def _composite_step(indexed: Indexed, rules: IndexingRules) -> Step:
    parts = tuple(
        (part, _term_extractor(part.type, rules), _span_extractor(part.type, rules)) for part in indexed.parts
    )

    def add(resource: Resource, into: IndexValues) -> None:
        environment = Environment(resource=resource)
        for expression in indexed.expressions:
            for context, item in expression.select(resource):
                values = IndexValues()
                for part, terms, spans in parts:
                    _add_part(part, (context, item), environment, _PartExtractors(terms, spans), values)
                if _is_whole(values, parts):
                    into.groups.append(Group(indexed.key, values))

    return add


@dataclass(frozen=True, slots=True)
class _PartExtractors:
    terms: TermExtractor | None
    spans: SpanExtractor | None


def _add_part(
    part: Part, item: tuple[str, Json], environment: Environment, extractors: _PartExtractors, into: IndexValues
) -> None:
    for expression in part.expressions.get(item[0], ()):
        for type_name, value in expression.select(item[1], environment):
            if extractors.terms is not None:
                into.terms.extend(extractors.terms(part.key, type_name, value))
            elif extractors.spans is not None:
                into.spans.extend(extractors.spans(part.key, type_name, value))


def _is_whole(values: IndexValues, parts: tuple[tuple[Part, Any, Any], ...]) -> bool:
    """Tell whether every part has a value: a group that lacks one can never match."""
    found = {term.partition("=")[0].partition(":")[0].rstrip("|") for term in values.terms}
    found |= {span.key.partition("~")[0] for span in values.spans}
    return all(part.key in found for part, _, _ in parts)


def _term_extractor(kind: SearchType, rules: IndexingRules) -> TermExtractor | None:
    match kind:
        case SearchType.TOKEN:
            return extract_token
        case SearchType.STRING:
            return extract_string
        case SearchType.URI:
            return extract_uri
        case SearchType.REFERENCE:
            return lambda key, type_name, value: extract_reference(key, type_name, value, rules.own_bases)
        case _:
            return None


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


def references_of(values: IndexValues, keys: Iterable[str]) -> Iterator[str]:
    """Yield what a resource refers to under reference keys, for includes."""
    prefixes = tuple(f"{key}=" for key in keys)
    for term in values.terms:
        if term.startswith(prefixes):
            yield term.partition("=")[2]
