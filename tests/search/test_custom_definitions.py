"""What a stored SearchParameter must be to be served — http://hl7.org/fhir/R4/searchparameter.html"""

from typing import Any

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue
from fhirserver.search.custom import NO_CUSTOMS, check_custom, collect_customs, split_union
from fhirserver.search.parameters import SearchParameters

Json = dict[str, Any]


def parameter(**changes: object) -> Json:
    resource = {
        "resourceType": "SearchParameter",
        "id": changes.get("code", "shoe-size"),
        "url": f"http://example.org/{changes.get('code', 'shoe-size')}",
        "name": "ShoeSize",
        "status": "active",
        "description": "The size of the shoes",
        "code": "shoe-size",
        "base": ["Patient"],
        "type": "number",
        "expression": "Patient.extension('http://example.org/shoe-size').value.as(integer)",
    }
    return {name: value for name, value in {**resource, **changes}.items() if value is not None}


def component(url: str, expression: str) -> Json:
    return {"definition": url, "expression": expression}


CODE = "http://hl7.org/fhir/SearchParameter/clinical-code"
VALUE = "http://hl7.org/fhir/SearchParameter/Observation-value-quantity"
COMPOSITE: Json = {"code": "pair", "base": ["Observation"], "type": "composite", "expression": "Observation"}
PAIR = [component(CODE, "code"), component(VALUE, "value.as(Quantity)")]

FINE = [
    pytest.param(parameter(), id="an extension"),
    pytest.param(parameter(expression="Patient.extension('http://x').value"), id="a value of any type"),
    pytest.param(parameter(expression="Patient.extension('http://x')"), id="an extension stands for its value"),
    pytest.param(parameter(base=["Patient", "Person"], type="date", expression="birthDate"), id="several bases"),
    pytest.param(parameter(base=["Resource"], type="date", expression="Resource.meta.lastUpdated"), id="every type"),
    pytest.param(parameter(type="token", expression="Patient.photo.exists()"), id="a computed boolean"),
    pytest.param(
        parameter(type="reference", target=["Patient"], expression="Patient.link.other"), id="a reference with targets"
    ),
    pytest.param(parameter(**COMPOSITE, component=PAIR), id="a composite"),
    pytest.param(
        parameter(**COMPOSITE, component=[component(f"{CODE}|4.0.1", "code"), PAIR[1]]), id="a component with a version"
    ),
    pytest.param(parameter(status="draft", expression="Patient.((", code="name"), id="a draft may be anything"),
    pytest.param(parameter(status="retired", expression="Patient.(("), id="a retired one may be anything"),
]


@pytest.mark.parametrize("resource", FINE)
def test_what_can_be_served_is_accepted(definitions: Definitions, resource: Json) -> None:
    assert check_custom(definitions, resource, NO_CUSTOMS) == []


REFUSED = [
    pytest.param({"code": "name"}, "code", "`Patient` has a search parameter of this code already", id="code clash"),
    pytest.param({"code": "_id"}, "code", "The code is not a letter", id="a code for parameters of all types"),
    pytest.param({"code": "a b"}, "code", "The code is not a letter", id="a code that is no name"),
    pytest.param({"code": "$x"}, "code", "The code is not a letter", id="a code with a dollar"),
    pytest.param({"base": ["Patients"]}, "base", "A base is not a resource type", id="unknown base"),
    pytest.param({"base": ["Patient", "HumanName"]}, "base", "A base is not a resource type", id="a datatype as base"),
    pytest.param({"type": "special"}, "type", "cannot be defined", id="special parameters are the server's own"),
    pytest.param({"expression": None}, "expression", "Without an expression", id="no expression"),
    pytest.param({"expression": "Patient.name." + "x" * 4000}, "expression", "more than 4000", id="too long"),
    pytest.param(
        {"expression": "Patient.name\n.where(use = 'x'"}, "expression", "line 2, column ", id="not closed: line, column"
    ),
    pytest.param(
        {"expression": "Patient.name.nofunction()"}, "expression", "cannot be compiled", id="no such function"
    ),
    pytest.param({"expression": "Patient.nothing"}, "expression", "selects nothing of a `Patient`", id="no element"),
    pytest.param({"expression": "Observation.value"}, "expression", "selects nothing of a `Patient`", id="other type"),
    pytest.param(
        {"base": ["Patient", "Observation"], "type": "date", "expression": "Patient.birthDate"},
        "expression",
        "selects nothing of a `Observation`",
        id="one of the bases has it",
    ),
    pytest.param(
        {"expression": "Patient.name"}, "expression", "selects `HumanName` of a `Patient`", id="a type without numbers"
    ),
    pytest.param(
        {"type": "reference", "expression": "Patient.link.other"}, "target", "names the resource", id="target"
    ),
    pytest.param({"target": ["Nobody"]}, "target", "A target is not a resource type", id="unknown target"),
    pytest.param({**COMPOSITE}, "component", "have components", id="a composite without components"),
    pytest.param({"component": PAIR}, "component", "and no others, have components", id="components of no composite"),
    pytest.param(
        {**COMPOSITE, "component": [component("http://x", "code"), PAIR[1]]},
        "component[0]",
        "is not a search parameter of `Observation`",
        id="an unknown component",
    ),
    pytest.param(
        {**COMPOSITE, "component": [PAIR[0], component(VALUE, "value.(")]},
        "component[1]",
        "cannot be compiled",
        id="a component that is no expression",
    ),
    pytest.param(
        {**COMPOSITE, "component": [PAIR[0], component(VALUE, "nothing")]},
        "component[1]",
        "selects nothing",
        id="a component that selects nothing",
    ),
    pytest.param({"url": None, "_url": {"extension": []}}, "url", "It has no value", id="an extension is no url"),
    pytest.param({"base": [None]}, "base", "It has no value", id="an extension is no base"),
]


