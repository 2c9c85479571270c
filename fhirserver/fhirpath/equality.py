"""When two items are equal.

Spec: http://hl7.org/fhirpath/N1/#equality
"""

from collections.abc import Hashable
from decimal import Decimal

from fhirserver.fhirpath.items import Item, Items, plain
from fhirserver.fhirpath.quantity import Measurement, common_values, measurement_of
from fhirserver.fhirpath.temporal import comparable, compare, parse_temporal, temporal_key
from fhirserver.fhirpath.types import DATE, DATE_TIME, DECIMAL, INTEGER, QUANTITY, SYSTEM_TYPES, TIME
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum

_NUMBERS = frozenset({INTEGER, DECIMAL})
_FEW = 8
_TEMPORALS = frozenset({DATE, DATE_TIME, TIME})


def equal(left: Item, right: Item, ucum: Ucum | None = None) -> bool | None:
    """Tell whether two items are equal; None where precision leaves it open.

    The children of complex values are compared as JSON: two spellings of one instant inside them differ.
    """
    kind, other_kind = SYSTEM_TYPES.get(left[0]), SYSTEM_TYPES.get(right[0])
    if kind is None and other_kind is None:
        return bool(left[1] == right[1])
    mine, other = plain(left[1]), plain(right[1])
    if mine is None or other is None:
        return mine is other and bool(left[1].element == right[1].element)
    if kind in _TEMPORALS and other_kind in _TEMPORALS:
        return _equal_temporals(kind, mine, other_kind, other)
    if QUANTITY in (kind, other_kind):
        return _equal_quantities(left, right, ucum)
    return (kind == other_kind or {kind, other_kind} <= _NUMBERS) and bool(mine == other)


def _equal_temporals(kind: str | None, mine: Json, other_kind: str | None, other: Json) -> bool | None:
    if kind is None or other_kind is None:
        return False
    left, right = parse_temporal(mine, kind), parse_temporal(other, other_kind)
    if left is None or right is None:
        return bool(mine == other)
    if not comparable(left, right):
        return False
    order = compare(left, right)
    return None if order is None else order == 0


def _equal_quantities(mine: Item, other: Item, ucum: Ucum | None) -> bool | None:
    left, right = item_measurement(mine), item_measurement(other)
    if left is None or right is None:
        return bool(mine[1] == other[1])
    values = common_values(left, right, ucum)
    if values is None:
        return None if left.calendar != right.calendar else False
    return values[0] == values[1]


def item_measurement(item: Item) -> Measurement | None:
    """Read an item as a quantity: a number is one without a unit; None for anything else."""
    kind = SYSTEM_TYPES.get(item[0])
    if kind in _NUMBERS:
        return Measurement(Decimal(plain(item[1])))
    return measurement_of(item[1]) if kind == QUANTITY else None


def equal_collections(left: Items, right: Items, ucum: Ucum | None = None) -> bool | None:
    """Tell whether two collections are equal in order; None where one is empty or an item leaves it open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equal(left[0], right[0], ucum)
    verdicts = [equal(mine, other, ucum) for mine, other in zip(left, right, strict=True)]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def contains(items: Items, item: Item, ucum: Ucum | None = None) -> bool:
    """Tell whether an equal item is among ``items``."""
    for other in items:  # noqa: SIM110 - a generator would cost more than the comparisons
        if equal(other, item, ucum):
            return True
    return False


def distinct(items: Items, ucum: Ucum | None = None) -> Items:
    """Return the items without those that equal an earlier one."""
    if len(items) < 2:
        return items
    if len(items) > _FEW:
        return _distinct_of_many(items, ucum)
    kept: Items = []
    for item in items:
        if not contains(kept, item, ucum):
            kept.append(item)
    return kept


def distinct_complex(items: Items, ucum: Ucum | None = None) -> Items:
    """Do what ``distinct`` does for items that are known to be complex, and no quantities."""
    if len(items) > _FEW:
        return _distinct_of_many(items, ucum)
    kept: Items = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept


def _distinct_of_many(items: Items, ucum: Ucum | None) -> Items:
    """Compare each item only with those that share its signature."""
    kept: Items = []
    alike: dict[Hashable, Items] = {}
    has_quantities = any(SYSTEM_TYPES.get(name) == QUANTITY for name, _ in items)
    for item in items:
        others = alike.setdefault(_signature(item, ucum, has_quantities), [])
        if not contains(others, item, ucum):
            others.append(item)
            kept.append(item)
    return kept


def _signature(item: Item, ucum: Ucum | None, has_quantities: bool) -> Hashable:
    """Return what equal items share, and few others."""
    kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if value is None:
        return None
    if has_quantities and (kind in _NUMBERS or kind == QUANTITY):
        return _quantity_signature(item_measurement(item), ucum)
    if kind in _TEMPORALS and kind is not None:
        temporal = parse_temporal(value, kind)
        return value if temporal is None else temporal_key(temporal)
    if isinstance(value, dict):
        return frozenset((key, text) for key, text in value.items() if isinstance(text, str))
    return (DECIMAL if kind in _NUMBERS else kind, value)


def _quantity_signature(measurement: Measurement | None, ucum: Ucum | None) -> Hashable:
    """Return the canonical form; all durations share one, because calendar units have no exact length."""
    if measurement is None or measurement.calendar or ucum is None:
        return QUANTITY
    canonical = ucum.canonical(measurement.value, measurement.unit)
    return QUANTITY if canonical is None or canonical.unit == "s" else (canonical.unit, canonical.value)
