"""$graphql beyond the official tests — http://hl7.org/fhir/R4/graphql.html, https://spec.graphql.org/October2021/"""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import build_client_schema, get_introspection_query, parse, validate
from httpx2 import AsyncClient

from fhirserver.access.access import Right
from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.exchange import FhirRequest, Interaction, Target
from fhirserver.operations.graphql.operation import graphql
from fhirserver.repository.repository import Repository
from fhirserver.search.plan import ALL, HasTerm, Plan, none_of
from tests.conftest import client_of, new_settings, running
from tests.door import opened
from tests.limited import Limited

Json = dict[str, Any]


def ref(key: str) -> Json:
    return {"reference": key}


RESOURCES: list[Json] = [
    {"resourceType": "Organization", "id": "ward", "name": "Ward"},
    {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Doe"}]},
    {
        "resourceType": "Patient",
        "id": "anna",
        "name": [{"use": "official", "family": "Noel", "given": ["Anna", "Marie"]}, {"use": "nickname", "text": "An"}],
        "gender": "female",
        "active": True,
        "generalPractitioner": [ref("Practitioner/doctor"), ref("Organization/ward")],
        "contact": [{"name": {"family": "Next"}, "gender": "male"}],
        "contained": [{"resourceType": "Organization", "id": "home", "name": "Home"}],
        "managingOrganization": ref("#home"),
    },
    {"resourceType": "Patient", "id": "bert", "name": [{"family": "Bert"}], "gender": "male"},
    *(
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://s", "code": f"c{number}"}]},
            "subject": ref("Patient/anna"),
            "performer": [ref("Practitioner/doctor")],
            "valueQuantity": {"value": number},
        }
        for number in range(5)
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    async with running(new_settings(), mongodb_uri, knowledge) as app:
        async with client_of(app) as http:
            for resource in RESOURCES:
                response = await http.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
                assert response.status_code == 201, response.text
            precise = '{"resourceType":"Observation","id":"precise","status":"final","code":{"text":"x"},'
            precise += '"valueQuantity":{"value":1.00}}'
            assert (await http.put("Observation/precise", content=precise)).status_code == 201
        yield app


async def ask(client: AsyncClient, query: str, where: str = "", **more: Any) -> Json:  # noqa: ANN401 - JSON
    response = await client.post(f"{where}/$graphql" if where else "$graphql", json={"query": query, **more})
    assert response.status_code == 200, response.text
    data: Json = response.json()["data"]
    return data


ANSWERS = [
    pytest.param('{name(use: "official"){family}}', {"name": [{"family": "Noel"}]}, id="a part has a value: text"),
    pytest.param("{name(use: official){family}}", {"name": [{"family": "Noel"}]}, id="a part has a value: a name"),
    pytest.param('{name(given: "Marie"){family}}', {"name": [{"family": "Noel"}]}, id="one of a part's values"),
    pytest.param("{name(_offset: 1){text}}", {"name": [{"text": "An"}]}, id="_offset alone"),
    pytest.param("{name(_count: 0){text}}", {}, id="_count of none"),
    pytest.param('{name(fhirpath: "$index = 1"){text}}', {"name": [{"text": "An"}]}, id="fhirpath with $index"),
    pytest.param(
        '{n: name(fhirpath: "given.count() > 1"){f: family}}', {"n": [{"f": "Noel"}]}, id="aliases, and fhirpath"
    ),
    pytest.param("{resourceType id}", {"resourceType": "Patient", "id": "anna"}, id="the type is a field"),
    pytest.param("{__typename}", {"__typename": "Patient"}, id="__typename"),
    pytest.param(
        "{generalPractitioner{resource{__typename ...on Practitioner{name{family}} ...on Organization{name}}}}",
        {
            "generalPractitioner": [
                {"resource": {"__typename": "Practitioner", "name": [{"family": "Doe"}]}},
                {"resource": {"__typename": "Organization", "name": "Ward"}},
            ]
        },
        id="references of several types",
    ),
    pytest.param(
        "{managingOrganization{resource{...on Organization{name}}}}",
        {"managingOrganization": {"resource": {"name": "Home"}}},
        id="a contained resource",
    ),
    pytest.param("{contained{id}}", {"contained": [{"id": "home"}]}, id="contained resources as elements"),
    pytest.param(
        "{contact{...on PatientContact{gender}}}", {"contact": [{"gender": "male"}]}, id="a backbone element's type"
    ),
    pytest.param(
        "query{...A ...B} fragment A on Patient{name{family}} fragment B on Patient{name{text}}",
        {"name": [{"family": "Noel"}, {"text": "An"}]},
        id="fields of several fragments are merged",
    ),
    pytest.param("{active active}", {"active": True}, id="a scalar that is asked for twice is there once"),
    pytest.param(
        'query($u: String = "nickname"){name(use: $u){text}}', {"name": [{"text": "An"}]}, id="a variable's default"
    ),
    pytest.param(
        "{ObservationList(_reference: subject, code: c3){id}}", {"ObservationList": [{"id": "o3"}]}, id="a reverse list"
    ),
    pytest.param(
        "{ObservationConnection(_reference: patient, _count: 2){count edges{mode resource{id}}}}",
        {
            "ObservationConnection": {
                "count": 5,
                "edges": [{"mode": "match", "resource": {"id": "o0"}}, {"mode": "match", "resource": {"id": "o1"}}],
            }
        },
        id="a reverse connection",
    ),
    pytest.param(
        "{generalPractitioner @first {resource {...on Practitioner {id}}}}",
        {"generalPractitioner": [{"resource": {"id": "doctor"}}]},
        id="@first of references",
    ),
    pytest.param(
        '{name @slice(path: "use") {family}}',
        {"name.official": [{"family": "Noel"}], "name.nickname": [{}]},
        id="@slice without @flatten",
    ),
]


@pytest.mark.parametrize(("query", "expected"), ANSWERS)
async def test_of_one_patient(client: AsyncClient, query: str, expected: Json) -> None:
    assert await ask(client, query, "Patient/anna") == expected


async def test_digits_stay_as_they_are(client: AsyncClient) -> None:
    response = await client.post("Observation/precise/$graphql", json={"query": "{valueQuantity{value}}"})
    assert '"value":1.00' in response.text


SYSTEM = [
    pytest.param(
        "{PatientList(gender: [male, female], _sort: family){id}}",
        {"PatientList": [{"id": "bert"}, {"id": "anna"}]},
        id="values of an array are alternatives",
    ),
    pytest.param('{PatientList(name: "no, such"){id}}', {}, id="a comma is no separator"),
    pytest.param(
        '{ObservationList(value_quantity: "gt3"){id}}', {"ObservationList": [{"id": "o4"}]}, id="_ stands for -"
    ),
    pytest.param(
        '{PatientList(fhirpath: "contact.exists()"){id}}', {"PatientList": [{"id": "anna"}]}, id="fhirpath on matches"
    ),
    pytest.param(
        "{a: Patient(id: anna){id} b: Patient(_id: bert){id}}",
        {"a": {"id": "anna"}, "b": {"id": "bert"}},
        id="two reads",
    ),
    pytest.param(
        "{PatientList(_count: 1, _sort: _id){id ObservationList(_reference: patient, _count: 1){id}}}",
        {"PatientList": [{"id": "anna", "ObservationList": [{"id": "o0"}]}]},
        id="a search within a search",
    ),
    pytest.param(
        "{ObservationList(code: c1){performer{resource{...on Practitioner{name{family}}}}}}",
        {"ObservationList": [{"performer": [{"resource": {"name": [{"family": "Doe"}]}}]}]},
        id="a reference of a match",
    ),
    pytest.param("{__typename}", {"__typename": "Query"}, id="the root has a name"),
]


@pytest.mark.parametrize(("query", "expected"), SYSTEM)
async def test_of_the_system(client: AsyncClient, query: str, expected: Json) -> None:
    assert await ask(client, query) == expected


async def test_a_cursor_goes_through_a_connection_by_itself(client: AsyncClient) -> None:
    fields = "{count offset pagesize first next previous edges{resource{id}}}"
    page = (await ask(client, f"{{ObservationConnection(patient: anna, _count: 2) {fields}}}"))["ObservationConnection"]
    assert (page["count"], page["offset"], page["pagesize"]) == (5, 0, 2)
    assert "previous" not in page
    found = []
    while True:
        found.append([edge["resource"]["id"] for edge in page["edges"]])
        if "next" not in page:
            break
        page = (await ask(client, f'{{ObservationConnection(cursor: "{page["next"]}") {fields}}}'))[
            "ObservationConnection"
        ]
    assert found == [["o0", "o1"], ["o2", "o3"], ["o4"]]
    assert page["offset"] == 4
    back = await ask(client, f'{{ObservationConnection(cursor: "{page["previous"]}") {fields}}}')
    assert [edge["resource"]["id"] for edge in back["ObservationConnection"]["edges"]] == ["o2", "o3"]


PROBLEMS = [
    pytest.param("{", 400, id="no GraphQL"),
    pytest.param("{" * 9000, 400, id="nested without end"),
    pytest.param("{nothing}", 400, id="an unknown field"),
    pytest.param("{Patient(id: anna){nothing}}", 400, id="an unknown field within"),
    pytest.param("{Patient(id: anna){name}}", 400, id="parts must be selected"),
    pytest.param("{Patient(id: anna){id{x}}}", 400, id="a scalar has no parts"),
    pytest.param("{Patient(id: anna){id(a: 1)}}", 400, id="a scalar has no arguments"),
    pytest.param("{Patient(id: anna){name(nothing: 1){text}}}", 400, id="an unknown argument"),
    pytest.param("{Patient(id: anna){name @nothing {text}}}", 400, id="an unknown directive"),
    pytest.param("{Patient(id: anna){...on Nothing{id}}}", 400, id="a fragment on an unknown type"),
    pytest.param("{...F} fragment F on Query{...F}", 400, id="a fragment in a circle"),
    pytest.param("{...G}", 400, id="an unknown fragment"),
    pytest.param("{Patient(id: $x){id}}", 400, id="an unknown variable"),
    pytest.param("query($x: ID!){Patient(id: $x){id}}", 400, id="a missing variable"),
    pytest.param("{Patient(id: none){id}}", 404, id="an unknown patient"),
    pytest.param("{PatientList(nothing: 1){id}}", 400, id="an unknown search parameter"),
    pytest.param("{PatientList(birthdate: soon){id}}", 400, id="a value that cannot be read"),
    pytest.param('{PatientList(_include: "x"){id}}', 400, id="_include is not supported"),
    pytest.param("{PatientList(_reference: x){id}}", 400, id="_reference at the root"),
    pytest.param("{Patient(id: anna){ObservationList(code: c1){id}}}", 400, id="no _reference within"),
    pytest.param('{PatientConnection(cursor: "%%"){count}}', 400, id="no cursor"),
    pytest.param('{Patient(id: anna){name(fhirpath: "(("){text}}}', 400, id="no FHIRPath"),
    pytest.param('{Patient(id: anna){name(fhirpath: "true).where($index=0"){text}}}', 400, id="half a FHIRPath"),
    pytest.param('{PatientConnection{edges(fhirpath: "true"){mode}}}', 400, id="FHIRPath on what is no element"),
    pytest.param('{PatientConnection @slice(path: "x") {count}}', 400, id="@slice of what is no element"),
    pytest.param(f"{{PatientList(name: {'[' * 400}{']' * 400}){{id}}}}", 400, id="a value nested too deep"),
    pytest.param(f"{{Patient(id: anna){'{...on Patient' * 300}{{id}}{'}' * 300}}}", 400, id="fragments too deep"),
    pytest.param(
        "{...A0}"
        + "".join(f"fragment A{n} on Query{{...A{n + 1} ...A{n + 1}}}" for n in range(30))
        + "fragment A30 on Query{__typename}",
        422,
        id="fragments that multiply",
    ),
    pytest.param("{" + "".join(f"a{n}: __typename " for n in range(1001)) + "}", 422, id="too many fields"),
    pytest.param("query A{__typename} query B{__typename}", 400, id="two operations and no name"),
    pytest.param("subscription{PatientList{id}}", 400, id="a subscription"),
    pytest.param("mutation{PatientCreate(res: {gender: wrong}){id}}", 422, id="a resource that is not valid"),
    pytest.param("mutation{PatientCreate(id: 1){id}}", 400, id="an argument of another mutation"),
    pytest.param("mutation{PatientDelete(id: none){id}}", 400, id="a deletion returns nothing"),
    pytest.param("{__schema{nothing}}", 400, id="no introspection"),
    pytest.param("{__schema{types{fields{type{fields{name}}}}}}", 422, id="an introspection that explodes"),
]


@pytest.mark.parametrize(("query", "status"), PROBLEMS)
async def test_a_problem_is_an_error_in_the_form_of_graphql(client: AsyncClient, query: str, status: int) -> None:
    response = await client.post("$graphql", json={"query": query})
    assert response.status_code == status, response.text
    answer = response.json()
    assert answer["data"] is None
    for error in answer["errors"]:
        assert error["message"].endswith(".")
        assert error["extensions"]["resource"]["issue"][0]["diagnostics"] == error["message"]


async def test_an_error_says_where(client: AsyncClient) -> None:
    response = await client.post("Patient/anna/$graphql", json={"query": "{\n  id\n  nothing\n}"})
    assert response.json()["errors"][0]["locations"] == [{"line": 3, "column": 3}]


async def test_forms_of_a_request(client: AsyncClient) -> None:
    expected = {"data": {"id": "anna"}}
    url = "Patient/anna/$graphql"
    plain = {"Content-Type": "application/graphql", "Accept": "*/*"}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "query", "valueString": "{id}"}]}
    named = {"query": "query A{id} query B{active}", "operationName": "A"}
    assert (await client.get(url, params={"query": "{id}"})).json() == expected
    assert (
        await client.get(url, params={"query": "query($a: Boolean!){id @include(if: $a)}", "variables": '{"a": true}'})
    ).json() == expected
    assert (await client.post(url, content="{id}", headers=plain)).json() == expected
    assert (await client.post(url, json=named, headers={"Content-Type": "application/json"})).json() == expected
    assert (await client.post(url, json=parameters)).json() == expected
    assert (await client.post("Patient/anna/$everything", content="{id}", headers=plain)).status_code == 415


