"""Subsetting. Spec: http://hl7.org/fhirpath/N1/#subsetting"""

from typing import Final

from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import only

TABLE: Final = FunctionTable()


@TABLE.function("first")
def first(call: Call) -> Compiled:
    """The first item."""
    run = call.focus.run
    return Compiled(lambda frame, this: run(frame, this)[:1], call.focus.types, many=False)


@TABLE.function("last")
def last(call: Call) -> Compiled:
    """The last item."""
    run = call.focus.run
    return Compiled(lambda frame, this: run(frame, this)[-1:], call.focus.types, many=False)


@TABLE.function("single")
def single(call: Call) -> Compiled:
    """The only item; an error when there are more."""
    run = call.focus.run
    return Compiled(
        lambda frame, this: [item] if (item := only(run(frame, this))) else [], call.focus.types, many=False
    )
