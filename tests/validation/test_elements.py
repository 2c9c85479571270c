"""Elements, types, cardinalities — http://hl7.org/fhir/R4/json.html and the definitions of the types."""

from collections.abc import Callable

import pytest

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import Issue
from fhirserver.validation.structure import StructureValidator

Problems = list[tuple[str, str]]

OBSERVATION = '"resourceType":"Observation","status":"final","code":{"text":"a"}'
CASES = [
    pytest.param("", [], id="a resource need not have any optional element"),
    pytest.param('"nme":[{"family":"A"}]', [("structure", "Patient")], id="unknown element"),
    pytest.param('"name":[{"familie":"A"}]', [("structure", "Patient.name[0]")], id="unknown element of a datatype"),
    pytest.param('"_nme":{"id":"a"}', [("structure", "Patient")], id="unknown element behind an underscore"),
    pytest.param('"_name":[{"id":"a"}]', [("structure", "Patient")], id="_name is for primitives only"),
    pytest.param('"fhir_comments":["a"]', [("structure", "Patient")], id="fhir_comments is no longer part of JSON"),
    pytest.param('"name":{"family":"A"}', [("structure", "Patient.name")], id="an element that repeats is an array"),
    pytest.param('"gender":["male"]', [("structure", "Patient.gender")], id="one that does not repeat is none"),
    pytest.param('"birthDate":["1970"]', [("structure", "Patient.birthDate")], id="a primitive in an array"),
    pytest.param(
        '"maritalStatus":[{"text":"a"}]', [("structure", "Patient.maritalStatus")], id="an object in an array"
    ),
    pytest.param('"name":["A"]', [("structure", "Patient.name[0]")], id="a string for an object"),
    pytest.param('"name":"A"', [("structure", "Patient.name")], id="a string for an array of objects"),
    pytest.param('"active":{"value":true}', [("structure", "Patient.active")], id="an object for a boolean"),
    pytest.param('"name":[]', [("structure", "Patient.name")], id="an array cannot be empty"),
    pytest.param(
        '"name":[{"given":[]}]', [("structure", "Patient.name[0].given")], id="a nested array cannot be empty"
    ),
    pytest.param('"name":[{}]', [("structure", "Patient.name[0]")], id="an object cannot be empty"),
    pytest.param('"maritalStatus":{}', [("structure", "Patient.maritalStatus")], id="nor a single one"),
    pytest.param('"name":[{"id":"a"}]', [("structure", "Patient.name[0]")], id="ele-1: an id is not enough"),
    pytest.param(
        '"name":[{"id":"a b","text":"x"}]', [("value", "Patient.name[0].id")], id="element ids have no spaces"
    ),
    pytest.param('"name":null', [("structure", "Patient.name")], id="null for an array"),
    pytest.param('"name":[null]', [("structure", "Patient.name[0]")], id="null for an object in an array"),
    pytest.param('"gender":null', [("structure", "Patient.gender")], id="null for a primitive"),
    pytest.param(
        '"name":[{"given":["a",null]}]', [("structure", "Patient.name[0].given[1]")], id="null without _given"
    ),
    pytest.param(
        '"contact":[{"name":{"given":["a",1]}}]', [("structure", "Patient.contact[0].name.given[1]")], id="deep"
    ),
    pytest.param('"deceasedBoolean":false', [], id="a choice of one type"),
    pytest.param(
        '"deceasedBoolean":true,"deceasedDateTime":"2020"', [("structure", "Patient")], id="a choice of two types"
    ),
    pytest.param('"deceasedString":"a"', [("structure", "Patient")], id="a choice of a wrong type"),
    pytest.param('"deceased":true', [("structure", "Patient")], id="a choice without its type"),
    pytest.param('"deceasedDateTime":true', [("structure", "Patient.deceased")], id="a choice with a value of another"),
    pytest.param('"id":"a b"', [("value", "Patient.id")], id="Resource.id is an id"),
    pytest.param('"id":5', [("structure", "Patient.id")], id="Resource.id is a string"),
    pytest.param(
        '"communication":[{"preferred":true}]', [("required", "Patient.communication[0]")], id="nested required"
    ),
    pytest.param(
        '"link":[{"type":"seealso"}]',
        [("required", "Patient.link[0]")],
        id="a required element that is not a primitive",
    ),
    pytest.param('"photo":[{"data":"###"}]', [("value", "Patient.photo[0].data")], id="base64"),
    pytest.param('"telecom":[{"rank":0}]', [("value", "Patient.telecom[0].rank")], id="positiveInt"),
    pytest.param('"multipleBirthInteger":2147483648', [("value", "Patient.multipleBirth")], id="integer overflow"),
    pytest.param(
        '"gender":"xx","birthDate":"2020-02-30","foo":1',
        [("structure", "Patient"), ("code-invalid", "Patient.gender"), ("value", "Patient.birthDate")],
        id="three problems at once",
    ),
    pytest.param('"extension":[{"url":"http://a.b/c","valueString":"x"}]', [], id="an extension with a value"),
    pytest.param(
        '"extension":[{"url":"http://a.b/c","extension":[{"url":"d","valueString":"x"}]}]',
        [],
        id="an extension with extensions, which have relative urls",
    ),
    pytest.param(
        '"extension":[{"url":"http://a.b/c","valueString":"x","extension":[{"url":"d","valueString":"x"}]}]',
        [("invariant", "Patient.extension[0]")],
        id="ext-1: must have either extensions or value[x], not both",
    ),
    pytest.param(
        '"extension":[{"url":"http://a.b/c"}]', [("invariant", "Patient.extension[0]")], id="ext-1: nor neither"
    ),
    pytest.param(
        '"extension":[{"valueString":"x"}]', [("required", "Patient.extension[0]")], id="Extension.url is required"
    ),
    pytest.param(
        '"extension":[{"url":"c","valueString":"x"}]',
        [("extension", "Patient.extension[0].url")],
        id="the url of an extension is absolute",
    ),
    pytest.param(
        '"modifierExtension":[{"url":"http://a.b/c"}]',
        [("invariant", "Patient.modifierExtension[0]")],
        id="ext-1 of a modifier extension",
    ),
    pytest.param(
        '"name":[{"extension":[{"url":"http://a.b/c"}]}]',
        [("invariant", "Patient.name[0].extension[0]")],
        id="ext-1 of an extension of a datatype",
    ),
    pytest.param(
        '"name":[{"modifierExtension":[{"url":"http://a.b/c","valueCode":"x"}]}]',
        [("structure", "Patient.name[0]")],
        id="datatypes have no modifier extensions",
    ),
    pytest.param(
        '"extension":[{"url":"http://a.b/c","valueQuantity":{"value":"1"}}]',
        [("structure", "Patient.extension[0].value.value")],
        id="the value of an extension is checked by its type",
    ),
    pytest.param(
        '"extension":[{"url":"http://a.b/c","valuePatient":{}}]',
        [("structure", "Patient.extension[0]")],
        id="an extension with a value of no type",
    ),
]


