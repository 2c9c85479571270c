"""Which texts are codes. Spec: https://ucum.org/ucum#para-1"""

import pytest

from fhirserver.ucum import Ucum
from fhirserver.ucum.terms import MAX_DEPTH, MAX_LENGTH

CASES = [
    # code, valid
    pytest.param("m", True, id="1.3: all expressions derived from the symbols and the syntax are valid"),
    pytest.param("", False, id="10: a term has at least one component"),
    pytest.param("rad2{錠}", False, id="3.1: exclusively 7-bit US-ASCII"),
    pytest.param("µg", False, id="3.1: the micro sign is not ASCII"),
    pytest.param("٣.m", False, id="3.1: nor are the digits of other scripts"),
    pytest.param("10*", True, id="3.3: the symbol 10* ends with a non-digit"),
    pytest.param("MM[HG]", False, id="3.4: case insensitive symbols are incompatible"),
    pytest.param("[BETH'U]", False, id="3.4: also inside square brackets"),
    pytest.param("m s", False, id="3: white space is not recognised"),
    pytest.param(" m", False, id="3: nor before a term"),
    pytest.param("m\n", False, id="3: nor a line end behind it"),
    pytest.param("kg", True, id="4.1: a prefix with a metric unit"),
    pytest.param("mkg", False, id="4.2: the unit of a prefix must not itself contain one"),
    pytest.param("m.kg", True, id="4.3: two units need an operator"),
    pytest.param("dar", True, id="4.4: deci-are, for there is no deca-r"),
    pytest.param("dag", True, id="4.4: the longest prefix before a metric atom"),
    pytest.param("Kibit", True, id="4.4: a prefix of two letters"),
    pytest.param("k", False, id="4: a prefix alone is no unit"),
    pytest.param("m[H2O]", True, id="5.1: square brackets at any place of an atom"),
    pytest.param("[m/s2/Hz^(1/2)]", True, id="5.2: any printable character inside square brackets"),
    pytest.param("dB[10.nV]", True, id="5.3: brackets do not bound the prefix"),
    pytest.param("m[[Hg]]", False, id="5.4: square brackets must not be nested"),
    pytest.param("m[Hg", False, id="5.1: only as matched pairs"),
    pytest.param("m]", False, id="5.1: a closing bracket has an opening one"),
    pytest.param("[iIU]", False, id="5: what stands inside must be in the tables"),
    pytest.param("cm[H20]", False, id="5: water has the letter O"),
    pytest.param("%{vol}", True, id="6.1: an annotation behind a unit"),
    pytest.param("{score}", True, id="6.4: an annotation without a leading symbol"),
    pytest.param("{}", True, id="6.1: an annotation may be empty"),
    pytest.param("{a}.rad2{b}", True, id="6.4: it is a component like another"),
    pytest.param("{a}rad2", False, id="6.3: an annotation ends a unit symbol, it does not begin one"),
    pytest.param("{|}1", False, id="6.3: nor an integer"),
    pytest.param("m{a}{b}", False, id="10: one annotation a component"),
    pytest.param("{a{b}}", False, id="6.5: curly braces must not be nested"),
    pytest.param("{a", False, id="6.1: a pair of curly braces"),
    pytest.param("{clock time}", True, id="6.1, relaxed: a space in an annotation, as in published code lists"),
    pytest.param("m.s", True, id="7.1: multiplication"),
    pytest.param("m..s", False, id="7.2: the operator stands between two terms"),
    pytest.param(".m", False, id="7.2: the multiplication operator is strictly binary"),
    pytest.param("m.", False, id="7.2: and needs its right side"),
    pytest.param("/m", True, id="7.3: a leading solidus"),
    pytest.param("m/", False, id="7.3: the solidus is followed by a term"),
    pytest.param("//m", False, id="7.3: one leading solidus"),
    pytest.param("m/s/kg", True, id="7.4: multiple division operators"),
    pytest.param("123", True, id="8.1: an integer in place of a simple unit"),
    pytest.param("0", False, id="8.1: a positive one"),
    pytest.param("12h", False, id="8.2: digits and a letter are one symbol"),
    pytest.param("g/(12.h)", True, id="8.2: so the number needs an operator"),
    pytest.param("2.5", True, id="8: the period is only the multiplication operator"),
    pytest.param("1e3", False, id="8: no floating point numbers"),
    pytest.param("m-1", True, id="9.1: negative exponents"),
    pytest.param("m+2", True, id="9.1: the optional plus sign"),
    pytest.param("m0", True, id="9.1: the exponent is an integer number"),
    pytest.param("m-", False, id="9.1: a sign has digits"),
    pytest.param("m2-1", False, id="9.1: one exponent"),
    pytest.param("10*-3/ul", True, id="9: powers of ten"),
    pytest.param("10+3/ul", False, id="10: in the BNF an integer has no exponent"),
    pytest.param("(m.s)/kg", True, id="10.1: parentheses in place of simple units"),
    pytest.param("ug(8.h)", False, id="10.1: not in place of an operator"),
    pytest.param("(m)2", False, id="10: no exponent on a parenthesis"),
    pytest.param("k(m)", False, id="10.2: nor a prefix"),
    pytest.param("(m", False, id="10.1: parentheses are closed"),
    pytest.param("m)", False, id="10.1: and opened"),
    pytest.param("()", False, id="10: a term inside"),
    pytest.param("(/m)", False, id="10: the leading solidus is the main term's"),
    pytest.param("g/(8.h){shift}", True, id="official example: an annotation behind a parenthesis"),
    pytest.param("/100{cells}", True, id="official example: an annotation behind an integer"),
    pytest.param("kmin", False, id="11.1: only metric atoms may be combined with a prefix"),
    pytest.param("k[in_i]", False, id="11.1: customary units are not metric"),
    pytest.param("m[IU]/L", True, id="11.1: the international unit is metric"),
    pytest.param("Cel2", True, id="1.3: valid, though special units take part in no algebra"),
    pytest.param("(" * MAX_DEPTH + "m" + ")" * MAX_DEPTH, True, id="ours: parentheses up to the bound"),
    pytest.param("(" * 17 + "m" + ")" * 17, False, id="ours: not deeper"),
    pytest.param("m.m" + "{" + "x" * (MAX_LENGTH - 5) + "}", True, id="ours: as long as the bound"),
    pytest.param("m.m" + "{" + "x" * (MAX_LENGTH - 4) + "}", False, id="ours: not longer"),
    pytest.param("mcg", False, id="common mistake: mcg"),
    pytest.param("mEq", False, id="common mistake: mEq"),
    pytest.param("iU", False, id="common mistake: IU without brackets"),
    pytest.param("fmm[Hg]", False, id="common mistake: two prefixes"),
]


@pytest.mark.parametrize(("code", "valid"), CASES)
def test_code(ucum: Ucum, code: str, valid: bool) -> None:
    assert ucum.is_valid(code) is valid


# Codes of the official list that the tables of the same revision do not define.
UNDEFINED_EXAMPLES = {"Torr": "in no revision of the tables; mm[Hg] is"}


def test_official_examples_are_valid_and_have_a_canonical_form(ucum: Ucum, example_codes: list[str]) -> None:
    assert len(example_codes) > 800
    assert {code for code in example_codes if not ucum.is_valid(code)} == UNDEFINED_EXAMPLES.keys()
    assert {code for code in example_codes if ucum.factor(code) is None} == UNDEFINED_EXAMPLES.keys()
