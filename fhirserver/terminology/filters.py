"""The filters of ``ValueSet.compose.include``: each selects concepts of one code system.

Spec: http://hl7.org/fhir/R4/valueset-filter-operator.html; ``child-of`` and ``descendent-leaf`` are of R5.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.regex import read_regex
from fhirserver.terminology.concepts import (
    CodeSystem,
    Concept,
    Filter,
    Grammar,
    ListedCodeSystem,
    Mask,
    UnknownFilter,
    is_grammar,
    is_listed,
)
from fhirserver.terminology.sources import Undecidable

OnNumber: TypeAlias = Callable[[int], bool]
Test: TypeAlias = Callable[[Concept], bool]
OnValues: TypeAlias = Callable[[Sequence[str]], bool]
"""Whether a filter holds by the values that a property has."""
_BUILT_IN: Final = frozenset(
    {"code", "concept", "display", "definition", "parent", "child", "inactive", "notSelectable"}
)
_ON_CONCEPTS: Final = frozenset({"concept", "code", ""})


def select(system: ListedCodeSystem, wanted: Filter) -> Mask:
    """Return the concepts a filter selects; raises UnknownFilter, Undecidable."""
    by_hierarchy = _SELECTED.get(wanted.op)
    if by_hierarchy is not None:
        return by_hierarchy(system, wanted.value)
    test = holds(system, wanted)
    return np.fromiter((test(number) for number in range(len(system))), np.bool_, len(system))


def holds(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    """Return what tells whether a filter selects a concept; raises UnknownFilter, Undecidable."""
    making = _TESTS.get(wanted.op)
    if making is None:
        raise UnknownFilter(f"`{wanted.op}` is not a filter operator.")
    if wanted.op not in _SELECTED:
        _check_property(system, wanted.property)
    return making(system, wanted)


def test_of(system: CodeSystem, wanted: Filter) -> Test:
    """Return what tells whether a filter selects a concept; raises UnknownFilter, Undecidable."""
    if is_listed(system):
        return _on_numbers(system, system.holds(wanted))
    if is_grammar(system):
        return _on_grammar(system, wanted)
    raise UnknownFilter(f"`{system.head.url}` has no filters.")


def _on_numbers(system: ListedCodeSystem, holds: Callable[[int], bool]) -> Test:
    def test(concept: Concept) -> bool:
        number = system.number(concept.code)
        return number is not None and holds(number)

    return test


def _on_grammar(system: Grammar, wanted: Filter) -> Test:
    name = wanted.property
    if wanted.op not in _ON_VALUES or not (name == "code" or name in system.head.filters):
        raise UnknownFilter(f"`{system.head.url}` has no filter `{name} {wanted.op}`.")
    test = _ON_VALUES[wanted.op](wanted.value)
    return lambda concept: test([concept.code] if name == "code" else system.values(concept, name))


def values(system: ListedCodeSystem, number: int, name: str) -> list[str]:
    """Return the values of a property of a concept as text; some properties are built in."""
    if name == "parent":
        return [system.code(parent) for parent in system.parents(number)]
    if name == "child":
        return [system.code(child) for child in system.children(number)]
    return _values(system.concept(number), name)


def _values(concept: Concept, name: str) -> list[str]:
    if name in ("code", "concept"):
        return [concept.code]
    if name in ("display", "definition"):
        text = concept.display if name == "display" else concept.definition
        return [] if text is None else [text]
    found = [one.text for one in concept.properties if one.code == name]
    if not found and name == "inactive":
        found = [str(concept.is_inactive).lower()]
    return found


def _check_property(system: ListedCodeSystem, name: str) -> None:
    if name in _BUILT_IN or name in system.head.properties or name in system.head.filters:
        return
    if any(one.code == name for number in range(min(len(system), 1000)) for one in system.concept(number).properties):
        return  # used without a declaration
    raise UnknownFilter(f"`{system.head.url}` has no property `{name}`.")


def _number(system: ListedCodeSystem, code: str) -> int | None:
    return system.number(code)


def _nothing(system: ListedCodeSystem) -> Mask:
    return np.zeros(len(system), np.bool_)


def _descendants(system: ListedCodeSystem, code: str) -> Mask:
    number = _number(system, code)
    return _nothing(system) if number is None else system.descendants(number)


def _is_a(system: ListedCodeSystem, code: str) -> Mask:
    number = _number(system, code)
    if number is None:
        return _nothing(system)
    found = system.descendants(number)
    found[number] = True
    return found


def _generalizes(system: ListedCodeSystem, code: str) -> Mask:
    number = _number(system, code)
    if number is None:
        return _nothing(system)
    found = system.ancestors(number)
    found[number] = True
    return found


def _children(system: ListedCodeSystem, code: str) -> Mask:
    number, found = _number(system, code), _nothing(system)
    if number is not None:
        found[list(system.children(number))] = True
    return found


def _leaves(system: ListedCodeSystem, code: str) -> Mask:
    found = _descendants(system, code)
    for number in np.flatnonzero(found):
        found[number] = not system.children(int(number))
    return found


_SELECTED: Final[Mapping[str, Callable[[ListedCodeSystem, str], Mask]]] = MappingProxyType(
    {
        "is-a": _is_a,
        "descendent-of": _descendants,
        "is-not-a": lambda system, code: ~_is_a(system, code),
        "generalizes": _generalizes,
        "child-of": _children,
        "descendent-leaf": _leaves,
    }
)


def _above(system: ListedCodeSystem, wanted: Filter) -> Callable[[int], bool]:
    number = _number(system, wanted.value)
    return lambda one: number is not None and system.subsumes(number, one)


def _strictly_above(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    number = _number(system, wanted.value)
    return lambda one: number is not None and one != number and system.subsumes(number, one)


def _not_above(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    above = _above(system, wanted)
    return lambda one: not above(one)


def _below(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    number = _number(system, wanted.value)
    return lambda one: number is not None and system.subsumes(one, number)


def _child(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    number = _number(system, wanted.value)
    return lambda one: number in system.parents(one)


def _leaf(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    below = _strictly_above(system, wanted)
    return lambda one: below(one) and not system.children(one)


def _equals(wanted: str) -> OnValues:
    return lambda found: wanted in found


def _in(wanted: str) -> OnValues:
    listed = {text.strip() for text in wanted.split(",")}
    return lambda found: not listed.isdisjoint(found)


def _not_in(wanted: str) -> OnValues:
    inside = _in(wanted)
    return lambda found: not inside(found)


def _exists(wanted: str) -> OnValues:
    if wanted not in ("true", "false"):
        raise Undecidable(f"`exists` takes `true` or `false`, not `{wanted}`.")
    return lambda found: bool(found) is (wanted == "true")


def _regex(wanted: str) -> OnValues:
    try:
        pattern = read_regex(wanted)
    except FhirPathExecutionError as error:
        raise Undecidable("A filter's regular expression cannot be read.") from error
    return lambda found: any(pattern.fullmatch(text) for text in found)


_ON_VALUES: Final[Mapping[str, Callable[[str], OnValues]]] = MappingProxyType(
    {"=": _equals, "regex": _regex, "in": _in, "not-in": _not_in, "exists": _exists}
)


def _by_values(system: ListedCodeSystem, wanted: Filter) -> OnNumber:
    test, name = _ON_VALUES[wanted.op](wanted.value), wanted.property
    return lambda one: test(values(system, one, name))


_TESTS: Final[Mapping[str, Callable[[ListedCodeSystem, Filter], OnNumber]]] = MappingProxyType(
    {
        "is-a": _above,
        "descendent-of": _strictly_above,
        "is-not-a": _not_above,
        "generalizes": _below,
        "child-of": _child,
        "descendent-leaf": _leaf,
        **dict.fromkeys(_ON_VALUES, _by_values),
    }
)
