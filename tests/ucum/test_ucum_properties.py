"""What holds for every text and every term. Spec: https://ucum.org/ucum#para-16"""

from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.ucum import Ucum, compile_essence

ESSENCE = Path(str(distribution("ucumvert").locate_file("ucumvert/vendor/ucum-essence.xml")))
TABLES = compile_essence(ESSENCE.read_bytes())
UCUM = Ucum(TABLES)
SPECIAL = {code for code, atom in TABLES.atoms.items() if atom.function}

ATOMS = st.sampled_from(sorted(TABLES.atoms))
PROPER = st.sampled_from(sorted(TABLES.atoms.keys() - SPECIAL))
METRIC = st.sampled_from(sorted(code for code, atom in TABLES.atoms.items() if atom.metric and code not in SPECIAL))
PREFIXED = st.builds("{}{}".format, st.sampled_from(sorted(TABLES.prefixes)), METRIC)
POWERS = st.builds("{}{}".format, PROPER | PREFIXED, st.sampled_from(["", "2", "-1", "+3", "-2"]))
COMPONENTS = POWERS | st.integers(1, 999).map(str) | st.just("{note}")
TERMS = st.recursive(
    COMPONENTS,
    lambda inner: st.builds("{}{}({})".format, inner, st.sampled_from("./"), inner),
    max_leaves=6,
)
PIECES = st.sampled_from([*"./()[]{}+-09*^'% mkgd", "Cel", "[iU]", "[pH]", "{x}", "m[Hg]", "10*"])
TEXTS = st.text() | st.lists(PIECES, max_size=40).map("".join) | st.lists(ATOMS | PIECES, max_size=8).map("".join)
VALUES = st.decimals() | st.decimals(-1000, 1000, places=3)
EXTREMES = st.sampled_from(["sNaN", "1E+999999", "-1E-999999", "9" * 60, "-0", "1E+6144", "1E-6176"]).map(Decimal)

many = settings(max_examples=400, deadline=None)


@many
@given(TEXTS)
def test_no_text_raises(text: str) -> None:
    if UCUM.factor(text) is not None:
        assert UCUM.is_valid(text)
    UCUM.is_valid(text)


@many
@given(VALUES | EXTREMES, ATOMS | TEXTS, ATOMS)
def test_no_value_raises(value: Decimal, source: str, target: str) -> None:
    canonical = UCUM.canonical(value, source)
    assert canonical is None or canonical.value.is_finite()
    converted = UCUM.convert(value, source, target)
    assert converted is None or converted.is_finite()


@many
@given(TERMS)
def test_the_canonical_unit_is_a_code_whose_canonical_form_is_itself(term: str) -> None:
    canonical = UCUM.canonical(Decimal(1), term)
    if canonical is not None:
        assert UCUM.canonical(canonical.value, canonical.unit) == canonical


@many
@given(TERMS, TERMS)
def test_the_product_of_units_is_commutative_and_the_quotient_its_inverse(one: str, other: str) -> None:
    assert UCUM.canonical(Decimal(1), f"({one}).({other})") == UCUM.canonical(Decimal(1), f"({other}).({one})")
    if UCUM.factor(f"({one})/({one})") is not None:
        assert UCUM.convert(Decimal(1), f"({one})/({one})", "1") == 1


@many
@given(TERMS)
def test_annotations_and_parentheses_change_nothing(term: str) -> None:
    plain = UCUM.factor(term)
    assert UCUM.factor(f"({term}){{x}}") == plain
    assert UCUM.factor(f"{{x}}.({term})") == plain


@many
@given(st.decimals(-(10**6), 10**6, places=4), TERMS, st.integers(1, 999))
def test_there_and_back_again(value: Decimal, term: str, number: int) -> None:
    other = f"{number}.({term})"
    there = UCUM.convert(value, term, other)
    if there is not None:
        back = UCUM.convert(there, other, term)
        assert back is not None
        assert abs(back - value) <= abs(value) * Decimal("1e-32")


@many
@given(st.decimals(-1000, 1000, places=3), st.decimals(-1000, 1000, places=3), ATOMS)
def test_canonical_values_keep_the_order(one: Decimal, other: Decimal, code: str) -> None:
    conversion = UCUM.factor(code)
    assert conversion is not None
    low, high = conversion.apply(min(one, other)), conversion.apply(max(one, other))
    if low is not None and high is not None:
        assert (high <= low) if conversion.decreasing else (low <= high)


@pytest.mark.parametrize("code", sorted(SPECIAL))
@settings(max_examples=25, deadline=None)
@given(value=st.decimals("0.001", 300, places=3))
def test_special_units_there_and_back_again(code: str, value: Decimal) -> None:
    assert UCUM.convert(value, code, code) == pytest.approx(value, rel=Decimal("1e-28"))
