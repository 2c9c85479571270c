"""What a plan costs: whether an index leads to its matches, or each resource has to be looked at for few of them.

Plain conditions that exclude (``:not``, ``:missing=true``) are no such scans: a page of what they leave is found soon.
"""

from typing import Final

from fhirserver.search.contained import is_inner, is_link
from fhirserver.search.plan import (
    And,
    Comparison,
    HasGroup,
    HasOneSpan,
    HasSpan,
    HasTerm,
    HasTermBetween,
    HasTermContaining,
    HasTermPrefix,
    HasText,
    HasWords,
    IsOneOf,
    LastUpdated,
    Near,
    Or,
    Plan,
)
from fhirserver.search.text_test import TextTest

_OF_TEXT: Final = 3


def scans(plan: Plan) -> bool:
    """Tell whether matches, which may be few, are found only by looking at all there is of the type."""
    match plan:
        case And(plans):
            return any(map(scans, plans)) and not any(map(is_indexed, plans))
        case Or(plans):
            return any(map(scans, plans))
        case HasText(test=TextTest.STARTS_IN_ANY_CASE) | HasWords(words=()):
            return False
        case HasGroup(key, inner) if is_inner(key):
            return scans(inner)
        case HasTermContaining() | HasWords() | HasText() | HasGroup():
            return True
        case _:
            return False


def weight(plan: Plan) -> int:
    """Return how much more it is to look at a resource than at one of its terms."""
    match plan:
        case And(plans) | Or(plans):
            return max(map(weight, plans))
        case HasWords():
            return _OF_TEXT
        case _:
            return 1


def is_indexed(plan: Plan) -> bool:
    """Tell whether an index leads to the matches: to a value, not just to a type."""
    match plan:
        case And(plans):
            return any(map(is_indexed, plans))
        case Or(plans):
            return all(map(is_indexed, plans))
        case HasTerm(terms):
            return all(map(_has_value, terms))
        case HasTermPrefix(prefix):
            return not prefix.endswith(("=", "#"))
        case HasSpan():
            return plan.comparison is not Comparison.NE
        case HasOneSpan(conditions):
            return any(map(is_indexed, conditions))
        case LastUpdated():
            return plan.comparison is not Comparison.NE
        case IsOneOf() | Near() | HasTermBetween() | HasText(test=TextTest.STARTS_IN_ANY_CASE):
            return True
        case _:
            return False


def _has_value(term: str) -> bool:
    """Tell a value, or an instance, from what says no more than that there is a resource or a link of some type."""
    return "/" in term or ("=" in term and not is_link(term))


def is_of_few(plan: Plan) -> bool:
    """Tell whether the matches are some instances, or within the record of one person."""
    match plan:
        case IsOneOf():
            return True
        case And(plans):
            return any(map(is_of_few, plans))
        case HasTerm(terms):
            return len(terms) == 1 and ("=Patient/" in terms[0] or terms[0].startswith("@Patient/"))
        case _:
            return False