@pytest.mark.parametrize(("members", "expected"), CASES)
def test_patient(problems_of: Callable[[str], Problems], members: str, expected: Problems) -> None:
    text = f'{{"resourceType":"Patient",{members}}}' if members else '{"resourceType":"Patient"}'
    assert problems_of(text) == expected


REQUIRED = [
    pytest.param('{"resourceType":"Observation"}', [("required", "Observation")] * 2, id="status and code"),
    pytest.param(f"{{{OBSERVATION}}}", [], id="both there"),
    pytest.param(
        '{"resourceType":"Observation","code":{"text":"a"},"_status":{"extension":[{"url":"http://a.b","valueCode":"x"}]}}',
        [],
        id="a required primitive may have extensions instead of a value",
    ),
    pytest.param(
        '{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"Patient/1"},'
        '"activity":[{"detail":{"status":"completed"}}]}',
        [],
        id="a nested required element",
    ),
    pytest.param(
        '{"resourceType":"Medication","ingredient":[{"isActive":true}]}',
        [("required", "Medication.ingredient[0]")],
        id="a required choice",
    ),
    pytest.param(
        '{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"},'
        '"_medicationReference":{"id":"a"}}',
        [("structure", "MedicationRequest")],
        id="a required choice behind an underscore that is no primitive",
    ),
    pytest.param(
        '{"resourceType":"Provenance","target":[],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"a"}}]}',
        [("structure", "Provenance.target")],
        id="1..* with none",
    ),
    pytest.param(
        '{"resourceType":"Provenance","recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"a"}}]}',
        [("required", "Provenance")],
        id="1..* left out",
    ),
    pytest.param(
        f'{{{OBSERVATION},"valueQuantity":{{"value":"5"}}}}',
        [("structure", "Observation.value.value")],
        id="the expression of a choice evaluates: element names only",
    ),
    pytest.param(
        f'{{{OBSERVATION},"valueQuantity":{{"value":5}},"valueString":"a","_valueString":{{"id":"x"}}}}',
        [("structure", "Observation")],
        id="a choice given twice, once with its underscore",
    ),
    pytest.param(
        f'{{{OBSERVATION},"valueQuantity":{{"value":5}},"_valueString":{{"extension":[{{"url":"http://a.b","valueCode":"x"}}]}}}}',
        [("structure", "Observation")],
        id="a choice given twice, once as extensions only",
    ),
]


