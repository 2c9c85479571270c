"""Types as functions: the forms of ``is`` and ``as`` that older expressions use.

Spec: http://hl7.org/fhirpath/N1/#types
"""

from typing import Final

from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.narrowing import narrow_one
from fhirserver.fhirpath.operators.types import type_test
from fhirserver.fhirpath.types import type_name

TABLE: Final = FunctionTable()


@TABLE.function("as", 1)
def as_(call: Call) -> Compiled:
    """The item if it is of a type."""
    return narrow_one(call.focus, type_name(call.node.arguments[0]), call.scope)


@TABLE.function("is", 1)
def is_(call: Call) -> Compiled:
    """True when the item is of a type or of one that derives from it."""
    return type_test(call.focus, type_name(call.node.arguments[0]), call.scope)
