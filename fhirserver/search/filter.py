"""``_filter``, its grammar: text to conditions, no definitions needed.

    given eq "peter" and birthdate ge 2014-10-10
    not (status eq final) or subject.name co "pet"
    name[use eq official].family sw "Pe"

"Logical expressions are evaluated left to right, with no precedence between ``and`` and ``or``."
Spec: http://hl7.org/fhir/R4/search_filter.html
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from fhirserver.kernel.outcome import BadSearchValue

MAX_LENGTH: Final = 8000
MAX_DEPTH: Final = 16
MAX_TESTS: Final = 200
_MAX_LEVELS: Final = 2 * MAX_DEPTH
"""Of conditions within each other, as ``and`` and ``or`` in turn make them too; the database holds a few more."""

OPERATORS: Final = frozenset(
    ("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re")
)

_SPACE: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}", re.ASCII)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN: Final = re.compile(r"[^\s\])]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path and what is asked, in ``[]``, of the items it leads to."""

    name: str
    inside: "Condition | None"
    position: int


@dataclass(frozen=True, slots=True)
class Test:
    """``path operator value``."""

    path: tuple[Step, ...]
    operator: str
    value: str
    position: int
    """Of the value, counted from 1."""


@dataclass(frozen=True, slots=True)
class Every:
    """All of the conditions hold."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of the conditions holds, at least."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The condition does not hold."""

    condition: "Condition"


Condition: TypeAlias = Test | Every | Some | Negated


def parse_filter(text: str) -> Condition:
    """Read a filter; raises BadSearchValue with the place that cannot be read."""
    if len(text) > MAX_LENGTH:
        raise BadSearchValue(f"It is longer than {MAX_LENGTH} characters.")
    condition = _Parser(text).whole()
    if _levels(condition) > _MAX_LEVELS:
        raise BadSearchValue(f"`and` and `or` take turns in it to more than {_MAX_LEVELS} levels; use parentheses.")
    return condition


def _levels(condition: Condition) -> int:
    """Return how deep conditions are within each other."""
    match condition:
        case Every(conditions) | Some(conditions):
            return 1 + max(map(_levels, conditions))
        case Negated(inner):
            return 1 + _levels(inner)
        case Test(path):
            return max((1 + _levels(step.inside) for step in path if step.inside is not None), default=0)


def misread(position: int, problem: str) -> BadSearchValue:
    """Return the error for a place in the filter, counted from 1."""
    return BadSearchValue(f"At character {position}: {problem}")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._tests = 0

    def whole(self) -> Condition:
        condition = self._filter()
        if not self._ended():
            raise self._expected("`and`, `or` or the end of the filter")
        return condition

    def _filter(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise misread(self._at + 1, f"filters nest deeper than {MAX_DEPTH}.")
        condition = self._term()
        while (word := self._word("and", "or")) is not None:
            condition = _joined(word, condition, self._term())
        self._depth -= 1
        return condition

    def _term(self) -> Condition:
        self._skip()
        if self._literal("("):
            return self._closed(")")
        start = self._at
        if self._word("not") is not None:
            self._skip()
            if self._literal("("):
                return Negated(self._closed(")"))
            self._at = start  # a parameter that is called `not`
        return self._test()

    def _closed(self, bracket: str) -> Condition:
        condition = self._filter()
        self._skip()
        if not self._literal(bracket):
            raise self._expected(f"`{bracket}`, `and` or `or`")
        return condition

    def _test(self) -> Test:
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise misread(self._at + 1, f"there are more than {MAX_TESTS} tests.")
        path = self._path()
        self._skip()
        operator = self._matched(_NAME)
        if operator is None or operator not in OPERATORS:
            self._at -= len(operator or "")
            raise self._expected(f"one of `{' '.join(sorted(OPERATORS))}`")
        self._skip()
        return Test(path, operator, position=self._at + 1, value=self._value())

    def _path(self) -> tuple[Step, ...]:
        steps = [self._step()]
        while self._literal("."):
            steps.append(self._step())
        if steps[-1].inside is not None:
            raise self._expected("`.` and a name after `]`")
        return tuple(steps)

    def _step(self) -> Step:
        start = self._at + 1
        name = self._matched(_NAME)
        if name is None:
            raise self._expected("the name of a parameter")
        inside = self._closed("]") if self._literal("[") else None
        return Step(name, inside, start)

    def _value(self) -> str:
        quoted = self._text.startswith('"', self._at)
        found = self._matched(_STRING if quoted else _TOKEN)
        if found is None:
            raise self._expected('a closed string in `"`' if quoted else "a value")
        return self._unquoted(found) if quoted else found

    def _unquoted(self, text: str) -> str:
        try:
            return msgspec.json.decode(text, type=str)
        except msgspec.DecodeError:
            self._at -= len(text)
            raise self._expected("a string as JSON has it") from None

    def _word(self, *words: str) -> str | None:
        """Take one of some words, in any case, where it stands by itself."""
        self._skip()
        found = _NAME.match(self._text, self._at)
        if found is None or found[0].lower() not in words:
            return None
        self._at = found.end()
        return found[0].lower()

    def _matched(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _literal(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _ended(self) -> bool:
        self._skip()
        return self._at == len(self._text)

    def _expected(self, what: str) -> BadSearchValue:
        return misread(self._at + 1, f"expected {what}.")


def _joined(word: str, left: Condition, right: Condition) -> Condition:
    """Join two conditions, one list for each run of the same word: long lists are not deep."""
    kind: type[Every] | type[Some] = Every if word == "and" else Some
    before = left.conditions if isinstance(left, kind) else (left,)
    return kind((*before, right))
