"""``_text`` and ``_content``: words, phrases, AND, OR, NOT and parentheses; how relevant a text is to them.

    (bone OR liver) and metastases        either of the first two and the third
    "chest pain" -> neighbours            pain NOT chest -> without the second
    8302-2 -> its parts as neighbours     words that stand side by side are all wanted
    metasta* -> words that begin so       "chest pa*" -> the last of some neighbours may go on

NOT binds closest, OR loosest, as in the ``$search`` of OData that R4 points to; case does not matter.
Spec: http://hl7.org/fhir/R4/search.html#content
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.search.content import CONTENT_CODE, NARRATIVE_CODE
from fhirserver.search.index import ANY_END
from fhirserver.search.plan import And, HasTerm, HasTermPrefix, HasWords, Or, Plan, all_of, any_of, none_of
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
"""Neighbours, each in its spellings; one that ends with ``*`` stands for all that begin so."""


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
    return "".join(f" (?:{'|'.join(map(_pattern, word))}) " for word in phrase)


def _pattern(spelling: str) -> str:
    return f"{re.escape(spelling[:-1])}[^ ]*" if spelling.endswith(ANY_END) else re.escape(spelling)


def plan_presence(code: str) -> Plan:
    """Return what has any word in its narrative or, by ``_content``, anywhere."""
    return HasWords((), narrative=code == NARRATIVE_CODE)


def relevance(words: str, wanted: Wanted) -> float:
    """Return how relevant a text is, from 0 to below 1: the mean over the phrases of how much each is there."""
    scope = words.partition("\n")[0] if wanted.narrative else words
    weight = length_weight(len(scope.encode()))
    counts = [len(re.findall(pattern_of(phrase), scope)) for phrase in wanted.phrases]
    return sum(count / (count + weight) for count in counts) / len(counts)


def _beginnings(word: str) -> tuple[str, ...]:
    """Return what the stem of a word that begins so may be: one that begins so, or that of the beginning itself."""
    return (word + ANY_END, *(one for one in spellings(word) if not one.startswith(word)))


def length_weight(length: float) -> float:
    """Return what one occurrence is weighed against in a text of so many bytes."""
    return _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length / _USUAL_LENGTH)


def _positive(plan: Plan) -> Iterator[tuple[Phrase, bool]]:
    match plan:
        case And(plans) | Or(plans):
            for part in plans:
                yield from _positive(part)
        case HasWords(words, narrative) if words:
            yield words, narrative
        case HasTermPrefix(prefix) if f".{NARRATIVE_CODE}=" in prefix:
            yield ((prefix.partition("=")[2] + ANY_END,),), True
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
            return self._phrase(tokens(text), goes_on=text.rstrip('"').endswith(ANY_END))
        plan = self._or(depth - 1)
        if not self._takes(")"):
            raise BadSearchValue("It has a `(` without its `)`.")
        return plan

    def _phrase(self, words: list[str], *, goes_on: bool) -> Plan | None:
        """Plan neighbours; ``goes_on``: the last of them is the beginning of a word."""
        phrase = [(word,) if word in COMMON else spellings(word) for word in words]
        telling = [form for word, form in zip(words, phrase, strict=True) if word not in COMMON]
        if goes_on and words:
            phrase[-1] = _beginnings(words[-1])
            telling = [*(telling if words[-1] in COMMON else telling[:-1]), phrase[-1]]
        if not telling:
            return None
        if not self._narrative:
            return HasWords(tuple(phrase), narrative=False)
        if len(phrase) == 1:
            return self._indexed(phrase[0])
        if goes_on and any(word.startswith(words[-1]) for word in COMMON):
            telling.pop()  # it may be one of those that are no terms
        return all_of(*map(self._indexed, telling), HasWords(tuple(phrase), narrative=True))

    def _indexed(self, forms: tuple[str, ...]) -> Plan:
        """Return what finds a word of the narrative in the index."""
        whole = [self._key + form for form in forms if not form.endswith(ANY_END)]
        begun = [HasTermPrefix(self._key + form[:-1]) for form in forms if form.endswith(ANY_END)]
        return any_of(*([HasTerm(tuple(whole))] if whole else ()), *begun)

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
