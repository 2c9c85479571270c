"""Words and phrases of a text, joined by AND, OR and NOT: ``:text`` of strings, ``:text-advanced`` of codes.

    headache                     the word, anywhere in a text
    head*                        a word that starts so
    "acute headache"             the words one after the other
    (bone OR liver) and metastases
    headache -acute              the first, and in no text the second

Words that stand side by side are both wanted, in the same text or in two of the resource.
Spec: http://hl7.org/fhir/R4/search.html#string, http://hl7.org/fhir/R5/search.html#modifiertextadvanced
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.search.plan import HasText, Plan, all_of, any_of, none_of
from fhirserver.search.text_test import TextTest
from fhirserver.search.values.string import normalise

MAX_WORDS: Final = 32
MAX_DEPTH: Final = 8

_TOKEN: Final = re.compile(r'\s*(?:(?P<phrase>"[^"]*")|(?P<mark>[()&|!]|-(?=\S))|(?P<word>[^\s()&|!"]+))')
_OPERATORS: Final = {"and": "&", "or": "|", "not": "!", "-": "!"}

_MARKS: Final = frozenset(("", "&", "|", "!", "(", ")"))

Tell = Callable[[TextTest, str], Plan]
"""What finds the texts with a word or phrase."""


def plan_words(prefixes: tuple[str, ...], text: str) -> Plan:
    """Read words and how they are joined, to be looked for in texts below some prefixes. Raises BadSearchValue."""
    tokens = _tokens(text)
    if len(tokens) > 2 * MAX_WORDS:
        raise BadSearchValue(f"It has more than {MAX_WORDS} words.")

    def tell(test: TextTest, words: str) -> Plan:
        return any_of(*(HasText(prefix, test, words) for prefix in prefixes))

    return _Reader(tokens, tell).whole()


def _tokens(text: str) -> list[str]:
    tokens, position, rest = [], 0, text.rstrip()
    while position < len(rest):
        found = _TOKEN.match(rest, position)
        if found is None:
            raise BadSearchValue('It has a `"` that nothing closes.')
        token = found["phrase"] or found["mark"] or found["word"]
        tokens.append(_OPERATORS.get(token.casefold(), token))
        position = found.end()
    return tokens


@dataclass(slots=True)
class _Reader:
    """Reads tokens from the left: OR binds least, then AND, then NOT."""

    tokens: list[str]
    tell: Tell
    position: int = 0
    depth: int = 0

    def whole(self) -> Plan:
        plan = self._either()
        if self.position < len(self.tokens):
            raise BadSearchValue("It has a `)` that nothing opens.")
        return plan

    def _either(self) -> Plan:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BadSearchValue(f"It nests deeper than {MAX_DEPTH} parentheses.")
        plans = [self._both()]
        while self._take("|"):
            plans.append(self._both())
        self.depth -= 1
        return any_of(*plans)

    def _both(self) -> Plan:
        plans = [self._one()]
        while self._take("&") or self._next() not in ("", "|", ")"):
            plans.append(self._one())
        return all_of(*plans)

    def _one(self) -> Plan:
        negative = False
        while self._take("!"):
            negative = not negative
        if self._take("("):
            plan = self._either()
            if not self._take(")"):
                raise BadSearchValue("It has a `(` that nothing closes.")
        else:
            plan = self._word()
        return none_of(plan) if negative else plan

    def _word(self) -> Plan:
        word = self._next()
        if word in _MARKS:
            raise BadSearchValue("It lacks a word where one is expected.")
        self.position += 1
        words = normalise(word.strip('"'))
        if not words:
            raise BadSearchValue("It has a word without any letter or digit.")
        starts = word.endswith("*")
        return self.tell(TextTest.WORD_STARTS if starts else TextTest.WORDS, words)

    def _next(self) -> str:
        """Return the next token; the empty one comes after the last."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _take(self, token: str) -> bool:
        if self._next() != token:
            return False
        self.position += 1
        return True
