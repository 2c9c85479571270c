"""Criteria of ``where``, ``exists`` and ``all``, compiled to filters of whole collections.

The criteria that search is made of (``system = 'phone'``, ``resolve() is Patient``) look at JSON values directly.
Spec: http://hl7.org/fhirpath/N1/#wherecriteria--expression--collection
"""

from collections.abc import Callable
from typing import TypeAlias

from fhirserver.fhirpath.ast import Binary, Chain, Constant, Function, Identifier, Node, TypeOperation
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.expression import Compiled, Scope
from fhirserver.fhirpath.items import Items, truth
from fhirserver.fhirpath.navigation import find_branches
from fhirserver.fhirpath.references import referenced_type
from fhirserver.fhirpath.types import STRING, SYSTEM_TYPES, TypeTest, resolve_type

Filter: TypeAlias = Callable[[Frame, Items], Items]


def compile_filter(criteria: Node, scope: Scope) -> Filter:
    """Compile criteria over items of the types of ``$this``: what is kept is what they are true of."""
    return _direct_filter(criteria, scope) or _general_filter(criteria, scope)


def filtered(focus: Compiled, criteria: Node, scope: Scope) -> Compiled:
    """Compile ``focus.where(criteria)``; ``scope`` is that of the items."""
    run, keep = focus.run, _direct_filter(criteria, scope)
    is_pure = focus.is_pure and keep is not None and not isinstance(criteria, TypeOperation)
    keep = keep or _general_filter(criteria, scope)
    return Compiled(_kept(run, keep), focus.types, focus.many, is_pure=is_pure)


def _kept(run: Run, keep: Filter) -> Run:
    return lambda frame, this: keep(frame, items) if (items := run(frame, this)) else items


def _direct_filter(criteria: Node, scope: Scope) -> Filter | None:
    match criteria:
        case Binary("=", Identifier(element), Constant(str(text))):
            return _element_equals(element, text, scope)
        case TypeOperation("is", Function("resolve", ()), specifier):
            return _refers_to(resolve_type(specifier, scope.definitions), scope)
        case Chain("and", operands):
            return _all_of([_direct_filter(operand, scope) for operand in operands])
        case _:
            return None


def _element_equals(element: str, text: str, scope: Scope) -> Filter | None:
    """Compare one string-like element of one complex type."""
    if len(scope.this) != 1:
        return None
    branches = find_branches(scope.definitions, next(iter(scope.this)), element)
    if len(branches) != 1 or branches[0].many or SYSTEM_TYPES.get(branches[0].type) != STRING:
        return None
    key = branches[0].key
    if next(iter(scope.this))[0].islower():
        return None  # the children of a primitive are not in its value
    return lambda frame, items: [item for item in items if item[1].get(key) == text]


def _refers_to(wanted: TypeTest, scope: Scope) -> Filter:
    definitions = scope.definitions

    def keep(frame: Frame, items: Items) -> Items:
        kept = []
        for item in items:
            found = referenced_type(item[1], frame, definitions)
            if found is not None and wanted.is_satisfied_by(found):
                kept.append(item)
        return kept

    return keep


def _all_of(filters: list[Filter | None]) -> Filter | None:
    direct = [each for each in filters if each is not None]
    if len(direct) < len(filters):
        return None

    def keep(frame: Frame, items: Items) -> Items:
        for each in direct:
            items = each(frame, items)
        return items

    return keep


def _general_filter(criteria: Node, scope: Scope) -> Filter:
    run = scope.compile(criteria).run

    def keep(frame: Frame, items: Items) -> Items:
        outer, kept = frame.index, []
        for position, item in frame.visit(items):
            frame.index = position
            if truth(run(frame, [item])):
                kept.append(item)
        frame.index = outer
        return kept

    return keep
