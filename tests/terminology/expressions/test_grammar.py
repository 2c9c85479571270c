"""The productions of the compositional grammar — https://confluence.ihtsdotools.org/display/DOCSCG

Each is read and written again, without its terms and spaces; what is no expression is told with its character.
"""

import pytest

from fhirserver.terminology.expressions.parser import MAX_DEPTH, MAX_LENGTH, BadExpression, parse
from fhirserver.terminology.expressions.syntax import Attribute, Literal, Reference, Status, SubExpression
from fhirserver.terminology.expressions.wording import worded

A, B, C, D = "22298006", "363698007", "80891009", "71388002"

READ = [
    ("conceptReference", A, A),
    ("conceptId: 6 digits", "123456", "123456"),
    ("conceptId: 18 digits", "123456789012345678", "123456789012345678"),
    ("conceptReference with term", f"{A}|Myocardial infarction|", A),
    ("term with space around it", f"{A} | Myocardial  infarction | ", A),
    ("term with any character but a bar", f'{A}|a "b" (c) {{d}}, e: f=g + œ|', A),
    ("ws before and after", f" \t\r\n{A}\n", A),
    ("definitionStatus: equivalentTo", f"=== {A}", f"==={A}"),
    ("definitionStatus: subtypeOf", f"<<<{A}:{B}={C}", f"<<<{A}:{B}={C}"),
    ("focusConcept of two", f"{A} + {D}", f"{A}+{D}"),
    ("focusConcept of three with terms", f"{A}|a|+{C}|c|+{D}|d|", f"{A}+{C}+{D}"),
    ("refinement: attributeSet of one", f"{A} : {B} = {C}", f"{A}:{B}={C}"),
    ("refinement: attributeSet of two", f"{A}:{B}={C} , {D}={C}", f"{A}:{B}={C},{D}={C}"),
    ("attribute with terms", f"{A}:{B}|site|={C}|heart|", f"{A}:{B}={C}"),
    ("refinement: attributeGroup", f"{A}:{{ {B}={C} }}", f"{A}:{{{B}={C}}}"),
    ("attributeGroup of two attributes", f"{A}:{{{B}={C},{D}={C}}}", f"{A}:{{{B}={C},{D}={C}}}"),
    ("attributeGroups with a comma", f"{A}:{{{B}={C}}},{{{D}={C}}}", f"{A}:{{{B}={C}}},{{{D}={C}}}"),
    ("attributeGroups without a comma", f"{A}:{{{B}={C}}} {{{D}={C}}}", f"{A}:{{{B}={C}}},{{{D}={C}}}"),
    ("attributeSet and attributeGroup with a comma", f"{A}:{B}={C} , {{{D}={C}}}", f"{A}:{B}={C},{{{D}={C}}}"),
    ("attributeSet and attributeGroup without one", f"{A}:{B}={C} {{{D}={C}}}", f"{A}:{B}={C},{{{D}={C}}}"),
    ("expressionValue: conceptReference", f"{A}:{B}={C}", f"{A}:{B}={C}"),
    ("expressionValue: nested focus", f"{A}:{B}=( {C} )", f"{A}:{B}=({C})"),
    ("expressionValue: nested refinement", f"{A}:{B}=({C}:{D}={A},{{{B}={C}}})", f"{A}:{B}=({C}:{D}={A},{{{B}={C}}})"),
    ("expressionValue: nested twice", f"{A}:{B}=({C}:{D}=({A}+{C}))", f"{A}:{B}=({C}:{D}=({A}+{C}))"),
    ("numericValue: integerValue", f"{A}:{B}=#250", f"{A}:{B}=#250"),
    ("numericValue: zero", f"{A}:{B}=#0", f"{A}:{B}=#0"),
    ("numericValue: signs", f"{A}:{B}=#-1,{B}=#+1", f"{A}:{B}=#-1,{B}=#+1"),
    ("numericValue: decimalValue keeps its digits", f"{A}:{B}=#0.50", f"{A}:{B}=#0.50"),
    ("stringValue", f'{A}:{B}="as needed"', f'{A}:{B}="as needed"'),
    ("stringValue with escapedChar", f'{A}:{B}="a \\"b\\" \\\\"', f'{A}:{B}="a \\"b\\" \\\\"'),
    ("booleanValue", f"{A}:{B}=true,{D}=FALSE", f"{A}:{B}=true,{D}=FALSE"),
]  # fmt: skip

