"""FHIRPath Patch — http://hl7.org/fhir/R4/fhirpatch.html"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import BadStructure, FhirError, TooCostly, TooLong, Unprocessable
from fhirserver.patch import apply
from fhirserver.patch.apply import apply_operations
from fhirserver.patch.operations import MAX_OPERATIONS, MAX_PATH, parse_operations

Json = dict[str, Any]


def operation(kind: str, path: str, *parts: Json, **simple: object) -> Json:
    named = [{"name": name, ("valueInteger" if isinstance(v, int) else "valueString"): v} for name, v in simple.items()]
    fixed = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    return {"name": "operation", "part": [*fixed, *named, *parts]}


def value(**content: object) -> Json:
    return {"name": "value", **content}


def parameters(*operations: Json) -> Json:
    return {"resourceType": "Parameters", **({"parameter": list(operations)} if operations else {})}


def patched(definitions: Definitions, resource: Json, *operations: Json) -> Json:
    return apply_operations(parse_operations(parameters(*operations)), resource, definitions)


async def test_the_official_cases(definitions: Definitions, corpora: Path) -> None:
    failed = []
    for case in json.loads((corpora / "04-patch" / "fhirpath-patch-tests.json").read_text()):
        try:
            found = apply_operations(parse_operations(case["diff"]), case["input"], definitions)
        except FhirError as error:
            found = {"error": error.status}
        if ("error" in found) is not ("error" in case) or found != case.get("output", found):
            failed.append((case["name"], found))
    assert failed == []


PATIENT: Json = {
    "resourceType": "Patient",
    "id": "1",
    "active": True,
    "name": [
        {"use": "official", "family": "Bee", "given": ["A", "B", "C"]},
        {"use": "usual", "text": "bee", "_text": {"extension": [{"url": "http://x", "valueDecimal": 1}]}},
    ],
    "birthDate": "1970-01-01",
    "_birthDate": {"id": "b", "extension": [{"url": "http://y", "valueCode": "c"}]},
    "_gender": {"extension": [{"url": "http://absent", "valueCode": "unknown"}]},
    "contact": [{"gender": "male", "name": {"text": "x"}}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "org"}],
    "managingOrganization": {"reference": "#o"},
    "multipleBirthInteger": 2,
}
NAME = PATIENT["name"]

APPLIED = [
    pytest.param([operation("add", "Patient", value(valueString="de"), name="language")], {"language": "de"},
                 id="add: a primitive that is not there"),
    pytest.param([operation("add", "Patient.name[0]", value(valueString="D"), name="given")],
                 {"name": [{**NAME[0], "given": ["A", "B", "C", "D"]}, NAME[1]]},
                 id="add: appended to a list"),
    pytest.param([operation("add", "Patient.name.where(use = 'usual')", value(valueString="Z"), name="family")],
                 {"name": [NAME[0], {**NAME[1], "family": "Z"}]}, id="add: where a criterion says"),
    pytest.param([operation("add", "Patient", value(part=[
                     {"name": "gender", "valueCode": "female"},
                     {"name": "telecom", "valueContactPoint": {"value": "1"}},
                     {"name": "telecom", "valueContactPoint": {"value": "2"}}]), name="contact")],
                 {"contact": [*PATIENT["contact"], {"gender": "female", "telecom": [{"value": "1"}, {"value": "2"}]}]},
                 id="add: an anonymous type in parts, one of them repeated"),
    pytest.param([operation("add", "Patient", value(part=[
                     {"name": "url", "valueUri": "http://e"}, {"name": "value", "valueQuantity": {"value": 1}}]),
                     name="extension")],
                 {"extension": [{"url": "http://e", "valueQuantity": {"value": 1}}]},
                 id="add: an extension, its value a choice"),
    pytest.param([operation("add", "Patient", value(valueDateTime="2020"), name="deceased")],
                 {"deceasedDateTime": "2020"}, id="add: a choice, the value tells the type"),
    pytest.param([operation("add", "Patient", value(valueDateTime="2020"), name="deceased[x]")],
                 {"deceasedDateTime": "2020"}, id="add: a choice, named as its definition is"),
    pytest.param([operation("add", "Patient", value(part=[
                     {"name": "status", "valueCode": "empty"}, {"name": "div", "valueString": "<div/>"}]),
                     name="text")],
                 {"text": {"status": "empty", "div": "<div/>"}}, id="add: a narrative"),
    pytest.param([operation("add", "Patient", value(resource={"resourceType": "Basic", "id": "b"}), name="contained")],
                 {"contained": [*PATIENT["contained"], {"resourceType": "Basic", "id": "b"}]},
                 id="add: a contained resource"),
    pytest.param([operation("add", "Patient.birthDate", value(part=[
                     {"name": "url", "valueUri": "http://z"}, {"name": "value", "valueString": "s"}]),
                     name="extension")],
                 {"_birthDate": {"id": "b", "extension": [*PATIENT["_birthDate"]["extension"],
                                                          {"url": "http://z", "valueString": "s"}]}},
                 id="add: an extension of a primitive"),
    pytest.param([operation("add", "Patient.active", value(part=[
                     {"name": "url", "valueUri": "http://z"}, {"name": "value", "valueString": "s"}]),
                     name="extension")],
                 {"_active": {"extension": [{"url": "http://z", "valueString": "s"}]}},
                 id="add: the first extension of a primitive"),
    pytest.param([operation("insert", "Patient.name[0].given", value(valueString="0"), index=0)],
                 {"name": [{**NAME[0], "given": ["0", "A", "B", "C"]}, NAME[1]]}, id="insert: at the start"),
    pytest.param([operation("insert", "Patient.name", value(valueHumanName={"text": "m"}), index=1)],
                 {"name": [NAME[0], {"text": "m"}, NAME[1]]}, id="insert: in the middle"),
    pytest.param([operation("insert", "Patient.name", value(valueHumanName={"text": "m"}), index=2)],
                 {"name": [*NAME, {"text": "m"}]}, id="insert: at the length of the list"),
    pytest.param([operation("insert", "Patient.name[0].given",
                            value(_valueString={"extension": [{"url": "http://x"}]}), index=1)],
                 {"name": [{**NAME[0], "given": ["A", None, "B", "C"],
                            "_given": [None, {"extension": [{"url": "http://x"}]}, None, None]}, NAME[1]]},
                 id="insert: a primitive without a value"),
    pytest.param([operation("delete", "Patient.name[0].given[1]")],
                 {"name": [{**NAME[0], "given": ["A", "C"]}, NAME[1]]}, id="delete: one entry of a list"),
    pytest.param([operation("delete", "Patient.name.given.where($this = 'B')")],
                 {"name": [{**NAME[0], "given": ["A", "C"]}, NAME[1]]}, id="delete: a primitive by its value"),
    pytest.param([operation("delete", "Patient.name.where(use='nickname')")], {}, id="delete: nothing found"),
    pytest.param([operation("delete", "Patient.photo")], {}, id="delete: nothing there"),
    pytest.param([operation("delete", "Patient.birthDate")], {"birthDate": None, "_birthDate": None},
                 id="delete: a primitive with its extensions"),
    pytest.param([operation("delete", "Patient.birthDate.extension"), operation("delete", "Patient.birthDate.id")],
                 {"_birthDate": None}, id="delete: the extensions of a primitive"),
    pytest.param([operation("delete", "Patient.gender")], {"_gender": None}, id="delete: a primitive without a value"),
    pytest.param([operation("delete", "Patient.contact.name.text")], {"contact": [{"gender": "male"}]},
                 id="delete: what is empty then goes too"),
    pytest.param([operation("delete", "Patient.contact[0]")], {"contact": None}, id="delete: the last of a list"),
    pytest.param([operation("delete", "Patient.multipleBirth")], {"multipleBirthInteger": None}, id="delete: a choice"),
    pytest.param([operation("delete", "Patient.managingOrganization.resolve().name")],
                 {"contained": [{"resourceType": "Organization", "id": "o"}]},
                 id="resolve() reaches a contained resource"),
    pytest.param([operation("replace", "Patient.birthDate", value(valueDate="1980"))],
                 {"birthDate": "1980", "_birthDate": None}, id="replace: the whole element, extensions and all"),
    pytest.param([operation("replace", "Patient.active", value(valueBoolean=False))], {"active": False},
                 id="replace: by false"),
    pytest.param([operation("replace", "Patient.multipleBirth", value(valueBoolean=True))],
                 {"multipleBirthInteger": None, "multipleBirthBoolean": True}, id="replace: a choice by another type"),
    pytest.param([operation("replace", "Patient.name[1].text", value(valueString="n"))],
                 {"name": [NAME[0], {"use": "usual", "text": "n"}]}, id="replace: nested"),
    pytest.param([operation("replace", "Patient.contained.where(id = 'o').name", value(valueString="n"))],
                 {"contained": [{"resourceType": "Organization", "id": "o", "name": "n"}]},
                 id="replace: inside a contained resource"),
    pytest.param([operation("replace", "Patient.name[0].given.last()", value(valueString="n"))],
                 {"name": [{**NAME[0], "given": ["A", "B", "n"]}, NAME[1]]}, id="replace: what a function finds"),
    pytest.param([operation("replace", "Patient.descendants().where($this = 'Bee')", value(valueString="n"))],
                 {"name": [{**NAME[0], "family": "n"}, NAME[1]]}, id="replace: at any depth"),
    pytest.param([operation("move", "Patient.name[0].given", source=0, destination=2)],
                 {"name": [{**NAME[0], "given": ["B", "C", "A"]}, NAME[1]]}, id="move: taken out, then put in"),
    pytest.param([operation("add", "Patient", value(valueCode="en"), name="language"),
                  operation("replace", "Patient.language", value(valueCode="fr"))], {"language": "fr"},
                 id="each operation works on the result of the one before"),
    pytest.param([operation("replace", "Patient.active", value(valueBoolean=False),
                            {"name": "previousValue", "valueBoolean": True})], {"active": False},
                 id="what a diff says for its reader is left alone"),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "changes"), APPLIED)
def test_applied(definitions: Definitions, operations: list[Json], changes: Json) -> None:
    before = json.dumps(PATIENT)
    expected = {name: member for name, member in {**PATIENT, **changes}.items() if member is not None}
    assert patched(definitions, PATIENT, *operations) == expected
    assert json.dumps(PATIENT) == before, "the original stays as it is"


REFUSED = [
    pytest.param(operation("add", "Patient", value(valueDate="1980"), name="birthDate"), "exists already",
                 id="add: there already"),
    pytest.param(operation("add", "Patient", value(valueBoolean=True), name="multipleBirth"), "exists already",
                 id="add: a choice that is there with another type"),
    pytest.param(operation("add", "Patient", value(valueString="x"), name="nonsense"), "no element of that `name`",
                 id="add: no such element"),
    pytest.param(operation("add", "Patient.name", value(valueString="x"), name="family"), "2 elements",
                 id="the path must return a single element"),
    pytest.param(operation("add", "Patient.photo", value(valueString="x"), name="title"), "selects no element",
                 id="no element matches"),
    pytest.param(operation("replace", "Patient.photo", value(valueString="x")), "selects no element",
                 id="replace: no element matches"),
    pytest.param(operation("delete", "Patient.name"), "2 elements", id="only a single element can be deleted"),
    pytest.param(operation("delete", "Patient"), "whole resource", id="delete: the resource"),
    pytest.param(operation("replace", "Patient", value(resource={"resourceType": "Patient"})), "whole resource",
                 id="replace: the resource"),
    pytest.param(operation("replace", "Patient.birthDate", value(valueString="1980")), "the value is a `string`",
                 id="the type of the value must be correct: a primitive"),
    pytest.param(operation("replace", "Patient.active", value(valueCode="true")), "expected `boolean`",
                 id="the type of the value must be correct: a boolean"),
    pytest.param(operation("replace", "Patient.name[0]", value(valueAddress={"text": "x"})), "expected `HumanName`",
                 id="the type of the value must be correct: a datatype"),
    pytest.param(operation("replace", "Patient.multipleBirth", value(valueString="2")),
                 "expected `boolean` or `integer`", id="the type of the value must be correct: a choice"),
    pytest.param(operation("replace", "Patient.contact[0]", value(part=[{"name": "x", "valueString": "y"}])),
                 "no element of that `name`", id="a part that is no element"),
    pytest.param(operation("replace", "Patient.contact[0]", value(part=[{"name": "gender", "valueCode": "male"}] * 2)),
                 "does not repeat", id="a part twice"),
    pytest.param(operation("replace", "Patient.contact[0]", value(part=[])), "must be an array", id="no parts"),
    pytest.param(operation("replace", "Patient.active", value()), "a value is one", id="no value"),
    pytest.param(operation("replace", "Patient.active", value(valueBoolean=True, valueString="x")), "a value is one",
                 id="two values"),
    pytest.param(operation("replace", "Patient.active", value(valueNonsense=1)), "a value is one", id="no such type"),
    pytest.param(operation("replace", "Patient.active", value(valueBoolean={})), "empty object", id="an empty value"),
    pytest.param(operation("replace", "Patient.active", value(valueBoolean=None)), "null", id="null for a value"),
    pytest.param(operation("replace", "Patient.name[0]", value(valueHumanName={"text": None})), "null", id="a null"),
    pytest.param(operation("replace", "Patient.name[0]", value(valueHumanName="x")), "is an object",
                 id="a primitive in place of an object"),
    pytest.param(operation("replace", "Patient.active", value(valueBoolean=[True])), "one primitive",
                 id="a list in place of a primitive"),
    pytest.param(operation("insert", "Patient.name", value(valueHumanName={"text": "x"}), index=3), "at most 2",
                 id="insert: the index must be equal or less than the number of elements"),
    pytest.param(operation("insert", "Patient.name.given | Patient.contact", value(valueString="x"), index=0),
                 "one list", id="insert: into two lists"),
    pytest.param(operation("insert", "Patient.name.where(use = 'usual')", value(valueHumanName={"text": "x"}), index=0),
                 "one list", id="insert: into a part of a list"),
    pytest.param(operation("insert", "Patient.birthDate", value(valueDate="1980"), index=0), "not select a list",
                 id="insert: not a list"),
    pytest.param(operation("insert", "Patient.photo", value(valueAttachment={"title": "x"}), index=0),
                 "`add` begins a list", id="insert: nothing there"),
    pytest.param(operation("move", "Patient.name", source=2, destination=0), "`source` must be less than 2",
                 id="move: from beyond the list"),
    pytest.param(operation("move", "Patient.name", source=0, destination=2), "`destination` must be less than 2",
                 id="move: to beyond the list"),
    pytest.param(operation("delete", "Patient.name.count()"), "computed value", id="a value that is no element"),
    pytest.param(operation("delete", "'x'"), "computed value", id="a literal"),
    pytest.param(operation("delete", "Patient.birthDate.toString()"), "computed value", id="a converted value"),
    pytest.param(operation("delete", "Patient..name"), "not FHIRPath at line 1, column", id="not FHIRPath"),
    pytest.param(operation("delete", "Patient.nonsense"), "`nonsense` is not an element", id="no such element"),
    pytest.param(operation("delete", "Observation.status"), "not of the type", id="another resource type"),
    pytest.param(operation("delete", "Patient.frobnicate()"), "not a function", id="no such function"),
    pytest.param(operation("delete", "Patient.name.single()"), "the path: ", id="the path fails"),
    pytest.param(operation("delete", "Patient.link.other.resolve().name.exists()"), "computed value", id="resolve()"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "reason"), REFUSED)
def test_refused(definitions: Definitions, wrong: Json, reason: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        patched(definitions, PATIENT, operation("delete", "Patient.photo"), wrong)
    assert reason in refused.value.diagnostics
    assert refused.value.diagnostics.startswith("Operation 1 (")
    assert refused.value.issues[0].expression == ("Parameters.parameter[1]",)


def test_an_error_shows_the_path_without_the_text_it_looks_for(definitions: Definitions) -> None:
    wrong = operation("replace", "Patient.name.where(family = 'Secret')", value(valueCode="x"))
    with pytest.raises(Unprocessable) as refused:
        patched(definitions, PATIENT, wrong)
    assert "`Patient.name.where(family = '…')`" in refused.value.diagnostics
    assert "Secret" not in str(refused.value.outcome())


MALFORMED = [
    pytest.param({"resourceType": "Patient"}, id="not a Parameters"),
    pytest.param({"resourceType": "Parameters", "parameters": []}, id="a misspelt element"),
    pytest.param({"resourceType": "Parameters", "parameter": {}}, id="not an array"),
    pytest.param(parameters({"name": "operations", "part": []}), id="another name"),
    pytest.param(parameters({"name": "operation"}), id="no parts"),
    pytest.param(parameters({"name": "operation", "part": {}}), id="parts that are no array"),
    pytest.param(parameters({"name": "operation", "part": [], "valueString": "x"}), id="a value beside parts"),
    pytest.param(parameters({"name": "operation", "part": [{"name": []}]}), id="a name that is no string"),
    pytest.param(parameters(operation("merge", "Patient")), id="an unknown type"),
    pytest.param(parameters(operation("add", "Patient", name="x")), id="no value"),
    pytest.param(parameters(operation("add", "Patient", value(valueString="x"))), id="no name"),
    pytest.param(parameters(operation("add", "Patient", value(valueString="x"), name="x", index=1)), id="add: index"),
    pytest.param(parameters(operation("insert", "Patient.name", value(valueString="x"))), id="insert: no index"),
    pytest.param(parameters(operation("insert", "Patient.name", value(valueString="x"), index=-1)), id="below 0"),
    pytest.param(parameters(operation("insert", "Patient.name", value(valueString="x"), index="1")), id="a string"),
    pytest.param(parameters(operation("insert", "Patient.name", value(valueString="x"), index=True)), id="a boolean"),
    pytest.param(parameters(operation("move", "Patient.name", source=1)), id="move: no destination"),
    pytest.param(
        parameters(operation("delete", "Patient", {"name": "path", "valueString": "Patient"})), id="two paths"
    ),
    pytest.param(parameters(operation("delete", "Patient", {"name": "paht"})), id="unknown part"),
    pytest.param(parameters({"name": "operation", "part": [{"name": "type", "valueCode": "delete"}]}), id="no path"),
]


@pytest.mark.parametrize("document", MALFORMED)
def test_malformed(document: Json) -> None:
    with pytest.raises(BadStructure) as refused:
        parse_operations(document)
    assert refused.value.issues[0].expression


def test_bounds(definitions: Definitions, monkeypatch: pytest.MonkeyPatch) -> None:
    one = operation("delete", "Patient.photo")
    assert len(parse_operations(parameters(*[one] * MAX_OPERATIONS))) == MAX_OPERATIONS
    with pytest.raises(TooLong, match="1001 operations"):
        parse_operations(parameters(*[one] * (MAX_OPERATIONS + 1)))
    with pytest.raises(TooLong, match="more than 2000 characters"):
        parse_operations(parameters(operation("delete", "x" * (MAX_PATH + 1))))
    long = "Patient.descendants().where(%resource.descendants().where(%resource.descendants().exists()).exists())"
    with pytest.raises(Unprocessable, match="too many steps"):
        patched(definitions, PATIENT, operation("delete", long), *[one] * 999)
    monkeypatch.setattr(apply, "MAX_VISITS", 50)
    with pytest.raises(TooCostly, match="a resource of this size"):
        patched(definitions, PATIENT, *[operation("delete", "Patient.name[0].given[0]")] * 3)
    monkeypatch.setattr(apply, "MAX_SECONDS", -1)
    with pytest.raises(TooCostly, match="more than -1 s"):
        patched(definitions, PATIENT, one)


def test_time_is_bounded(definitions: Definitions) -> None:
    components = [{"code": {"text": "x" * 30}} for _ in range(900)]
    resource = {"resourceType": "Observation", "status": "final", "component": components}
    paths = [f"Observation.component.where(code.text.matches('(x+x+)+y{number}'))" for number in range(1000)]
    started = time.perf_counter()
    with pytest.raises(TooCostly, match="more than 1 s"):
        patched(definitions, resource, *[operation("delete", path) for path in paths])
    assert time.perf_counter() - started < 20


def test_many_operations_on_a_large_resource(definitions: Definitions) -> None:
    components = [{"code": {"text": "x", "coding": [{"code": "y"}] * 3}} for _ in range(400)]
    resource = {"resourceType": "Observation", "status": "final", "component": components}
    paths = [f"Observation.component[{number}].code.text" for number in range(400)]
    found = patched(definitions, resource, *[operation("replace", path, value(valueString="z")) for path in paths])
    assert {each["code"]["text"] for each in found["component"]} == {"z"}


def test_nesting_is_bounded(definitions: Definitions) -> None:
    extension = operation("add", "Patient.descendants().ofType(Extension).last()", value(part=[
        {"name": "url", "valueUri": "http://x"}, {"name": "value", "valueString": "x"}]), name="extension")  # fmt: skip
    resource = {"resourceType": "Patient", "extension": [{"url": "http://x"}]}
    with pytest.raises(Unprocessable, match=r"levels deep"):
        patched(definitions, resource, *[extension] * 300)


def test_literals_stay_as_written(definitions: Definitions) -> None:
    before = b'{"resourceType":"Observation","valueQuantity":{"value":7.10},"component":[{"valueDecimal":1E2}]}'
    patch = (
        b'{"resourceType":"Parameters","parameter":[{"name":"operation","part":['
        b'{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Observation.value.value"},'
        b'{"name":"value","valueDecimal":0.50}]}]}'
    )
    operations = parse_operations(decode_literal(patch))
    after = encode_literal(apply_operations(operations, decode_literal(before), definitions))
    assert after == before.replace(b"7.10", b"0.50")


def test_elements_keep_their_order(definitions: Definitions) -> None:
    resource = {"resourceType": "Patient", "_gender": {"id": "x"}, "multipleBirthInteger": 1, "active": True}
    found = patched(definitions, resource, operation("replace", "Patient.multipleBirth", value(valueBoolean=True)))
    assert list(found) == ["resourceType", "_gender", "multipleBirthBoolean", "active"]
