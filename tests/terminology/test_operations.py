"""The terminology operations over HTTP: their levels and methods, their parameters, and what they refuse

http://hl7.org/fhir/R4/terminology-service.html
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.server_process import ServerProcess
from tests.wire import FHIR_JSON, Answer, Wire

FARM, PETS = "http://acme.org/farm", "http://acme.org/vs/pets"
CONCEPTS = [
    {"code": "animal", "display": "Animal", "property": [{"code": "abstract", "valueBoolean": True}], "concept": [
        {"code": "dog", "display": "Dog", "definition": "It barks.", "designation": [
            {"language": "fr", "value": "Chien"}, {"language": "nl", "value": "Hond"}],
         "concept": [{"code": "poodle", "display": "Poodle"}]},
        {"code": "cat", "display": "Cat", "designation": [{"language": "fr", "value": "Chat"}]},
        {"code": "dodo", "display": "Dodo", "property": [{"code": "status", "valueCode": "retired"}]}]},
    {"code": "ecole", "display": "Élevage de l'école"},
]  # fmt: skip
RECORD: list[dict[str, Any]] = [
    {"resourceType": "CodeSystem", "id": "farm", "url": FARM, "version": "1.0", "status": "active", "name": "Farm",
     "caseSensitive": True, "content": "complete", "concept": CONCEPTS,
     "property": [{"code": "abstract", "type": "boolean",
                   "uri": "http://hl7.org/fhir/concept-properties#notSelectable"}]},
    {"resourceType": "ValueSet", "id": "pets", "url": PETS, "version": "1", "status": "active", "compose": {"include": [
        {"system": FARM, "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]}},
    {"resourceType": "ValueSet", "id": "all", "url": "http://acme.org/vs/all", "status": "active",
     "compose": {"include": [{"system": FARM}]}},
    {"resourceType": "ValueSet", "id": "circle", "url": "http://acme.org/vs/circle", "status": "active",
     "compose": {"include": [{"valueSet": ["http://acme.org/vs/circle"]}]}},
    {"resourceType": "ValueSet", "id": "odd", "url": "http://acme.org/vs/odd", "status": "active",
     "compose": {"include": [{"system": FARM, "filter": [{"property": "colour", "op": "=", "value": "red"}]}]}},
    {"resourceType": "ValueSet", "id": "lost", "url": "http://acme.org/vs/lost", "status": "active",
     "compose": {"include": [{"system": "http://acme.org/nowhere"}]}},
    {"resourceType": "ValueSet", "id": "old", "url": "http://acme.org/vs/old", "status": "active",
     "compose": {"include": [{"system": FARM, "version": "0.9"}]}},
]  # fmt: skip


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        for resource in RECORD:
            path = f"{resource['resourceType']}/{resource['id']}"
            assert wire.call("PUT", path, json.dumps(resource).encode()).status in (200, 201)
        yield wire


def get(wire: Wire, path: str) -> Answer:
    return wire.call("GET", quote(path, safe="$?&=/:.|*;,"))


def post(wire: Wire, path: str, *parameters: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    body = json.dumps({"resourceType": "Parameters", "parameter": list(parameters)}).encode()
    return wire.call("POST", path, body, {**FHIR_JSON, **(headers or {})})


def codes(answer: Answer) -> str:
    """Return the codes of an expansion, those inside others in brackets."""

    def shown(contains: list[dict[str, Any]]) -> str:
        return " ".join(one["code"] + (f"({shown(one['contains'])})" if "contains" in one else "") for one in contains)

    assert answer.status == 200, answer.body
    return shown(answer.json["expansion"].get("contains", []))


def value(answer: Answer, name: str) -> Any:  # noqa: ANN401 - JSON
    found = [one for one in answer.json["parameter"] if one["name"] == name]
    return next((part for one in found for key, part in one.items() if key.startswith("value")), None)


EXPANSIONS = [
    pytest.param(f"ValueSet/$expand?url={PETS}", "dog(poodle)", id="by url"),
    pytest.param(f"ValueSet/$expand?url={PETS}|1", "dog(poodle)", id="by canonical"),
    pytest.param("ValueSet/pets/$expand", "dog(poodle)", id="of an instance"),
    pytest.param("ValueSet/all/$expand?excludeNested=true", "animal dog poodle cat dodo ecole", id="flat"),
    pytest.param("ValueSet/all/$expand?activeOnly=true", "animal(dog(poodle) cat) ecole", id="activeOnly"),
    pytest.param("ValueSet/all/$expand?excludeNotForUI=true&excludeNested=true", "dog poodle cat dodo ecole",
                 id="excludeNotForUI"),
    pytest.param("ValueSet/all/$expand?count=2&offset=1", "dog poodle", id="a page"),
    pytest.param("ValueSet/all/$expand?count=0", "", id="a page of none"),
    pytest.param("ValueSet/all/$expand?filter=do", "dog dodo", id="a word begins so, the shorter term first"),
    pytest.param("ValueSet/all/$expand?filter=chien", "dog", id="a term in another language"),
    pytest.param("ValueSet/all/$expand?filter=ecole el", "ecole", id="words in any order, without accents"),
    pytest.param("ValueSet/all/$expand?filter=og", "", id="not inside a word"),
    pytest.param("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender", "male female other unknown",
                 id="of the core package"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), EXPANSIONS)
def test_expand(wire: Wire, path: str, expected: str) -> None:
    assert codes(get(wire, path)) == expected


def test_the_total_is_that_of_all_pages(wire: Wire) -> None:
    expansion = get(wire, "ValueSet/all/$expand?count=2").json["expansion"]
    assert (expansion["total"], expansion["offset"], len(expansion["contains"])) == (6, 0, 2)


def test_displays_are_in_the_language_asked_for(wire: Wire) -> None:
    contains = get(wire, "ValueSet/pets/$expand?displayLanguage=fr-BE&excludeNested=true").json["expansion"]["contains"]
    assert [one["display"] for one in contains] == ["Chien", "Poodle"]
    strict = get(wire, "ValueSet/pets/$expand?displayLanguage=fr,*;q=0&excludeNested=true").json["expansion"][
        "contains"
    ]
    assert [one.get("display") for one in strict] == ["Chien", "Poodle"]  # this one is in no language


def test_a_definition_counts_from_its_writing_on(wire: Wire) -> None:
    value_set = {"resourceType": "ValueSet", "id": "fresh", "url": "http://acme.org/vs/fresh", "status": "active"}
    for code in ("dog", "cat", "dodo"):
        include = {"system": FARM, "concept": [{"code": code}]}
        body = json.dumps({**value_set, "compose": {"include": [include]}}).encode()
        assert wire.call("PUT", "ValueSet/fresh", body).status in (200, 201)
        assert codes(get(wire, "ValueSet/$expand?url=http://acme.org/vs/fresh")) == code


CHECKS = [
    pytest.param(f"ValueSet/$validate-code?url={PETS}&system={FARM}&code=poodle", True, id="in the value set"),
    pytest.param(f"ValueSet/$validate-code?url={PETS}&system={FARM}&code=cat", False, id="not in it"),
    pytest.param(f"ValueSet/pets/$validate-code?system={FARM}&code=dog", True, id="of an instance"),
    pytest.param(f"ValueSet/pets/$validate-code?system={FARM}&code=dog&display=Chien", True, id="a designation"),
    pytest.param(f"ValueSet/pets/$validate-code?system={FARM}&code=dog&display=Cat", False, id="another's display"),
    pytest.param(f"ValueSet/all/$validate-code?system={FARM}&code=animal&abstract=false", False, id="abstract"),
    pytest.param("ValueSet/pets/$validate-code?code=dog&inferSystem=true", True, id="inferSystem"),
    pytest.param(f"CodeSystem/$validate-code?url={FARM}&code=cat", True, id="in the code system"),
    pytest.param(f"CodeSystem/$validate-code?url={FARM}&code=horse", False, id="not in the code system"),
    pytest.param("CodeSystem/farm/$validate-code?code=cat&display=Cat", True, id="of an instance of CodeSystem"),
    pytest.param(f"ValueSet/lost/$validate-code?system={FARM}&code=dog", False, id="of a value set of nothing known"),
]


@pytest.mark.parametrize(("path", "expected"), CHECKS)
def test_validate_code(wire: Wire, path: str, expected: bool) -> None:
    answer = get(wire, path)
    assert answer.status == 200
    assert value(answer, "result") is expected
    assert expected or value(answer, "message")


def test_one_coding_of_a_concept_is_enough(wire: Wire) -> None:
    concept = {"coding": [{"system": FARM, "code": "cat"}, {"system": FARM, "code": "poodle"}]}
    answer = post(wire, "ValueSet/pets/$validate-code", {"name": "codeableConcept", "valueCodeableConcept": concept})
    assert (value(answer, "result"), value(answer, "code")) == (True, "poodle")


SUBSUMPTION = [
    ("animal", "poodle", "subsumes"),
    ("poodle", "animal", "subsumed-by"),
    ("dog", "dog", "equivalent"),
    ("dog", "cat", "not-subsumed"),
]


@pytest.mark.parametrize(("first", "second", "expected"), SUBSUMPTION)
def test_subsumes(wire: Wire, first: str, second: str, expected: str) -> None:
    answer = get(wire, f"CodeSystem/$subsumes?system={FARM}&codeA={first}&codeB={second}")
    assert value(answer, "outcome") == expected
    coded = [{"name": f"coding{letter}", "valueCoding": {"system": FARM, "code": code}}
             for letter, code in (("A", first), ("B", second))]  # fmt: skip
    assert value(post(wire, "CodeSystem/$subsumes", *coded), "outcome") == expected


def test_lookup(wire: Wire) -> None:
    answer = get(wire, f"CodeSystem/$lookup?system={FARM}&code=dog&displayLanguage=nl")
    assert [value(answer, name) for name in ("name", "version", "display", "definition", "abstract")] == [
        "Farm", "1.0", "Hond", "It barks.", False]  # fmt: skip
    properties = {part["part"][0]["valueCode"] for part in answer.json["parameter"] if part["name"] == "property"}
    assert properties == {"inactive", "parent", "child"}


def test_lookup_says_what_is_asked_for(wire: Wire) -> None:
    answer = get(wire, f"CodeSystem/$lookup?system={FARM}&code=dog&property=lang.fr&property=parent")
    said = [part["part"] for part in answer.json["parameter"] if part["name"] in ("designation", "property")]
    assert [[next(v for k, v in one.items() if k != "name") for one in parts] for parts in said] == [
        ["fr", "Chien"], ["parent", "animal", "Animal"]]  # fmt: skip


REFUSED = [
    pytest.param("ValueSet/$expand", 400, "invalid", "url", id="nothing to expand"),
    pytest.param("ValueSet/$expand?url=http://acme.org/vs/none", 422, "not-found", "vs/none",
                 id="an unknown value set"),
    pytest.param("ValueSet/$expand?url=http://acme.org/vs/all&valueSetVersion=9", 422, "not-found", "|9",
                 id="an unknown version of a value set"),
    pytest.param("ValueSet/lost/$expand", 422, "not-found", "acme.org/nowhere", id="an unknown code system"),
    pytest.param("ValueSet/old/$expand", 422, "not-found", "Valid versions: 1.0",
                 id="an unknown version of a code system"),
    pytest.param("ValueSet/circle/$expand", 400, "processing", "circularity", id="imports that are circular"),
    pytest.param("ValueSet/odd/$expand", 400, "not-supported", "colour", id="a filter on an unknown property"),
    pytest.param(f"ValueSet/odd/$validate-code?system={FARM}&code=dog", 400, "not-supported", "colour",
                 id="a check by an unknown property"),
    pytest.param("ValueSet/all/$expand?count=x", 400, "value", "count", id="a count that is no number"),
    pytest.param("ValueSet/all/$expand?activeOnly=perhaps", 400, "value", "activeOnly", id="a flag that is none"),
    pytest.param("ValueSet/all/$expand?displayLanguage=%C3%A9", 400, "value", "displayLanguage", id="no language"),
    pytest.param("ValueSet/all/$expand?system-version=x", 400, "value", "system-version", id="a pin without a version"),
    pytest.param("ValueSet/all/$expand?foo=1", 400, "not-supported", "foo", id="an unknown parameter"),
    pytest.param("ValueSet/nobody/$expand", 404, "not-found", "nobody", id="an instance that is not there"),
    pytest.param("ValueSet/pets/$validate-code?code=dog", 400, "invalid", "code", id="a code without its system"),
    pytest.param(f"CodeSystem/$lookup?system={FARM}&code=horse", 422, "code-invalid", "horse", id="an unknown code"),
    pytest.param("CodeSystem/$lookup?system=http://acme.org/x&code=a", 422, "not-found", "acme.org/x",
                 id="a lookup in an unknown code system"),
    pytest.param("CodeSystem/$lookup?code=dog", 400, "invalid", "system", id="a lookup without a system"),
    pytest.param(f"CodeSystem/$subsumes?system={FARM}&codeA=dog&codeB=horse", 422, "code-invalid", "horse",
                 id="an unknown code B"),
    pytest.param(f"CodeSystem/$subsumes?system={FARM}&codeA=dog", 400, "invalid", "codeB", id="no code B"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "status", "code", "named"), REFUSED)
def test_refusal(wire: Wire, path: str, status: int, code: str, named: str) -> None:
    answer = wire.call("GET", path)
    assert answer.status == status
    issue = answer.json["issue"][0]
    text = issue.get("diagnostics", issue.get("details", {}).get("text", ""))
    assert issue["code"] == code
    assert named in text


def test_too_many_concepts_are_refused_unless_paged(wire: Wire) -> None:
    many = {"resourceType": "CodeSystem", "url": "http://acme.org/million", "status": "active", "content": "complete",
            "concept": [{"code": f"c{number}"} for number in range(20_000)]}  # fmt: skip
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": many["url"]}]}}
    given = ({"name": "tx-resource", "resource": many}, {"name": "valueSet", "resource": value_set})
    refused = post(wire, "ValueSet/$expand", *given)
    assert (refused.status, refused.json["issue"][0]["code"]) == (400, "too-costly")
    page = post(wire, "ValueSet/$expand", *given, {"name": "count", "valueInteger": 3})
    assert codes(page) == "c0 c1 c2"


@pytest.mark.parametrize(
    "parameter",
    [
        pytest.param({"name": "coding", "valueCoding": {"system": FARM, "code": 5}}, id="a code that is a number"),
        pytest.param({"name": "coding", "valueString": "dog"}, id="a coding that is a text"),
        pytest.param({"name": "codeableConcept", "valueCodeableConcept": {"coding": "dog"}},
                     id="codings that are a text"),
        pytest.param({"name": "codeableConcept", "valueCodeableConcept": {"coding": ["dog"]}}, id="a coding in a list"),
        pytest.param({"name": "codeableConcept", "valueCodeableConcept": {"text": "dog"}}, id="no coding"),
        pytest.param({"name": "valueSet", "resource": {"resourceType": "Patient"}}, id="a Patient as the value set"),
        pytest.param({"name": "valueSet", "valueString": "x"}, id="a text as the value set"),
        pytest.param({"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": 5}}, id="no composition"),
        pytest.param({"name": "tx-resource", "resource": {"resourceType": "ValueSet", "compose": {"include": [5]}}},
                     id="an include that is a number"),
        pytest.param({"name": "tx-resource", "resource": {"resourceType": "CodeSystem", "concept": [{"x": 1}]}},
                     id="a concept without a code"),
        pytest.param({"name": "tx-resource", "resource": 5}, id="a definition that is a number"),
    ],
)  # fmt: skip
def test_what_is_brought_must_be_of_its_type(wire: Wire, parameter: dict[str, Any]) -> None:
    answer = post(wire, f"ValueSet/$validate-code?url={PETS}", parameter)
    assert 400 <= answer.status < 500, answer.body
    assert answer.json["issue"][0]["severity"] == "error"


def test_code_systems_are_listed_with_their_versions(wire: Wire) -> None:
    statement = wire.call("GET", "metadata?mode=terminology").json
    listed = {one["uri"]: [each["code"] for each in one.get("version", ())] for one in statement["codeSystem"]}
    assert listed["http://hl7.org/fhir/administrative-gender"] == ["4.0.1"]
    assert listed["http://unitsofmeasure.org"] == ["2.2"]
    assert listed["urn:ietf:bcp:47"] == []
    assert FARM not in listed, "what is stored in the record is not for everybody"
    assert statement["validateCode"] == {"translations": True}
    assert {"activeOnly", "filter", "useSupplement"} <= {one["name"] for one in statement["expansion"]["parameter"]}
