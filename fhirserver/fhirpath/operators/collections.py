"""Union, membership and the indexer. Spec: http://hl7.org/fhirpath/N1/#collections-2"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.ast import Constant, Indexer, Node
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.equality import contains as contains_equal
from fhirserver.fhirpath.equality import distinct, distinct_complex
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import NOWHERE, Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import Items, boolean, only, plain
from fhirserver.fhirpath.types import SYSTEM_TYPES, Types, is_open
from fhirserver.ucum import Ucum

TABLE: Final = OperatorTable()


@TABLE.operator("|")
def union(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The items of all operands, each once; operands that lead nowhere for this input type are left out."""
    compiled = [found for operand in operands if (found := scope.compile(operand)).types]
    return union_of(compiled)


def union_of(operands: list[Compiled]) -> Compiled:
    """Join compiled operands."""
    if not operands:
        return NOWHERE
    first = operands[0]
    if len(operands) == 1:
        return first if not first.many else Compiled(_distinct(first), first.types, is_pure=first.is_pure)
    types = frozenset().union(*(operand.types for operand in operands))
    is_pure = all(operand.is_pure for operand in operands)
    return Compiled(_joined([operand.run for operand in operands], _remover(types)), types, is_pure=is_pure)


def _remover(types: Types) -> Callable[[Items, Ucum | None], Items]:
    return distinct if any(name in SYSTEM_TYPES or is_open(name) for name in types) else distinct_complex


def _distinct(operand: Compiled) -> Run:
    source, without_duplicates = operand.run, _remover(operand.types)

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        return without_duplicates(items, frame.environment.ucum) if len(items) > 1 else items

    return run


def _joined(runs: list[Run], without_duplicates: Callable[[Items, Ucum | None], Items]) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        items: Items = []
        for each in runs:
            items += each(frame, this)
        return without_duplicates(items, frame.environment.ucum) if len(items) > 1 else items

    return run


@TABLE.operator("in")
def in_(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """Whether an item is in a collection."""
    item, items = operands
    return _membership(scope.compile(item).run, scope.compile(items).run)


@TABLE.operator("contains")
def contains(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """Whether a collection has an item."""
    items, item = operands
    return _membership(scope.compile(item).run, scope.compile(items).run)


def _membership(item: Run, items: Run) -> Compiled:
    def run(frame: Frame, this: Items) -> Items:
        wanted = only(item(frame, this))
        return [] if wanted is None else boolean(contains_equal(items(frame, this), wanted, frame.environment.ucum))

    return boolean_result(run)


def indexed(node: Indexer, scope: Scope) -> Compiled:
    """Compile ``target[index]``, which counts from 0."""
    target = scope.compile(node.target)
    source = target.run
    if isinstance(node.index, Constant) and type(node.index.value) is int:
        at = node.index.value
        return Compiled(
            lambda frame, this: source(frame, this)[at : at + 1], target.types, many=False, is_pure=target.is_pure
        )
    return Compiled(_at(source, scope.compile(node.index).run), target.types, many=False)


def _at(source: Run, index: Run) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        position = only(index(frame, this))
        if position is None:
            return []
        at = plain(position[1])
        if type(at) is not int:
            raise FhirPathExecutionError("An index must be an integer.")
        return source(frame, this)[at : at + 1] if at >= 0 else []

    return run
