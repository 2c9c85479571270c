"""What is noticed before an expression runs: syntax errors with their place, and what can only yield nothing."""

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import FhirPathSyntaxError, FhirPathTypeError, Rules, compile_fhirpath

SYNTAX_ERRORS = [
    pytest.param("name.", 1, 6, id="the end where an element should be"),
    pytest.param("name\n  .where(use == 'a')", 2, 15, id="on the second line"),
    pytest.param("'abc", 1, 1, id="a string that is not closed"),
    pytest.param("name /* x", 1, 6, id="a comment that is not closed"),
    pytest.param("name\r\n.given[", 2, 8, id="an index that is not closed"),
    pytest.param("@2024-02-30", 1, 1, id="a date that does not exist"),
    pytest.param("1 + '\\ud800'", 1, 6, id="half a surrogate pair"),
    pytest.param("", 1, 1, id="nothing"),
]


@pytest.mark.parametrize(("source", "line", "column"), SYNTAX_ERRORS)
def test_syntax_errors_name_the_place(source: str, line: int, column: int, definitions: Definitions) -> None:
    with pytest.raises(FhirPathSyntaxError, match=f"line {line}, column {column}") as caught:
        compile_fhirpath(source, "Patient", definitions)
    assert (caught.value.position.line, caught.value.position.column) == (line, column)


WARNINGS = [
    pytest.param("name.given", [], id="an element that is there"),
    pytest.param(
        "name.given1", ["`given1` is not an element of `HumanName` (line 1, column 6)."], id="no such element"
    ),
    pytest.param(
        "name\n.where(use1 = 'a' or use2 = 'b')",
        [
            "`use1` is not an element of `HumanName` (line 2, column 8).",
            "`use2` is not an element of `HumanName` (line 2, column 22).",
        ],
        id="in criteria, each",
    ),
    pytest.param(
        "deceasedBoolean", ["`deceasedBoolean` is not an element of `Patient` (line 1, column 1)."], id="JSON"
    ),
    pytest.param("Encounter.status", ["The input is not of the type `Encounter` (line 1, column 1)."], id="of others"),
    pytest.param("deceased as Quantity", ["What is selected is never a `Quantity`."], id="a type that never occurs"),
    pytest.param("contained.name.given", [], id="what only the data tell"),
    pytest.param("repeat(contact | name)", [], id="what a later round finds"),
    pytest.param("repeat(contact | nome)", ["`nome` is not an element of"], id="once for all rounds"),
    pytest.param("descendants().nothing", [], id="anything below"),
]


@pytest.mark.parametrize(("source", "expected"), WARNINGS)
def test_unknown_elements_are_warnings(source: str, expected: list[str], definitions: Definitions) -> None:
    found = compile_fhirpath(source, "Patient", definitions, rules=Rules.LANGUAGE).warnings
    assert len(found) == len(expected)
    assert all(str(one).startswith(text) for one, text in zip(found, expected, strict=True))


def test_unknown_elements_are_errors_under_strict_rules(definitions: Definitions) -> None:
    with pytest.raises(FhirPathTypeError, match=r"`given1` is not an element of `HumanName` \(line 1, column 6\)\."):
        compile_fhirpath("name.given1", "Patient", definitions, rules=Rules.STRICT)


def test_unknown_functions_name_the_place(definitions: Definitions) -> None:
    with pytest.raises(FhirPathTypeError, match="line 1, column 6"):
        compile_fhirpath("name.frist()", "Patient", definitions)


def test_messages_quote_little_of_the_source(definitions: Definitions) -> None:
    with pytest.raises(FhirPathTypeError) as caught:
        compile_fhirpath("`" + "x\x1b" * 5_000 + "`()", "Patient", definitions)
    assert len(str(caught.value)) < 200
    assert "\x1b" not in str(caught.value)
