"""What a plan asks of a resource beside its terms."""

import pytest

from fhirserver.search.needs import Extent, asked_keys, needs_of
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
    pytest.param(TERM, Extent.TERMS, set(), id="a term"),
    pytest.param(all_of(TERM, Not(OnlyPatients(frozenset({"1"})))), Extent.TERMS, set(), id="terms, and patients"),
    pytest.param(all_of(TERM, SPAN), Extent.SPANS, {"Observation.date"}, id="a span"),
    pytest.param(any_of(TERM, Not(HasAnySpan("a"))), Extent.SPANS, {"a"}, id="a span deep inside"),
    pytest.param(HasOneSpan((SPAN, SPAN)), Extent.SPANS, {"Observation.date"}, id="conditions on one span"),
    pytest.param(HasGroup("code-value", ALL), Extent.ALL, {"code-value"}, id="a group"),
    pytest.param(HasWords((("a",),), narrative=False), Extent.ALL, set(), id="words"),
]


@pytest.mark.parametrize(("plan", "extent", "keys"), CASES)
def test_needs(plan: Plan, extent: Extent, keys: set[str]) -> None:
    for _ in range(2):
        assert needs_of(plan)[0] is extent
        assert asked_keys(plan) == keys
