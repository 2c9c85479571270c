"""FHIR's own functions: extensions, references, values, profiles, terminology.

Spec: http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from typing import Final

from fhirserver.fhirpath.ast import Binary, Function, Identifier
from fhirserver.fhirpath.criteria import filtered
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, Item, Items, boolean, only, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.references import resolve as resolve_reference
from fhirserver.fhirpath.types import ANYTHING, QUANTITY, STRING, SYSTEM, SYSTEM_TYPES, is_primitive

TABLE: Final = FunctionTable()
_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"


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
        return [TRUE] if name.startswith(SYSTEM) or is_primitive(name, definitions) else [FALSE]

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


@TABLE.function("conformsTo", 1)
def conforms_to(call: Call) -> Compiled:
    """True when the item is valid against a profile; a base type's own profile is decided without validation."""
    source, argument, definitions = call.focus.run, call.argument(0).run, call.scope.definitions

    def run(frame: Frame, this: Items) -> Items:
        item, profile = only(source(frame, this)), value_of(argument(frame, this), STRING)
        if item is None or profile is None:
            return []
        name = profile.removeprefix(_DEFINITIONS)
        if name != profile and definitions.has_type(name):
            return boolean(definitions.is_subtype(item[0], name))
        checker = frame.environment.conformance
        verdict = None if checker is None else checker.conforms(item[1], profile)
        if verdict is None:
            raise FhirPathExecutionError("The profile of `conformsTo()` is not known.")
        return boolean(verdict)

    return boolean_result(run)


@TABLE.function("memberOf", 1)
def member_of(call: Call) -> Compiled:
    """True when a code, Coding or CodeableConcept is in a value set; empty when that is not known."""
    source, argument = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        item, value_set = only(source(frame, this)), value_of(argument(frame, this), STRING)
        if item is None or value_set is None:
            return []
        terminology = frame.environment.terminology
        if terminology is None:
            raise FhirPathExecutionError("`memberOf()` is not known here: the environment has no terminology.")
        verdicts = [terminology.is_member(system, code, value_set) for system, code in _codings(item)]
        return boolean(True if True in verdicts else None if None in verdicts else False)

    return boolean_result(run)


def _codings(item: Item) -> list[tuple[str | None, str]]:
    value = plain(item[1])
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return []
    codings = value.get("coding", ()) if item[0] == "CodeableConcept" else (value,)
    return [(coding.get("system"), coding["code"]) for coding in codings if "code" in coding]
