"""Types as functions: the forms of ``is`` and ``as`` that older expressions use.

Spec: http://hl7.org/fhirpath/N1/#types
"""

from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.narrowing import narrow_one
from fhirserver.fhirpath.navigation import TYPE_INFO
from fhirserver.fhirpath.type_tests import type_test
from fhirserver.fhirpath.types import SYSTEM, type_name

TABLE: Final = FunctionTable()


@TABLE.function("as", 1)
def as_(call: Call) -> Compiled:
    """The item if it is of a type."""
    return narrow_one(call.focus, type_name(call.node.arguments[0]), call.scope)


@TABLE.function("is", 1)
def is_(call: Call) -> Compiled:
    """True when the item is of a type or of one that derives from it."""
    return type_test(call.focus, type_name(call.node.arguments[0]), call.scope)


@TABLE.function("type")
def type_(call: Call) -> Compiled:
    """The namespace and name of the item's type."""
    run, definitions = call.focus.run, call.scope.definitions

    def reflect(frame: Frame, this: Items) -> Items:
        return [(TYPE_INFO, _type_info(name, definitions)) for name, _ in run(frame, this)]

    return Compiled(reflect, frozenset({TYPE_INFO}), call.focus.many)


def _type_info(name: str, definitions: Definitions) -> dict[str, str]:
    if name.startswith(SYSTEM):
        return {"namespace": "System", "name": name.removeprefix(SYSTEM)}
    backbone = definitions.type(name).base if "." in name else None
    return {"namespace": "FHIR", "name": backbone or name}
