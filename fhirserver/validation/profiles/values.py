"""Fixed values, patterns and limits of values.

Numbers are compared by value; a pattern needs each of its items in the value, whatever else is there.
Spec: http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from fhirserver.kernel.resource import Json

Test: TypeAlias = Callable[[Json], bool]


def equal_to(fixed: Json) -> Test:
    """Return the test of whether a value is exactly this one."""
    if isinstance(fixed, str):
        return lambda value: value == fixed
    return lambda value: _equal(fixed, value)


def matching(pattern: Json) -> Test:
    """Return the test of whether a value has all of a pattern."""
    if isinstance(pattern, str):
        return lambda value: value == pattern
    return lambda value: _matches(pattern, value)


def _equal(fixed: Json, value: Json) -> bool:
    if isinstance(fixed, dict):
        return (
            isinstance(value, dict)
            and fixed.keys() == value.keys()
            and all(_equal(one, value[name]) for name, one in fixed.items())
        )
    if isinstance(fixed, list):
        return (
            isinstance(value, list)
            and len(value) == len(fixed)
            and all(_equal(one, other) for one, other in zip(fixed, value, strict=True))
        )
    return _same(fixed, value)


def _matches(pattern: Json, value: Json) -> bool:
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_matches(one, value.get(name)) for name, one in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_matches(one, other) for other in value) for one in pattern)
    return _same(pattern, value)


def _same(one: Json, other: Json) -> bool:
    if _is_number(one):
        return _is_number(other) and _number(one) == _number(other)
    return type(one) is type(other) and one == other


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number(value: Json) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


_DAY_LENGTH: Final = 10


def at_least(limit: Json) -> Test:
    """Return the test of whether a value is not below a limit."""
    return lambda value: _order(value, limit) >= 0


def at_most(limit: Json) -> Test:
    """Return the test of whether a value is not above a limit."""
    return lambda value: _order(value, limit) <= 0


def _order(value: Json, limit: Json) -> int:
    """Compare; what cannot be compared is equal."""
    if isinstance(value, Mapping) and isinstance(limit, Mapping):
        same = value.get("system") == limit.get("system") and value.get("code") == limit.get("code")
        return _order(value.get("value"), limit.get("value")) if same else 0
    if _is_number(value) and _is_number(limit):
        try:
            one, other = _number(value), _number(limit)
        except InvalidOperation:
            return 0
        return (one > other) - (one < other)
    if isinstance(value, str) and isinstance(limit, str):
        size = min(len(value), len(limit), _DAY_LENGTH) if limit[:1].isdecimal() else len(value)
        return (value[:size] > limit[:size]) - (value[:size] < limit[:size])
    return 0
