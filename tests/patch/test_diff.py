"""The patch from one resource to another — http://hl7.org/fhir/R4/fhirpatch.html"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.definitions.registry import Definitions
from fhirserver.patch.apply import apply_operations
from fhirserver.patch.diff import difference
from fhirserver.patch.operations import parse_operations

Json = dict[str, Any]


def told(definitions: Definitions, one: Json, other: Json) -> list[str]:
    """Return the operations in short, after applying them."""
    found = difference(one, other, definitions)
    assert apply_operations(parse_operations(found), one, definitions) == other
    lines = []
    for operation in found.get("parameter", ()):
        parts = {part["name"]: part for part in operation["part"]}
        shown = [parts[name] for name in ("type", "path", "name", "index") if name in parts]
        lines.append(" ".join(str(part[key]) for part in shown for key in part if key != "name"))
    return lines


def patient(**members: object) -> Json:
    return {"resourceType": "Patient", **members}


A, B, C, D = ({"text": text} for text in "ABCD")
CASES = [
    pytest.param(patient(active=True), patient(active=True), [], id="nothing"),
    pytest.param(patient(), patient(active=True), ["add Patient active"], id="a new element"),
    pytest.param(patient(active=True), patient(), ["delete Patient.active"], id="one less"),
    pytest.param(patient(active=True), patient(active=False), ["replace Patient.active"], id="another value"),
    pytest.param(
        patient(multipleBirthInteger=1), patient(multipleBirthBoolean=True), ["replace Patient.multipleBirth"],
        id="a choice of another type",
    ),
    pytest.param(patient(name=[A, B]), patient(name=[A, B, C]), ["add Patient name"], id="one at the end"),
    pytest.param(patient(name=[A, B]), patient(name=[C, A, B]), ["insert Patient.name 0"], id="one at the beginning"),
    pytest.param(patient(name=[A, B]), patient(name=[A, C, B]), ["insert Patient.name 1"], id="one between"),
    pytest.param(patient(name=[A, B, C]), patient(name=[A, C]), ["delete Patient.name[1]"], id="one out of a list"),
    pytest.param(patient(name=[A]), patient(), ["delete Patient.name[0]"], id="the whole list"),
    pytest.param(patient(name=[A, B, C]), patient(name=[A, D, C]), ["replace Patient.name[1]"], id="another entry"),
    pytest.param(
        patient(name=[A, {"text": "x", "family": "y"}]), patient(name=[A, {"text": "x", "family": "z"}]),
        ["replace Patient.name[1].family"], id="an entry that has something in common with the one before",
    ),
    pytest.param(
        patient(birthDate="2020"), patient(birthDate="2020", _birthDate={"id": "x"}), ["replace Patient.birthDate"],
        id="the extensions of a primitive",
    ),
    pytest.param(
        patient(name=[{"given": ["a", "b"]}]), patient(name=[{"given": ["a", None], "_given": [None, {"id": "x"}]}]),
        ["replace Patient.name[0]"], id="a primitive without a value",
    ),
    pytest.param(
        patient(contact=[{"gender": "male"}]), patient(contact=[{"gender": "male", "period": {"start": "2020"}}]),
        ["add Patient.contact[0] period"], id="inside an anonymous type",
    ),
    pytest.param(
        patient(text={"status": "empty", "div": "<div/>"}), patient(text={"status": "empty", "div": "<div>b</div>"}),
        ["replace Patient.text.`div`"], id="a name that is a word of FHIRPath",
    ),
    pytest.param(
        patient(contained=[{"resourceType": "Group", "id": "a", "type": "person"}]),
        patient(contained=[{"resourceType": "Group", "id": "a", "type": "animal"}]),
        ["replace Patient.contained[0].type"], id="inside a contained resource",
    ),
    pytest.param(
        patient(contained=[{"resourceType": "Group", "id": "a"}]),
        patient(contained=[{"resourceType": "Basic", "id": "a"}]),
        ["replace Patient.contained[0]"], id="a contained resource of another type",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "expected"), CASES)
def test_difference(definitions: Definitions, one: Json, other: Json, expected: list[str]) -> None:
    assert told(definitions, one, other) == expected


def test_what_the_server_assigns_is_left_out(definitions: Definitions) -> None:
    one = {**patient(id="1"), "meta": {"versionId": "1", "lastUpdated": "x", "tag": [{"code": "a"}]}}
    other = {**patient(id="2"), "meta": {"versionId": "2", "lastUpdated": "y", "tag": [{"code": "b"}]}}
    found = difference(one, other, definitions)
    assert [operation["part"][1]["valueString"] for operation in found["parameter"]] == ["Patient.meta.tag[0]"]
    applied = apply_operations(parse_operations(found), one, definitions)
    assert applied == {**one, "meta": {**one["meta"], "tag": [{"code": "b"}]}}
    assert difference(one, {**one, "meta": {"versionId": "3"}}, definitions)["parameter"][0]["part"][0] == {
        "name": "type",
        "valueCode": "delete",
    }


def test_digits_count(definitions: Definitions) -> None:
    one, other = (
        decode_literal(b'{"resourceType":"Observation","valueQuantity":{"value":%b}}' % number)
        for number in (b"1.0", b"1.00")
    )
    found = difference(one, other, definitions)
    assert b'"valueDecimal":1.00' in encode_literal(found) or b'"value":1.00' in encode_literal(found)
    assert b"1.00" in encode_literal(apply_operations(parse_operations(found), one, definitions))


def test_long_lists_are_compared_in_time(definitions: Definitions) -> None:
    one = patient(name=[{"text": str(number % 7)} for number in range(900)])
    other = patient(name=[{"text": str(number % 5)} for number in range(901)])
    found = difference(one, other, definitions)
    assert apply_operations(parse_operations(found), one, definitions) == other


def test_official_examples_of_a_type_turn_into_each_other(definitions: Definitions, corpora: Path) -> None:
    """Every type's first examples, each turned into the next and back: elements of all types in parts."""
    of_type: dict[str, list[Json]] = {}
    for line in lines_of(corpora / "01-r4-examples"):
        resource = decode_literal(line)["resource"]
        kept = of_type.setdefault(resource["resourceType"], [])
        if len(kept) < 3 and len(line) < 20_000:
            kept.append(resource)
    tried = 0
    for resources in of_type.values():
        for one, other in zip(resources, [*resources[1:], *resources[:1]], strict=True):
            found = difference(one, other, definitions)
            if len(found.get("parameter", ())) > 300:
                continue
            applied = apply_operations(parse_operations(found), one, definitions)
            assert without_assigned(applied) == without_assigned(other)
            tried += 1
    assert tried > 200


def without_assigned(resource: Json) -> Json:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return {**rest, "meta": meta}


def lines_of(folder: Path) -> list[bytes]:
    path = next(folder.glob("r4-examples.ndjson*"))
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()


def test_the_official_differences(definitions: Definitions, corpora: Path) -> None:
    cases = json.loads((corpora / "04-patch" / "fhirpath-patch-tests.json").read_text())
    told_apart = 0
    for case in cases:
        if case["mode"] == "both":
            told(definitions, case["input"], case["output"])
            told_apart += 1
    assert told_apart
