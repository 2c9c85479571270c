"""Filtering and projection. Spec: http://hl7.org/fhirpath/N1/#filtering-and-projection"""

from typing import Final

from fhirserver.fhirpath.criteria import filtered
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.equality import distinct
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.narrowing import narrow
from fhirserver.fhirpath.types import type_name

TABLE: Final = FunctionTable()


@TABLE.function("where", 1)
def where(call: Call) -> Compiled:
    """The items of which the criteria are true."""
    if not call.focus.types:
        return NOWHERE
    return filtered(call.focus, call.node.arguments[0], call.item_scope())


@TABLE.function("ofType", 1)
def of_type(call: Call) -> Compiled:
    """The items of a type."""
    return narrow(call.focus, type_name(call.node.arguments[0]), call.scope)


@TABLE.function("select", 1)
def select(call: Call) -> Compiled:
    """What the projection yields for each item, joined."""
    if not call.focus.types:
        return NOWHERE
    source, projection = call.focus.run, call.criteria(0)
    return Compiled(
        lambda frame, this: project(frame, source(frame, this), projection.run),
        projection.types,
        call.focus.many or projection.many,
    )


def project(frame: Frame, items: Items, projection: Run) -> Items:
    """Join the results of a projection over items."""
    frame.spend(len(items))
    outer, found = frame.index, []
    for frame.index, item in enumerate(items):
        found += projection(frame, [item])
    frame.index = outer
    frame.check_size(found)
    return found


@TABLE.function("repeat", 1)
def repeat(call: Call) -> Compiled:
    """What the projection yields for each item, and for each item so found, until nothing new is found."""
    types = call.focus.types
    if not types:
        return NOWHERE
    source, projection = call.focus.run, call.criteria(0)
    while not projection.types <= types:
        types |= projection.types
        projection = call.scope.within(types).compile(call.node.arguments[0])

    def run(frame: Frame, this: Items) -> Items:
        found: Items = []
        items = source(frame, this)
        while items:
            before = len(found)
            found = distinct(found + project(frame, items, projection.run), frame.environment.ucum)
            frame.check_size(found)
            items = found[before:]
        return found

    return Compiled(run, projection.types)
