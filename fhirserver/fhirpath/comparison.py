"""Which of two items is the greater. Spec: http://hl7.org/fhirpath/N1/#comparison"""

from decimal import Decimal

from fhirserver.fhirpath.equality import item_measurement
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.items import Item, plain
from fhirserver.fhirpath.quantity import Measurement, common_values
from fhirserver.fhirpath.temporal import compare as compare_temporals
from fhirserver.fhirpath.temporal import parse_temporal
from fhirserver.fhirpath.types import DATE, DATE_TIME, DECIMAL, INTEGER, QUANTITY, STRING, SYSTEM_TYPES, TIME
from fhirserver.ucum import Ucum

_NUMBERS = frozenset({INTEGER, DECIMAL})
_DATES = frozenset({DATE, DATE_TIME})


def compare(left: Item, right: Item, ucum: Ucum | None = None) -> int | None:
    """Return -1, 0 or 1; None where precision or units leave it open.

    Raises FhirPathExecutionError where the types have no common order.
    """
    kind, other_kind = SYSTEM_TYPES.get(left[0]), SYSTEM_TYPES.get(right[0])
    mine, other = plain(left[1]), plain(right[1])
    if mine is None or other is None:
        return None
    if {kind, other_kind} <= _NUMBERS:
        return _sign(Decimal(mine), Decimal(other))
    if kind is not None and other_kind is not None and (kind == other_kind == TIME or {kind, other_kind} <= _DATES):
        return _order_of_temporals(mine, kind, other, other_kind)
    if kind == other_kind == STRING:
        return int(mine > other) - int(mine < other)
    if QUANTITY in (kind, other_kind) and {kind, other_kind} <= _NUMBERS | {QUANTITY}:
        return _order_of_quantities(item_measurement(left), item_measurement(right), ucum)
    raise FhirPathExecutionError(f"A {left[0]} and a {right[0]} cannot be compared.")


def _sign(left: Decimal, right: Decimal) -> int:
    return (left > right) - (left < right)


def _order_of_temporals(mine: str, kind: str, other: str, other_kind: str) -> int | None:
    left, right = parse_temporal(mine, kind), parse_temporal(other, other_kind)
    return None if left is None or right is None else compare_temporals(left, right)


def _order_of_quantities(left: Measurement | None, right: Measurement | None, ucum: Ucum | None) -> int | None:
    values = None if left is None or right is None else common_values(left, right, ucum)
    return None if values is None else _sign(*values)
