"""``_text`` and ``_content``: words, phrases, AND, OR, NOT and parentheses; how relevant a text is to them.

    (bone OR liver) and metastases        either of the first two and the third
    "chest pain" -> neighbours            pain NOT chest -> without the second
    8302-2 -> its parts as neighbours     words that stand side by side are all wanted

NOT binds closest, OR loosest, as in the ``$search`` of OData that R4 points to; case does not matter.
Spec: http://hl7.org/fhir/R4/search.html#content
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.search.content import CONTENT_CODE, NARRATIVE_CODE
from fhirserver.search.plan import And, HasTerm, HasWords, Or, Plan, all_of, any_of, none_of
from fhirserver.search.words import COMMON, spellings, tokens

TEXT_CODES: Final = frozenset({NARRATIVE_CODE, CONTENT_CODE})
MAX_TOKENS: Final = 100
MAX_DEPTH: Final = 16

_TOKEN: Final = re.compile(r'[()]|"([^"]*)"?|[^\s()"]+')
_OPERATORS: Final = frozenset({"and", "or", "not"})

_SATURATION: Final = 1.2
_LENGTH_WEIGHT: Final = 0.75
_USUAL_LENGTH: Final = 400.0
"""Characters. The three are those of BM25; there is no weight of rare words, which would move while others write."""

Phrase: TypeAlias = tuple[tuple[str, ...], ...]
"""Neighbours, each in its spellings."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text is ranked by: phrases, in the narrative or in all the text."""

    phrases: tuple[Phrase, ...]
    narrative: bool


def plan_text(resource_type: str, code: str, value: str) -> Plan:
    """Read the value of ``_text`` or ``_content`` on a type. Raises BadSearchValue."""
    parts = list(_TOKEN.finditer(value))
    if len(parts) > MAX_TOKENS:
        raise BadSearchValue(f"It has more than {MAX_TOKENS} words and operators.")
    reader = _Reader(resource_type, code == NARRATIVE_CODE, [(p[0], p[1] is not None) for p in parts])
    plan = reader.whole()
    if plan is None:
        raise BadSearchValue("It has no word to look for, or only the commonest.")
    return plan


def wanted_of(plan: Plan) -> Wanted | None:
    """Return what the matches of a plan can be ranked by; None when it asks for no words."""
    found = list(_positive(plan))
    if not found:
        return None
    narrative = all(inside for _, inside in found)
    return Wanted(tuple(dict.fromkeys(phrase for phrase, _ in found)), narrative)


def pattern_of(phrase: Phrase) -> str:
    """Return the expression, of literals and alternatives only, that finds a phrase in ``IndexValues.words``."""
    return "".join(f" (?:{'|'.join(map(re.escape, word))}) " for word in phrase)


def relevance(words: str, wanted: Wanted) -> float:
    """Return how relevant a text is, from 0 to below 1: the mean over the phrases of how much each is there."""
    scope = words.partition("\n")[0] if wanted.narrative else words
    weight = length_weight(len(scope.encode()))
    counts = [len(re.findall(pattern_of(phrase), scope)) for phrase in wanted.phrases]
    return sum(count / (count + weight) for count in counts) / len(counts)


def length_weight(length: float) -> float:
    """Return what one occurrence is weighed against in a text of so many bytes."""
    return _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length / _USUAL_LENGTH)


def _positive(plan: Plan) -> Iterator[tuple[Phrase, bool]]:
    match plan:
        case And(plans) | Or(plans):
            for part in plans:
                yield from _positive(part)
        case HasWords(words, narrative):
            yield words, narrative
        case HasTerm(terms) if f".{NARRATIVE_CODE}=" in terms[0]:
            yield (tuple(dict.fromkeys(term.partition("=")[2] for term in terms)),), True
        case _:
            return


class _Reader:
    """Reads one value from left to right; None stands for what says nothing, such as ``the``."""

    def __init__(self, resource_type: str, narrative: bool, parts: list[tuple[str, bool]]) -> None:
        self._key = f"{resource_type}.{NARRATIVE_CODE}="
        self._narrative = narrative
        self._parts = parts
        self._next = 0

    def whole(self) -> Plan | None:
        plan = self._or(MAX_DEPTH)
        if self._next < len(self._parts):
            raise BadSearchValue("It has a `)` without its `(`.")
        return plan

    def _or(self, depth: int) -> Plan | None:
        if depth == 0:
            raise BadSearchValue(f"Its parentheses are nested deeper than {MAX_DEPTH}.")
        plans = [self._and(depth)]
        while self._takes("or"):
            plans.append(self._and(depth))
        said = [plan for plan in plans if plan is not None]
        return any_of(*said) if said else None

    def _and(self, depth: int) -> Plan | None:
        plans = [self._not(depth)]
        while self._takes("and") or self._starts_operand():
            plans.append(self._not(depth))
        said = [plan for plan in plans if plan is not None]
        return all_of(*said) if said else None

    def _not(self, depth: int) -> Plan | None:
        negated = False
        while self._takes("not"):
            negated = not negated
        plan = self._operand(depth)
        return none_of(plan) if negated and plan is not None else plan

    def _operand(self, depth: int) -> Plan | None:
        if not self._starts_operand():
            raise BadSearchValue("It ends where a word is expected, or an operator stands where a word should.")
        text, quoted = self._parts[self._next]
        self._next += 1
        if text != "(" or quoted:
            return self._phrase(tokens(text))
        plan = self._or(depth - 1)
        if not self._takes(")"):
            raise BadSearchValue("It has a `(` without its `)`.")
        return plan

    def _phrase(self, words: list[str]) -> Plan | None:
        known = [word for word in words if word not in COMMON]
        if not known:
            return None
        phrase = tuple((word,) if word in COMMON else spellings(word) for word in words)
        if not self._narrative:
            return HasWords(phrase, narrative=False)
        indexed = [HasTerm(tuple(self._key + one for one in spellings(word))) for word in known]
        return all_of(*indexed) if len(phrase) == 1 else all_of(*indexed, HasWords(phrase, narrative=True))

    def _takes(self, wanted: str) -> bool:
        if self._next >= len(self._parts):
            return False
        text, quoted = self._parts[self._next]
        if quoted or text.lower() != wanted:
            return False
        self._next += 1
        return True

    def _starts_operand(self) -> bool:
        if self._next >= len(self._parts):
            return False
        text, quoted = self._parts[self._next]
        return quoted or (text != ")" and text.lower() not in _OPERATORS) or text.lower() == "not"
