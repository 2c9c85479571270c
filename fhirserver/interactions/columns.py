"""Columns of a resource as a line of CSV: each a FHIRPath expression on the type, or a path, which is one too.

Several values stand in one cell, separated by ``; ``. A cell that a spreadsheet would take for a formula begins with
an apostrophe. Spec: https://www.rfc-editor.org/rfc/rfc4180, https://owasp.org/www-community/attacks/CSV_Injection
"""

import re
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Final

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    Bounds,
    CompiledExpression,
    Environment,
    FhirPathError,
    FhirPathExecutionError,
    compile_fhirpath,
)
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.kernel.version import Version

MAX_COLUMNS: Final = 100
MAX_EXPRESSION: Final = 500
_FAILED: Final = "#ERROR"
"""In the cell of an expression that cannot be evaluated on a resource, or not within the time there is."""
_CELL: Final = Environment(bounds=Bounds(seconds=0.2))
_LINE_S: Final = 0.002
"""What the cells of a line may take on the average of many lines: fifty times what paths take."""
_SAVED_S: Final = 0.5
"""What they may take at once."""
_LONGEST_LINE: Final = 1_000_000
"""Characters of all values of a line."""
_QUOTED: Final = re.compile(r'[",\r\n]')
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+\-]?\d+)?")


class Columns:
    """What a line has, in order, for one answer: the time that all its cells may take is bounded."""

    def __init__(self, names: tuple[str, ...], expressions: tuple[CompiledExpression, ...]) -> None:
        """Write the values of ``expressions`` under ``names``."""
        self._names = names
        self._expressions = expressions
        self._left_s = _SAVED_S
        self._room = 0

    def header(self) -> bytes:
        """Write the first line."""
        return _row(self._names)

    def row(self, version: Version) -> bytes:
        """Write the line of a resource."""
        resource = parse_json(version.content or b"{}")
        self._left_s = min(self._left_s + _LINE_S, _SAVED_S)
        self._room = _LONGEST_LINE
        return _row([self._cell(expression, resource) for expression in self._expressions])

    def _cell(self, expression: CompiledExpression, resource: Json) -> str:
        if self._left_s < 0:
            return _FAILED
        started = perf_counter()
        try:
            return self._joined(value for _, value in expression.select(resource, _CELL))
        except FhirPathExecutionError:
            return _FAILED
        finally:
            self._left_s -= perf_counter() - started

    def _joined(self, values: Iterable[Json]) -> str:
        """Write values as one text, as long as there is room for them in the line."""
        texts = []
        for value in values:
            texts.append(_text(value))
            self._room -= len(texts[-1])
            if self._room < 0:
                return _FAILED
        return "; ".join(texts)


def read_columns(texts: Iterable[str], resource_type: str, definitions: Definitions) -> Columns:
    """Read the values of ``_columns``. Raises BadSearchValue."""
    names = tuple(name for text in texts for name in _split(text))
    if not 0 < len(names) <= MAX_COLUMNS:
        raise _refusal(f"There are 1 to {MAX_COLUMNS} columns.")
    return Columns(names, tuple(_compiled(name, resource_type, definitions) for name in names))


def _split(text: str) -> Iterator[str]:
    """Split at commas outside of quotes and parentheses."""
    depth, quote, start = 0, "", 0
    for position, character in enumerate(f"{text},"):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'`":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth <= 0:
            if name := text[start:position].strip():
                yield name
            start = position + 1
    if quote or depth > 0:
        raise _refusal("A quote or a parenthesis is not closed.")


def _compiled(name: str, resource_type: str, definitions: Definitions) -> CompiledExpression:
    if len(name) > MAX_EXPRESSION:
        raise _refusal(f"A column is longer than {MAX_EXPRESSION} characters.")
    try:
        expression = compile_fhirpath(name, resource_type, definitions)
    except FhirPathError as error:
        raise _refusal(f"A column is not FHIRPath: {error}") from None
    if not expression.types:
        raise _refusal(f"`{resource_type}` has no such element: {name[:60]!r}.")
    return expression


def _refusal(message: str) -> BadSearchValue:
    return BadSearchValue(f"`_columns` cannot be read. {message}", expression=["http._columns"])


def _text(value: Json) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _row(cells: Iterable[str]) -> bytes:
    line = ",".join(map(_escaped, cells))
    return ((line or '""') + "\r\n").encode()  # an empty line would be no row


def _escaped(cell: str) -> str:
    safe = f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
    return '"' + safe.replace('"', '""') + '"' if _QUOTED.search(safe) else safe
