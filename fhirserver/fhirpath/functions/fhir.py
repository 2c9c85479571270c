"""FHIR's own functions: extensions, references, values, narratives.

Spec: http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from typing import Final

from fhirserver.fhirpath.ast import Binary, Function, Identifier
from fhirserver.fhirpath.criteria import filtered
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, Items, boolean, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.references import resolve as resolve_reference
from fhirserver.fhirpath.types import ANYTHING, QUANTITY, STRING, SYSTEM, SYSTEM_TYPES, is_primitive

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


@TABLE.function("hasValue")
def has_value(call: Call) -> Compiled:
    """True when there is one primitive and it has a value, not only extensions."""
    run, definitions = call.focus.run, call.scope.definitions

    def test(frame: Frame, this: Items) -> Items:
        items = run(frame, this)
        if len(items) != 1 or plain(items[0][1]) is None:
            return [FALSE]
        name = items[0][0]
        if name.startswith(SYSTEM):
            return [TRUE] if name in SYSTEM_TYPES and name != QUANTITY else [FALSE]
        return [TRUE] if is_primitive(name, definitions) else [FALSE]

    return boolean_result(test)


@TABLE.function("getValue")
def get_value(call: Call) -> Compiled:
    """The System value of the only item, where that is a primitive; else nothing."""
    source = call.focus.run

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        if len(items) != 1:
            return []
        kind, value = SYSTEM_TYPES.get(items[0][0]), plain(items[0][1])
        return [] if kind is None or value is None or kind == QUANTITY else [(kind, value)]

    return Compiled(run, ANYTHING, many=False)


@TABLE.function("htmlChecks")
def html_checks(call: Call) -> Compiled:
    """True when a narrative's XHTML keeps to the rules; empty for anything else."""
    source = call.focus.run

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        if len(items) != 1 or items[0][0] != "xhtml" or plain(items[0][1]) is None:
            return []
        markup = frame.environment.markup
        if markup is None:
            raise FhirPathExecutionError(
                "`htmlChecks()` is not known here: the environment has no rules of narratives."
            )
        return boolean(markup.is_safe(plain(items[0][1])))

    return boolean_result(run)


@TABLE.function("checkModifiers", 0, 99)
def check_modifiers(call: Call) -> Compiled:
    """The items themselves; an error when one has a modifier extension that is not among the given ones."""
    source, arguments = call.focus.run, [call.argument(i).run for i in range(len(call))]

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        known = {value_of(argument(frame, this), STRING) for argument in arguments}
        for _, value in items:
            extensions = value.get("modifierExtension", ()) if isinstance(value, dict) else ()
            if any(extension.get("url") not in known for extension in extensions):
                raise FhirPathExecutionError("An element has a modifier extension that the expression does not know.")
        return items

    return Compiled(run, call.focus.types, call.focus.many)
