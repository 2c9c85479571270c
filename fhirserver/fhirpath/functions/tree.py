"""Tree navigation. Spec: http://hl7.org/fhirpath/N1/#tree-navigation"""

from typing import Final

from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.lowering import ChildTable, child_items
from fhirserver.fhirpath.types import ANYTHING

TABLE: Final = FunctionTable()


@TABLE.function("children")
def children(call: Call) -> Compiled:
    """The elements of the items."""
    source, table = call.focus.run, ChildTable(call.scope.definitions)
    return Compiled(lambda frame, this: _children(frame, source(frame, this), table), ANYTHING)


@TABLE.function("descendants")
def descendants(call: Call) -> Compiled:
    """The elements of the items at every depth, equal ones included."""
    source, table = call.focus.run, ChildTable(call.scope.definitions)

    def run(frame: Frame, this: Items) -> Items:
        found: Items = []
        items = source(frame, this)
        while items:
            items = _children(frame, items, table)
            found += items
            frame.check_size(found)
        return found

    return Compiled(run, ANYTHING)


def _children(frame: Frame, items: Items, table: ChildTable) -> Items:
    frame.spend(len(items))
    return [child for name, value in items for child in child_items(name, value, table)]
