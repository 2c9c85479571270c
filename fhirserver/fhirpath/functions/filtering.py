"""Filtering and projection. Spec: http://hl7.org/fhirpath/N1/#filtering-and-projection"""

from typing import Final

from fhirserver.fhirpath.criteria import filtered
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.equality import Seen
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
    outer, found = frame.index, []
    for position, item in frame.visit(items):
        frame.index = position
        found += projection(frame, [item])
        frame.check_size(found)
    frame.index = outer
    return found


@TABLE.function("repeat", 1)
def repeat(call: Call) -> Compiled:
    """What the projection yields for each item, and for each item so found, until nothing new is found."""
    if not call.focus.types:
        return NOWHERE
    projection = _repeated(call)

    def run(frame: Frame, this: Items) -> Items:
        found, seen = [], Seen(frame.environment.ucum)
        items = call.focus.run(frame, this)
        while items:
            items = [item for item in project(frame, items, projection.run) if seen.is_new(item)]
            found += items
            frame.check_size(found)
        return found

    return Compiled(run, projection.types)


@TABLE.function("repeatAll", 1)
def repeat_all(call: Call) -> Compiled:
    """What the projection yields for each item, and for each item so found, equal ones included.

    Not in N1; from the draft of the next release.
    """
    if not call.focus.types:
        return NOWHERE
    projection = _repeated(call)

    def run(frame: Frame, this: Items) -> Items:
        found: Items = []
        items = call.focus.run(frame, this)
        while items:
            items = project(frame, items, projection.run)
            found += items
            frame.check_size(found)
        return found

    return Compiled(run, projection.types)


def _repeated(call: Call) -> Compiled:
    """Compile the projection for the types of the focus and of what it yields itself."""
    types, notes = call.focus.types, call.scope.notes
    mark = notes.mark()
    projection = call.criteria(0)
    while not projection.types <= types:
        types |= projection.types
        notes.forget_since(mark)
        projection = call.scope.within(types).compile(call.node.arguments[0])
    return projection
