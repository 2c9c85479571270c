"""What can be told of an invariant without running it: mostly its elements are absent, or plainly there.

From the tree of an expression come two tests of the object it is about: one that is true only where the expression
is certainly true, one only where it is certainly false. Where neither is, it has to run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from fhirserver.fhirpath.ast import (
    Binary,
    Chain,
    Constant,
    Function,
    Identifier,
    Indexer,
    Invocation,
    Node,
    TypeOperation,
)
from fhirserver.kernel.resource import Resource

Test: TypeAlias = Callable[[Resource], bool]
Keys: TypeAlias = Mapping[str, frozenset[str]]
"""The JSON properties of each element, those with an underscore included."""


@dataclass(frozen=True, slots=True)
class Certainty:
    """The two tests; None: it can never be told."""

    true: Test | None = None
    false: Test | None = None
    triggers: frozenset[str] | None = None
    """Properties without any of which it is true; None: there are no such."""


_UNKNOWN: Final = Certainty()


def certainty_of(node: Node, keys: Keys) -> Certainty:
    """Find out what can be told of an expression over an object with these elements."""
    match node:
        case Chain("or", operands):
            return _any([certainty_of(each, keys) for each in operands])
        case Chain("and", operands):
            return _all([certainty_of(each, keys) for each in operands])
        case Binary("implies", left, right):
            return _any([_not(certainty_of(left, keys)), certainty_of(right, keys)])
        case Binary("=", Identifier(name), Constant(str(text))):
            return _equal(name, text, keys)
        case Invocation(target, Function("not", ())):
            return _not(certainty_of(target, keys))
        case Invocation(target, Function(name, arguments)):
            return _called(target, name, len(arguments), keys)
        case _:
            return _UNKNOWN


def _called(target: Node, name: str, given: int, keys: Keys) -> Certainty:
    head = _head(target)
    names = keys.get(head) if head is not None else None
    if names is None:
        return _UNKNOWN
    absent = _absent(names)
    if name in ("empty", "all"):
        is_whole = name == "empty" and isinstance(target, Identifier)
        return Certainty(absent, _present(names) if is_whole else None, names)
    if name in ("exists", "hasValue"):
        is_whole = isinstance(target, Identifier) and not given and name == "exists"
        return Certainty(_present(names) if is_whole else None, absent)
    return _UNKNOWN


def _head(node: Node) -> str | None:
    """Return the element that a path starts with: without it, the path leads nowhere."""
    match node:
        case Identifier(name):
            return name
        case Invocation(target, Identifier()) | Indexer(target, _):
            return _head(target)
        case Invocation(target, Function("where" | "ofType" | "as" | "first" | "select" | "extension", _)):
            return _head(target)
        case _:
            return None


def _absent(names: frozenset[str]) -> Test:
    if len(names) == 1:
        (name,) = names
        return lambda value: name not in value
    return names.isdisjoint


def _present(names: frozenset[str]) -> Test:
    return lambda value: not names.isdisjoint(value)


def _equal(name: str, text: str, keys: Keys) -> Certainty:
    if name not in keys:
        return _UNKNOWN
    return Certainty(
        lambda value: value.get(name) == text,
        lambda value: type(found := value.get(name)) is str and found != text,
    )


def _not(one: Certainty) -> Certainty:
    return Certainty(one.false, one.true)


def _any(parts: list[Certainty]) -> Certainty:
    true = [each.true for each in parts if each.true is not None]
    false = [each.false for each in parts if each.false is not None]
    triggers = [each.triggers for each in parts if each.triggers is not None]
    return Certainty(
        _one_of(true), _each_of(false) if len(false) == len(parts) else None, triggers[0] if triggers else None
    )


def _all(parts: list[Certainty]) -> Certainty:
    true = [each.true for each in parts if each.true is not None]
    false = [each.false for each in parts if each.false is not None]
    triggers = [each.triggers for each in parts if each.triggers is not None]
    return Certainty(
        _each_of(true) if len(true) == len(parts) else None,
        _one_of(false),
        frozenset().union(*triggers) if len(triggers) == len(parts) else None,
    )


def _one_of(tests: list[Test]) -> Test | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) or second(value)
    return lambda value: any(test(value) for test in tests)


def _each_of(tests: list[Test]) -> Test | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in tests)


def heads_of(node: Node, keys: Keys) -> list[frozenset[str]]:
    """Return the properties of each element that the paths of an expression start with."""
    match node:
        case Identifier(name):
            return [keys[name]] if name in keys else []
        case Chain(_, operands):
            return [one for each in operands for one in heads_of(each, keys)]
        case Binary(_, left, right):
            return [*heads_of(left, keys), *heads_of(right, keys)]
        case Invocation(target, _) | Indexer(target, _) | TypeOperation(_, target, _):
            return heads_of(target, keys)
        case _:
            return []
