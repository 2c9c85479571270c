"""Reading one table of a policy file: typed values, and problems that name their line.

TOML's own reader keeps no lines: they are found again by the headers and keys of the text.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from fhirserver.access.policy import Coded

_ALL: Final = "*"
_GROUP: Final = "@"
_HEADER: Final = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?")
_ITEM: Final = re.compile(r"\s*(?:\w+\s*=\s*\[\s*)?\{")

Choice = TypeVar("Choice", bound=StrEnum)


class PolicyProblem(Exception):
    """What is wrong with a policy file: one sentence that begins with its name and line."""


@dataclass(slots=True)
class Table:
    """One table, which knows where it stands and which of its keys were read."""

    values: Mapping[str, Any]
    path: tuple[str | int, ...]
    source: str
    file: str
    _read: set[str] = field(default_factory=set)

    def names(self) -> list[str]:
        """Return its keys, in their order; they count as read."""
        self._read.update(self.values)
        return list(self.values)

    def has(self, key: str) -> bool:
        """Tell whether it has a key."""
        return key in self.values

    def finish(self) -> None:
        """Refuse keys that nothing has read. Raises PolicyProblem."""
        for key in self.values:
            if key not in self._read:
                raise self.problem(key, "is not a key that is known here")

    @property
    def line(self) -> int:
        """The line that it begins on."""
        return line_of(self.source, self.path)

    def problem(self, key: str, what: str) -> PolicyProblem:
        """Return the problem of a key."""
        place = ".".join(str(part) for part in (*self.path, *([key] if key else [])))
        line = line_of(self.source, (*self.path, key))
        return PolicyProblem(f"{self.file}, line {line}: `{place}` {what}.")

    def table(self, *keys: str) -> "Table":
        """Return a table inside; one that is not there is empty."""
        inner: Table = self
        for key in keys:
            value = inner._get(key, {})
            if not isinstance(value, dict):
                raise inner.problem(key, "is not a table")
            inner = Table(value, (*inner.path, key), self.source, self.file)
        return inner

    def tables(self, key: str) -> "list[Table]":
        """Return the tables of an array."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.problem(key, "is not an array of tables")
        return [Table(each, (*self.path, key, n), self.source, self.file) for n, each in enumerate(value)]

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.problem(key, "is not a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a text, None when there is none."""
        return self.text(key, "") or None

    def texts(self, key: str) -> list[str]:
        """Return an array of texts."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.problem(key, "is not an array of texts")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.problem(key, "is neither true nor false")
        return value

    def number(self, key: str, default: float | None) -> float | None:
        """Return a number that is not negative."""
        value = self._get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self.problem(key, "is not a number of 0 or more")
        return value

    def codes(self, key: str) -> list[Coded]:
        """Return codes, each written ``system|code``."""
        pairs = [text.rpartition("|") for text in self.texts(key)]
        for system, bar, code in pairs:
            if not (system and bar and code):
                raise self.problem(key, f"has `{system}{bar}{code}`; expected `system|code`, or `*|code`")
        return [Coded(system, code) for system, _, code in pairs]

    def choice_of(self, key: str, kind: type[Choice], default: Choice) -> Choice:
        """Return one of some words."""
        return self._chosen(key, self.text(key, default.value), kind)

    def choices(self, key: str, kind: type[Choice]) -> list[Choice]:
        """Return some of some words."""
        return [self._chosen(key, text, kind) for text in self.texts(key)]

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """Return a key that is one of some words."""
        return self._chosen(name, name, kind)

    def _chosen(self, key: str, text: str, kind: type[Choice]) -> Choice:
        try:
            return kind(text)
        except ValueError:
            known = ", ".join(each.value for each in kind)
            raise self.problem(key, f"has `{text}`; expected one of {known}") from None

    def _get(self, key: str, default: object) -> object:
        self._read.add(key)
        return self.values.get(key, default)


@dataclass(frozen=True, slots=True)
class Types:
    """Groups of resource types: ``@clinical``; ``*`` is every type."""

    groups: Mapping[str, list[str]]
    known: frozenset[str]
    table: Table

    def group(self, name: str) -> frozenset[str]:
        """Return the types of a group; one that is not there is empty."""
        return frozenset(self._expanded(self.table, name, self.groups.get(name, []), ()))

    def of(self, table: Table, key: str) -> frozenset[str]:
        """Return the types that a key lists."""
        found = frozenset(self._expanded(table, key, table.texts(key), ()))
        if not found:
            raise table.problem(key, "lists no resource type")
        return found

    def type(self, table: Table, name: str) -> str:
        """Return a resource type. Raises PolicyProblem."""
        if name not in self.known:
            raise table.problem(name, "is not a resource type")
        return name

    def _expanded(self, table: Table, key: str, names: Iterable[str], within: tuple[str, ...]) -> Iterable[str]:
        for name in names:
            if name == _ALL:
                yield from self.known
            elif name.startswith(_GROUP):
                group = name.removeprefix(_GROUP)
                if group not in self.groups or group in within:
                    raise table.problem(key, f"names the group `{name}`, which there is not")
                yield from self._expanded(self.table, group, self.groups[group], (*within, group))
            elif name in self.known:
                yield name
            else:
                raise table.problem(key, f"names `{name}`, which is no resource type")


def criteria_of(table: Table) -> tuple[tuple[str, str], ...]:
    """Return the search parameters of ``criteria``: ``category=laboratory&status=final``."""
    text = table.text("criteria", "")
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=False)
    if text and (not pairs or not all(name and value for name, value in pairs)):
        raise table.problem("criteria", f"is `{text}`; expected `parameter=value`, several joined by `&`")
    return tuple(pairs)


def line_of(source: str, path: tuple[str | int, ...]) -> int:
    """Return the line on which a key stands, or the nearest of the tables around it."""
    lines = source.splitlines()
    names = [part for part in path if isinstance(part, str) and part]
    for depth in range(len(names), -1, -1):
        start = _header(lines, names[:depth], _count(path, depth))
        if start is not None:
            return _key(lines, start, names[depth:], path) + 1
    return 1


def _count(path: tuple[str | int, ...], depth: int) -> int:
    """Return which of the tables of an array a header is for: the number that follows its name in the path."""
    named = 0
    for n, part in enumerate(path):
        named += isinstance(part, str) and bool(part)
        if named == depth:
            following = path[n + 1] if n + 1 < len(path) else 0
            return following if isinstance(following, int) else 0
    return 0


def _header(lines: list[str], names: list[str], number: int) -> int | None:
    if not names:
        return 0
    wanted = ".".join(names)
    found = [
        n
        for n, line in enumerate(lines)
        if (header := _HEADER.fullmatch(line)) and header[1].replace('"', "").replace(" ", "") == wanted
    ]
    return found[min(number, len(found) - 1)] if found else None


def _key(lines: list[str], start: int, names: list[str], path: tuple[str | int, ...]) -> int:
    """Return the line of a key below a header: of an inline table of an array, the line of that one."""
    if not names:
        return start
    end = next((n for n in range(start + 1, len(lines)) if _HEADER.fullmatch(lines[n])), len(lines))
    first = start if start == 0 else start + 1
    own = re.compile(rf"\s*\"?{re.escape(names[0])}\"?\s*=")
    at = next((n for n in range(first, end) if own.match(lines[n])), start)
    number = next((part for part in path if isinstance(part, int)), None)
    if number is None:
        return at
    items = [n for n in range(at, end) if _ITEM.match(lines[n])]
    return items[number] if number < len(items) else at
