"""When two items are equal.

Spec: http://hl7.org/fhirpath/N1/#equality
"""

from collections.abc import Hashable
from decimal import Decimal

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.items import Item, Items, plain
from fhirserver.fhirpath.quantity import TIME_CODES, Measurement, common_values, measurement_of
from fhirserver.fhirpath.temporal import comparable, compare, parse_temporal, temporal_key
from fhirserver.fhirpath.types import DATE, DATE_TIME, DECIMAL, INTEGER, QUANTITY, SYSTEM_TYPES, TIME
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum

_NUMBERS = frozenset({INTEGER, DECIMAL})
_FEW = 8
_MANY_ALIKE = 500
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


def shared(items: Items, others: Items, ucum: Ucum | None = None) -> list[bool]:
    """Tell for each item whether an equal one is among the others."""
    if len(others) <= _FEW or len(items) <= 1:
        return [contains(others, item, ucum) for item in items]
    seen = Seen(ucum)
    for other in others:
        seen.is_new(other)
    return [item in seen for item in items]


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
    seen = Seen(ucum)
    return [item for item in items if seen.is_new(item)]


class Seen:
    """The items met so far, each found again by its signature."""

    __slots__ = ("_alike", "_ucum")

    def __init__(self, ucum: Ucum | None) -> None:
        """Start with none."""
        self._alike: dict[Hashable, Items] = {}
        self._ucum = ucum

    def is_new(self, item: Item) -> bool:
        """Remember an item; tell whether no equal one was met before."""
        others = self._alike.setdefault(_signature(item, self._ucum), [])
        if contains(others, item, self._ucum):
            return False
        if len(others) > _MANY_ALIKE:
            raise FhirPathExecutionError("There are too many different durations to compare.")
        others.append(item)
        return True

    def __contains__(self, item: Item) -> bool:
        """Tell whether an equal item was met."""
        return contains(self._alike.get(_signature(item, self._ucum), []), item, self._ucum)


def _signature(item: Item, ucum: Ucum | None) -> Hashable:
    """Return what equal items share, and few others; a number may equal a quantity without a unit."""
    kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if value is None:
        return _structure(item[1].element)
    if kind in _NUMBERS:
        return ("1", value)
    if kind == QUANTITY:
        return _quantity_signature(item, ucum)
    if kind in _TEMPORALS and kind is not None:
        temporal = parse_temporal(value, kind)
        return value if temporal is None else temporal_key(temporal)
    return _structure(value) if isinstance(value, dict) else (kind, value)


def _structure(value: Json) -> Hashable:
    if isinstance(value, dict):
        return frozenset((key, _structure(inner)) for key, inner in value.items())
    return tuple(map(_structure, value)) if isinstance(value, list) else value


def _quantity_signature(item: Item, ucum: Ucum | None) -> Hashable:
    """Return the canonical form; all durations share one, because calendar units have no exact length."""
    measurement = item_measurement(item)
    if measurement is None:
        return _structure(item[1])
    canonical = None
    if ucum is not None and not measurement.calendar:
        canonical = ucum.canonical(measurement.value, measurement.unit)
    unit, value = (measurement.unit, measurement.value) if canonical is None else (canonical.unit, canonical.value)
    return QUANTITY if measurement.calendar or unit in TIME_CODES else (unit, value)
