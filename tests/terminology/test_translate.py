"""$translate — http://hl7.org/fhir/R4/conceptmap-operation-translate.html"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.server_process import ServerProcess
from tests.wire import Answer, Wire

HERE, THERE = "http://acme.org/translate/here", "http://acme.org/translate/there"
BASE = "http://acme.org/translate/map"
COLOUR = "http://acme.org/colour"

NARROWER = {"equivalence": "narrower", "comment": "One of several."}


def _map(name: str, group: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    head = {"resourceType": "ConceptMap", "id": f"translate-{name}", "url": f"{BASE}-{name}", "status": "active"}
    return {**head, "group": [{"source": HERE, "target": THERE, "element": [{"code": "nothing"}], **group}], **more}


def _element(code: str, *targets: dict[str, Any]) -> dict[str, Any]:
    return {"code": code, "target": list(targets)} if targets else {"code": code}


MAIN = _map(
    "main",
    {
        "element": [
            _element("dog", {"code": "hond", "display": "Hond", "equivalence": "equivalent"}),
            _element("pet", {"code": "hond", **NARROWER}, {"code": "kat", **NARROWER}),
            _element("rose", {"equivalence": "unmatched"}),
            _element("stone"),
            _element(
                "horse",
                {"code": "schimmel", **NARROWER,
                 "dependsOn": [{"property": COLOUR, "system": "http://acme.org/c", "value": "white"}]},
                {"code": "paard", "equivalence": "equivalent",
                 "dependsOn": [{"property": COLOUR, "value": "any"}],
                 "product": [{"property": "http://acme.org/size", "system": "http://acme.org/s", "value": "big"}]},
            ),
        ]
    },
    version="2",
    sourceCanonical="http://acme.org/translate/vs-here",
    targetUri="http://acme.org/translate/vs-there",
)  # fmt: skip
OLD = {**MAIN, "id": "translate-old", "version": "1", "group": [{"source": HERE, "target": THERE, "element": [
    _element("dog", {"code": "oude-hond", "equivalence": "equal"})]}]}  # fmt: skip
PROVIDED = _map("provided", {"source": f"{HERE}/p", "unmapped": {"mode": "provided"}})
FIXED = _map("fixed", {"source": f"{HERE}/f", "unmapped": {"mode": "fixed", "code": "other", "display": "Other"}})
CHAIN = _map("chain", {"target": f"{THERE}/2", "unmapped": {"mode": "other-map", "url": f"{BASE}-main"}})
LOST = _map("lost", {"target": f"{THERE}/2", "unmapped": {"mode": "other-map", "url": f"{BASE}-nowhere"}})
CIRCLE = _map("circle", {"source": f"{HERE}/c", "unmapped": {"mode": "other-map", "url": f"{BASE}-circle"}})
SECOND = _map("second", {"target": "http://acme.org/translate/third", "element": [
    _element("dog", {"code": "chien", "equivalence": "equal"})]})  # fmt: skip


SCOPED = _map("scoped", {"source": None, "element": [_element("dog", {"code": "chien", "equivalence": "equal"})]},
              sourceCanonical=f"{BASE}/vs-here|3", targetCanonical=f"{BASE}/vs-there")  # fmt: skip
del SCOPED["group"][0]["source"]


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        for resource in (MAIN, OLD, PROVIDED, FIXED, CHAIN, LOST, CIRCLE, SECOND, SCOPED):
            answer = wire.send("PUT", f"ConceptMap/{resource['id']}", resource)
            assert answer.status in (200, 201), answer.body
        yield wire


def get(wire: Wire, query: str, target: str = "ConceptMap") -> Answer:
    return wire.call("GET", f"{target}/$translate?{quote(query, safe='=&/:|')}")


def shown(answer: Answer) -> tuple[bool, str]:
    """Return the result and each match as `equivalence code`."""
    assert answer.status == 200, answer.body
    parameters = answer.json["parameter"]
    matches = [{part["name"]: part for part in one["part"]} for one in parameters if one["name"] == "match"]
    result = next(one["valueBoolean"] for one in parameters if one["name"] == "result")
    said = sorted(f"{one['equivalence']['valueCode']} {one['concept']['valueCoding']['code']}" for one in matches)
    return result, ", ".join(said)


MAPPED = f"url={BASE}-main&system={HERE}"
FORWARD = [
    pytest.param(f"{MAPPED}&code=dog", True, "equivalent hond", id="a code, by the last version of a map"),
    pytest.param(f"url={BASE}-main|1&system={HERE}&code=dog", True,
                 "equal oude-hond", id="by the version in the canonical"),
    pytest.param(f"{MAPPED}&code=dog&conceptMapVersion=1", True, "equal oude-hond", id="by conceptMapVersion"),
    pytest.param(f"{MAPPED}&code=pet", True, "narrower hond, narrower kat", id="several targets"),
    pytest.param(f"{MAPPED}&code=rose", False, "", id="mapped to nothing"),
    pytest.param(f"{MAPPED}&code=stone", False, "", id="listed without a target"),
    pytest.param(f"{MAPPED}&code=cloud", False, "", id="not listed"),
    pytest.param(f"{MAPPED}&code=horse", False, "", id="what depends on another element does not apply without it"),
    pytest.param(f"{MAPPED}&code=dog&targetsystem=http://acme.org/other", False, "", id="another target system"),
    pytest.param(f"url={BASE}-main&system=http://acme.org/other&code=dog", False, "", id="another source system"),
    pytest.param(f"url={BASE}-provided&system={HERE}/p&code=x", True, "equal x", id="unmapped: the code itself"),
    pytest.param(f"url={BASE}-fixed&system={HERE}/f&code=x", True, "relatedto other", id="unmapped: a fixed code"),
    pytest.param(f"url={BASE}-chain&system={HERE}&code=dog", True, "equivalent hond", id="unmapped: another map"),
    pytest.param(f"url={BASE}-lost&system={HERE}&code=dog", False, "", id="unmapped: a map that nobody has"),
    pytest.param(f"url={BASE}-circle&system={HERE}/c&code=dog", False, "", id="maps in a circle"),
    pytest.param(f"system={HERE}&code=dog&targetsystem={THERE}", True, "equivalent hond",
                 id="without a map: those between the code systems"),
    pytest.param(f"system={HERE}&code=dog", True, "equal chien, equivalent hond", id="without a map: several"),
    pytest.param(f"system={HERE}&code=dog&source=http://acme.org/translate/vs-here", True, "equivalent hond",
                 id="without a map: by the value set of the source"),
    pytest.param(f"system={HERE}&code=dog&target=http://acme.org/nowhere", False, "",
                 id="without a map: by the value set of the target"),
    pytest.param(f"code=dog&source={BASE}/vs-here&target={BASE}/vs-there", True, "equal chien",
                 id="by the value sets alone: a map that names no code system of its source"),
    pytest.param(f"code=dog&source={BASE}/vs-here", True, "equal chien", id="by the value set of the source alone"),
    pytest.param(f"code=dog&target={BASE}/vs-there", True, "equal chien", id="by the value set of the target alone"),
    pytest.param("code=dog&target=http://acme.org/translate/vs-there", True, "equivalent hond",
                 id="by a value set that a map names as a uri"),
    pytest.param(f"system={HERE}&code=dog&source={BASE}/vs-here", True, "equal chien", id="by it and a code system"),
    pytest.param(f"code=dog&source={BASE}/vs-nowhere", False, "", id="by a value set of no map"),
    pytest.param("code=postal&source=http://hl7.org/fhir/ValueSet/address-type", True, "equal PST",
                 id="a map of the core package by its value set"),
    pytest.param(f"url={BASE}-main&system={THERE}&code=hond&reverse=true", True, "equivalent dog, wider pet",
                 id="reverse: what is narrower one way is wider the other"),
    pytest.param("system=http://hl7.org/fhir/address-type&code=postal&url=http://hl7.org/fhir/ConceptMap/cm-address-type-v3",
                 True, "equal PST", id="a map of the core package"),
    pytest.param("system=http://hl7.org/fhir/address-type&code=postal"
                 "&targetsystem=http://terminology.hl7.org/CodeSystem/v3-AddressUse", True, "equal PST",
                 id="a map of the core package, not named"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "result", "matches"), FORWARD)
def test_translations(wire: Wire, query: str, result: bool, matches: str) -> None:
    assert shown(get(wire, query)) == (result, matches)


def test_instance_level_needs_no_system(wire: Wire) -> None:
    assert shown(get(wire, "code=dog", "ConceptMap/translate-main")) == (True, "equivalent hond")


DEPENDENCIES = [
    pytest.param({"coding": [{"system": "http://acme.org/c", "code": "white"}]}, "narrower schimmel", id="its concept"),
    pytest.param({"coding": [{"system": "http://acme.org/d", "code": "white"}]}, "", id="one of another system"),
    pytest.param({"text": "any"}, "equivalent paard", id="its text"),
]


def post(wire: Wire, *parameters: dict[str, Any]) -> Answer:
    return wire.send("POST", "ConceptMap/$translate", {"resourceType": "Parameters", "parameter": list(parameters)})


@pytest.mark.parametrize(("concept", "matches"), DEPENDENCIES)
def test_a_mapping_may_depend_on_another_element(wire: Wire, concept: dict[str, Any], matches: str) -> None:
    part = [{"name": "element", "valueUri": COLOUR}, {"name": "concept", "valueCodeableConcept": concept}]
    answer = post(
        wire,
        {"name": "url", "valueUri": f"{BASE}-main"},
        {"name": "coding", "valueCoding": {"system": HERE, "code": "horse"}},
        {"name": "dependency", "part": part},
    )
    assert shown(answer)[1] == matches
    if matches.endswith("paard"):
        assert "http://acme.org/size" in json.dumps(answer.json), "what a mapping produces"


def test_every_coding_of_a_concept_is_translated(wire: Wire) -> None:
    codings = [{"system": HERE, "code": "dog"}, {"system": f"{HERE}/f", "code": "x"}]
    answer = post(wire, {"name": "codeableConcept", "valueCodeableConcept": {"coding": codings}},
                  {"name": "targetsystem", "valueUri": THERE})  # fmt: skip
    assert shown(answer) == (True, "equivalent hond, relatedto other")


def test_the_map_may_come_along(wire: Wire) -> None:
    group = {"source": HERE, "target": THERE, "element": [_element("dog", {"code": "x", "equivalence": "wider"})]}
    brought = {"resourceType": "ConceptMap", "status": "active", "group": [group]}
    answer = post(wire, {"name": "conceptMap", "resource": brought}, {"name": "code", "valueCode": "dog"})
    assert shown(answer) == (True, "wider x")


def test_the_map_is_named_and_what_is_missing_said(wire: Wire) -> None:
    found = get(wire, f"{MAPPED}&code=dog").json["parameter"]
    assert {"name": "source", "valueUri": f"{BASE}-main|2"} in found[1]["part"]
    missing = get(wire, f"{MAPPED}&code=horse").json["parameter"][1]["valueString"]
    assert missing == f"Some mappings depend on `{COLOUR}`: say it as `dependency`."


REFUSED = [
    pytest.param("code=dog", 400, "needs `code` and its `system`", id="a code without a system"),
    pytest.param(f"system={HERE}", 400, "needs `code`", id="no code"),
    pytest.param(f"{MAPPED}&code=dog&reverse=maybe", 400, "`reverse` is", id="reverse is a boolean"),
    pytest.param(f"url={BASE}-nowhere&system={HERE}&code=dog", 422, f"{BASE}-nowhere", id="a map that nobody has"),
    pytest.param(f"url={BASE}-main|9&system={HERE}&code=dog", 422, f"{BASE}-main|9", id="a version that nobody has"),
    pytest.param(f"{MAPPED}&code=dog&colour=red", 400, "`colour` is not a parameter", id="an unknown parameter"),
]


@pytest.mark.parametrize(("query", "status", "says"), REFUSED)
def test_refusals(wire: Wire, query: str, status: int, says: str) -> None:
    answer = get(wire, query)
    assert (answer.status, says in json.dumps(answer.json)) == (status, True), answer.body


def test_parameters_of_later_versions_are_answered_as_these_have_it(wire: Wire) -> None:
    found = get(wire, f"url={BASE}-main&sourceSystem={HERE}&sourceCode=pet&targetSystem={THERE}").json["parameter"]
    parts = {part["name"]: part for part in found[1]["part"]}
    assert parts["relationship"]["valueCode"] == "source-is-broader-than-target"
    assert parts["originMap"]["valueCanonical"] == f"{BASE}-main|2"
