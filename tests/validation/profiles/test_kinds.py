"""Rules of kinds of resources — http://hl7.org/fhir/R4/bundle.html, questionnaireresponse.html, datatypes.html"""

from typing import Any

import pytest

from fhirserver import assets
from fhirserver.app.knowledge import UCUM
from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.required import RequiredCodes
from fhirserver.ucum import Ucum, compile_essence
from fhirserver.validation.profiles.deep_walk import Need
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Asked, Validator
from tests.validation.profiles.conftest import Judge, Problems, profile

PATIENT = '{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient","id":"1"}}'


def _document(subject: str, *more: str, full_url: str = "http://a.b/Composition/c") -> str:
    composition = (
        '{"resourceType":"Composition","id":"c","status":"final","type":{"text":"a"},"date":"2020","title":"t",'
        f'"author":[{{"display":"x"}}],"subject":{{"reference":"{subject}"}}}}'
    )
    first = f'{{"fullUrl":"{full_url}","resource":{composition}}}'
    head = '"identifier":{"system":"urn:x:y","value":"1"},"timestamp":"2020-01-01T00:00:00Z"'
    return f'{{"resourceType":"Bundle","type":"document",{head},"entry":[{",".join((first, *more))}]}}'


def _search(entry: str, link: str = "Patient?name=a") -> str:
    links = f'[{{"relation":"self","url":"http://a.b/{link}"}}]'
    return f'{{"resourceType":"Bundle","type":"searchset","link":{links},"entry":[{entry}]}}'


