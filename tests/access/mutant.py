"""One filter less: a single call of the access layer is taken out of a running function, for the mutation run.

A site is one call, in the repository, that keeps something from a caller. Taken away means: a plan becomes ALL, a check
lets through, a version leaves as it is.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = "fhirserver/repository"

_ARGUMENT: Final[Mapping[str, int | str | None]] = {
    # what a call is replaced by: one of its arguments, by its place; the text of an expression; None: nothing
    "within_access": "anchored(_0, all_of(*_2))",
    "filter": "ALL",
    "require": None,
    "require_search": None,
    "require_history": None,
    "check_kind": None,
    "check_state": None,
    "check_may_name": None,
    "check_may_explain": None,
    "check_admin": None,
    "there": 0,
    "permitted": 0,
    "plan": 0,
    "shown_key": 1,
    "masked": 0,
    "without": 0,
    "restored": 0,
    "visible": 2,
    "readable": 1,
    "seen_now": 0,
}
_METHODS_OF: Final = {"filter": ("access", "_access"), "plan": ("hiding", "_hiding"), "seen_now": ("histories",)}
"""Of which objects a method counts."""


@dataclass(frozen=True)
class Site:
    """A call: the module, where it stands, its name."""

    path: str
    line: int
    column: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}:{self.name}"


def sites() -> list[Site]:
    """List the calls that keep something from a caller."""
    found = []
    for path in sorted((ROOT / FOLDER).glob("*.py")):
        tree = ast.parse(path.read_text())
        name = str(path.relative_to(ROOT))
        found += [Site(name, node.lineno, node.col_offset, _name(node)) for node in _calls(tree)]
    return found


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in _ARGUMENT and _is_of_access(node):
            yield node


def _name(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_of_access(node: ast.Call) -> bool:
    """Tell a method of the access layer from another of the same name."""
    owners = _METHODS_OF.get(_name(node))
    if owners is None:
        return True
    match node.func:
        case ast.Attribute(value=ast.Name(id=owner)) | ast.Attribute(value=ast.Attribute(attr=owner)):
            return owner in owners
        case _:
            return False


class _Taking(ast.NodeTransformer):
    """Takes one call away."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def visit_Await(self, node: ast.Await) -> ast.AST:
        inner = self.visit(node.value)
        return node if inner is node.value else inner

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if (node.lineno, node.col_offset, _name(node)) != (self._site.line, self._site.column, self._site.name):
            return node
        return ast.copy_location(_replacement(node), node)


def _replacement(node: ast.Call) -> ast.expr:
    wanted = _ARGUMENT[_name(node)]
    match wanted:
        case None:
            return ast.Constant(None)
        case int():
            return node.args[wanted]
        case "ALL":
            return _expression("__import__('fhirserver.search.plan', fromlist=['ALL']).ALL", {})
        case _:
            planning = "__import__('fhirserver.repository.planning', fromlist=['anchored'])"
            return _expression(
                f"{planning}.anchored(_1, {planning}.all_of(*_2))", {"_1": node.args[1], "_2": node.args[2]}
            )


def _expression(text: str, given: Mapping[str, ast.expr]) -> ast.expr:
    class Filling(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return given.get(node.id, node)

    expression = ast.parse(text, mode="eval").body
    filled: ast.expr = Filling().visit(expression)
    return filled


@contextmanager
def without(site: Site) -> Iterator[None]:
    """Run the functions of a module without one of its calls."""
    module = sys.modules[site.path.removesuffix(".py").replace("/", ".")]
    tree = _Taking(site).visit(ast.parse((ROOT / site.path).read_text()))
    changed = dict(_codes(compile(ast.fix_missing_locations(tree), str(ROOT / site.path), "exec")))
    replaced: list[tuple[FunctionType, CodeType]] = []
    try:
        for function in _functions(vars(module), module.__name__):
            code = changed.get(function.__qualname__)
            if code is not None and _differ(code, function.__code__):
                replaced.append((function, function.__code__))
                function.__code__ = code
        if not replaced:
            raise LookupError(f"{site} is in no function that can be changed")
        yield
    finally:
        for function, code in replaced:
            function.__code__ = code


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Yield the functions of a module and of its classes, by their qualified names."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname, constant
            yield from _codes(constant)


def _functions(names: Mapping[str, Any], module: str) -> Iterator[FunctionType]:
    for value in list(names.values()):
        if isinstance(value, FunctionType) and value.__module__ == module:
            yield value
        elif isinstance(value, property) and isinstance(value.fget, FunctionType):
            yield value.fget
        elif isinstance(value, type) and value.__module__ == module:
            yield from _functions(vars(value), module)


def _differ(one: CodeType, other: CodeType) -> bool:
    return (one.co_code, one.co_consts, one.co_names) != (other.co_code, other.co_consts, other.co_names)
