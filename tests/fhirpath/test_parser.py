"""Reading expressions: http://hl7.org/fhirpath/N1/grammar.html"""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.fhirpath import FhirPathSyntaxError, parse
from fhirserver.fhirpath.ast import (
    Binary,
    Chain,
    Constant,
    External,
    Function,
    Identifier,
    Indexer,
    Invocation,
    Measure,
    Special,
    Temporal,
    TypeName,
    TypeOperation,
    Unary,
)

A, B, C = Identifier("a"), Identifier("b"), Identifier("c")

TREES = [
    pytest.param("a.b", Invocation(A, B), id="path selection"),
    pytest.param("a[0]", Indexer(A, Constant(0)), id="indexer"),
    pytest.param("a.b(c)", Invocation(A, Function("b", (C,))), id="function call"),
    pytest.param("-a.b", Unary("-", Invocation(A, B)), id="the dot binds more strongly than polarity"),
    pytest.param("a + b * c", Binary("+", A, Binary("*", B, C)), id="multiplication before addition"),
    pytest.param("a - b - c", Binary("-", Binary("-", A, B), C), id="operators associate to the left"),
    pytest.param("a > b is c", Binary(">", A, TypeOperation("is", B, TypeName("c"))), id="types before inequality"),
    pytest.param("a | b | c", Chain("|", (A, B, C)), id="unions are flat"),
    pytest.param("a | (b | c)", Chain("|", (A, Chain("|", (B, C)))), id="parentheses stay"),
    pytest.param("a and b or c", Chain("or", (Chain("and", (A, B)), C)), id="and before or"),
    pytest.param("a implies b = c", Binary("implies", A, Binary("=", B, C)), id="equality before implies"),
    pytest.param("a as FHIR.b", TypeOperation("as", A, TypeName("b", "FHIR")), id="qualified type specifier"),
    pytest.param("contains contains 'x'", Binary("contains", Identifier("contains"), Constant("x")), id="words"),
    pytest.param("a.is(b)", Invocation(A, Function("is", (B,))), id="a keyword names a function"),
    pytest.param("a.div", Invocation(A, Identifier("div")), id="any word names an element after a dot"),
    pytest.param("`a b`.`c`", Invocation(Identifier("a b"), C), id="delimited identifiers"),
    pytest.param("%resource", External("resource"), id="external constant"),
    pytest.param("%`vs-x`", External("vs-x"), id="delimited external constant"),
    pytest.param("%'x y'", External("x y"), id="external constant as a string"),
    pytest.param("$this", Special("this"), id="$this"),
    pytest.param(r"'\'\u0041\n'", Constant("'A\n"), id="string escapes"),
    pytest.param(r"'\p\u12'", Constant("pu12"), id="a backslash before no escape is left out"),
    pytest.param(r"'\ud83d\ude00'", Constant("\U0001f600"), id="two escapes may be one character"),
    pytest.param("1.50", Constant(Decimal("1.50")), id="decimals keep their digits"),
    pytest.param("4 days", Measure(Decimal(4), "days", calendar=True), id="calendar duration"),
    pytest.param("4.5 'mg'", Measure(Decimal("4.5"), "mg"), id="quantity"),
    pytest.param("@2015", Temporal("Date", "2015"), id="date"),
    pytest.param("@2015T", Temporal("DateTime", "2015"), id="a T makes it a dateTime"),
    pytest.param("@2015-02-04T14:34:28.1+09:00", Temporal("DateTime", "2015-02-04T14:34:28.1+09:00"), id="dateTime"),
    pytest.param("@T14:34", Temporal("Time", "14:34"), id="time"),
    pytest.param("a // to the end\n/* and\nthis */ .b", Invocation(A, B), id="comments"),
]


@pytest.mark.parametrize(("source", "tree"), TREES)
def test_tree(source: str, tree: object) -> None:
    assert parse(source) == tree
    assert parse(str(tree)) == tree


FAULTS = [
    pytest.param("", 1, 1, id="nothing"),
    pytest.param("a +\n b +", 2, 5, id="the position counts lines"),
    pytest.param("a..b", 1, 3, id="two dots"),
    pytest.param("a b", 1, 3, id="two terms"),
    pytest.param("(a", 1, 3, id="open parenthesis"),
    pytest.param("a.where(b", 1, 10, id="open call"),
    pytest.param("'a", 1, 1, id="open string"),
    pytest.param("a /* b", 1, 3, id="open comment"),
    pytest.param(r"'\ud800'", 1, 2, id="half a character"),
    pytest.param("@T14:34:28Z", 1, 11, id="times have no zone"),
    pytest.param("@2015-02-30", 1, 1, id="a day that does not exist"),
    pytest.param("a # b", 1, 3, id="no FHIRPath character"),
    pytest.param("(" * 101 + "a" + ")" * 101, 1, 101, id="nested too deep"),
    pytest.param("a" + ".b" * 101, 1, 202, id="a path too long"),
]


@pytest.mark.parametrize(("source", "line", "column"), FAULTS)
def test_fault(source: str, line: int, column: int) -> None:
    with pytest.raises(FhirPathSyntaxError) as raised:
        parse(source)
    assert (raised.value.position.line, raised.value.position.column) == (line, column)


def test_a_long_union_is_not_deep() -> None:
    assert len(parse(" | ".join(["a"] * 2000)).operands) == 2000  # type: ignore[union-attr]


_PIECES = st.sampled_from(
    [
        *("a", "Patient", "name", "where", "contains", "is", "as", "and", "|", "-", "=", ".", "(", ")", "[", "]"),
        *("1", "1.0", "'s'", "@2015", "{}", "%", "$this", "`b`", "days", "first()", "//", "/*", "\\", "\n", " ", "é"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=25).map("".join)))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        tree = parse(source)
    except FhirPathSyntaxError:
        return
    assert parse(str(tree)) == tree