BUNDLES = [
    pytest.param(_document("Patient/1", PATIENT), [], id="a document whose links resolve"),
    pytest.param(
        _document("Patient/2", PATIENT), [("warning", "business-rule", "Bundle.entry[1]")],
        id="an entry that nothing leads to",
    ),
    pytest.param(
        _document("Patient/1", PATIENT.replace("a.b", "a.c")),
        [("error", "business-rule", "Bundle.entry[0].resource.subject"),
         ("warning", "business-rule", "Bundle.entry[1]")],
        id="relative references are read against the full url",
    ),
    pytest.param(
        _document("Patient/1", PATIENT, full_url="urn:uuid:5aba7f5e-9a3c-4bc7-9ba9-7b58e5b3c8f1"),
        [("warning", "business-rule", "Bundle.entry[0].resource.subject")], id="but against a urn nothing is",
    ),
    pytest.param(
        _document("Patient/1", PATIENT.replace('"id":"1"', '"id":"2"')),
        [("error", "business-rule", "Bundle.entry[1].fullUrl")], id="full url and id agree",
    ),
    pytest.param(
        _document("Patient/1", PATIENT.replace("http://a.b/", "")),
        [("error", "business-rule", "Bundle.entry[0].resource.subject"),
         ("error", "business-rule", "Bundle.entry[1].fullUrl"),
         ("warning", "business-rule", "Bundle.entry[1]")], id="a full url is absolute",
    ),
    pytest.param(_search('{"resource":{"resourceType":"Patient","id":"1"},"search":{"mode":"match"}}'), [],
                 id="what was searched for"),
    pytest.param(_search('{"resource":{"resourceType":"Patient"},"search":{"mode":"match"}}'),
                 [("error", "business-rule", "Bundle.entry[0].resource")], id="results have ids"),
    pytest.param(_search('{"resource":{"resourceType":"Basic","id":"1","code":{"text":"a"}},"search":{"mode":"match"}}'),
                 [("error", "business-rule", "Bundle.entry[0].resource")], id="results are of the type"),
    pytest.param(_search('{"resource":{"resourceType":"Patient","id":"1"},"search":{"mode":"outcome"}}'),
                 [("error", "business-rule", "Bundle.entry[0].resource")], id="an outcome is one"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BUNDLES)
def test_bundles(judge: Judge, text: str, expected: Problems) -> None:
    assert sorted(judge(text)) == sorted(expected)


def _question(link: str, kind: str, **more: object) -> dict[str, Any]:
    return {"linkId": link, "type": kind, **more}


QUESTIONNAIRE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "url": "http://a.b/q",
    "status": "active",
    "item": [
        _question("needed", "string", required=True, maxLength=3),
        _question("number", "integer", extension=[
            {"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 2},
            {"url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 4},
        ]),
        _question("places", "decimal", extension=[
            {"url": "http://hl7.org/fhir/StructureDefinition/maxDecimalPlaces", "valueInteger": 1},
        ]),
        _question("choice", "choice", repeats=True, answerOption=[
            {"valueCoding": {"system": "http://a.b", "code": "x"}},
            {"valueCoding": {"system": "http://a.b", "code": "none"}, "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive", "valueBoolean": True},
            ]},
        ]),
        _question("group", "group", item=[_question("inner", "boolean")]),
    ],
}  # fmt: skip
NEEDED = '{"linkId":"needed","answer":[{"valueString":"abc"}]}'
ITEM = "QuestionnaireResponse.item[1]"
RESPONSES = [
    pytest.param(NEEDED, [], id="an answer to what is required"),
    pytest.param('{"linkId":"needed"}', [("error", "required", "QuestionnaireResponse.item[0]")], id="no answer"),
    pytest.param('{"linkId":"number","answer":[{"valueInteger":3}]}', [("error", "required", "QuestionnaireResponse")],
                 id="a required item that is not there"),
    pytest.param('{"linkId":"needed","answer":[{"valueString":"abcd"}]}',
                 [("error", "too-long", "QuestionnaireResponse.item[0].answer[0].value")], id="maxLength"),
    pytest.param('{"linkId":"needed","answer":[{"valueString":"a"},{"valueString":"b"}]}',
                 [("error", "structure", "QuestionnaireResponse.item[0]")], id="an answer once"),
    pytest.param(NEEDED + ',{"linkId":"other"}', [("error", "structure", ITEM + ".linkId")], id="no such item"),
    pytest.param(NEEDED + ',{"linkId":"number","answer":[{"valueInteger":1}]}',
                 [("error", "value", ITEM + ".answer[0].value")], id="minValue"),
    pytest.param(NEEDED + ',{"linkId":"number","answer":[{"valueInteger":5}]}',
                 [("error", "value", ITEM + ".answer[0].value")], id="maxValue"),
    pytest.param(NEEDED + ',{"linkId":"number","answer":[{"valueString":"5"}]}',
                 [("error", "structure", ITEM + ".answer[0].value")], id="of another type"),
    pytest.param(NEEDED + ',{"linkId":"places","answer":[{"valueDecimal":1.25}]}',
                 [("error", "value", ITEM + ".answer[0].value")], id="decimal places"),
    pytest.param(NEEDED + ',{"linkId":"choice","answer":[{"valueCoding":{"system":"http://a.b","code":"y"}}]}',
                 [("error", "code-invalid", ITEM + ".answer[0].value")], id="no option"),
    pytest.param(NEEDED + ',{"linkId":"choice","answer":[{"valueCoding":{"system":"http://a.b","code":"x"}},'
                 '{"valueCoding":{"system":"http://a.b","code":"none"}}]}',
                 [("error", "business-rule", ITEM + ".answer[1]")], id="an option that excludes others"),
    pytest.param(NEEDED + ',{"linkId":"group","item":[{"linkId":"inner","answer":[{"valueBoolean":true}]}]}', [],
                 id="in a group"),
    pytest.param(NEEDED + ',{"linkId":"group","answer":[{"valueBoolean":true}]}',
                 [("error", "structure", ITEM)], id="a group has no answer"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "expected"), RESPONSES)
def test_responses(judge: Judge, items: str, expected: Problems) -> None:
    head = '"resourceType":"QuestionnaireResponse","status":"completed"'
    assert judge(f'{{{head},"questionnaire":"http://a.b/q","item":[{items}]}}', QUESTIONNAIRE) == expected
    unknown = judge(f'{{{head},"questionnaire":"http://a.b/none","item":[{items}]}}', QUESTIONNAIRE)
    assert unknown == [("warning", "not-found", "QuestionnaireResponse")]


