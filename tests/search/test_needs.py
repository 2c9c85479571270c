"""What a plan asks of a resource beside its terms."""

import pytest

from fhirserver.search.needs import asked_keys, asks_terms
from fhirserver.search.plan import (
    ALL,
    Comparison,
    HasAnySpan,
    HasGroup,
    HasOneSpan,
    HasSpan,
    HasTerm,
    HasWords,
    Not,
    OnlyPatients,
    Plan,
    all_of,
    any_of,
)

TERM = HasTerm(("Observation",))
SPAN = HasSpan("Observation.date", Comparison.GE, 1, 2)
CASES = [
    pytest.param(TERM, True, set(), id="a term"),
    pytest.param(all_of(TERM, Not(OnlyPatients(frozenset({"1"})))), True, set(), id="terms, and patients"),
    pytest.param(all_of(TERM, SPAN), False, {"Observation.date"}, id="a span"),
    pytest.param(any_of(TERM, Not(HasAnySpan("a"))), False, {"a"}, id="a span deep inside"),
    pytest.param(HasOneSpan((SPAN, SPAN)), False, {"Observation.date"}, id="conditions on one span"),
    pytest.param(HasGroup("code-value", ALL), False, {"code-value"}, id="a group"),
    pytest.param(HasWords((("a",),), narrative=False), False, set(), id="words"),
]


@pytest.mark.parametrize(("plan", "by_terms", "keys"), CASES)
def test_needs(plan: Plan, by_terms: bool, keys: set[str]) -> None:
    for _ in range(2):
        assert asks_terms(plan) is by_terms
        assert asked_keys(plan) == keys
