"""Filtering and projection. Spec: http://hl7.org/fhirpath/N1/#filtering-and-projection"""

from typing import Final

from fhirserver.fhirpath.criteria import filtered
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionTable
from fhirserver.fhirpath.narrowing import narrow
from fhirserver.fhirpath.types import type_name

TABLE: Final = FunctionTable()


@TABLE.function("where", 1)
def where(call: Call) -> Compiled:
    """The items of which the criteria are true."""
    focus = call.focus
    if not focus.types:
        return NOWHERE
    return filtered(focus, call.node.arguments[0], call.item_scope())


@TABLE.function("ofType", 1)
def of_type(call: Call) -> Compiled:
    """The items of a type."""
    return narrow(call.focus, type_name(call.node.arguments[0]), call.scope)
