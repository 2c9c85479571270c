"""What a value of limited precision may mean. Spec: http://build.fhir.org/ig/HL7/FHIRPath/#utility-functions

Not in N1; R4's test suite has these functions, and later invariants use them.
"""

from decimal import Decimal
from typing import Final

from fhirserver.fhirpath import calendar
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.equality import item_measurement
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, Item, Items, boolean, only, plain
from fhirserver.fhirpath.lifting import of_item
from fhirserver.fhirpath.numbers import boundary, places_of
from fhirserver.fhirpath.quantity import Measurement, common_values, measurement_of
from fhirserver.fhirpath.types import DATE, DATE_TIME, DECIMAL, INTEGER, QUANTITY, SYSTEM_TYPES, TIME

TABLE: Final = FunctionTable()
_PLACES: Final = 8
_RESULTS: Final = frozenset({DATE, DATE_TIME, TIME, DECIMAL, QUANTITY})


@of_item(TABLE, "lowBoundary", INTEGER, results=_RESULTS)
def low_boundary(item: Item, precision: int | None = None) -> Item | None:
    """The least value that the item may mean."""
    return _boundary(item, precision, -1)


@of_item(TABLE, "highBoundary", INTEGER, results=_RESULTS)
def high_boundary(item: Item, precision: int | None = None) -> Item | None:
    """The greatest value that the item may mean."""
    return _boundary(item, precision, 1)


def _boundary(item: Item, precision: int | None, direction: int) -> Item | None:
    kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if kind is None or value is None:
        return None
    if kind in (DATE, DATE_TIME, TIME):
        text = calendar.boundary(value, kind, precision, direction)
        return None if text is None else (kind, text)
    places = _PLACES if precision is None else precision
    if kind in (INTEGER, DECIMAL):
        found = boundary(Decimal(value), places, direction)
        return None if found is None else (DECIMAL, found)
    return _quantity_boundary(measurement_of(value), places, direction) if kind == QUANTITY else None


def _quantity_boundary(measurement: Measurement | None, places: int, direction: int) -> Item | None:
    found = None if measurement is None else boundary(measurement.value, places, direction)
    if measurement is None or found is None:
        return None
    return (QUANTITY, Measurement(found, measurement.unit, measurement.calendar))


@of_item(TABLE, "precision", results=frozenset({INTEGER}))
def precision(item: Item) -> Item | None:
    """How many digits of a date or time, or decimal places of a number, are given."""
    kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if kind in (INTEGER, DECIMAL):
        return (INTEGER, places_of(value))
    digits = calendar.precision(value, kind) if kind in (DATE, DATE_TIME, TIME) and value is not None else None
    return None if digits is None else (INTEGER, digits)


@TABLE.function("comparable", 1)
def comparable(call: Call) -> Compiled:
    """True when two quantities have commensurable units."""
    left, right = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        mine, other = only(left(frame, this)), only(right(frame, this))
        if mine is None or other is None:
            return []
        one, two = item_measurement(mine), item_measurement(other)
        if one is None or two is None:
            return [FALSE]
        return boolean(common_values(one, two, frame.environment.ucum) is not None)

    return boolean_result(run)
