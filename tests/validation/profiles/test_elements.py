"""What a profile asks of elements — http://hl7.org/fhir/R4/elementdefinition.html"""

from typing import Any

import pytest

from fhirserver.kernel.outcome import Severity
from tests.validation.profiles.conftest import Judge, Tell, profile

PATIENT = '{{"resourceType":"Patient"{}}}'
P = "http://a.b/p"
SYSTEM = {"path": "Patient.identifier.system", "fixedUri": "http://a.b/s"}
CODED = {"path": "Patient.name.period", "patternPeriod": {"start": "2020"}}

CASES = [
    pytest.param({"path": "Patient.birthDate", "min": 1}, "", [("error", "required", "Patient")], id="min"),
    pytest.param(
        {"path": "Patient.birthDate", "min": 1}, ',"_birthDate":{"extension":[{"url":"urn:x","valueCode":"x"}]}',
        [("warning", "extension", "Patient.birthDate.extension[0]")], id="a primitive with extensions is there",
    ),
    pytest.param({"path": "Patient.name", "max": "1"}, ',"name":[{"text":"a"},{"text":"b"}]',
                 [("error", "structure", "Patient")], id="max"),
    pytest.param({"path": "Patient.photo", "max": "0"}, ',"photo":[{"url":"http://a.b/c"}]',
                 [("error", "structure", "Patient")], id="max 0"),
    pytest.param({"path": "Patient.gender", "fixedCode": "male"}, ',"gender":"female"',
                 [("error", "value", "Patient.gender")], id="fixed"),
    pytest.param({"path": "Patient.gender", "fixedCode": "male"}, "", [], id="fixed, and absent"),
    pytest.param(SYSTEM, ',"identifier":[{"system":"http://a.b/s"},{"system":"http://a.b/t"}]',
                 [("error", "value", "Patient.identifier[1].system")], id="fixed below"),
    pytest.param(CODED, ',"name":[{"period":{"start":"2020","end":"2021"}}]',
                 [], id="a pattern needs no more than it has"),
    pytest.param(CODED, ',"name":[{"period":{"start":"2021"}}]',
                 [("error", "value", "Patient.name[0].period")], id="a pattern not met"),
    pytest.param({"path": "Patient.multipleBirth[x]", "maxValueInteger": 3}, ',"multipleBirthInteger":4',
                 [("error", "value", "Patient.multipleBirth")], id="maxValue"),
    pytest.param({"path": "Patient.multipleBirth[x]", "minValueInteger": 3}, ',"multipleBirthInteger":3',
                 [], id="minValue, met"),
    pytest.param({"path": "Patient.multipleBirth[x]", "type": [{"code": "boolean"}]}, ',"multipleBirthInteger":4',
                 [("error", "structure", "Patient.multipleBirth")], id="types of a choice"),
    pytest.param({"path": "Patient.name.family", "maxLength": 2}, ',"name":[{"family":"abc"}]',
                 [("error", "too-long", "Patient.name[0].family")], id="maxLength"),
    pytest.param(
        {"path": "Patient", "constraint": [
            {"key": "p-1", "severity": "error", "human": "A name", "expression": "name.exists()"},
            {"key": "p-2", "severity": "warning", "human": "A photo", "expression": "photo.exists()"}]}, "",
        [("error", "invariant", "Patient"), ("warning", "invariant", "Patient")], id="invariants, by severity",
    ),
    pytest.param(
        {"path": "Patient", "constraint": [
            {"key": "p-1", "severity": "error", "human": "x", "expression": "name.exists("}]}, "",
        [("warning", "invariant", "Patient")], id="an invariant that cannot be compiled is a warning",
    ),
    pytest.param(
        {"path": "Patient.managingOrganization",
         "type": [{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"],
                   "aggregation": ["contained"]}]},
        ',"managingOrganization":{"reference":"Organization/1"}',
        [("error", "structure", "Patient.managingOrganization")], id="aggregation",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("element", "members", "expected"), CASES)
def test_element(judge: Judge, element: dict[str, Any], members: str, expected: list[tuple[str, str, str]]) -> None:
    path = element["path"]
    given = profile("Patient", element) if path != "Patient" else profile("Patient")
    if path == "Patient":
        given["differential"]["element"] = [{"id": "Patient", **element}]
    assert judge(PATIENT.format(members), given, profiles=[P]) == expected


OTHER = ("warning", "not-found", "Patient")
CLAIMS = [
    pytest.param("http://a.b/unknown", [("warning", "not-found", "Patient")], id="an unknown profile is a warning"),
    pytest.param("http://a.b/o", [("error", "structure", "Patient")], id="a profile of another type"),
    pytest.param("http://a.b/abstract", [("error", "structure", "Patient")], id="an abstract profile"),
    pytest.param("http://a.b/v|2", [("error", "required", "Patient")], id="a version that is there"),
    pytest.param("http://a.b/v|1", [("warning", "not-found", "Patient")], id="another major version"),
    pytest.param("http://a.b/v|3.0.0", [("warning", "not-found", "Patient")], id="a newer major version"),
    pytest.param("http://a.b/v|2.0.0", [("error", "required", "Patient"), OTHER], id="an older minor version"),
    pytest.param("http://a.b/v|2.9-ballot", [("error", "required", "Patient"), OTHER], id="a newer minor version"),
    pytest.param("http://a.b/v|current", [("warning", "not-found", "Patient")], id="a version without a number"),
    pytest.param("http://a.b/o|0.1", [("warning", "not-found", "Patient")], id="a definition without versions"),
]


@pytest.mark.parametrize(("canonical", "expected"), CLAIMS)
def test_claims(judge: Judge, canonical: str, expected: list[tuple[str, str, str]]) -> None:
    given = [
        profile("Observation", url="http://a.b/o"),
        profile("Patient", url="http://a.b/abstract", abstract=True),
        profile("Patient", {"path": "Patient.name", "min": 1}, url="http://a.b/v", version="2"),
    ]
    text = PATIENT.format(f',"meta":{{"profile":["{canonical}"]}}')
    assert judge(text, *given) == expected
    assert judge(text, *given, declared=False) == []
    inner = f'{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{text}}}]}}'
    where = "Bundle.entry[0].resource"
    assert judge(inner, *given) == [(severity, code, where) for severity, code, _ in expected]


def _versioned(*versions: str) -> list[dict[str, Any]]:
    """Return versions of a profile that tell themselves apart by the element that they ask for."""
    elements = ("Patient.name", "Patient.photo", "Patient.contact")
    return [
        profile("Patient", {"path": path, "min": 1}, url="http://a.b/v", version=version)
        for path, version in zip(elements, versions, strict=False)
    ]


NEAREST = [
    pytest.param("2.1.0", ["3.0.0", "2.2.0", "2.0.0"], "2.2.0", id="the first of the same major version"),
    pytest.param("2.0.0", ["3.0.0", "2.2.0", "2.0.0"], None, id="the one that is named, where it is here"),
    pytest.param("2.1.0", ["20.1.0", "2-draft"], "2-draft", id="numbers, not texts, are compared"),
]


@pytest.mark.parametrize(("asked", "versions", "expected"), NEAREST)
def test_another_version_is_named(tell: Tell, asked: str, versions: list[str], expected: str | None) -> None:
    text = PATIENT.format(f',"meta":{{"profile":["http://a.b/v|{asked}"]}}')
    told = [one for one in tell(text, *_versioned(*versions)) if one.told and one.told.text.id == "profile-version"]
    assert [(one.told.values, one.severity) for one in told if one.told] == (
        [] if expected is None else [((f"http://a.b/v|{asked}", expected), Severity.WARNING)]
    )


def test_profiles_name_others_in_other_versions(judge: Judge) -> None:
    """https://hl7.org/fhir/R4/references.html#canonical: in a version that is not here."""
    base = profile("Patient", {"path": "Patient.name", "min": 1}, url="http://a.b/base", version="2.2.0")
    derived = profile("Patient", {"path": "Patient.photo", "max": "0"}, base="http://a.b/base|2.1.0")
    period = profile("Period", {"path": "Period.start", "min": 1}, url="http://a.b/period", version="1.1.0")
    typed = profile(
        "Patient",
        {"path": "Patient.name.period", "type": [{"code": "Period", "profile": ["http://a.b/period|1.0.0"]}]},
        {"path": "Patient.generalPractitioner",
         "type": [{"code": "Reference", "targetProfile": ["http://a.b/o|4.1"]}]},
        url="http://a.b/typed",
    )  # fmt: skip
    target = profile("Organization", {"path": "Organization.alias", "min": 1}, url="http://a.b/o", version="4.0")
    assert judge(PATIENT.format(',"photo":[{"title":"x"}]'), base, derived, profiles=[P]) == [
        ("error", "required", "Patient"), ("error", "structure", "Patient"), OTHER,
    ]  # fmt: skip
    text = PATIENT.format(
        ',"contained":[{"resourceType":"Organization","id":"o","name":"O"}],"name":[{"period":{"end":"2020"}}],'
        '"generalPractitioner":[{"reference":"#o"}]'
    )
    found = judge(text, period, typed, target, profiles=["http://a.b/typed"])
    assert sorted(found) == [
        ("error", "required", "Patient.name[0].period"),
        ("error", "structure", "Patient.generalPractitioner[0]"),
        ("warning", "not-found", "Patient.name[0].period"),
    ]


def _sliced(*slices: dict[str, Any], rules: str = "open", **more: object) -> dict[str, Any]:
    slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": rules, **more}
    elements: list[dict[str, Any]] = [{"path": "Patient.identifier", "slicing": slicing}]
    for one in slices:
        name = one["sliceName"]
        elements += [
            {"path": "Patient.identifier", "id": f"Patient.identifier:{name}", **one},
            {
                "path": "Patient.identifier.system",
                "id": f"Patient.identifier:{name}.system",
                "min": 1,
                "fixedUri": f"http://a.b/{name}",
            },
        ]
    return profile("Patient", *elements)


def _identified(*names: str) -> str:
    given = ",".join(f'{{"system":"http://a.b/{name}","value":"1"}}' for name in names)
    return PATIENT.format(f',"identifier":[{given}]' if names else "")


A, B = {"sliceName": "a", "min": 1, "max": "1"}, {"sliceName": "b", "min": 0, "max": "*"}
SLICED = [
    pytest.param(_sliced(A, B), ["a", "b", "b", "c"], [], id="open slices"),
    pytest.param(_sliced(A, B), ["b"], [("error", "required", "Patient")], id="a slice that must be there"),
    pytest.param(_sliced(A, B), [], [("error", "required", "Patient")], id="and no value at all"),
    pytest.param(_sliced(A, B), ["a", "a"], [("error", "structure", "Patient")], id="a slice once"),
    pytest.param(
        _sliced(A, B, rules="closed"), ["a", "c"], [("error", "structure", "Patient.identifier[1]")], id="closed"
    ),
    pytest.param(
        _sliced(A, B, rules="openAtEnd"), ["c", "a"], [("error", "structure", "Patient.identifier[1]")], id="openAtEnd"
    ),
    pytest.param(
        _sliced(A, B, ordered=True), ["b", "a"], [("error", "structure", "Patient.identifier[1]")], id="ordered"
    ),
]


@pytest.mark.parametrize(("given", "names", "expected"), SLICED)
def test_slices(judge: Judge, given: dict[str, Any], names: list[str], expected: list[tuple[str, str, str]]) -> None:
    assert judge(_identified(*names), given, profiles=[P]) == expected


def test_two_hundred_slices(judge: Judge) -> None:
    given = _sliced(*({"sliceName": f"s{n}", "min": 0, "max": "1"} for n in range(200)))
    assert judge(_identified(*(f"s{n}" for n in range(200))), given, profiles=[P]) == []
    assert judge(_identified("s7", "s7"), given, profiles=[P]) == [("error", "structure", "Patient")]


EXTENSION = {
    "type": "Extension",
    "context": [{"type": "element", "expression": "Patient"}],
}


def _extension(**more: object) -> dict[str, Any]:
    value = {"path": "Extension.value[x]", "min": 1, "type": [{"code": "code"}]}
    root = {"id": "Extension", "path": "Extension", "isModifier": more.pop("isModifier", False)}
    made = profile("Extension", value, url="http://a.b/e", **{**EXTENSION, **more})
    made["differential"]["element"][0] = root
    return made


EXTENDED = [
    pytest.param(_extension(), '"extension":[{"url":"http://a.b/e","valueCode":"x"}]', [], id="as it is defined"),
    pytest.param(
        _extension(), '"extension":[{"url":"http://a.b/e","valueString":"x"}]',
        [("error", "structure", "Patient.extension[0].value")], id="a value of another type",
    ),
    pytest.param(
        _extension(), '"name":[{"extension":[{"url":"http://a.b/e","valueCode":"x"}]}]',
        [("error", "extension", "Patient.name[0].extension[0]")], id="not on this element",
    ),
    pytest.param(
        _extension(), '"modifierExtension":[{"url":"http://a.b/e","valueCode":"x"}]',
        [("error", "extension", "Patient.modifierExtension[0]")], id="no modifier",
    ),
    pytest.param(
        _extension(isModifier=True), '"extension":[{"url":"http://a.b/e","valueCode":"x"}]',
        [("error", "extension", "Patient.extension[0]")], id="a modifier only",
    ),
    pytest.param(
        _extension(context=[{"type": "element", "expression": "HumanName"}]),
        '"name":[{"extension":[{"url":"http://a.b/e","valueCode":"x"}]}]', [], id="on a datatype",
    ),
    pytest.param(
        _extension(context=[{"type": "fhirpath", "expression": "Patient.name.where(use = 'usual')"}]),
        '"name":[{"use":"usual","extension":[{"url":"http://a.b/e","valueCode":"x"}]},'
        '{"use":"old","extension":[{"url":"http://a.b/e","valueCode":"x"}]}]',
        [("error", "extension", "Patient.name[1].extension[0]")], id="where an expression says",
    ),
    pytest.param(
        _extension(), '"extension":[{"url":"http://a.b/other","valueCode":"x"}]',
        [("warning", "extension", "Patient.extension[0]")], id="an unknown extension is a warning",
    ),
    pytest.param(
        _extension(), '"extension":[{"url":"http://hl7.org/fhir/none","valueCode":"x"}]',
        [("error", "extension", "Patient.extension[0].url")], id="but HL7 defines its own",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "members", "expected"), EXTENDED)
def test_extensions(judge: Judge, given: dict[str, Any], members: str, expected: list[tuple[str, str, str]]) -> None:
    assert judge(PATIENT.format("," + members), given) == expected


MALFORMED = [
    pytest.param({"snapshot": {"element": [5]}}, id="an element that is none"),
    pytest.param({"snapshot": {"element": [{"path": "Patient.name"}]}}, id="no root"),
    pytest.param({"type": "None"}, id="of no type"),
    pytest.param({"type": 5}, id="a type that is no name"),
    pytest.param({"snapshot": {"element": [{"path": "Patient"}, {"path": "Patient.a.b"}]}}, id="a gap in the paths"),
    pytest.param({"baseDefinition": "http://a.b/p"}, id="based on itself"),
]


@pytest.mark.parametrize("broken", MALFORMED)
def test_malformed_profiles_are_told_and_end(judge: Judge, broken: dict[str, Any]) -> None:
    given = {**profile("Patient", {"path": "Patient.name", "min": 1}), **broken}
    found = judge(PATIENT.format(""), given, profiles=[P])
    assert found != [] or "baseDefinition" in broken
    assert all(severity in ("warning", "error") for severity, _, _ in found)


def test_a_profile_that_holds_itself_ends(judge: Judge) -> None:
    recursive = {"path": "Observation.hasMember", "type": [{"code": "Reference", "targetProfile": [P]}]}
    given = profile("Observation", recursive, {"path": "Observation.effective[x]", "min": 1})
    inner = (
        '{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"a"},%s'
        '"hasMember":[{"reference":"#%s"}]}'
    )
    dated = '"effectiveDateTime":"2020",'
    both = f'"contained":[{inner % ("a", dated, "b")},{inner % ("b", dated, "a")}],'
    outer = '{"resourceType":"Observation","status":"final","code":{"text":"a"},%s"hasMember":[{"reference":"#a"}]}'
    assert judge(outer % (both + dated), given, profiles=[P]) == []
    undated = f'"contained":[{inner % ("a", "", "b")},{inner % ("b", dated, "a")}],'
    found = judge(outer % (undated + dated), given, profiles=[P])
    assert ("error", "structure", "Observation.hasMember[0]") in found
