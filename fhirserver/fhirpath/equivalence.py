"""When two items are equivalent: equal as far as case, white space, order and precision do not matter.

Spec: http://hl7.org/fhirpath/N1/#equivalence
"""

import re
from decimal import Decimal
from typing import Final

from fhirserver.fhirpath.equality import equal, item_measurement
from fhirserver.fhirpath.items import Item, Items, plain
from fhirserver.fhirpath.numbers import places_of, rounded
from fhirserver.fhirpath.quantity import Measurement, common_values
from fhirserver.fhirpath.types import DECIMAL, INTEGER, QUANTITY, STRING, SYSTEM_TYPES
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum

_NUMBERS: Final = frozenset({INTEGER, DECIMAL})
_WHITE_SPACE: Final = re.compile(r"\s")


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
    if QUANTITY in (kind, other_kind):
        return _equivalent_quantities(item_measurement(left), item_measurement(right), ucum)
    if kind is None and other_kind is None:
        return _equivalent_json(mine, other)
    return equal(left, right, ucum) is True


def _folded(text: str) -> str:
    """Ignore case and which white space character stands where there is one."""
    return _WHITE_SPACE.sub(" ", text.casefold())


def _same_to_the_lesser_precision(left: Decimal, right: Decimal) -> bool:
    """Round to the precision of the less precise; zeros at the end do not count as precision."""
    places = min(places_of(left.normalize()), places_of(right.normalize()))
    return rounded(left, places) == rounded(right, places)


def _equivalent_quantities(left: Measurement | None, right: Measurement | None, ucum: Ucum | None) -> bool:
    """Compare in the unit of the operand whose last digit weighs more; a calendar unit is its UCUM code."""
    if left is None or right is None:
        return left is right
    if left.nearest_code == right.nearest_code:
        return _same_to_the_lesser_precision(left.value, right.value)
    if left.calendar and right.calendar:
        return _equal_values(left, right, ucum)
    return ucum is not None and _equivalent_in_ucum(left, right, ucum)


def _equal_values(left: Measurement, right: Measurement, ucum: Ucum | None) -> bool:
    values = common_values(left, right, ucum)
    return values is not None and values[0] == values[1]


def _equivalent_in_ucum(left: Measurement, right: Measurement, ucum: Ucum) -> bool:
    step = ucum.canonical(Decimal(1).scaleb(-places_of(left.value)), left.nearest_code)
    other_step = ucum.canonical(Decimal(1).scaleb(-places_of(right.value)), right.nearest_code)
    if step is None or other_step is None or step.unit != other_step.unit:
        return False
    coarse, fine = (left, right) if step.value >= other_step.value else (right, left)
    converted = ucum.convert(fine.value, fine.nearest_code, coarse.nearest_code)
    places = places_of(coarse.value)
    return converted is not None and rounded(coarse.value, places) == rounded(converted, places)


def _equivalent_json(left: Json, right: Json) -> bool:
    """Compare complex values child by child."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equivalent_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and _pair_up(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _folded(left) == _folded(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return _same_to_the_lesser_precision(Decimal(left), Decimal(right))
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
