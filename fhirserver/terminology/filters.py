"""The filters of ``ValueSet.compose.include``: each selects codes of one code system.

Spec: http://hl7.org/fhir/R4/valueset-filter-operator.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.regex import read_regex
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.code_systems import CodeSystem, Concept
from fhirserver.terminology.sources import Undecidable

Filter: TypeAlias = Callable[[CodeSystem, str, str], set[str]]
"""(code system, property, value) -> codes."""


def select(system: CodeSystem, declared: Resource) -> set[str]:
    """Return the codes one filter selects; raises Undecidable for an operator R4 does not have."""
    selecting = _FILTERS.get(declared["op"])
    if selecting is None:
        raise Undecidable(f"`{declared['op']}` is not a filter operator.")
    return selecting(system, declared["property"], declared["value"])


def _where(system: CodeSystem, holds: Callable[[Concept], bool]) -> set[str]:
    return {concept.code for concept in system.concepts.values() if holds(concept)}


def _equals(system: CodeSystem, name: str, value: str) -> set[str]:
    return _where(system, lambda concept: value in concept.values(name))


def _regex(system: CodeSystem, name: str, value: str) -> set[str]:
    try:
        pattern = read_regex(value)
    except FhirPathExecutionError as error:
        raise Undecidable("A filter's regular expression cannot be read.") from error
    return _where(system, lambda concept: any(pattern.fullmatch(text) for text in concept.values(name)))


def _in(system: CodeSystem, name: str, value: str) -> set[str]:
    wanted = {text.strip() for text in value.split(",")}
    return _where(system, lambda concept: not wanted.isdisjoint(concept.values(name)))


def _not_in(system: CodeSystem, name: str, value: str) -> set[str]:
    return system.concepts.keys() - _in(system, name, value)


def _exists(system: CodeSystem, name: str, value: str) -> set[str]:
    return _where(system, lambda concept: any(True for _ in concept.values(name)) is (value == "true"))


def _is_a(system: CodeSystem, name: str, value: str) -> set[str]:
    return _self(system, value) | _descendent_of(system, name, value)


def _descendent_of(system: CodeSystem, name: str, value: str) -> set[str]:
    return system.descendants(value) & system.concepts.keys()


def _is_not_a(system: CodeSystem, name: str, value: str) -> set[str]:
    return system.concepts.keys() - _is_a(system, name, value)


def _generalizes(system: CodeSystem, name: str, value: str) -> set[str]:
    return _self(system, value) | (system.ancestors(value) & system.concepts.keys())


def _self(system: CodeSystem, code: str) -> set[str]:
    return {code} & system.concepts.keys()


_FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        "=": _equals,
        "is-a": _is_a,
        "descendent-of": _descendent_of,
        "is-not-a": _is_not_a,
        "regex": _regex,
        "in": _in,
        "not-in": _not_in,
        "generalizes": _generalizes,
        "exists": _exists,
    }
)
