"""When two items are equal.

Spec: http://hl7.org/fhirpath/N1/#equality
"""

from collections.abc import Mapping
from decimal import Decimal

from fhirserver.fhirpath.items import Item, Items, plain
from fhirserver.fhirpath.quantity import common_values, measurement_of
from fhirserver.fhirpath.temporal import comparable, compare, parse_temporal
from fhirserver.fhirpath.types import DATE, DATE_TIME, DECIMAL, INTEGER, QUANTITY, SYSTEM_TYPES, TIME
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum

_NUMBERS = frozenset({INTEGER, DECIMAL})
_TEMPORALS = frozenset({DATE, DATE_TIME, TIME})


def equal(left: Item, right: Item, ucum: Ucum | None = None) -> bool | None:
    """Tell whether two items are equal; None where precision leaves it open."""
    mine, other = plain(left[1]), plain(right[1])
    kind, other_kind = SYSTEM_TYPES.get(left[0]), SYSTEM_TYPES.get(right[0])
    if kind in _TEMPORALS and other_kind in _TEMPORALS:
        return _equal_temporals(kind, mine, other_kind, other)
    if kind == QUANTITY and other_kind == QUANTITY:
        return _equal_quantities(mine, other, ucum)
    if kind != other_kind and not {kind, other_kind} <= _NUMBERS:
        return False
    return _equal_values(mine, other)


def _equal_temporals(kind: str | None, mine: Json, other_kind: str | None, other: Json) -> bool | None:
    if kind is None or other_kind is None or mine is None or other is None:
        return mine is other
    left, right = parse_temporal(mine, kind), parse_temporal(other, other_kind)
    if left is None or right is None:
        return bool(mine == other)
    if not comparable(left, right):
        return False
    order = compare(left, right)
    return None if order is None else order == 0


def _equal_quantities(mine: Json, other: Json, ucum: Ucum | None) -> bool | None:
    left, right = measurement_of(mine), measurement_of(other)
    if left is None or right is None:
        return _equal_values(mine, other)
    values = common_values(left, right, ucum)
    if values is None:
        return None if left.calendar != right.calendar else False
    return values[0] == values[1]


def _equal_values(mine: Json, other: Json) -> bool:
    """Compare decoded JSON: a boolean is no number, and complex values are equal child by child."""
    if isinstance(mine, Mapping) and isinstance(other, Mapping):
        return mine.keys() == other.keys() and all(_equal_values(mine[key], other[key]) for key in mine)
    if isinstance(mine, list) and isinstance(other, list):
        return len(mine) == len(other) and all(map(_equal_values, mine, other))
    return (mine is True or mine is False) == (other is True or other is False) and bool(mine == other)


def equal_collections(left: Items, right: Items, ucum: Ucum | None = None) -> bool | None:
    """Tell whether two collections are equal in order; None where one is empty or an item leaves it open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    verdicts = [equal(mine, other, ucum) for mine, other in zip(left, right, strict=True)]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def contains(items: Items, item: Item, ucum: Ucum | None = None) -> bool:
    """Tell whether an equal item is among ``items``."""
    return any(equal(other, item, ucum) for other in items)


def distinct(items: Items, ucum: Ucum | None = None) -> Items:
    """Return the items without those that equal an earlier one."""
    if len(items) < 2:
        return items
    kept: Items = []
    seen: set[tuple[object, object]] = set()
    for item in items:
        key = _hashable(item)
        if key is None:
            if not contains(kept, item, ucum):
                kept.append(item)
        elif key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def _hashable(item: Item) -> tuple[object, object] | None:
    """Return what equal items of the simple types share; None for the types that must be compared in pairs."""
    kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if kind is None or kind in _TEMPORALS or kind == QUANTITY or isinstance(value, dict):
        return None
    return (DECIMAL, Decimal(value)) if kind in _NUMBERS and value is not None else (kind, value)
