"""Union, membership and the indexer. Spec: http://hl7.org/fhirpath/N1/#collections-2"""

from typing import Final

from fhirserver.fhirpath.ast import Constant, Indexer, Node
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.equality import contains as contains_equal
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import Items, boolean, only, plain
from fhirserver.fhirpath.unions import union_of

TABLE: Final = OperatorTable()


@TABLE.operator("|")
def union(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The items of all operands, each once; operands that lead nowhere for this input type are left out."""
    compiled = [found for operand in operands if (found := scope.compile(operand)).types]
    return union_of(compiled)


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
        if wanted is None:
            return []
        others = items(frame, this)
        frame.spend(len(others))
        return boolean(contains_equal(others, wanted, frame.environment.ucum))

    return boolean_result(run)


def indexed(node: Indexer, scope: Scope) -> Compiled:
    """Compile ``target[index]``, which counts from 0."""
    target = scope.compile(node.target)
    source = target.run
    if isinstance(node.index, Constant) and type(node.index.value) is int:
        run = _fixed(source, node.index.value)
        return Compiled(run, target.types, many=False, is_pure=target.is_pure, defines=target.defines)
    position = scope.compile(node.index).run
    return Compiled(_at(source, position), target.types, many=False, defines=target.defines)


def _fixed(source: Run, at: int) -> Run:
    return lambda frame, this: source(frame, this)[at : at + 1]


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
