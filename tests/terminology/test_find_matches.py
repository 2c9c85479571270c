"""$find-matches — http://hl7.org/fhir/R4/codesystem-operation-find-matches.html"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.wire import Answer, Wire

URL = "http://acme.org/finding"
SYSTEM = {
    "resourceType": "CodeSystem", "id": "finding", "url": URL, "version": "1", "status": "active",
    "content": "complete",
    "property": [{"code": "site", "type": "code"}, {"code": "laterality", "type": "code"},
                 {"code": "common", "type": "boolean"}],
    "concept": [
        {"code": "f1", "display": "Fracture of left arm", "property": [
            {"code": "site", "valueCode": "arm"}, {"code": "laterality", "valueCode": "left"},
            {"code": "common", "valueBoolean": True}]},
        {"code": "f2", "display": "Fracture of right arm", "property": [
            {"code": "site", "valueCode": "arm"}, {"code": "laterality", "valueCode": "right"}]},
        {"code": "f3", "display": "Burn", "designation": [{"language": "fr", "value": "Brûlure"}]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        assert wire.send("PUT", "CodeSystem/finding", SYSTEM).status in (200, 201)
        yield wire


def sought(code: str, name: str = "property", **value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"name": name, "part": [{"name": "code", "valueCode": code}, {"name": "value", **value}]}


def find(wire: Wire, *parameters: dict[str, Any], exact: bool = True, target: str = "CodeSystem") -> Answer:
    named = [] if "/" in target else [{"name": "system", "valueUri": URL}]
    body = [*named, {"name": "exact", "valueBoolean": exact}, *parameters]
    return wire.send("POST", f"{target}/$find-matches", {"resourceType": "Parameters", "parameter": body})


def shown(answer: Answer) -> str:
    """Return the codes found, each with the properties that it does not have."""
    assert answer.status == 200, answer.body
    found = []
    for match in answer.json.get("parameter", ()):
        code = match["part"][0]["valueCoding"]["code"]
        unmatched = [part["part"][0]["valueCode"] for part in match["part"][1:]]
        found.append(f"{code}-{','.join(unmatched)}" if unmatched else code)
    return " ".join(found)


ARM, LEFT = sought("site", valueCode="arm"), sought("laterality", valueCode="left")
FOUND = [
    pytest.param([ARM, LEFT], True, "f1", id="exact: all properties"),
    pytest.param([ARM, LEFT], False, "f1 f2-laterality", id="not exact: the best first, what is missing said"),
    pytest.param([sought("site", valueCoding={"system": "http://a.b", "code": "arm"})], True, "f1 f2", id="a Coding"),
    pytest.param([sought("common", valueBoolean=True)], True, "f1", id="a boolean"),
    pytest.param([sought("display", valueString="burn")], True, "f3", id="a display, whole"),
    pytest.param([sought("display", valueString="fract arm")], True, "", id="exact: not words of a display"),
    pytest.param([sought("display", valueString="fract arm")], False, "f1 f2", id="not exact: words of a display"),
    pytest.param([sought("designation", valueString="brulure")], True, "f3", id="a designation"),
    pytest.param([sought("site", valueCode="leg")], True, "", id="nothing"),
    pytest.param([{"name": "property", "part": [{"name": "code", "valueCode": "group"},
                                                sought("laterality", "subproperty", valueCode="left"),
                                                sought("site", "subproperty", valueCode="arm")]}],
                 True, "f1", id="properties within one"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "exact", "codes"), FOUND)
def test_matches(wire: Wire, parameters: list[dict[str, Any]], exact: bool, codes: str) -> None:
    assert shown(find(wire, *parameters, exact=exact)) == codes


def test_instance_level_and_pages(wire: Wire) -> None:
    assert shown(find(wire, ARM, target="CodeSystem/finding")) == "f1 f2"
    assert shown(find(wire, ARM, {"name": "count", "valueInteger": 1}, {"name": "offset", "valueInteger": 1})) == "f2"


REFUSED = [
    pytest.param([], 400, "needs a `system` and a `property`", id="no property"),
    pytest.param([sought("colour", valueCode="red")], 400, "has no property `colour`", id="an unknown property"),
    pytest.param([{"name": "property", "valueString": "x"}], 400, "has the parts", id="a property without parts"),
    pytest.param([{"name": "property", "part": [{"name": "code", "valueCode": "site"}]}], 400, "has the parts",
                 id="a property without a value"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "status", "says"), REFUSED)
def test_refusals(wire: Wire, parameters: list[dict[str, Any]], status: int, says: str) -> None:
    answer = find(wire, *parameters)
    assert (answer.status, says in answer.body.decode()) == (status, True), answer.body


def test_exact_is_needed_and_the_code_system_too(wire: Wire) -> None:
    assert wire.call("GET", f"CodeSystem/$find-matches?system={URL}").status == 400
    body = {"resourceType": "Parameters", "parameter": [{"name": "system", "valueUri": URL}, ARM]}
    assert wire.send("POST", "CodeSystem/$find-matches", body).status == 400
