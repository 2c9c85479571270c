"""Combining. Spec: http://hl7.org/fhirpath/N1/#combining"""

from typing import Final

from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.unions import union_of

TABLE: Final = FunctionTable()


@TABLE.function("union", 1)
def union(call: Call) -> Compiled:
    """The items of both collections, each once."""
    return union_of([compiled for compiled in (call.focus, call.argument(0)) if compiled.types])


@TABLE.function("combine", 1)
def combine(call: Call) -> Compiled:
    """The items of both collections."""
    mine, other = call.focus, call.argument(0)

    def run(frame: Frame, this: Items) -> Items:
        found = mine.run(frame, this) + other.run(frame, this)
        frame.check_size(found)
        frame.spend(len(found))
        return found

    return Compiled(run, mine.types | other.types)
