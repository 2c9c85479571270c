"""How index values lie in documents, and the ranges of strings — docs/adr/0004-one-collection.md"""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.search.index import MAX_TERM, IndexValues, Span
from fhirserver.store.compile import prefix_range
from fhirserver.store.layout import DAY, LONG, WIDE, exact_decimal, index_fields, short_term, stored_bound


@settings(max_examples=200)
@given(prefix=st.text(min_size=1), rest=st.text(), other=st.text())
def test_a_prefix_range_holds_what_starts_with_it(prefix: str, rest: str, other: str) -> None:
    anchored, other = "k=" + prefix, "k=" + other
    bounds = prefix_range(anchored)
    for text in (anchored, anchored + rest, other):
        as_stored = text.encode("utf-8", "surrogatepass")
        inside = bounds["$gte"].encode("utf-8", "surrogatepass") <= as_stored < bounds["$lt"].encode("utf-8")
        assert inside is text.startswith(anchored)


@pytest.mark.parametrize("last", ["\ud7ff", "\ue000", "\U0010ffff", "\U0010ffff\U0010ffff", "\x00", "\x7f", "\uffff"])
def test_a_prefix_range_at_the_ends_of_planes(last: str) -> None:
    bounds = prefix_range(f"k=a{last}")
    assert bounds["$gte"] == f"k=a{last}"
    assert bounds["$gte"] < bounds["$lt"]
    assert bounds["$lt"].encode()
    assert not bounds["$lt"].startswith(f"k=a{last}")


def test_a_long_term_is_cut_and_its_key_marked() -> None:
    short, long, other = "k=" + "x" * (MAX_TERM - 2), "k=" + "x" * (MAX_TERM - 1), "k=" + "x" * MAX_TERM
    fields = index_fields(IndexValues(terms=[short, long, other]))
    assert fields["t"] == [short, short_term(long), short_term(other), "k" + LONG]
    assert fields["l"] == [long, other]
    assert short_term(long) != short_term(other)
    assert all(term.startswith(long[:MAX_TERM]) for term in fields["t"][1:3])
    assert "l" not in index_fields(IndexValues(terms=[short]))


SPANS = [
    pytest.param(Span("k", 0, 1), "k", id="an instant"),
    pytest.param(Span("k", 0, DAY), "k", id="a day"),
    pytest.param(Span("k", 0, DAY + 1), "k" + WIDE, id="more than a day"),
    pytest.param(Span("k", Decimal("1.0"), Decimal("1")), "k", id="a number"),
    pytest.param(Span("k", Decimal(1), Decimal("1.1")), "k" + WIDE, id="a range of numbers"),
]


@pytest.mark.parametrize(("span", "key"), SPANS)
def test_a_wide_span_has_a_key_of_its_own(span: Span, key: str) -> None:
    assert index_fields(IndexValues(spans=[span]))["r"][0]["p"] == key


@settings(max_examples=200)
@given(value=st.decimals(allow_nan=False, allow_infinity=False).filter(lambda number: abs(number.adjusted()) < 6000))
def test_a_bound_rounds_outward(value: Decimal) -> None:
    low, high = (exact_decimal(stored_bound(value, upper=upper)) for upper in (False, True))  # type: ignore[arg-type]
    assert low <= value <= high
    if len(value.as_tuple().digits) <= 34:
        assert low == value == high
