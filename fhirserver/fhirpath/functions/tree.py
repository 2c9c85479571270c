"""Tree navigation. Spec: http://hl7.org/fhirpath/N1/#tree-navigation"""

from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.lowering import child_items
from fhirserver.fhirpath.types import ANYTHING

TABLE: Final = FunctionTable()


@TABLE.function("children")
def children(call: Call) -> Compiled:
    """The elements of the items."""
    source, definitions = call.focus.run, call.scope.definitions
    return Compiled(lambda frame, this: _children(frame, source(frame, this), definitions), ANYTHING)


@TABLE.function("descendants")
def descendants(call: Call) -> Compiled:
    """The elements of the items at every depth, equal ones included."""
    source, definitions = call.focus.run, call.scope.definitions

    def run(frame: Frame, this: Items) -> Items:
        found: Items = []
        items = source(frame, this)
        while items:
            items = _children(frame, items, definitions)
            found += items
            frame.check_size(found)
        return found

    return Compiled(run, ANYTHING)


def _children(frame: Frame, items: Items, definitions: Definitions) -> Items:
    frame.spend(len(items))
    return [child for name, value in items for child in child_items(name, value, definitions)]
