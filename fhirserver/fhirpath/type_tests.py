"""``is``, and what ``resolve() is Patient`` makes of it. Spec: http://hl7.org/fhirpath/N1/#types"""

from fhirserver.fhirpath.ast import Function, Invocation, Node, TypeName
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Compiled, Rules, Scope, boolean_result
from fhirserver.fhirpath.items import Items, boolean, only
from fhirserver.fhirpath.narrowing import narrow_one
from fhirserver.fhirpath.references import referenced_type
from fhirserver.fhirpath.types import resolve_type


def is_operation(operand: Node, specifier: TypeName, scope: Scope) -> Compiled:
    """Compile ``operand is specifier``: a reference's type is known without the resource it points to."""
    match operand:
        case Function("resolve", ()):
            return reference_test(scope.start(), specifier, scope)
        case Invocation(target, Function("resolve", ())):
            return reference_test(scope.compile(target), specifier, scope)
        case _:
            return type_test(scope.compile(operand), specifier, scope)


def as_operation(operand: Node, specifier: TypeName, scope: Scope) -> Compiled:
    """Compile ``operand as specifier``."""
    return narrow_one(scope.compile(operand), specifier, scope)


def type_test(focus: Compiled, specifier: TypeName, scope: Scope) -> Compiled:
    """Test the only item's type; empty when there is no item."""
    wanted = resolve_type(specifier, scope.definitions, wrong_case=scope.rules is Rules.R4)
    run = focus.run

    def test(frame: Frame, this: Items) -> Items:
        item = only(run(frame, this))
        return [] if item is None else boolean(wanted.is_satisfied_by(item[0]))

    return boolean_result(test)


def reference_test(focus: Compiled, specifier: TypeName, scope: Scope) -> Compiled:
    """Test the type of what the only item refers to; empty when that is not known."""
    wanted, run, definitions = resolve_type(specifier, scope.definitions), focus.run, scope.definitions

    def test(frame: Frame, this: Items) -> Items:
        item = only(run(frame, this))
        found = None if item is None else referenced_type(item[1], frame, definitions)
        return [] if found is None else boolean(wanted.is_satisfied_by(found))

    return boolean_result(test)