@pytest.mark.parametrize(("changes", "element", "says"), REFUSED)
def test_what_cannot_be_served_is_refused(definitions: Definitions, changes: Json, element: str, says: str) -> None:
    issues = check_custom(definitions, parameter(**changes), NO_CUSTOMS)
    found = [issue for issue in issues if issue.expression == (f"SearchParameter.{element}",)]
    assert [issue.diagnostics for issue in found if says in issue.diagnostics], issues


def test_a_copy_of_a_packaged_parameter_adds_nothing(definitions: Definitions) -> None:
    copy = definitions.resource("http://hl7.org/fhir/SearchParameter/individual-birthdate")
    assert copy is not None
    active = {**copy, "status": "active"}
    assert check_custom(definitions, active, NO_CUSTOMS) == []
    assert not collect_customs(definitions, [active]).by_type
    other = {**active, "expression": "Patient.deceased.as(dateTime)"}
    assert says(check_custom(definitions, other, NO_CUSTOMS), "one of FHIR R4")


def says(issues: list[Issue], text: str) -> bool:
    return any(text in issue.diagnostics for issue in issues)


def test_of_two_with_the_same_code_the_older_one_counts(definitions: Definitions) -> None:
    first, second = parameter(), parameter(id="other", url="http://example.org/other")
    refused: list[tuple[str, str]] = []
    customs = collect_customs(definitions, [first, second], refused)
    assert [p.url for p in customs.of("Patient")] == [first["url"]]
    assert [logical_id for logical_id, _ in refused] == ["other"]
    assert says(check_custom(definitions, second, customs), "another stored SearchParameter")
    assert check_custom(definitions, first, customs.stored_but(first["id"])) == []


def test_custom_parameters_leave_the_keys_of_the_others_alone(definitions: Definitions) -> None:
    """A new name for what is indexed already needs no index; a new meaning has a key of its own."""
    core = SearchParameters(definitions)
    stored = [
        parameter(code="a-birthdate", type="date", expression="Patient.birthDate"),
        parameter(code="any-name", type="string", expression="Patient.name.family | Patient.name.given"),
        parameter(code="nick", type="string", expression="Patient.name.where(use = 'nickname').given"),
    ]
    customs = collect_customs(definitions, stored)
    extended = core.extended(customs, frozenset(), {})
    before, after = core.of("Patient"), extended.of("Patient")
    assert after.indexed[: len(before.indexed)] == before.indexed
    assert {code: after.bound[code] for code in before.bound} == before.bound
    assert after.bound["a-birthdate"].keys == ("Patient.birthdate",)
    assert after.bound["any-name"].keys == ("Patient.family", "Patient.given")
    assert set(after.marks) == {"nick"}
    assert "nick" not in after.bound
    assert extended.refusal("Patient", "nick") is not None
    assert extended.of("Observation") is core.of("Observation")
    served = core.extended(customs, extended.marks(), {})
    assert served.of("Patient").bound["nick"].keys == ("Patient.nick",)
    assert served.refusal("Patient", "nick") is None


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("a | b", ["a", "b"]),
        ("(a | b).c | d", ["(a | b).c", "d"]),
        ("a.where(b = '|') | c", ["a.where(b = '|')", "c"]),
        (r"a.where(b = 'it\'s | x') | c", [r"a.where(b = 'it\'s | x')", "c"]),
        (r"a.where(b = '\\') | c", [r"a.where(b = '\\')", "c"]),
        ("`a|b` | c", ["`a|b`", "c"]),
    ],
)
def test_a_union_is_split_at_its_outer_bars(expression: str, parts: list[str]) -> None:
    assert split_union(expression) == parts
