"""Existence. Spec: http://hl7.org/fhirpath/N1/#existence"""

from typing import Final

from fhirserver.fhirpath.criteria import compile_filter
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, truth

TABLE: Final = FunctionTable()


@TABLE.function("empty")
def empty(call: Call) -> Compiled:
    """True when there are no items."""
    run = call.focus.run
    return boolean_result(lambda frame, this: [FALSE] if run(frame, this) else [TRUE])


@TABLE.function("exists", 0, 1)
def exists(call: Call) -> Compiled:
    """True when there are items (that satisfy the criteria)."""
    run = call.focus.run
    if not len(call):
        return boolean_result(lambda frame, this: [TRUE] if run(frame, this) else [FALSE])
    keep = compile_filter(call.node.arguments[0], call.item_scope())
    return boolean_result(lambda frame, this: [TRUE] if keep(frame, run(frame, this)) else [FALSE])


@TABLE.function("not")
def not_(call: Call) -> Compiled:
    """The opposite of a boolean."""
    run = call.focus.run
    answers = {None: [], True: [FALSE], False: [TRUE]}
    return boolean_result(lambda frame, this: answers[truth(run(frame, this))])
