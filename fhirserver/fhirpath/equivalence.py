"""When two items are equivalent: equal as far as case, white space, order and precision do not matter.

Spec: http://hl7.org/fhirpath/N1/#equivalence
"""

from decimal import Decimal

from fhirserver.fhirpath.equality import equal
from fhirserver.fhirpath.items import Item, Items, plain
from fhirserver.fhirpath.numbers import places_of, rounded
from fhirserver.fhirpath.quantity import Measurement, measurement_of
from fhirserver.fhirpath.types import DECIMAL, INTEGER, QUANTITY, STRING, SYSTEM_TYPES
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum

_NUMBERS = frozenset({INTEGER, DECIMAL})


def equivalent(left: Item, right: Item, ucum: Ucum | None = None) -> bool:
    """Tell whether two items are equivalent; it is never left open."""
    kind, other_kind = SYSTEM_TYPES.get(left[0]), SYSTEM_TYPES.get(right[0])
    mine, other = plain(left[1]), plain(right[1])
    if mine is None or other is None:
        return mine is other
    if kind == other_kind == STRING:
        return _folded(mine) == _folded(other)
    if {kind, other_kind} <= _NUMBERS:
        return _same_to_the_lesser_precision(Decimal(mine), Decimal(other))
    if kind == other_kind == QUANTITY:
        return _equivalent_quantities(measurement_of(mine), measurement_of(other), ucum)
    if kind is None and other_kind is None:
        return _equivalent_json(mine, other)
    return equal(left, right, ucum) is True


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _same_to_the_lesser_precision(left: Decimal, right: Decimal) -> bool:
    places = min(places_of(left), places_of(right))
    return rounded(left, places) == rounded(right, places)


def _equivalent_quantities(left: Measurement | None, right: Measurement | None, ucum: Ucum | None) -> bool:
    """Compare in the unit of the operand whose last digit weighs more."""
    if left is None or right is None:
        return left is right
    if left.code == right.code and left.code is not None:
        return _same_to_the_lesser_precision(left.value, right.value)
    if left.code is None or right.code is None or ucum is None:
        return (left.unit, left.calendar) == (right.unit, right.calendar) and left.value == right.value
    step = ucum.canonical(Decimal(1).scaleb(-places_of(left.value)), left.code)
    other_step = ucum.canonical(Decimal(1).scaleb(-places_of(right.value)), right.code)
    if step is None or other_step is None or step.unit != other_step.unit:
        return False
    coarse, fine = (left, right) if step.value >= other_step.value else (right, left)
    converted = ucum.convert(fine.value, fine.code or "", coarse.code or "")
    if converted is None:
        return False
    places = places_of(coarse.value)
    return rounded(coarse.value, places) == rounded(converted, places)


def _equivalent_json(left: Json, right: Json) -> bool:
    """Compare complex values child by child."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equivalent_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and _pair_up(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _folded(left) == _folded(right)
    return type(left) is type(right) and bool(left == right)


def _pair_up(left: list[Json], right: list[Json]) -> bool:
    """Tell whether each value has a partner on the other side, in any order."""
    unpaired = list(right)
    for value in left:
        partner = next((i for i, other in enumerate(unpaired) if _equivalent_json(value, other)), None)
        if partner is None:
            return False
        del unpaired[partner]
    return True


def equivalent_collections(left: Items, right: Items, ucum: Ucum | None = None) -> bool:
    """Tell whether two collections have equivalent items, in any order; two empty ones are equivalent."""
    if len(left) != len(right):
        return False
    unpaired = list(right)
    for item in left:
        partner = next((i for i, other in enumerate(unpaired) if equivalent(item, other, ucum)), None)
        if partner is None:
            return False
        del unpaired[partner]
    return True
