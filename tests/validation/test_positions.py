"""Line and column of what an issue is about, in the text that was sent."""

import json

import pytest

from fhirserver.kernel.outcome import Issue, IssueType, Position
from fhirserver.validation.positions import MAX_BYTES, positioned

PATIENT = """{
  "resourceType": "Patient",
  "name": [
    {"family": "Émilie \\"é\\"", "given": ["A", "B"],
     "_given": [null, {"id": "b",
       "extension": [{"url": "x:y"}]}]},
    {"family": ["x"], "text": "}{"}
  ],
  "birthDate": "x",
  "_birthDate": {
    "extension": [{"url": "x:y"}]},
  "deceasedDateTime": "2020",
  "contact": [ {"nam\\u0065": {
    "use": "q"}}]
}"""
BUNDLE = """{"resourceType": "Bundle",
 "entry": [
 {"fullUrl": "urn:a", "resource": {"resourceType": "Patient"}},
 {"resource": {"resourceType": "Observation",
   "valueQuantity": {
     "unit": 1}}}]}"""
IN_JSON = [
    pytest.param(PATIENT, "Patient", (1, 1), id="the resource"),
    pytest.param(PATIENT, "Patient.name", (3, 3), id="a member begins with its name"),
    pytest.param(PATIENT, "Patient.name[0]", (4, 5), id="an item"),
    pytest.param(PATIENT, "Patient.name[0].given[1]", (4, 47), id="columns count characters, not bytes"),
    pytest.param(PATIENT, "Patient.name[1].family", (7, 6), id="braces in strings are no braces"),
    pytest.param(PATIENT, "Patient.name[0].given[1].extension[0].url", (6, 23), id="an extension of an item"),
    pytest.param(PATIENT, "Patient.birthDate", (9, 3), id="the value counts, not what is beside it"),
    pytest.param(PATIENT, "Patient.birthDate.extension[0]", (11, 19), id="an extension of a primitive"),
    pytest.param(PATIENT, "Patient.deceased", (12, 3), id="a choice"),
    pytest.param(PATIENT, "Patient.contact[0].name.use", (14, 5), id="a name written with escapes"),
    pytest.param(PATIENT, "Patient.contact[0].gender", (13, 16), id="what is missing: where it should be"),
    pytest.param(PATIENT, "Patient.name[7].use", (3, 3), id="an item that is not there: the array"),
    pytest.param(PATIENT, "Patient.name.where(use='x')", (3, 3), id="the part of it that is a path"),
    pytest.param(BUNDLE, "Bundle.entry[1].resource.value.unit", (6, 6), id="in a Bundle: in the whole body"),
    pytest.param(BUNDLE, "http.name", None, id="what is no element has no position"),
    pytest.param(
        '{"resourceType":"Parameters"}', "Patient.name", None, id="what was not sent has none: a patched Patient"
    ),
    pytest.param('[{"op":"add"}]', "Patient.name", None, id="nor has anything in a JSON Patch"),
]


def _issue(expression: str) -> Issue:
    return Issue(IssueType.VALUE, "x", expression=(expression,))


def _position(expression: str, body: str, xml: str | None = None) -> Position | None:
    given = None if xml is None else xml.encode()
    return positioned([_issue(expression)], body.encode(), given)[0].position


@pytest.mark.parametrize(("body", "expression", "position"), IN_JSON)
def test_in_json(body: str, expression: str, position: tuple[int, int] | None) -> None:
    json.loads(body)
    assert _position(expression, body) == (None if position is None else Position(*position))


def test_all_issues_in_one_pass() -> None:
    found = positioned([_issue("Patient.name[1].text"), _issue("Patient.name[0].family")], PATIENT.encode())
    assert [issue.position for issue in found] == [Position(7, 23), Position(4, 6)]


XML = """<?xml version="1.0"?>
<Bundle xmlns="http://hl7.org/fhir">
  <entry/>
  <entry>
    <resource><Observation>
      <contained>
        <Patient><active value="é"/><gender value="q"/></Patient></contained>
      <valueQuantity>
        <unit value="é"/></valueQuantity>
    </Observation></resource>
  </entry>
</Bundle>"""
IN_XML = [
    pytest.param("Bundle", (2, 1), id="the resource"),
    pytest.param("Bundle.entry[1]", (4, 3), id="an item"),
    pytest.param("Bundle.entry[1].resource.value.unit", (9, 9), id="a choice"),
    pytest.param("Bundle.entry[1].resource.contained[0].gender", (7, 37), id="a contained resource"),
    pytest.param("Bundle.entry[1].resource.subject", (5, 5), id="what is missing: where it should be"),
]


@pytest.mark.parametrize(("expression", "position"), IN_XML)
def test_in_xml(expression: str, position: tuple[int, int]) -> None:
    assert _position(expression, '{"resourceType":"Bundle"}', XML) == Position(*position)


def test_a_long_text_is_not_searched() -> None:
    assert _position("Patient", " " * MAX_BYTES + '{"resourceType":"Patient"}') is None
