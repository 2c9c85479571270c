"""FHIR's own functions that look at extensions and references.

Spec: http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from typing import Final

from fhirserver.fhirpath.ast import Binary, Function, Identifier
from fhirserver.fhirpath.criteria import filtered
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE
from fhirserver.fhirpath.references import resolve as resolve_reference
from fhirserver.fhirpath.types import ANYTHING

TABLE: Final = FunctionTable()


@TABLE.function("extension", 1)
def extension(call: Call) -> Compiled:
    """The extensions with a url: short for ``extension.where(url = ...)``."""
    extensions = call.scope.extend(call.focus, "extension")
    if extensions is NOWHERE:
        return NOWHERE
    criteria = Binary("=", Identifier("url"), call.node.arguments[0])
    return filtered(extensions, criteria, call.scope.within(extensions.types))


@TABLE.function("hasExtension", 1)
def has_extension(call: Call) -> Compiled:
    """True when there is an extension with a url (used by R4's QuestionnaireResponse-item-subject)."""
    run = extension(Call(call.scope, call.focus, Function("extension", call.node.arguments))).run
    return boolean_result(lambda frame, this: [TRUE] if run(frame, this) else [FALSE])


@TABLE.function("resolve")
def resolve(call: Call) -> Compiled:
    """The resources that references point to; those that cannot be found are left out."""
    run = call.focus.run
    if not call.focus.types:
        return NOWHERE
    return Compiled(
        lambda frame, this: [
            found for _, value in run(frame, this) if (found := resolve_reference(value, frame)) is not None
        ],
        ANYTHING,
        call.focus.many,
    )
