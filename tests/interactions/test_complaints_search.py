"""What users of other servers report about search and paging, asked of this one — http://hl7.org/fhir/R4/search.html

Each test has the server and the number of the report in its id or docstring. What does not apply yet:

- hapi-fhir 6549, as far as consent and authorization filter what a page found: there is no authorization yet.
- microsoft 1806/1808, spark 476, LinuxForHealth 264 and 1705, hfs 1104 give seconds; here it is asserted that an index
  answers, that what is looked at is bounded and that what is not is refused. `benchmarks/` measures seconds.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Settings
from tests.conftest import client_of, new_settings, running

Json = dict[str, Any]
LOINC = "http://loinc.org"
MRN = "urn:mrn"
CROWD = 60
INCLUDED = 5
SORTED = 40
PATIENCE_S = 10.0


def to(reference: str) -> Json:
    return {"reference": reference}


def coded(code: str) -> Json:
    return {"coding": [{"system": LOINC, "code": code}]}


def patient(name: str, *families: str, **parts: object) -> Json:
    names = [{"family": family} for family in families]
    return {
        "resourceType": "Patient",
        "id": name,
        "name": names,
        "identifier": [{"system": MRN, "value": name}],
        **parts,
    }


def measured(name: str, of: str, **parts: object) -> Json:
    subject = to(f"Patient/{of}")
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": coded("x"),
        "subject": subject,
        **parts,
    }


def basic(name: str, day: int, code: str = "page") -> Json:
    return {
        "resourceType": "Basic",
        "id": name,
        "code": {"coding": [{"code": code}]},
        "created": f"2020-01-{day:02}",
        "identifier": [{"system": f"urn:{code}", "value": name}],
        "subject": to("Patient/ada"),
    }


def document(name: str, birth_date: str, mrn: str) -> Json:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "x"},
        "date": "2020",
        "title": name,
        "author": [to("Device/1")],
        "subject": to("urn:uuid:2b4c9a6e-0a52-4a0e-9d2e-5a2d7a3d1f10"),
    }
    inside = {"resourceType": "Patient", "birthDate": birth_date, "identifier": [{"system": MRN, "value": mrn}]}
    return {
        "resourceType": "Bundle",
        "id": name,
        "type": "document",
        "identifier": {"system": "urn:d", "value": name},
        "timestamp": "2020-01-01T00:00:00Z",
        "entry": [
            {"fullUrl": "urn:uuid:1b4c9a6e-0a52-4a0e-9d2e-5a2d7a3d1f10", "resource": composition},
            {"fullUrl": "urn:uuid:2b4c9a6e-0a52-4a0e-9d2e-5a2d7a3d1f10", "resource": inside},
        ],
    }


def pressure(code: str, value: int) -> Json:
    return {"code": coded(code), "valueQuantity": {"value": value, "unit": "mm[Hg]"}}


RESOURCES: list[Json] = [
    {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Dokter"}]},
    patient("ada", "Peeters", generalPractitioner=[to("Practitioner/gp")]),
    patient("bob", "Claes", birthDate="1980-10-11"),
    patient("cas", "Janssens"),
    patient("hub", "Hub"),
    *(patient(f"crowd{n}", f"Crowd{n:02}") for n in range(CROWD)),
    *(measured(f"crowd{n}", f"crowd{n}") for n in range(CROWD)),
    *(patient(f"dup{n}", f"Dupont{n}", f"Dupond{n}") for n in range(5)),
    *(measured(f"hub{n}", "hub") for n in range(INCLUDED + 3)),
    measured("a1", "ada", code=coded("weight")),
    measured("b1", "bob", code=coded("weight")),
    measured("c1", "cas", code=coded("length")),
    measured("bp", "cas", component=[pressure("8480-6", 120), pressure("8462-4", 80)]),
    measured("night", "cas", code=coded("zone"), effectiveDateTime="2024-07-14T22:30:00Z"),
    measured("day", "cas", code=coded("zone"), effectiveDateTime="2024-07-15"),
    measured("next", "cas", code=coded("zone"), effectiveDateTime="2024-07-15T22:00:00Z"),
    {"resourceType": "DocumentReference", "id": "linked", "status": "current",
     "content": [{"attachment": {"url": "urn:x"}}],
     "relatesTo": [{"code": "replaces", "target": to("DocumentReference/old")},
                   {"code": "appends", "target": to("DocumentReference/other")}]},
    *(basic(f"n{n}", n + 1, "next") for n in range(6)),
    document("doc1", "1980-10-11", "value-1"),
    document("doc2", "1980-10-11", "value-2"),
    document("doc3", "1999-01-01", "value-1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> Settings:
    """A server in Brussels that includes and sorts little."""
    return new_settings(time_zone="Europe/Brussels", include_bound=INCLUDED, sort_bound=SORTED)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record(settings: Settings, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[AsyncClient]:
    async with running(settings, mongodb_uri, knowledge) as app, client_of(app) as http:
        await put(http, *RESOURCES)
        yield http


async def put(http: AsyncClient, *resources: Json) -> None:
    entries = [
        {"resource": found, "request": {"method": "PUT", "url": f"{found['resourceType']}/{found['id']}"}}
        for found in resources
    ]
    response = await http.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert response.status_code == 200, response.text


async def search(http: AsyncClient, query: str) -> Json:
    response = await http.get(query)
    assert response.status_code == 200, response.text
    bundle: Json = response.json()
    return bundle


def found_in(bundle: Json, mode: str = "match") -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == mode]


def link_of(bundle: Json, relation: str) -> str | None:
    links: dict[str, str] = {link["relation"]: link["url"] for link in bundle["link"]}
    return links.get(relation)


def said(bundle: Json) -> str:
    outcomes = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    return "\n".join(issue["diagnostics"] for outcome in outcomes for issue in outcome["issue"])


async def walk(http: AsyncClient, query: str) -> list[Json]:
    pages = [await search(http, query)]
    while (following := link_of(pages[-1], "next")) is not None:
        pages.append(await search(http, following))
    return pages


# paging


@pytest.mark.parametrize("order", ["", "&_sort=_id", "&_sort=created", "&_sort=-created"])
async def test_hapi_2937_later_pages_drop_and_repeat_nothing_while_others_write(
    record: AsyncClient, order: str
) -> None:
    code = f"drop{len(order)}"
    names = [f"{code}-{n}" for n in range(8)]
    await put(record, *(basic(name, n + 10, code) for n, name in enumerate(names)))
    page = await search(record, f"Basic?code={code}&_count=2{order}")
    seen = found_in(page)
    while (following := link_of(page, "next")) is not None:
        await record.delete(f"Basic/{seen[-2]}")
        for n in [n for n, name in enumerate(names) if name not in seen][:1]:
            await put(record, {**basic(names[n], n + 10, code), "language": "nl"})
        await put(record, basic(f"{code}-0-{len(seen)}", 1, code))
        page = await search(record, following)
        seen += found_in(page)
    assert sorted(name for name in seen if name in names) == names


@pytest.mark.parametrize("parameters", ["", "&_sort=name", "&_sort=-name", "&_total=accurate&_sort=name"])
async def test_hapi_4190_totals_are_those_of_the_pages_without_duplicates(record: AsyncClient, parameters: str) -> None:
    pages = await walk(record, f"Patient?name=dupon&_count=2{parameters}")
    matches = [name for page in pages for name in found_in(page)]
    assert sorted(matches) == [f"dup{n}" for n in range(5)], "each has two names that match"
    assert [len(found_in(page)) for page in pages] == [2, 2, 1]
    assert {page["total"] for page in pages} == {5}


async def test_hapi_536_a_next_link_needs_no_stored_search_and_is_good_at_every_worker(
    record: AsyncClient, settings: Settings, mongodb_uri: str, knowledge: Knowledge
) -> None:
    following = link_of(await search(record, "Basic?code=next&_count=4"), "next")
    assert following is not None
    other = Application(settings, mongodb_uri, knowledge)
    async with other.gateway.serving(), client_of(other) as elsewhere:
        pages = [await search(http, following) for http in (elsewhere, record, elsewhere)]
    assert [found_in(page) for page in pages] == [["n4", "n5"]] * 3


NEXT = [
    pytest.param("Basic?identifier=urn:next|", id="hapi 4027: identifier of a system"),
    pytest.param("Basic?code=next&_total=none", id="hapi 6549: no total"),
    pytest.param("Basic?code=next&_include=Basic:subject", id="hapi 6549: with what it includes"),
    pytest.param("Basic?code=next&_sort=-created", id="hapi 6549: sorted"),
    pytest.param("Basic?code=next&_summary=true", id="hapi 6549: summaries"),
    pytest.param("Basic?subject:Patient.family=peeters&code=next", id="hapi 6549: chained"),
    pytest.param("Basic?code:not=never&identifier=urn:next|", id="hapi 6549: negated"),
]


@pytest.mark.parametrize("query", NEXT)
async def test_every_page_but_the_last_has_a_next_link(record: AsyncClient, query: str) -> None:
    pages = await walk(record, f"{query}&_count=2")
    assert [len(found_in(page)) for page in pages] == [2, 2, 2], "and the last full page has none"
    assert sorted(name for page in pages for name in found_in(page)) == [f"n{n}" for n in range(6)]


# chains


CHAINS = [
    pytest.param("Observation?patient.family=peeters,claes", "a1 b1", id="hapi 7624: alternatives"),
    pytest.param("Observation?code=weight,length&patient.family=claes,janssens", "b1 c1", id="hapi 7624: two of them"),
    pytest.param("Observation?patient.general-practitioner:Practitioner.name=dokter,x", "a1",
                 id="hapi 7624: at the end of two links"),
    pytest.param("Observation?patient.family=" + ",".join(f"Crowd{n:02}" for n in range(CROWD)),
                 " ".join(sorted(f"crowd{n}" for n in range(CROWD))), id="hapi 7624: many"),
    pytest.param("Observation?code=weight&patient.birthdate=1980-10-11", "b1", id="medplum 4212: a date"),
    pytest.param("Observation?_filter=patient.family eq Peeters", "a1", id="medplum 3224: _filter with a chain"),
    pytest.param("Observation?_filter=patient.family eq Claes or code eq length", "b1 c1",
                 id="medplum 3224: a chain as one side of or"),
    pytest.param("Observation?subject=bob", "b1", id="medplum 9254: an id alone"),
    pytest.param("Observation?patient=bob", "b1", id="medplum 9254: an id alone, one type"),
    pytest.param("Patient?general-practitioner=gp", "ada", id="medplum 9254: an id alone, several types"),
    pytest.param("Patient?_has:Observation:patient:code=weight", "ada bob", id="LinuxForHealth 1705: _has"),
    pytest.param("Patient?_has:Observation:patient:code=weight&birthdate=1980-10-11", "bob",
                 id="LinuxForHealth 1705: _has and another criterion"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CHAINS)
async def test_a_link_to_other_resources(record: AsyncClient, query: str, expected: str) -> None:
    bundle = await search(record, f"{query}&_count=100")
    assert " ".join(sorted(found_in(bundle))) == expected
    assert bundle["total"] == len(expected.split())


# documents


def of_documents(code: str, kind: str, path: str) -> Json:
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": f"http://example.org/{code}",
        "name": code.title().replace("-", ""),
        "status": "active",
        "description": "What is inside a document",
        "code": code,
        "base": ["Bundle"],
        "type": kind,
        "expression": path,
    }


DOCUMENTS = [
    of_documents("document-birthdate", "date", "Bundle.entry.resource.ofType(Patient).birthDate"),
    of_documents("document-mrn", "token", "Bundle.entry.resource.ofType(Patient).identifier"),
    of_documents(
        "document-subject", "token", "Bundle.entry[0].resource.as(Composition).subject.resolve().as(Patient).identifier"
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def documents(record: AsyncClient) -> AsyncClient:
    await put(record, *DOCUMENTS)
    async with asyncio.timeout(PATIENCE_S):
        for parameter in DOCUMENTS:
            while (await record.get(f"Bundle?{parameter['code']}:missing=false")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    return record


async def test_hapi_5623_two_parameters_into_a_document_are_both_applied(documents: AsyncClient) -> None:
    birth_date, mrn = "document-birthdate=1980-10-11", f"document-mrn={MRN}|value-1"
    assert sorted(found_in(await search(documents, f"Bundle?{birth_date}"))) == ["doc1", "doc2"]
    assert sorted(found_in(await search(documents, f"Bundle?{mrn}"))) == ["doc1", "doc3"]
    assert found_in(await search(documents, f"Bundle?{birth_date}&{mrn}")) == ["doc1"]


async def test_hapi_5988_a_parameter_that_follows_a_reference_inside_a_document(documents: AsyncClient) -> None:
    bundle = await search(documents, f"Bundle?document-subject={MRN}|value-2")
    assert found_in(bundle) == ["doc2"]


async def test_hapi_2846_a_chain_into_the_composition_of_a_document(record: AsyncClient) -> None:
    """Also hapi-fhir 2562, LinuxForHealth 2689: the Composition is nowhere but in the document."""
    assert found_in(await search(record, "Bundle?composition.title=doc1")) == ["doc1"]


# composites, dates, unknown parameters


COMPOSITES = [
    pytest.param("Observation?component-code-value-quantity=http://loinc.org|8480-6$gt100", ["bp"],
                 id="medplum 1313: the component that has both"),
    pytest.param("Observation?component-code-value-quantity=http://loinc.org|8462-4$gt100", [],
                 id="medplum 1313: not one of another component"),
    pytest.param("DocumentReference?relationship=DocumentReference/old$replaces", ["linked"],
                 id="LinuxForHealth 4242: a reference is a part"),
    pytest.param("DocumentReference?relationship=DocumentReference/old$appends", [],
                 id="LinuxForHealth 4242: the parts are of one item"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), COMPOSITES)
async def test_a_composite(record: AsyncClient, query: str, expected: list[str]) -> None:
    assert found_in(await search(record, query)) == expected


DATES = [
    pytest.param("date=2024-07-15", "day night", id="blaze 1498: a day of the server's zone"),
    pytest.param("date=2024-07-14", "", id="blaze 1498: not of UTC"),
    pytest.param("date=2024-07-15T00:30", "night", id="blaze 1498: a minute without zone"),
    pytest.param("date=2024-07-14T22:30Z", "night", id="blaze 1498: a minute with its zone"),
    pytest.param("date=ge2024-07-16", "next", id="blaze 1498: midnight is there"),
]


@pytest.mark.parametrize(("query", "expected"), DATES)
async def test_dates_without_a_zone_are_of_the_servers_own(record: AsyncClient, query: str, expected: str) -> None:
    assert " ".join(sorted(found_in(await search(record, f"Observation?code=zone&{query}")))) == expected


UNKNOWN = [
    pytest.param("Patient?nonsense=1", "http.nonsense", id="mock-health row 4: an unknown parameter"),
    pytest.param("Patient?family:nonsense=1", "http.family:nonsense", id="mock-health row 4: an unknown modifier"),
    pytest.param("Observation?patient.nonsense=1", "http.patient.nonsense", id="mock-health row 4: at a chain's end"),
    pytest.param("Patient?_has:Observation:nonsense:code=x", "http._has:Observation:nonsense:code",
                 id="mock-health row 4: in _has"),
    pytest.param("Patient?_sort=nonsense", "http._sort", id="mock-health row 4: an unknown order"),
    pytest.param("Patient?_include=Patient:nonsense", "http._include", id="mock-health row 4: an unknown include"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "place"), UNKNOWN)
async def test_what_is_unknown_is_not_ignored(record: AsyncClient, query: str, place: str) -> None:
    response = await record.get(query)
    assert response.status_code == 400
    assert [issue["expression"] for issue in response.json()["issue"]] == [[place]]


async def test_mock_health_row_4_lenient_names_what_it_left_out(record: AsyncClient) -> None:
    response = await record.get("Patient?family=claes&nonsense=1", headers={"Prefer": "handling=lenient"})
    assert found_in(response.json()) == ["bob"]
    assert "nonsense" in said(response.json())


async def test_mock_health_row_10_revinclude_of_everything_is_answered(record: AsyncClient) -> None:
    bundle = await search(record, "Patient?_id=bob&_revinclude=*")
    assert (found_in(bundle), found_in(bundle, "include")) == (["bob"], ["b1"])


# cost


async def test_microsoft_1806_revinclude_is_bounded_and_says_what_is_missing(record: AsyncClient) -> None:
    bundle = await search(record, "Patient?_id=hub&_revinclude=Observation:patient")
    assert found_in(bundle) == ["hub"]
    assert len(found_in(bundle, "include")) == INCLUDED
    assert f"{INCLUDED}" in said(bundle)
    own = await search(record, "Patient?name=crowd&_count=3&_revinclude=Observation:patient")
    assert sorted(found_in(own, "include")) == sorted(found_in(own)), "those of the page, no others"


CHEAP = [
    pytest.param(f"Patient?identifier={MRN}|crowd7", 1, id="spark 476: by identifier"),
    pytest.param("Patient?identifier=crowd7", 1, id="spark 476: by the value alone"),
    pytest.param("?_id=crowd7", 2, id="LinuxForHealth 264: the whole system by id"),
    pytest.param("Patient?_has:Observation:patient:code=weight", 2, id="LinuxForHealth 1705: _has"),
    pytest.param("Observation?patient.family=claes", 1, id="medplum 4212: a chain"),
    pytest.param("Observation?patient=cas&_sort=-date", 5, id="hfs 1104: the order of one record"),
]


@pytest.mark.parametrize(("query", "matches"), CHEAP)
async def test_an_index_answers_and_only_what_matches_is_looked_at(
    record: AsyncClient, query: str, matches: int
) -> None:
    bundle = await search(record, f"{query}&_explain=true")
    assert len(found_in(bundle)) == matches
    explanation = said(bundle)
    assert "IXSCAN" in explanation or "IDHACK" in explanation
    assert "COLLSCAN" not in explanation
    examined = re.search(r"Examined: (\d+) index keys, (\d+) documents", explanation)
    assert examined is not None
    assert int(examined[2]) <= 2 * matches


async def test_hfs_1104_an_order_beyond_the_bound_is_refused_at_once(record: AsyncClient) -> None:
    refused = await record.get("Patient?_sort=family")
    assert refused.status_code == 422
    assert [(issue["code"], issue["expression"]) for issue in refused.json()["issue"]] == [
        ("too-costly", ["http._sort"])
    ]
    bundle = await search(record, "Patient?name=dupon&_sort=-_id")
    assert found_in(bundle) == [f"dup{n}" for n in reversed(range(5))]
