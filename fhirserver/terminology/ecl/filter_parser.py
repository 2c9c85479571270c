"""Reads the filters of expression constraints: what is in ``{{ }}``.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/design/5-syntax-specification,
sections 6.8, 6.9 and 6.10 of the same
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from fhirserver.terminology.ecl.metadata import (
    ACCEPTABLE_CODE,
    DIALECTS,
    PREFERRED_CODE,
    STATUSES,
    TYPES,
)
from fhirserver.terminology.ecl.ontology import ACCEPTABLE, PREFERRED
from fhirserver.terminology.ecl.references import CONCEPT, pass_term
from fhirserver.terminology.ecl.scanner import SPACE, Scanner
from fhirserver.terminology.ecl.syntax import (
    Activity,
    Concepts,
    Dates,
    Dialect,
    Dialects,
    Expression,
    Filters,
    Ids,
    Joined,
    Junction,
    Languages,
    Named,
    Number,
    On,
    Op,
    Operand,
    Search,
    Searches,
    Test,
    Texts,
    Truth,
    Wanted,
)

T = TypeVar("T")
_Reader: TypeAlias = Callable[["FilterParser"], Wanted]

_OP: Final = re.compile(r"!=|<>|<=|>=|=|<|>|(?i:not)[ \t\r\n]*=")
_NUMBER: Final = re.compile(r"#[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![0-9.])")
_TEXT: Final = re.compile(r'"(?P<text>(?:[^"\\]++|\\["\\*])*+)"')
_KEYED: Final = re.compile(rf"(?P<way>(?i:match|wild)){SPACE}:{SPACE}")
_SEES_TEXT: Final = re.compile(rf'"|(?i:match|wild){SPACE}:')
_SEES_TEXTS: Final = re.compile(rf'\({SPACE}(?:"|(?i:match|wild){SPACE}:)')
_DATE: Final = re.compile(r'"(?P<day>(?:[1-9][0-9]{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?)"')
_WORD: Final = re.compile(r"[A-Za-z]+")
_ALIAS: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2}(?![A-Za-z])")
_ON: Final = re.compile(r"(?P<on>[cCdDmM])(?![A-Za-z])")
_ACTIVE: Final = re.compile(r'(?P<quote>"?)(?P<value>0|1|(?i:true|false)|\*)(?P=quote)(?![A-Za-z0-9])')
_TRUTH: Final = re.compile(r"(?i:true|false)(?![A-Za-z0-9#-])")
_SETS: Final = re.compile(rf"\({SPACE}[1-9][0-9]{{5,17}}{SPACE}(?:\|[^|]*\|{SPACE})?[1-9]")
_DIALECT_SETS: Final = re.compile(rf"\({SPACE}[1-9][0-9]{{5,17}}{SPACE}(?:\|[^|]*\|{SPACE})?[1-9()]")
_UNESCAPED: Final = re.compile(r'\\(["\\*])')
_ORDERED: Final = frozenset({Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST})
_ACCEPTABILITIES: Final = MappingProxyType(
    {
        "accept": ACCEPTABLE,
        "acceptable": ACCEPTABLE,
        "prefer": PREFERRED,
        "preferred": PREFERRED,
        ACCEPTABLE_CODE: ACCEPTABLE,
        PREFERRED_CODE: PREFERRED,
    }
)


def comparison(scanner: Scanner) -> Op:
    """Read a comparison operator; raises BadConstraint."""
    found = scanner.need(_OP, "a comparison (`=`, `!=`, `<`, `<=`, `>`, `>=`)").group()
    if found == "<>" or found[0] in "nN":
        return Op.NOT_EQUAL
    return Op(found)


def number(scanner: Scanner) -> Number:
    """Read a number; raises BadConstraint."""
    return Number(float(scanner.need(_NUMBER, "a number, as `#5` or `#-0.25`").group()[1:]))


def sees_text(scanner: Scanner) -> bool:
    """Tell whether a text, or a search in texts, is next."""
    return scanner.sees(_SEES_TEXT)


def sees_texts(scanner: Scanner) -> bool:
    """Tell whether several texts are next."""
    return scanner.sees(_SEES_TEXTS)


def text_operand(scanner: Scanner, *, is_exact: bool) -> Texts | Searches:
    """Read texts or searches; what stands without ``match:`` or ``wild:`` is one of words where not ``is_exact``."""
    found = _several(scanner, _search) if scanner.sees_symbol("(") else [_search(scanner)]
    if is_exact and all(way is None for way, _ in found):
        return Texts(tuple(_UNESCAPED.sub(r"\1", text) for _, text in found))
    return Searches(tuple(Search(_searched(way, text), way == "wild") for way, text in found))


def _searched(way: str | None, text: str) -> str:
    return text if way == "wild" else _UNESCAPED.sub(r"\1", text)


def _search(scanner: Scanner) -> tuple[str | None, str]:
    keyed = scanner.take(_KEYED)
    text = scanner.need(_TEXT, 'a text in `"`').group("text")
    if not text.strip():
        scanner.fail("a text that says something")
    return (None if keyed is None else keyed.group("way").lower()), text


def _several(scanner: Scanner, reading: Callable[[Scanner], T]) -> list[T]:
    """Read what is in round brackets: one after the other, with white space between."""
    scanner.needs("(")
    found = [reading(scanner)]
    while not scanner.takes(")"):
        found.append(reading(scanner))
    return found


class FilterParser:
    """Reads filters; ``constraint`` reads the constraints that they have as operands."""

    def __init__(self, scanner: Scanner, constraint: Callable[[], Expression]) -> None:
        """Read from ``scanner``."""
        self.scanner = scanner
        self.constraint = constraint

    def filters(self) -> Filters:
        """Read all that one pair of ``{{ }}`` has; raises BadConstraint."""
        scanner = self.scanner
        scanner.needs("{{")
        letter = scanner.take(_ON)
        on = On.DESCRIPTION if letter is None else On(letter.group("on").upper())
        tests = [self._test(on)]
        while scanner.takes(","):
            tests.append(self._test(on))
        scanner.needs("}}")
        return Filters(on, tuple(tests))

    def _test(self, on: On) -> Test:
        scanner, at, readers = self.scanner, self.scanner.at, _READERS[on]
        word = scanner.need(_WORD, "a filter").group()
        known = readers.get(word.lower())
        if known is None and on is not On.MEMBER:
            scanner.fail(f"a filter ({', '.join(sorted(one for one, _ in readers.values()))})", at)
        op = comparison(scanner)
        if known is None:
            return Test(word, op, self._of_field(op), at)
        field, reading = known
        if op in _ORDERED and field != "effectiveTime":
            scanner.fail("`=` or `!=`", at)
        return Test(field, op, reading(self), at)

    def _of_field(self, op: Op) -> Operand:
        """Read what a field of a reference set is compared with."""
        scanner = self.scanner
        if scanner.sees_symbol("#"):
            return number(scanner)
        if op in _ORDERED:
            return self.dates()
        if sees_text(scanner) or sees_texts(scanner):
            return text_operand(scanner, is_exact=False)
        truth = scanner.take(_TRUTH)
        if truth is not None:
            return Truth(truth.group().lower() == "true")
        return Concepts(self.constraint())

    def terms(self) -> Wanted:
        """Read what terms are searched for."""
        return text_operand(self.scanner, is_exact=False)

    def dates(self) -> Dates:
        """Read days."""
        if self.scanner.sees_symbol("("):
            return Dates(tuple(_several(self.scanner, _date)))
        return Dates((_date(self.scanner),))

    def languages(self) -> Wanted:
        """Read languages."""
        if self.scanner.sees_symbol("("):
            return Languages(tuple(_several(self.scanner, _language)))
        return Languages((_language(self.scanner),))

    def ids(self) -> Wanted:
        """Read identifiers of descriptions."""
        if self.scanner.sees_symbol("("):
            return Ids(tuple(_several(self.scanner, _id)))
        return Ids((_id(self.scanner),))

    def activity(self) -> Wanted:
        """Read whether what is in use is asked for."""
        value = self.scanner.need(_ACTIVE, "`1`, `0`, `true`, `false` or `*`").group("value").lower()
        if value == "*":
            return Activity(frozenset({True, False}))
        return Activity(frozenset({value in ("1", "true")}))

    def concepts(self) -> Wanted:
        """Read concepts: a constraint, or a list in brackets."""
        if self.scanner.sees(_SETS):
            return Concepts(Joined(Junction.OR, tuple(_several(self.scanner, _named))))
        return Concepts(self.constraint())

    def tokens(self, known: Mapping[str, str]) -> Wanted:
        """Read words that stand for concepts."""

        def token(scanner: Scanner) -> Expression:
            at, word = scanner.at, scanner.take(_WORD)
            code = None if word is None else known.get(word.group().lower())
            if code is None:
                scanner.fail(f"one of {', '.join(sorted(known))}", at)
            return Named(code)

        if self.scanner.sees_symbol("("):
            return Concepts(Joined(Junction.OR, tuple(_several(self.scanner, token))))
        return Concepts(token(self.scanner))

    def dialects(self, *, has_ids: bool) -> Wanted:
        """Read language reference sets, by alias or as concepts, each with an acceptability or all with one."""
        scanner, one = self.scanner, _dialect_by_id if has_ids else _dialect_by_alias
        if scanner.sees(_DIALECT_SETS) if has_ids else scanner.sees_symbol("("):
            found = _several(scanner, one)
        elif has_ids:
            found = [Dialect(self.constraint(), frozenset())]
        else:
            found = [Dialect(_aliased(scanner), frozenset())]
        for_all = _acceptability(scanner)
        return Dialects(tuple(Dialect(one.by, one.acceptability or for_all) for one in found))


def _date(scanner: Scanner) -> int:
    return int(scanner.need(_DATE, 'a day, as `"20260131"`').group("day") or 0)


def _language(scanner: Scanner) -> str:
    return scanner.need(_LANGUAGE, "a language of two letters").group().lower()


def _id(scanner: Scanner) -> int:
    return int(scanner.need(CONCEPT, "the identifier of a description").group())


def _named(scanner: Scanner) -> Expression:
    code = scanner.need(CONCEPT, "a concept").group()
    pass_term(scanner)
    return Named(code)


def _dialect_by_id(scanner: Scanner) -> Dialect:
    return Dialect(_named(scanner), _acceptability(scanner))


def _dialect_by_alias(scanner: Scanner) -> Dialect:
    return Dialect(_aliased(scanner), _acceptability(scanner))


def _aliased(scanner: Scanner) -> Expression:
    at, alias = scanner.at, scanner.need(_ALIAS, "the alias of a dialect, as `en-gb`").group()
    code = DIALECTS.get(alias.lower())
    if code is None:
        scanner.fail("a known alias of a dialect (`dialectId` takes any language reference set)", at)
    return Named(code)


def _acceptability(scanner: Scanner) -> frozenset[int]:
    return frozenset(_several(scanner, _acceptable)) if scanner.sees_symbol("(") else frozenset()


def _acceptable(scanner: Scanner) -> int:
    at = scanner.at
    concept = scanner.take(CONCEPT)
    if concept is not None:
        pass_term(scanner)
    word = concept or scanner.take(_WORD)
    found = None if word is None else _ACCEPTABILITIES.get(word.group().lower())
    if found is None:
        scanner.fail("an acceptability (`prefer`, `accept`)", at)
    return found


_COMMON: Final[Mapping[str, tuple[str, _Reader]]] = MappingProxyType(
    {
        "moduleid": ("moduleId", FilterParser.concepts),
        "effectivetime": ("effectiveTime", FilterParser.dates),
        "active": ("active", FilterParser.activity),
    }
)
_READERS: Final[Mapping[On, Mapping[str, tuple[str, _Reader]]]] = MappingProxyType(
    {
        On.MEMBER: _COMMON,
        On.CONCEPT: {
            **_COMMON,
            "definitionstatus": ("definitionStatus", lambda reading: reading.tokens(STATUSES)),
            "definitionstatusid": ("definitionStatusId", FilterParser.concepts),
        },
        On.DESCRIPTION: {
            **_COMMON,
            "term": ("term", FilterParser.terms),
            "language": ("language", FilterParser.languages),
            "type": ("type", lambda reading: reading.tokens(TYPES)),
            "typeid": ("typeId", FilterParser.concepts),
            "dialect": ("dialect", lambda reading: reading.dialects(has_ids=False)),
            "dialectid": ("dialectId", lambda reading: reading.dialects(has_ids=True)),
            "id": ("id", FilterParser.ids),
        },
    }
)