async def test_in_a_batch_the_answer_is_a_binary(client: AsyncClient) -> None:
    entry = [{"request": {"method": "GET", "url": "Patient/anna/$graphql?query={id}"}}]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entry}
    (answer,) = (await client.post("", json=bundle)).json()["entry"]
    assert answer["response"]["status"] == "200 OK"
    assert answer["resource"]["contentType"] == "application/json"
    assert json.loads(b64decode(answer["resource"]["data"])) == {"data": {"id": "anna"}}


WITHOUT_QUERY = [
    *("[]", "{}", '{"query": 1}', '{"query": "{id}", "variables": []}', "nonsense", '{"resourceType": "Parameters"}'),
    *(
        f'{{"resourceType": "Parameters", "parameter": {given}}}'
        for given in (
            "1",
            "{}",
            '"query"',
            "[1]",
            '[{"name": 1}]',
            '[{"name": "query"}]',
            '[{"name": "query", "part": []}]',
        )
    ),
    '{"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "{id}"}]}',
    '{"resourceType": "Parameters", "parameter": [{"name": "query", "valueInteger": 1}]}',
    '{"resourceType": "Parameters", "parameter": [{"name": "query", "valueString": ["{id}"]}]}',
]


@pytest.mark.parametrize("body", WITHOUT_QUERY)
async def test_a_body_without_a_query_is_refused(client: AsyncClient, body: str) -> None:
    response = await client.post("Patient/anna/$graphql", content=body)
    assert response.status_code == 400
    assert response.json()["errors"]