REFUSED = [
    ("nothing", "", "Concept not found", 1),
    ("words", "freetext", "Concept not found", 1),
    ("a code of 5 digits", "12345", "Concept not found", 1),
    ("a code that begins with 0", "0123456", "Concept not found", 1),
    ("a code of 19 digits", "1234567890123456789", "Concept not found", 1),
    ("nothing after +", f"{A}+", "Concept not found", 10),
    ("nothing after :", f"{A}:", "Concept not found", 10),
    ("an attribute without =", f"{A}:{B}", "`=` expected", 19),
    ("an attribute without value", f"{A}:{B}=", "Concept not found", 20),
    ("a term that is not closed", f"{A}|Heart", "Term between `|` expected", 9),
    ("an empty term", f"{A}||", "Term between `|` expected", 9),
    ("a group that is not closed", f"{A}:{{{B}={C}", "`,` or `}` expected", 29),
    ("an empty group", f"{A}:{{}}", "Concept not found", 11),
    ("a group in a group", f"{A}:{{{{{B}={C}}}}}", "Concept not found", 11),
    ("an attribute after a group", f"{A}:{{{B}={C}}},{D}={C}", "An attribute or a group expected", 31),
    ("brackets that are not closed", f"{A}:{B}=({C}", "`)` expected", 29),
    ("a concrete value in brackets", f"{A}:{B}=(#1)", "Concept not found", 21),
    ("a number that is none", f"{A}:{B}=#x", "Number expected after `#`", 20),
    ("a number that begins with 0", f"{A}:{B}=#05", "Number expected after `#`", 20),
    ("a string that is not closed", f'{A}:{B}="a', 'Text in `"` expected', 20),
    ("an empty string", f'{A}:{B}=""', 'Text in `"` expected', 20),
    ("a constraint", f"<< {A}", "Concept not found", 1),
    ("a status at the end", f"{A} ===", "`+`, `:`, `,` or the end expected", 10),
    ("more behind it", f"{A}:{B}={C} x", "`,` or the end expected", 29),
]  # fmt: skip


@pytest.mark.parametrize(("text", "written"), [pytest.param(*row[1:], id=row[0]) for row in READ])
def test_productions(text: str, written: str) -> None:
    assert worded(parse(text), lambda code: None) == written
    assert worded(parse(written), lambda code: None) == written


@pytest.mark.parametrize(("text", "problem", "character"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_is_no_expression_is_told_with_its_character(text: str, problem: str, character: int) -> None:
    with pytest.raises(BadExpression) as raised:
        parse(text)
    said = str(raised.value)
    assert said.startswith(problem)
    assert said.endswith(f"at character {character}")
    following = f'(next char = "{text[character - 1]}"' if character <= len(text) else "(at the end"
    assert following in said


def test_the_parts_of_an_expression() -> None:
    found = parse(f"<<<{A}|Infarction|:{B}=#2,{{{D}=({C})}}")
    assert found.status is Status.SUBTYPE
    assert found.of.focus == (Reference(A, "Infarction", 3),)
    assert found.of.attributes == (Attribute(Reference(B, None, 24), Literal("#2")),)
    assert found.of.groups == ((Attribute(Reference(D, None, 38), SubExpression((Reference(C, None, 48),))),),)
    assert [one.code for one in found.of.references()] == [A, B, D, C]


def test_it_is_said_with_the_terms_that_there_are() -> None:
    called = {A: "Infarction", C: "Heart"}.get
    assert worded(parse(f"{A} | x | : {B} = {C}"), called) == f"{A}|Infarction|:{B}={C}|Heart|"


@pytest.mark.parametrize(
    ("text", "problem"),
    [(f"{A}:" + f"{B}=({A}:" * (MAX_DEPTH + 1) + f"{B}={C}" + ")" * (MAX_DEPTH + 1), "brackets within each other"),
     (f"{A}:" + ",".join([f"{B}={C}"] * (MAX_LENGTH // 10)), "at most 20000 characters")],
    ids=["depth", "length"],
)  # fmt: skip
def test_bounds(text: str, problem: str) -> None:
    with pytest.raises(BadExpression, match=problem):
        parse(text)


def test_the_deepest_that_is_allowed() -> None:
    parse(f"{A}:" + f"{B}=({A}:" * MAX_DEPTH + f"{B}={C}" + ")" * MAX_DEPTH)
