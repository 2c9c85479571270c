"""``decide`` says of every plan what ``match`` says."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from fhirserver.search.decide import prepared
from fhirserver.search.index import IndexValues, Span
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import (
    ALL,
    IN_RECORD,
    NONE,
    And,
    Comparison,
    HasAnySpan,
    HasSpan,
    HasTerm,
    HasTermPrefix,
    IsOneOf,
    LastUpdated,
    Not,
    OnlyPatients,
    Or,
    Plan,
)
from fhirserver.store.layout import DAY, index_fields
from fhirserver.store.values import selects

TERMS = ("Observation", "Observation.code=a\x1f", "@Patient/a", "@Patient/b", "Task.for=Patient/a", "@")
IDS = st.frozensets(st.sampled_from(("a", "b", "")), max_size=2)
KEYS = ("Observation/1", "Observation/2", "Patient/1")
PREFIXES = st.sampled_from(((IN_RECORD,), ("Task.for=Patient/",), (IN_RECORD, "Task.for=Patient/"), ("@", IN_RECORD)))

LEAVES: st.SearchStrategy[Plan] = st.one_of(
    st.sampled_from((ALL, NONE)),
    st.builds(HasTerm, st.lists(st.sampled_from(TERMS), max_size=2).map(tuple)),
    st.builds(IsOneOf, st.lists(st.sampled_from(KEYS), max_size=2).map(tuple)),
    st.builds(OnlyPatients, IDS, PREFIXES),
    st.builds(HasTermPrefix, st.sampled_from(("Observation.", "@Patient/", "x"))),
    st.builds(HasSpan, st.just("d"), st.sampled_from((Comparison.EQ, Comparison.LT)), st.just(3), st.just(5)),
    st.builds(HasSpan, st.just("d"), st.just(Comparison.EB), st.sampled_from((4, 5, 3 * DAY)), st.just(4 * DAY)),
    st.builds(HasAnySpan, st.sampled_from(("d", "e"))),
    st.builds(LastUpdated, st.just(Comparison.GE), st.just(7), st.just(8)),
)
PLANS: st.SearchStrategy[Plan] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
VALUES = st.builds(
    IndexValues,
    st.lists(st.sampled_from(TERMS), max_size=4, unique=True),
    st.lists(st.builds(Span, st.just("d"), st.integers(1, 4), st.sampled_from((4, 5, 6, 2 * DAY))), max_size=2),
)


@given(PLANS, VALUES, st.sampled_from(KEYS), st.sampled_from((6, 7, 9)))
def test_a_plan_as_a_function_selects_what_the_plan_selects(
    plan: Plan, values: IndexValues, key: str, updated_us: int
) -> None:
    stored = {"_id": key, "m": updated_us, **index_fields(values)}
    expected = match(plan, Candidate(key, updated_us, values))
    assert selects(plan, stored) is expected
    assert selects(plan, stored) is expected, "remembered"
    assert prepared(plan) is prepared(plan)


def test_an_earlier_version_has_the_key_of_its_instance() -> None:
    stored = {"_id": "Observation/1/3", "m": 7, "t": ["Observation"]}
    assert selects(IsOneOf(("Observation/1",)), stored)


@given(PLANS)
def test_plans_that_are_equal_have_the_same_hash(plan: Plan) -> None:
    twin = copy.deepcopy(plan)
    assert twin == plan
    assert hash(twin) == hash(plan) == hash(plan)
