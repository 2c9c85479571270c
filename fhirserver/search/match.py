"""The reference: does a plan select a resource with these index values? Pure and obviously right.

The database is tested against it, and it decides where no database is asked.
Spec: http://hl7.org/fhir/R4/search.html#prefix
"""

import string
from dataclasses import dataclass
from typing import Final, assert_never

from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.index import ANY_END, SEPARATOR, VARIANT_END, Group, IndexValues, Span
from fhirserver.search.plan import (
    All,
    And,
    Bound,
    Chain,
    Comparison,
    HasAnySpan,
    HasGroup,
    HasItem,
    HasOneSpan,
    HasPosition,
    HasSpan,
    HasTerm,
    HasTermBetween,
    HasTermContaining,
    HasTermPrefix,
    HasText,
    HasWords,
    InHierarchy,
    IsOneOf,
    LastUpdated,
    Near,
    Not,
    Nothing,
    OnList,
    OnlyPatients,
    Or,
    Plan,
    ReverseChain,
    Unit,
)
from fhirserver.search.text_test import TextTest
from fhirserver.search.values.special import distance_m

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a plan is asked of: an instance, its last change in µs and its index values."""

    key: str
    last_updated_us: int
    values: IndexValues


class UnresolvedChain(ValueError):
    """A chain, or what asks for other resources as one does, must be resolved before a plan can be matched."""


def match(plan: Plan, candidate: Candidate) -> bool:  # noqa: C901, PLR0912 - one line for each node of the algebra
    """Tell whether the plan selects the candidate. Raises UnresolvedChain."""
    values = candidate.values
    match plan:
        case All() | Nothing():
            return isinstance(plan, All)
        case And(plans):
            return all(match(part, candidate) for part in plans)
        case Or(plans):
            return any(match(part, candidate) for part in plans)
        case Not(negated):
            return not match(negated, candidate)
        case HasTerm(terms):
            return any(term in values.terms for term in terms)
        case HasTermPrefix() | HasTermContaining() | HasText() | HasTermBetween():
            return any(_is_like(plan, term) for term in values.terms)
        case HasWords():
            return _has_words(plan, values.words)
        case HasSpan():
            return any(span_matches(plan, span) for span in values.spans)
        case HasOneSpan(conditions):
            return any(all(span_matches(condition, span) for condition in conditions) for span in values.spans)
        case HasAnySpan(key):
            return any(span.key == key for span in values.spans)
        case HasGroup():
            return any(_in_group(plan, group, candidate) for group in values.groups)
        case Near(latitude, longitude, radius_m):
            return any(distance_m((latitude, longitude), place) <= radius_m for place in values.positions)
        case HasPosition():
            return bool(values.positions)
        case LastUpdated(comparison, low, high):
            instant = candidate.last_updated_us
            return compares(comparison, (instant, instant + 1), (low, high), exact=False)
        case IsOneOf(keys):
            return candidate.key in keys
        case OnlyPatients():
            return all(_is_of_them(plan, term) for term in values.terms if term.startswith(plan.prefixes))
        case Chain() | ReverseChain() | InValueSet() | Subsumes() | Translated() | InHierarchy() | OnList() | HasItem():
            raise UnresolvedChain
        case _:
            assert_never(plan)


def _in_group(plan: HasGroup, group: Group, candidate: Candidate) -> bool:
    inside = Candidate(candidate.key, candidate.last_updated_us, group.values)
    return group.key == plan.key and match(plan.plan, inside)


def _is_of_them(plan: OnlyPatients, term: str) -> bool:
    return all(term.removeprefix(p) in plan.logical_ids for p in plan.prefixes if term.startswith(p))


def _is_like(plan: HasTermPrefix | HasTermContaining | HasText | HasTermBetween, term: str) -> bool:
    match plan:
        case HasTermPrefix(prefix):
            return term.startswith(prefix)
        case HasTermContaining(prefix, text):
            return _contains(term, prefix, text)
        case HasText():
            return _stands(plan, term)
        case HasTermBetween(first, last):
            return first <= term < last and not term.endswith(VARIANT_END)


def _contains(term: str, prefix: str, text: str) -> bool:
    return term.startswith(prefix) and text in term[len(prefix) :].partition(SEPARATOR)[0]


def _stands(plan: HasText, term: str) -> bool:
    if not term.startswith(plan.prefix):
        return False
    found = term[len(plan.prefix) :].partition(SEPARATOR)[0]
    match plan.test:
        case TextTest.ENDS:
            return found.endswith(plan.text)
        case TextTest.WORDS:
            return f" {plan.text} " in f" {found} "
        case TextTest.WORD_STARTS:
            return f" {plan.text}" in f" {found}"
        case TextTest.STARTS_IN_ANY_CASE:
            return ascii_lower(found).startswith(ascii_lower(plan.text))
        case _:
            assert_never(plan.test)


def ascii_lower(text: str) -> str:
    """Return a text with the letters A to Z in lower case, all others as they are."""
    return text.translate(_LOWER)


def _has_words(plan: HasWords, text: str) -> bool:
    narrative, _, rest = text.partition("\n")
    if not plan.words:
        return bool(narrative) if plan.narrative else bool(narrative or rest)
    runs = [narrative.split(), *(() if plan.narrative else map(str.split, rest.split(".")))]
    count = len(plan.words)
    return any(
        all(map(_is_spelled, run[start : start + count], plan.words))
        for run in runs
        for start in range(len(run) - count + 1)
    )


def _is_spelled(word: str, spellings: tuple[str, ...]) -> bool:
    return any(word.startswith(one[:-1]) if one.endswith(ANY_END) else word == one for one in spellings)


def span_matches(plan: HasSpan, span: Span) -> bool:
    """Tell whether one span satisfies the plan's comparison and unit."""
    if span.key != plan.key or (plan.unit is not None and not _unit_matches(plan.unit, span)):
        return False
    exact = not isinstance(span.low, int)
    return compares(plan.comparison, (span.low, span.high), (plan.low, plan.high), exact=exact)


def _unit_matches(unit: Unit, span: Span) -> bool:
    if unit.either is not None:
        return unit.either in (span.code, span.unit)
    return (unit.system is None or unit.system == span.system) and (unit.code is None or unit.code == span.code)


def compares(comparison: Comparison, target: tuple[Bound, Bound], search: tuple[Bound, Bound], *, exact: bool) -> bool:
    """Compare a stored range with the searched one, [low, high).

    ``exact``: the target is a number, closed [low, high]; else it is a half-open interval of time. "The range above
    the search value" is "the specified value and up": ``ge`` is all that does not end before it, ``le`` all that does
    not start after it.
    """
    low, high = target
    first, last = search
    contained = first <= low and (high < last if exact else high <= last)
    match comparison:
        case Comparison.EQ:
            return contained
        case Comparison.NE:
            return not contained
        case Comparison.GT:
            return high > last
        case Comparison.LT:
            return low < first
        case Comparison.GE:
            return high >= first if exact else high > first
        case Comparison.LE:
            return low <= last if exact else low < last
        case Comparison.SA:
            return low > last if exact else low >= last
        case Comparison.EB:
            return high < first if exact else high <= first
        case Comparison.AP:
            return low < last and (high >= first if exact else high > first)
        case _:
            assert_never(comparison)