@pytest.mark.parametrize(("text", "expected"), REQUIRED)
def test_required(problems_of: Callable[[str], Problems], text: str, expected: Problems) -> None:
    assert problems_of(text) == expected


TYPES = [
    pytest.param("EffectEvidenceSynthesis", False, id="EffectEvidenceSynthesis is R4 only"),
    pytest.param("MedicinalProductIngredient", False, id="MedicinalProductIngredient is R4 only"),
    pytest.param("Ingredient", True, id="Ingredient came with R4B"),
    pytest.param("SubscriptionTopic", True, id="SubscriptionTopic came with R4B"),
    pytest.param("DomainResource", True, id="abstract types have no instances"),
    pytest.param("HumanName", True, id="a datatype is no resource"),
    pytest.param("Patient.contact", True, id="a backbone element is no resource"),
    pytest.param("", True, id="no type at all"),
]


@pytest.mark.parametrize(("resource_type", "is_refused"), TYPES)
def test_resource_types(validator: StructureValidator, resource_type: str, is_refused: bool) -> None:
    issues = validator.validate({"resourceType": resource_type}, resource_type)
    assert ("The resource must be of a type that R4 defines." in [i.diagnostics for i in issues]) is is_refused


@pytest.mark.parametrize(
    "resource",
    [None, 5, "Patient", [], {}, {"resourceType": None}, {"resourceType": ["Patient"]}, {"resourceType": "Group"}],
)
def test_resource_type_must_be_the_expected_one(validator: StructureValidator, resource: object) -> None:
    issues = validator.validate(resource, "Patient")  # type: ignore[arg-type]
    assert [(issue.code.value, issue.expression) for issue in issues] == [("structure", ("Patient",))]


NESTED = [
    pytest.param('{"name":"a","resource":{"resourceType":"Patient"}}', [], id="a resource"),
    pytest.param('{"name":"a","resource":{}}', [("structure", ".resource")], id="resourceType is missing"),
    pytest.param(
        '{"name":"a","resource":{"resourceType":5}}', [("structure", ".resource")], id="resourceType is no string"
    ),
    pytest.param(
        '{"name":"a","resource":{"resourceType":"X"}}', [("structure", ".resource")], id="resourceType is unknown"
    ),
    pytest.param('{"name":"a","resource":[]}', [("structure", ".resource")], id="not an object"),
    pytest.param(
        '{"name":"a","resource":{"resourceType":"Patient","gender":"x"}}',
        [("code-invalid", ".resource.gender")],
        id="a required code inside",
    ),
]


@pytest.mark.parametrize(("parameter", "expected"), NESTED)
def test_nested_resource(problems_of: Callable[[str], Problems], parameter: str, expected: Problems) -> None:
    text = f'{{"resourceType":"Parameters","parameter":[{parameter}]}}'
    assert problems_of(text) == [(code, "Parameters.parameter[0]" + path) for code, path in expected]
    entry = parameter.replace('"name":"a",', "")
    text = f'{{"resourceType":"Bundle","type":"collection","entry":[{entry}]}}'
    assert problems_of(text) == [(code, "Bundle.entry[0]" + path) for code, path in expected]


def test_messages_say_what_and_never_the_value(validator: StructureValidator) -> None:
    text = (
        b'{"resourceType":"Patient","gender":"SECRET","birthDate":"SECRET","name":[{"family":["SECRET"]}],'
        b'"photo":[{"data":"SECRET!"}],"SECRET VALUE":1,"managingOrganization":{"reference":"SECRET"},'
        b'"text":{"status":"SECRET","div":"SECRET"},"contained":[{"resourceType":"SECRET"}]}'
    )
    issues = validator.validate(parse_json(text), "Patient")
    assert len(issues) == 9
    for issue in issues:
        assert "SECRET" not in str(issue.to_json())
        assert issue.diagnostics.endswith(".")
        assert issue.diagnostics.startswith(f"`{issue.expression[0]}` ")


def test_message_names_the_accepted_codes_and_the_unknown_element(validator: StructureValidator) -> None:
    issues: list[Issue] = validator.validate({"resourceType": "Patient", "gender": "x", "nme": 1}, "Patient")
    assert [issue.diagnostics for issue in issues] == [
        "`Patient` does not have `nme`; only elements that R4 defines are accepted.",
        "`Patient.gender` must be one of the codes `female`, `male`, `other`, `unknown`.",
    ]