async def test_mutations_write_through_the_door(client: AsyncClient) -> None:
    literal = 'mutation{PatientCreate(res: {gender: other, name: [{family: "New"}]}){id gender}}'
    created = (await ask(client, literal))["PatientCreate"]
    assert created["gender"] == "other"
    update = "mutation($p: PatientInput!){PatientUpdate(id: new, res: $p){id meta{versionId} birthDate}}"
    given = {"p": {"resourceType": "Patient", "birthDate": "1999-09-09"}}
    updated = (await ask(client, update, variables=given))["PatientUpdate"]
    assert updated == {"id": "new", "meta": {"versionId": "1"}, "birthDate": "1999-09-09"}
    deleted = f'mutation{{PatientDelete(id: "{created["id"]}") b: PatientDelete(id: new)}}'
    assert await ask(client, deleted) == {"PatientDelete": True, "b": True}
    assert (await client.get("Patient/new")).status_code == 410
    by_get = await client.get("$graphql", params={"query": "mutation{PatientDelete(id: anna)}"})
    assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")
    assert (await client.get("Patient/anna")).status_code == 200


async def test_the_schema_describes_what_can_be_asked(client: AsyncClient) -> None:
    query = (
        '{p: __type(name: "Patient"){fields{name type{kind name ofType{name}}}}'
        ' q: __type(name: "Query"){fields{name args{name}}} __schema{mutationType{name} directives{name}}}'
    )
    data = await ask(client, query)
    fields = {field["name"]: field for field in data["p"]["fields"]}
    assert fields["name"]["type"] == {"kind": "LIST", "name": None, "ofType": {"name": "HumanName"}}
    assert {"birthDate", "_birthDate", "contact", "ObservationList", "resourceType"} <= fields.keys()
    roots = {field["name"]: {arg["name"] for arg in field["args"]} for field in data["q"]["fields"]}
    assert roots["Patient"] == {"id"}
    assert {"birthdate", "general_practitioner", "_count"} <= roots["PatientList"]
    assert "cursor" in roots["PatientConnection"]
    assert {"flatten", "first", "singleton", "slice"} <= {each["name"] for each in data["__schema"]["directives"]}


