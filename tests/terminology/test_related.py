"""$related and $batch-validate-code, beside what HL7's own tests ask of them

https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.wire import Answer, Wire

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
UCUM = "http://unitsofmeasure.org"
GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        yield wire


def post(wire: Wire, target: str, parameters: Sequence[dict[str, Any]]) -> Answer:
    return wire.send("POST", target, {"resourceType": "Parameters", "parameter": list(parameters)})


def value_set(*include: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"resourceType": "ValueSet", "status": "active", "compose": {"include": list(include), **more}}


def listed(*codes: str) -> dict[str, Any]:
    return {"system": ROLES, "concept": [{"code": code} for code in codes]}


def below(code: str) -> dict[str, Any]:
    return {"system": ROLES, "filter": [{"property": "concept", "op": "is-a", "value": code}]}


RELATIONS = [
    pytest.param(value_set(listed("MTH", "FTH")), value_set(listed("FTH", "MTH")), "same", False, id="the same list"),
    pytest.param(value_set(listed("MTH")), value_set(listed("FTH", "MTH")), "subset", False, id="a shorter list"),
    pytest.param(value_set(below("PRN")), value_set(below("FAMMEMB")), "subset", False, id="below another concept"),
    pytest.param(value_set(below("PRN")), value_set(listed("MTH")), "superset", True, id="a list within a hierarchy"),
    pytest.param(value_set({"system": UCUM}), value_set({"system": ROLES}), "disjoint", False, id="other systems"),
    pytest.param(
        value_set({"system": UCUM}), value_set({"system": UCUM, "concept": [{"code": "g"}]}), "indeterminate", True,
        id="a grammar and a list",
    ),
    pytest.param(
        value_set(listed("MTH"), exclude=[listed("MTH")]), value_set(listed("FTH"), exclude=[listed("FTH")]), "empty",
        True, id="two that are empty",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("this", "other", "result", "is_expanded"), RELATIONS)
def test_relations(wire: Wire, this: dict[str, Any], other: dict[str, Any], result: str, is_expanded: bool) -> None:
    parameters = [{"name": "thisValueSet", "resource": this}, {"name": "otherValueSet", "resource": other}]
    answer = post(wire, "ValueSet/$related", parameters)
    assert answer.status == 200, answer.body
    found = {one["name"]: one for one in answer.json["parameter"]}
    assert (found["result"]["valueCode"], found["performed-expansion"]["valueBoolean"]) == (result, is_expanded)
    assert "common-codes" not in found, "codes are told to who asks for diagnostics"


def test_a_value_set_of_the_record_is_compared_where_it_is(wire: Wire) -> None:
    stored = {**value_set(listed("MTH")), "id": "related-own", "url": "http://acme.org/vs/related"}
    assert wire.send("PUT", "ValueSet/related-own", stored).status in (200, 201)
    answer = wire.call("GET", "ValueSet/related-own/$related?otherUrl=http://acme.org/vs/related&diagnostics=true")
    assert answer.json["parameter"][0] == {"name": "result", "valueCode": "same"}


REFUSED = [
    pytest.param("ValueSet/$related", [], 400, "`thisUrl` or `thisValueSet`", id="related: no value set"),
    pytest.param("ValueSet/$related", [{"name": "thisUrl", "valueUri": GENDER}], 400, "`otherUrl`",
                 id="related: one value set"),
    pytest.param("ValueSet/$related", [{"name": "thisUrl", "valueUri": GENDER},
                                       {"name": "otherUrl", "valueUri": "http://a.b/none"}], 422, "http://a.b/none",
                 id="related: a value set that nobody has"),
    pytest.param("ValueSet/$batch-validate-code", [], 400, "needs a `validation`", id="batch: nothing"),
    pytest.param("ValueSet/$batch-validate-code", [{"name": "validation", "valueString": "x"}], 400, "is a Parameters",
                 id="batch: a text"),
    pytest.param("ValueSet/$batch-validate-code", [{"name": "validation", "resource": {"resourceType": "Patient"}}],
                 400, "Parameters", id="batch: another resource"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "parameters", "status", "says"), REFUSED)
def test_refusals(wire: Wire, target: str, parameters: list[dict[str, Any]], status: int, says: str) -> None:
    answer = post(wire, target, parameters)
    assert (answer.status, says in answer.body.decode()) == (status, True), answer.body


def test_many_codes_are_validated_in_one_request(wire: Wire) -> None:
    def call(*parameters: dict[str, Any]) -> dict[str, Any]:
        return {"name": "validation", "resource": {"resourceType": "Parameters", "parameter": list(parameters)}}

    gender = "http://hl7.org/fhir/administrative-gender"
    female = {"name": "coding", "valueCoding": {"system": gender, "code": "female"}}
    nothing = {"name": "coding", "valueCoding": {"system": gender, "code": "nothing"}}
    elsewhere = [{"name": "url", "valueUri": "http://a.b/none"}, female]
    shared = {"name": "url", "valueUri": GENDER}
    answer = post(
        wire, "ValueSet/$batch-validate-code", [shared, call(female), call(nothing), call(*elsewhere), call()]
    )
    assert answer.status == 200, answer.body
    found = [one["resource"] for one in answer.json["parameter"]]
    results = [
        next((p["valueBoolean"] for p in one.get("parameter", ()) if p["name"] == "result"), None) for one in found
    ]
    assert results == [True, False, None, None]
    assert [one["resourceType"] for one in found[2:]] == ["OperationOutcome"] * 2


def test_codes_of_code_systems_too(wire: Wire) -> None:
    call = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueCode": "mg"}]}
    shared = {"name": "url", "valueUri": UCUM}
    answer = post(wire, "CodeSystem/$batch-validate-code", [shared, {"name": "validation", "resource": call}])
    assert {"name": "result", "valueBoolean": True} in answer.json["parameter"][0]["resource"]["parameter"]
