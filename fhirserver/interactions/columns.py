"""Columns of a resource as a line of CSV: each a FHIRPath expression on the type, or a path, which is one too.

Several values stand in one cell, separated by ``; ``. A cell that a spreadsheet would take for a formula begins with
an apostrophe. Spec: https://www.rfc-editor.org/rfc/rfc4180, https://owasp.org/www-community/attacks/CSV_Injection
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    CompiledExpression,
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
"""In the cell of an expression that cannot be evaluated on a resource."""
_QUOTED: Final = re.compile(r'[",\r\n]')
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+\-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """What a line has, in order."""

    names: tuple[str, ...]
    expressions: tuple[CompiledExpression, ...]

    def header(self) -> bytes:
        """Write the first line."""
        return _row(self.names)

    def row(self, version: Version) -> bytes:
        """Write the line of a resource."""
        resource = parse_json(version.content or b"{}")
        return _row(_cell(expression, resource) for expression in self.expressions)


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
        raise _refusal(f"A column is not FHIRPath: {error}.") from None
    if not expression.types:
        raise _refusal(f"`{resource_type}` has no such element: {name[:60]!r}.")
    return expression


def _refusal(message: str) -> BadSearchValue:
    return BadSearchValue(f"`_columns` cannot be read. {message}", expression=["http._columns"])


def _cell(expression: CompiledExpression, resource: Json) -> str:
    try:
        return "; ".join(_text(value) for _, value in expression.select(resource))
    except FhirPathExecutionError:
        return _FAILED


def _text(value: Json) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _row(cells: Iterable[str]) -> bytes:
    line = ",".join(map(_escaped, cells))
    return ((line or '""') + "\r\n").encode()  # an empty line would be no row


def _escaped(cell: str) -> str:
    safe = f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
    return '"' + safe.replace('"', '""') + '"' if _QUOTED.search(safe) else safe
