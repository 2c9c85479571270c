"""Files and functions stay small enough to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import fhirserver

PACKAGE = Path(fhirserver.__file__).parent
LONGEST_FILE = 400
LONGEST_FUNCTION = 40

# May only shrink. Place -> why it is as long as it is.
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_files() -> Iterator[tuple[str, int]]:
    for path in PACKAGE.rglob("*.py"):
        length = len(path.read_text().splitlines())
        if length > LONGEST_FILE:
            yield place_of(path), length


def long_functions() -> Iterator[tuple[str, int]]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function) and (length := length_of(node)) > LONGEST_FUNCTION:
                yield f"{place_of(path)}:{node.name}", length


def place_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def length_of(function: Function) -> int:
    """Count lines without the decorators and the docstring."""
    docstring = 0
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def test_no_file_is_longer_than_400_lines() -> None:
    assert {place: length for place, length in long_files() if place not in EXCEPTIONS} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    assert {place: length for place, length in long_functions() if place not in EXCEPTIONS} == {}


def test_every_exception_is_still_needed_and_has_a_reason() -> None:
    long = {place for place, _ in [*long_files(), *long_functions()]}
    assert {place for place in EXCEPTIONS if place not in long} == set()
    assert all(EXCEPTIONS.values())


def test_every_module_says_what_it_is() -> None:
    silent = [place_of(path) for path in PACKAGE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