OTHERS = [
    pytest.param('{"resourceType":"Patient","meta":{"tag":[{"system":"x","code":"M"}]}}',
                 ("error", "value", "Patient.meta.tag[0].system"), id="a relative system"),
    pytest.param(
        '{"resourceType":"Patient","maritalStatus":{"coding":[{"system":"http://hl7.org/fhir/ValueSet/yesnodontknow"}]}}',
        ("error", "code-invalid", "Patient.maritalStatus.coding[0].system"), id="a value set as system"),
    pytest.param('{"resourceType":"Patient","maritalStatus":{"coding":[{"system":'
                 '"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Spouse"}]}}',
                 ("warning", "invalid", "Patient.maritalStatus.coding[0].display"), id="another display"),
    pytest.param('{"resourceType":"Patient","photo":[{"contentType":"image/png","data":"AAAA","size":4}]}',
                 ("error", "value", "Patient.photo[0].size"), id="a wrong size"),
    pytest.param('{"resourceType":"Patient","name":[{"id":"a","text":"x"}],"address":[{"id":"a","text":"y"}]}',
                 ("error", "business-rule", "Patient.address[0].id"), id="an id twice"),
    pytest.param('{"resourceType":"Patient","managingOrganization":{"reference":"Patient/1"}}',
                 ("error", "structure", "Patient.managingOrganization"), id="a reference to another type"),
    pytest.param('{"resourceType":"Patient","text":{"status":"generated","div":'
                 '"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><a href=\\"#x\\">y</a></div>"}}',
                 ("error", "invalid", "Patient.text.div"), id="a link that leads nowhere"),
    pytest.param('{"resourceType":"SearchParameter","url":"http://a.b/s","name":"S","status":"draft","description":"a",'
                 '"code":"s","base":["Patient"],"type":"composite","expression":"Patient"}',
                 ("error", "business-rule", "SearchParameter"), id="a composite of nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), OTHERS)
def test_others(judge: Judge, text: str, expected: tuple[str, str, str]) -> None:
    assert judge(text) == [expected]


@pytest.fixture(scope="module")
def validator(definitions: Definitions, required: RequiredCodes) -> Validator:
    target = {"path": "Patient.managingOrganization", "type": [
        {"code": "Reference", "targetProfile": ["http://a.b/o"]}]}  # fmt: skip
    given = [
        profile("Patient", target),
        profile("Organization", {"path": "Organization.address", "min": 1}, url="http://a.b/o"),
    ]
    ucum = Ucum(compile_essence(assets.definition_file(UCUM).read_bytes()))
    structures = GivenStructures(given, PackagedStructures(definitions))
    return Validator(definitions, required, structures, ucum=ucum)


def test_what_is_elsewhere_is_a_need(validator: Validator) -> None:
    patient = parse_json(b'{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1"}}')
    profiles = ("http://a.b/p",)
    assert validator.validate(patient, "Patient", Asked(profiles)).needs == frozenset()
    asked = Asked(profiles, references=True)
    assert validator.validate(patient, "Patient", asked).needs == {Need("reference", "Organization/1")}
    for address, count in (([{"text": "x"}], 0), ([], 1)):
        brought = {"Organization/1": {"resourceType": "Organization", "name": "A", "address": address}}
        report = validator.validate(patient, "Patient", asked, brought)
        assert report.needs == frozenset()
        assert len(report.findings) == count
    assert validator.validate(patient, "Patient", asked, {"Organization/1": None}).needs == frozenset()


UNITS = [("mg/dL", 0), ("10*3/uL", 0), ("{score}", 0), ("milligram", 1)]


@pytest.mark.parametrize(("code", "count"), UNITS)
def test_codes_of_ucum(validator: Validator, code: str, count: int) -> None:
    quantity = f'{{"value":1,"system":"http://unitsofmeasure.org","code":"{code}"}}'
    text = f'{{"resourceType":"Observation","status":"final","code":{{"text":"a"}},"valueQuantity":{quantity}}}'
    assert len(validator.validate(parse_json(text.encode()), "Observation").findings) == count


STRICT = [
    (Asked(no_markup=True), '"name":[{"text":"a <b>c</b>"}]'),
    (Asked(no_examples=True), '"photo":[{"url":"http://x.example.org/y"}]'),
    (Asked(best_practice=True), '"active":true'),
]


@pytest.mark.parametrize(("asked", "member"), STRICT)
def test_what_is_asked_beside_the_rules(validator: Validator, asked: Asked, member: str) -> None:
    patient = parse_json(f'{{"resourceType":"Patient",{member}}}'.encode())
    assert validator.validate(patient, "Patient").findings == []
    assert len(validator.validate(patient, "Patient", asked).findings) == 1