async def test_tools_can_read_the_whole_schema(client: AsyncClient) -> None:
    schema = build_client_schema(await ask(client, get_introspection_query()))  # type: ignore[arg-type]
    query = (
        'query($id: ID!){Patient(id: $id){name(use: "official"){family} ObservationList(_reference: "patient"){id}}}'
    )
    assert validate(schema, parse(query)) == []
    assert validate(schema, parse("{Patient(id: 1){nothing}}"))


async def test_a_list_that_is_too_long_is_refused(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhirserver.operations.graphql.searches._LIST_BOUND", 3)
    response = await client.post("$graphql", json={"query": "{ObservationList{id}}"})
    assert response.status_code == 422
    assert "ObservationConnection" in response.json()["errors"][0]["message"]


async def test_a_query_that_asks_too_often_is_refused(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhirserver.operations.graphql.execute._MAX_CALLS", 6)
    query = "{PatientList(_count: 1){id} ObservationList(patient: anna){id %s}}"
    nested = "ProvenanceList(_reference: target){id}"
    assert (await client.post("$graphql", json={"query": query % ""})).status_code == 200
    response = await client.post("$graphql", json={"query": query % nested})
    assert response.status_code == 422
    assert "more than 6 reads" in response.json()["errors"][0]["message"]


class NoPractitioners(Limited):
    """Sees no practitioner and no patient but Anna."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        if resource_type == "Practitioner":
            return none_of(ALL)
        return HasTerm(("@Patient/anna",)) if resource_type == "Patient" else ALL


HIDDEN = [
    pytest.param("{PatientList{id}}", {"PatientList": [{"id": "anna"}]}, id="of a list"),
    pytest.param("{Patient(id: bert){id}}", None, id="of a read"),
    pytest.param("{ObservationList(code: c1){performer{resource{id}}}}", None, id="of a reference"),
    pytest.param(
        "{ObservationList(code: c1){performer{resource(optional: true){id}}}}",
        {"ObservationList": [{"performer": [{}]}]},
        id="of an optional reference",
    ),
    pytest.param(
        "{PractitionerConnection{count edges{mode}}}", {"PractitionerConnection": {"count": 0}}, id="of a total"
    ),
]


@pytest.mark.parametrize(("query", "expected"), HIDDEN)
async def test_the_caller_sees_no_more_than_elsewhere(
    mongodb_uri: str, knowledge: Knowledge, query: str, expected: Json | None
) -> None:
    async with opened(mongodb_uri, knowledge) as door:
        await door.put(*RESOURCES)
        request = FhirRequest(
            target=Target(Interaction.OPERATION, operation="graphql"),
            base_url="http://localhost/fhir",
            is_post=True,
            body=json.dumps({"query": query}).encode(),
            content_type="application/json",
        )
        response = await graphql(request, Repository(door.services, NoPractitioners()))
    assert json.loads(response.content or b"")["data"] == expected
    assert response.status == (404 if expected is None else 200)


async def test_what_is_asked_again_and_again_is_searched_once(client: AsyncClient) -> None:
    search = "ObservationList(_reference: subject, code: c1)"
    inner = " ".join(f"a{number}: {search} {{ id }}" for number in range(60))
    outer = " ".join(f"a{number}: {search} {{ subject {{ resource {{ ...f }} }} }}" for number in range(60))
    query = f"{{ {outer} }} fragment f on Patient {{ {inner} }}"
    data = await ask(client, query, "Patient/anna")  # 3,660 searches, were each done
    assert data["a59"][0]["subject"]["resource"]["a59"] == [{"id": "o1"}]


async def test_a_mutation_answers_with_what_those_before_it_have_changed(client: AsyncClient) -> None:
    patient = "managingOrganization {resource {... on Organization {name}}}"
    link = 'managingOrganization: {reference: "Organization/changed"}'
    changes = " ".join(
        f"a{number}: OrganizationUpdate(id: changed, res: {{name: {name}}}) {{id}}"
        f" b{number}: PatientUpdate(id: changing, res: {{{link}}}) {{{patient}}}"
        for number, name in enumerate(("one", "two"))
    )
    data = await ask(client, f"mutation {{{changes}}}")
    names = [data[key]["managingOrganization"]["resource"]["name"] for key in ("b0", "b1")]
    assert names == ["one", "two"]
