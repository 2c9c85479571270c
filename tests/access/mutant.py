"""One filter less: a single call of the access layer is taken out of a running function, for the mutation run.

A site is one call, in the repository or the rules of access, that keeps something from a caller. Taken away means: a
plan becomes ALL, a check lets through, a version leaves as it is.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parents[2]

Taken: TypeAlias = int | str | None
"""What a call is replaced by: one of its arguments, by its place; the text of an expression; None: nothing."""
_EVERYTHING: Final = "__import__('fhirserver.search.plan', fromlist=['ALL']).ALL"
_NO_ELEMENTS: Final = "frozenset()"
_PLANNING: Final[Mapping[str, ast.expr]] = {
    name: ast.parse(f"__import__('fhirserver.repository.planning', fromlist=['{name}']).{name}", mode="eval").body
    for name in ("anchored", "all_of")
}
_SITES: Final[Mapping[str, Mapping[str, Taken]]] = {
    "fhirserver/repository": {
        "within_access": "anchored(_1, all_of(*_2))",
        "filter": _EVERYTHING,
        "require": None,
        "require_search": None,
        "require_history": None,
        "check_kind": None,
        "check_state": None,
        "check_may_name": None,
        "check_may_explain": None,
        "check_may_see": None,
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
    },
    "fhirserver/access": {
        "plan": _EVERYTHING,
        "filter": _EVERYTHING,
        "allows": "True",
        "kept": _NO_ELEMENTS,
        "mask": None,
        "criteria": _EVERYTHING,
        "recent": _EVERYTHING,
        "released": _EVERYTHING,
        "labels": _EVERYTHING,
        "of_no_others": _EVERYTHING,
        "condition": _EVERYTHING,
        "_attached": _EVERYTHING,
        "_limit": _EVERYTHING,
        "_except": _EVERYTHING,
        "OnlyPatients": _EVERYTHING,
        "patient_plan": _EVERYTHING,
        "criteria_plan": _EVERYTHING,
        "_sees_every_patient": "True",
        "has_broad": "True",
        "hides": "False",
        "_hides_item": "False",
        "_words": 0,
        "shown": 0,
    },
}
_OF_MODULES: Final[Mapping[str, Mapping[str, Taken]]] = {"fhirserver/access/hiding.py": {"plan": 0}}
"""What is different in a module: here a plan without what is masked is made of another."""
_METHODS_OF: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "fhirserver/repository": {
        "filter": ("access", "_access"),
        "plan": ("hiding", "_hiding"),
        "seen_now": ("histories",),
    },
    "fhirserver/access": {
        "plan": ("scopes", "records", "self"),
        "filter": ("rules",),
        "allows": ("rules", "self"),
        "mask": ("rules",),
        "shown": ("self",),
        "condition": ("judge",),
    },
}
"""Of which objects a method counts."""
_MODULES: Final = frozenset({"granted", "site_rules", "record_rules", "compartments", "hiding", "scopes"})
"""Of the rules of access, those that make plans of them."""


@dataclass(frozen=True)
class Site:
    """A call: the module, where it stands, its name; ``place`` names it whatever lines come before it."""

    path: str
    line: int
    column: int
    name: str
    place: str

    def __str__(self) -> str:
        return f"{self.place} (line {self.line})"


def sites() -> list[Site]:
    """List the calls that keep something from a caller."""
    return [site for folder in _SITES for path in sorted((ROOT / folder).glob("*.py")) for site in _sites_of(path)]


def _sites_of(path: Path) -> Iterator[Site]:
    name = str(path.relative_to(ROOT))
    if name.startswith("fhirserver/access/") and path.stem not in _MODULES:
        return
    seen = Counter[str]()
    for function, node in _calls(ast.parse(path.read_text()), name.rpartition("/")[0]):
        place = f"{name}:{function}:{_name(node)}"
        seen[place] += 1
        number = f"#{seen[place]}" if seen[place] > 1 else ""
        yield Site(name, node.lineno, node.col_offset, _name(node), place + number)


def _calls(tree: ast.AST, folder: str, within: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls that count, each with the function it stands in, in the order of the text."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and within and _name(node) in _SITES[folder] and _counts(node, folder):
            yield ".".join(within), node
        is_named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield from _calls(node, folder, (*within, node.name) if is_named else within)  # type: ignore[attr-defined]


def _name(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _counts(node: ast.Call, folder: str) -> bool:
    """Tell a method of the access layer from another of the same name."""
    owners = _METHODS_OF[folder].get(_name(node))
    if owners is None:
        return True
    match node.func:
        case ast.Attribute(value=ast.Name(id=owner)) | ast.Attribute(value=ast.Attribute(attr=owner)):
            return owner in owners
        case ast.Attribute(value=ast.Call() as made):
            return _name(made) in owners
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
        return ast.copy_location(_replacement(node, self._site.path), node)


def _replacement(node: ast.Call, path: str) -> ast.expr:
    wanted = _OF_MODULES.get(path, {}).get(_name(node), _SITES[path.rpartition("/")[0]][_name(node)])
    match wanted:
        case None:
            return ast.Constant(None)
        case int():
            return node.args[wanted]
        case _ if _name(node) == "within_access":
            return _expression(wanted, {"_1": node.args[1], "_2": node.args[2], **_PLANNING})
        case _:
            return _expression(wanted, {})


def _expression(text: str, given: Mapping[str, ast.expr]) -> ast.expr:
    class Filling(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return given.get(node.id, node)

    expression = ast.parse(text, mode="eval").body
    filled: ast.expr = Filling().visit(expression)
    return filled


def taken_from(site: Site) -> ast.Module:
    """Return a module without one of its calls."""
    tree: ast.Module = _Taking(site).visit(ast.parse((ROOT / site.path).read_text()))
    return ast.fix_missing_locations(tree)


@contextmanager
def without(site: Site) -> Iterator[None]:
    """Run the functions of a module without one of its calls."""
    module = sys.modules[site.path.removesuffix(".py").replace("/", ".")]
    changed = dict(_codes(compile(taken_from(site), str(ROOT / site.path), "exec")))
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
