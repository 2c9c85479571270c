"""Which of the ways to say a concept a reader wants: languages in their order of preference.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html (displayLanguage), RFC 9110 §12.5.4, RFC 4647 §3.4
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.terminology.concepts import PREFERRED, Designation
from fhirserver.terminology.dialects import spoken

ANY: Final = "*"
_SNOMED: Final = "http://snomed.info/sct"
_SAYS_THE_CONCEPT: Final = frozenset(
    {(PREFERRED["system"], PREFERRED["code"]), (_SNOMED, "900000000000548007"), (_SNOMED, "900000000000013009")}
)
"""Uses of terms by which a concept is called."""


@dataclass(frozen=True, slots=True)
class Languages:
    """Language ranges, the most wanted first, as they were ``asked`` for."""

    asked: str
    ranges: tuple[str, ...]
    is_strict: bool = False
    """Whether no other language will do."""

    def accept(self, language: str | None) -> bool:
        """Tell whether one of the ranges has a language; what has none is in any."""
        return language is None or any(_depth(one, language) is not None for one in self.ranges)


def read_languages(text: str) -> Languages:
    """Read a list of language ranges with weights; raises ValueError."""
    weighed: list[tuple[float, str]] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        tag, _, weight = part.partition(";")
        name, _, value = weight.strip().partition("=")
        quality = float(value) if name.strip() == "q" else 1.0
        weighed.append((quality, tag.strip()))
    if not weighed or any(not _is_range(tag) or not 0 <= quality <= 1 for quality, tag in weighed):
        raise ValueError("not a list of languages")
    ordered = sorted((one for one in weighed if one[0] > 0), key=lambda one: -one[0])
    shown = ", ".join(part.strip() for part in text.split(","))
    return Languages(shown, tuple(spoken(tag) for _, tag in ordered), any(q == 0 and tag == ANY for q, tag in weighed))


def _is_range(tag: str) -> bool:
    return tag == ANY or all(part.isascii() and part.isalnum() and len(part) <= 8 for part in tag.split("-"))


def _depth(wanted: str, language: str) -> int | None:
    """Return how well a language fits a range: 0 is best; None: not at all."""
    if wanted == ANY:
        return 0
    mine, theirs = wanted.lower().split("-"), language.lower().split("-")
    if mine == theirs:
        return 0
    if mine[0] != theirs[0]:
        return None
    return 1 if len(theirs) < len(mine) or theirs[: len(mine)] == mine else 2


def says_the_concept(designation: Designation) -> bool:
    """Tell whether a designation is what its concept is called, not a remark on it."""
    use = designation.use
    return use is None or (use.get("system"), use.get("code")) in _SAYS_THE_CONCEPT


def best(designations: Sequence[Designation], languages: Languages | None) -> Designation | None:
    """Return the designation to show to who reads these languages."""
    usable = [one for one in designations if not one.is_withdrawn] or designations
    if languages is None or not languages.ranges:
        return next(iter(_in_order(usable, lambda one: True)), None)
    for wanted in languages.ranges:
        for depth in range(3):
            fits = _in_order(usable, lambda one: one.language is not None and _depth(wanted, one.language) == depth)  # noqa: B023
            found = next(fits, None)
            if found is not None:
                return found
    return next((one for one in usable if one.language is None and says_the_concept(one)), None)


def _in_order(designations: Iterable[Designation], fits: Callable[[Designation], bool]) -> Iterator[Designation]:
    found = [one for one in designations if fits(one)]
    yield from (one for one in found if says_the_concept(one))
    yield from (one for one in found if not says_the_concept(one))
