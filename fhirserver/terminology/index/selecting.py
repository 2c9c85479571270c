"""The filters of value sets over an index: hierarchy by the closure, properties by their values.

Spec: http://hl7.org/fhir/R4/valueset-filter-operator.html
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.regex import read_regex
from fhirserver.kernel.outcome import TooCostly
from fhirserver.terminology import filters
from fhirserver.terminology.concepts import Filter, ListedCodeSystem, Mask
from fhirserver.terminology.index.sections import Lists
from fhirserver.terminology.sources import Undecidable

_CODES: Final = frozenset({"code", "concept", ""})
_HIERARCHY: Final = frozenset({"parent", "child"})
_INACTIVE: Final = "inactive"
_ABSTRACT: Final = "notSelectable"
_READ: Final = frozenset({"display", "definition"})
"""What is kept with each concept only."""
MAX_WALKED: Final = 50_000
"""Concepts that a filter may read one by one: it takes a second."""
_BY_VALUE: Final = frozenset({"=", "in", "not-in"})


class Properties(Protocol):
    """Concepts by the values of their properties."""

    def knows(self, name: str) -> bool:
        """Tell whether a concept has this property."""
        ...

    def with_value(self, name: str, value: str) -> Mask:
        """Return the concepts that have a property with this value."""
        ...

    def having(self, name: str) -> Mask:
        """Return the concepts that have a property."""
        ...

    def values(self, name: str) -> Iterable[str]:
        """Return the values that a property has."""
        ...


class Indexed(ListedCodeSystem, Protocol):
    """A code system that has its properties by their values."""

    @property
    def properties(self) -> Properties:
        """The properties."""
        ...

    @property
    def parent_lists(self) -> Lists:
        """What is right above each concept."""
        ...

    @property
    def child_lists(self) -> Lists:
        """What is right below each concept."""
        ...


def select(system: Indexed, wanted: Filter) -> Mask:
    """Return the concepts that a filter selects; raises UnknownFilter, Undecidable."""
    if wanted.op == "descendent-leaf":
        below = filters.select(system, Filter(wanted.property, "descendent-of", wanted.value))
        leaves: Mask = below & (np.diff(system.child_lists.offsets) == 0)
        return leaves
    if wanted.op in _BY_VALUE:
        found = _with_values(system, wanted.property, _listed(wanted))
        if found is not None:
            return ~found if wanted.op == "not-in" else found
    elif wanted.op == "exists" and wanted.value in ("true", "false") and system.properties.knows(wanted.property):
        having = system.properties.having(wanted.property)
        return having if wanted.value == "true" else ~having
    elif wanted.op == "regex":
        return _matching(system, wanted)
    return _walked(system, wanted)


def _walked(system: Indexed, wanted: Filter) -> Mask:
    """Return what a filter selects that asks concepts one by one; raises TooCostly where there are too many."""
    if wanted.property in _READ and len(system) > MAX_WALKED:
        raise TooCostly(
            f"A filter on `{wanted.property}` would have to read all {len(system)} concepts of `{system.head.url}`; "
            "filter by the hierarchy or another property, or search by `filter`."
        )
    return filters.select(system, wanted)


def _listed(wanted: Filter) -> list[str]:
    return [wanted.value] if wanted.op == "=" else [one.strip() for one in wanted.value.split(",")]


def _with_values(system: Indexed, name: str, values: Iterable[str]) -> Mask | None:
    """Return the concepts of which a property has one of some values; None for a property that is not kept by value."""
    found = np.zeros(len(system), np.bool_)
    if name in _CODES:
        found[[number for number in map(system.number, values) if number is not None]] = True
    elif name in _HIERARCHY:
        lists = system.child_lists if name == "parent" else system.parent_lists
        for number in map(system.number, values):
            if number is not None:
                found[lists[number]] = True
    elif system.properties.knows(name):
        for value in values:
            found |= system.properties.with_value(name, value)
    elif name in _FLAGS:
        for value in values:
            found |= _FLAGS[name](system) == (value == "true") if value in ("true", "false") else False
    else:
        return None
    return found


_FLAGS: Final[Mapping[str, Callable[[ListedCodeSystem], Mask]]] = MappingProxyType(
    {_INACTIVE: lambda system: system.inactive(), _ABSTRACT: lambda system: system.abstract()}
)


def _matching(system: Indexed, wanted: Filter) -> Mask:
    """Return the concepts of which a code or a property matches a regular expression."""
    is_of_code = wanted.property in _CODES
    if not is_of_code and not system.properties.knows(wanted.property):
        return _walked(system, wanted)
    try:
        pattern = read_regex(wanted.value)
    except FhirPathExecutionError as error:
        raise Undecidable("A filter's regular expression cannot be read.") from error
    if is_of_code:
        codes = (pattern.fullmatch(system.code(number)) is not None for number in range(len(system)))
        return np.fromiter(codes, np.bool_, len(system))
    properties = system.properties
    found = np.zeros(len(system), np.bool_)
    for value in properties.values(wanted.property):
        if pattern.fullmatch(value):
            found |= properties.with_value(wanted.property, value)
    return found
