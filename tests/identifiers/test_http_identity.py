"""What becomes of the identity of a Patient over HTTP: aliases of systems, the INS and its states, NISS after BIS.

The rules are those of the French referential of national health identity, and of the Belgian national register.
"""

import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from tests.audit.conftest import Trail
from tests.conftest import client_of, new_settings, running

Json: TypeAlias = dict[str, Any]
CORE = "https://hl7.fr/ig/fhir/core"
INS = "urn:oid:1.2.250.1.213.1.4."
BE = "https://www.ehealth.fgov.be/standards/fhir"
RELIABILITY = f"{CORE}/StructureDefinition/fr-core-identity-reliability"
BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
WITH_INS, WITHOUT_INS = (f"{CORE}/StructureDefinition/fr-core-patient{end}" for end in ("-ins", ""))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Application]:
    """A site for tests and one with real patients."""
    settings = new_settings(
        audit=True, data_dir=tmp_path_factory.mktemp("data"), sites=("main", "care"), production_sites=("care",)
    )
    async with running(settings, mongodb_uri, knowledge) as app:
        yield app


@pytest_asyncio.fixture(loop_scope="session")
async def client(application: Application) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(application) as http:
        yield http


@pytest.fixture
def trail(client: httpx2.AsyncClient) -> Trail:
    return Trail(client)


def qualified() -> Json:
    """Return a Patient with a qualified INS."""
    parts = [
        {"url": "methodCollection", "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-method-collection",
                                                    "code": "INSI"}},
        {"url": "identityStatus", "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0445", "code": "VALI"}},
        {"url": "validationDate", "valueDate": "2026-02-10"},
        {"url": "validationMode", "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-mode-validation-identity",
                                                  "code": "CN"}},
    ]  # fmt: skip
    commune = {"system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM", "code": "62765"}
    insee = {"url": f"{CORE}/StructureDefinition/fr-core-address-insee-code", "valueCoding": commune}
    given = f"{CORE}/StructureDefinition/fr-core-patient-birth-list-given-name"
    return {
        "resourceType": "Patient",
        "meta": {"profile": [f"{WITH_INS}|2.2.0"]},
        "extension": [
            {"url": RELIABILITY, "extension": parts},
            {"url": BIRTH_PLACE, "valueAddress": {"extension": [insee]}},
        ],
        "identifier": [ins("185076276543238"), {"system": "https://ght.example/ns/ipp/620109991", "value": "8001234"}],
        "name": [
            {"extension": [{"url": given, "valueString": "JULIEN PAUL"}], "use": "official", "family": "LEROUX",
             "given": ["JULIEN"]},
            {"use": "usual", "family": "LEROUX-MARTIN", "given": ["Julien"]},
        ],
        "gender": "male",
        "birthDate": "1985-07-30",
    }  # fmt: skip


def ins(value: str, arc: str = "8", use: str = "official") -> Json:
    return {"use": use, "system": INS + arc, "value": value}


def part(patient: Json, name: str) -> Json:
    """Return a part of what is known of an identity."""
    parts: list[Json] = patient["extension"][0]["extension"]
    return next((one for one in parts if one["url"] == name), {})


async def created(client: httpx2.AsyncClient, patient: Json) -> Json:
    answer = await client.post("Patient", json=patient)
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


async def updated(client: httpx2.AsyncClient, patient: Json) -> Json:
    answer = await client.put(f"Patient/{patient['id']}", json=patient)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


TRAITS = [
    pytest.param(lambda one: one["name"][0].update(family="LE ROUX"), "name.family", id="birth name"),
    pytest.param(lambda one: one["name"][0].update(given=["PAUL"]), "name.given", id="first given name"),
    pytest.param(
        lambda one: one["name"][0]["extension"][0].update(valueString="JULIEN"), "name.given", id="list of given names"
    ),
    pytest.param(lambda one: one.update(birthDate="1985-07-31"), "birthDate", id="birth date"),
    pytest.param(lambda one: one.update(gender="female"), "gender", id="sex"),
    pytest.param(
        lambda one: one["extension"][1]["valueAddress"]["extension"][0]["valueCoding"].update(code="62193"),
        "patient-birthPlace",
        id="place of birth",
    ),
]


def is_demoted(patient: Json) -> bool:
    old = [one for one in patient["identifier"] if one["system"].startswith(INS)]
    return (
        [one["use"] for one in old] == ["old"]
        and "end" in old[0]["period"]
        and part(patient, "identityStatus")["valueCoding"]["code"] == "PROV"
        and not part(patient, "validationDate")
        and not part(patient, "validationMode")
        and not part(patient, "methodCollection")
        and patient["meta"]["profile"] == [f"{WITHOUT_INS}|2.2.0"]
    )


@pytest.mark.parametrize(("change", "trait"), TRAITS)
async def test_a_strict_trait_that_changes_demotes(trail: Trail, change: Callable[[Json], object], trait: str) -> None:
    patient = await created(trail.client, qualified())
    change(patient)
    answer, events = await trail.answer_and_events("PUT", f"Patient/{patient['id']}", json=patient)

    assert answer.status_code == 200, answer.text
    assert is_demoted(answer.json())
    [told] = [one for one in events if one["action"] == "U"]
    assert f"`{trait}`" in told["outcomeDesc"]
    written = [entity["what"]["reference"] for entity in told["entity"] if "Provenance/" in str(entity["what"])]
    provenance = (await trail.client.get(written[0].partition("/_history")[0])).json()
    assert provenance["activity"]["text"] == "ins-demoted"
    assert provenance["target"] == [{"reference": f"Patient/{patient['id']}/_history/2"}]
    assert provenance["entity"][0]["what"] == {"reference": f"Patient/{patient['id']}/_history/1"}
    assert "1985" not in json.dumps(provenance["reason"])


async def test_a_demotion_is_told_to_who_writes(client: httpx2.AsyncClient) -> None:
    patient = await created(client, qualified())
    patient["birthDate"] = "1985-07-31"
    answer = await client.put(f"Patient/{patient['id']}", json=patient, headers={"Prefer": "return=OperationOutcome"})
    assert [one["diagnostics"] for one in answer.json()["issue"] if one["code"] == "business-rule"] == [
        "A strict trait of the identity changed without new proof (`birthDate`); its INS is kept as old."
    ]


KEPT = [
    pytest.param(lambda one: one["name"][1].update(family="MARTIN"), id="the name in use changes"),
    pytest.param(lambda one: one["name"][0].update(family="Leroux"), id="the case of the birth name changes"),
    pytest.param(lambda one: one.update(telecom=[{"system": "phone", "value": "+33320000000"}]), id="a telephone"),
    pytest.param(lambda one: one.update(deceasedBoolean=True), id="death"),
    pytest.param(
        lambda one: (one.update(birthDate="1985-07-31"), part(one, "validationDate").update(valueDate="2026-11-30")),
        id="a trait changes by a later proof",
    ),
    pytest.param(lambda one: None, id="nothing"),
]


@pytest.mark.parametrize("change", KEPT)
async def test_what_keeps_an_identity_qualified(client: httpx2.AsyncClient, change: Callable[[Json], object]) -> None:
    patient = await created(client, qualified())
    change(patient)
    after = await updated(client, copy.deepcopy(patient))

    assert {name: value for name, value in after.items() if name != "meta"} == {
        name: value for name, value in patient.items() if name != "meta"
    }
    assert after["meta"]["profile"] == [f"{WITH_INS}|2.2.0"]


async def test_what_takes_the_validation_away_takes_the_ins_out_of_use(client: httpx2.AsyncClient) -> None:
    patient = await created(client, qualified())
    part(patient, "identityStatus")["valueCoding"]["code"] = "DOUB"
    del patient["meta"]
    after = await updated(client, patient)

    assert [one["use"] for one in after["identifier"] if one["system"] == f"{INS}8"] == ["old"]
    assert part(after, "identityStatus")["valueCoding"]["code"] == "DOUB"


async def test_a_validated_identity_without_an_ins_is_demoted_too(client: httpx2.AsyncClient) -> None:
    patient = await created(client, {**qualified(), "meta": {"profile": [WITHOUT_INS]}, "identifier": [niss(NISS)]})
    patient["birthDate"] = "1985-07-31"
    after = await updated(client, patient)

    assert part(after, "identityStatus")["valueCoding"]["code"] == "PROV"
    assert after["identifier"] == [niss(NISS)]


async def test_a_patch_demotes(client: httpx2.AsyncClient) -> None:
    patient = await created(client, qualified())
    answer = await client.patch(
        f"Patient/{patient['id']}",
        content=json.dumps([{"op": "replace", "path": "/birthDate", "value": "1985-07-31"}]),
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert answer.status_code == 200, answer.text
    assert is_demoted(answer.json())


async def test_a_transaction_demotes_and_says_so(trail: Trail) -> None:
    patient = await created(trail.client, qualified())
    patient["gender"] = "unknown"
    url = f"Patient/{patient['id']}"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": patient, "request": {"method": "PUT", "url": url}},
            {"resource": {"resourceType": "Device"}, "request": {"method": "POST", "url": "Device"}},
        ],
    }
    answer, events = await trail.answer_and_events("POST", "", json=bundle)
    assert answer.status_code == 200, answer.text
    assert is_demoted((await trail.client.get(url)).json())
    assert any("`gender`" in one.get("outcomeDesc", "") for one in events)
    found = await trail.found("Provenance", {"target": url})
    assert "ins-demoted" in {one["activity"].get("text") for one in found}


async def test_an_ins_that_is_replaced_is_kept_as_old(client: httpx2.AsyncClient) -> None:
    patient = await created(client, {**qualified(), "identifier": [ins("785079912345630", "9")]})
    patient["identifier"] = [ins("185076276543238")]
    after = await updated(client, patient)

    assert [(one["use"], one["system"], one["value"]) for one in after["identifier"]] == [
        ("official", f"{INS}8", "185076276543238"),
        ("old", f"{INS}9", "785079912345630"),
    ]
    assert part(after, "identityStatus")["valueCoding"]["code"] == "VALI"


async def test_only_a_qualified_identity_has_an_official_ins(client: httpx2.AsyncClient) -> None:
    patient = qualified()
    del patient["meta"]
    part(patient, "identityStatus")["valueCoding"]["code"] = "PROV"
    answer = await client.post("Patient", json=patient)
    assert answer.status_code == 422, answer.text
    assert answer.json()["issue"][0]["expression"] == ["Patient.identifier[0].use"]

    patient["identifier"][0]["use"] = "old"
    assert (await client.post("Patient", json=patient)).status_code == 201


@pytest.mark.parametrize("mode", ["", "?mode=create"])
async def test_validate_tells_it_too(client: httpx2.AsyncClient, mode: str) -> None:
    patient = qualified()
    part(patient, "identityStatus")["valueCoding"]["code"] = "PROV"
    answer = await client.post(f"Patient/$validate{mode}", json=patient)
    errors = [one["expression"] for one in answer.json()["issue"] if one["severity"] == "error"]
    assert errors == [["Patient.identifier[0].use"]]


async def test_a_retrieved_identity_becomes_qualified(client: httpx2.AsyncClient) -> None:
    retrieved = qualified()
    del retrieved["meta"]
    part(retrieved, "identityStatus")["valueCoding"]["code"] = "PROV"
    retrieved["identifier"][0]["use"] = "temp"
    patient = await created(client, retrieved)
    part(patient, "identityStatus")["valueCoding"]["code"] = "VALI"
    patient["identifier"][0]["use"] = "official"
    after = await updated(client, patient)

    assert after["identifier"][0] == ins("185076276543238")


@pytest.mark.parametrize("arc", ["10", "11"])
async def test_made_up_identities_are_refused_where_patients_are_real(client: httpx2.AsyncClient, arc: str) -> None:
    patient = {**qualified(), "identifier": [ins("185076276543238", arc)]}
    assert (await client.post("http://localhost/fhir/Patient", json=patient)).status_code == 201
    answer = await client.post("http://localhost/care/fhir/Patient", json=patient)
    assert answer.status_code == 422, answer.text
    assert answer.json()["issue"][0]["expression"] == ["Patient.identifier[0].system"]


NISS, BIS, OTHER_BIS = "04022999805", "85473090122", "04522999864"


def belgian(*numbers: Json) -> Json:
    return {"resourceType": "Patient", "identifier": list(numbers)}


def niss(value: str, system: str = f"{BE}/core/NamingSystem/ssin") -> Json:
    return {"use": "official", "system": system, "value": value}


SUCCESSIONS = [
    pytest.param([niss(BIS)], [niss(NISS)], [("official", NISS), ("old", BIS)], id="a NISS takes the place of a BIS"),
    pytest.param(
        [niss(BIS)], [niss(BIS), niss(NISS)], [("old", BIS), ("official", NISS)], id="a NISS is put beside a BIS"
    ),
    pytest.param([niss(BIS)], [niss(OTHER_BIS)], [("official", OTHER_BIS), ("old", BIS)], id="a BIS after another"),
    pytest.param([niss(NISS)], [niss("85073090133")], [("official", "85073090133")], id="a NISS that was wrong"),
    pytest.param([niss(BIS)], [], [], id="nothing comes instead"),
    pytest.param(
        [niss(BIS)],
        [niss(BIS, f"{BE}/NamingSystem/ssin")],
        [("official", BIS)],
        id="another url of the system is no other number",
    ),
]


@pytest.mark.parametrize(("before", "after", "kept"), SUCCESSIONS)
async def test_the_number_of_who_enters_the_register(
    client: httpx2.AsyncClient, before: list[Json], after: list[Json], kept: list[tuple[str, str]]
) -> None:
    patient = await created(client, belgian(*before))
    written = {"resourceType": "Patient", "id": patient["id"], **({"identifier": after} if after else {})}
    stored = await updated(client, written)
    assert [(one["use"], one["value"]) for one in stored.get("identifier", [])] == kept


async def test_the_number_before_still_finds_the_patient(client: httpx2.AsyncClient) -> None:
    bis = "87210050217"
    patient = await created(client, belgian(niss(bis)))
    await updated(client, {"resourceType": "Patient", "id": patient["id"], "identifier": [niss("12051540048")]})
    found = await client.get("Patient", params={"identifier": f"{BE}/core/NamingSystem/ssin|{bis}"})
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [patient["id"]]


NIHDI = f"{BE}/core/NamingSystem/nihdi"
ALIASES = {
    "NISS, the url of older texts": (f"{BE}/core/NamingSystem/ssin", f"{BE}/NamingSystem/ssin", "85073006197"),
    "NISS, an OID": (f"{BE}/core/NamingSystem/ssin", "urn:oid:2.16.840.1.113883.3.6777.5.1", "85073006197"),
    "NISS, an OID without its scheme": (f"{BE}/core/NamingSystem/ssin", "2.16.840.1.113883.3.6777.5.1", "85073006197"),
    "NISS, by http": (f"{BE}/core/NamingSystem/ssin", "http://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin",
                      "85073006197"),
    "NISS, without www": (f"{BE}/core/NamingSystem/ssin", "https://ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin",
                          "85073006197"),
    "INAMI of a professional": (NIHDI, f"{NIHDI}-professional", "15432106003"),
    "INAMI of an organization": (f"{NIHDI}-professional", f"{NIHDI}-organization", "71234523000"),
    "RPPS, by http": ("https://rpps.esante.gouv.fr", "http://rpps.esante.gouv.fr", "10102030409"),
    "FINESS, by http": ("https://finess.esante.gouv.fr", "http://finess.esante.gouv.fr", "620109991"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIASES)
async def test_urls_of_one_system_find_each_other(client: httpx2.AsyncClient, name: str) -> None:
    one, other, value = ALIASES[name]
    for stored, asked in ((one, other), (other, one)):
        practitioner = {"resourceType": "Practitioner", "identifier": [{"system": stored, "value": value}]}
        made = (await client.post("Practitioner", json=practitioner)).json()
        found = await client.get("Practitioner", params={"identifier": f"{asked}|{value}", "_id": made["id"]})
        assert found.json()["total"] == 1
        assert found.json()["entry"][0]["resource"]["identifier"] == practitioner["identifier"]
        await client.delete(f"Practitioner/{made['id']}")


async def test_a_reference_by_identifier_is_found_by_any_url(client: httpx2.AsyncClient) -> None:
    who = {"identifier": {"system": f"{NIHDI}-professional", "value": "17654333580"}}
    made = await created(client, {"resourceType": "Patient", "generalPractitioner": [who]})
    found = await client.get("Patient", params={"general-practitioner:identifier": f"{NIHDI}|17654333580"})
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [made["id"]]


async def test_a_wrong_number_is_refused_in_words(client: httpx2.AsyncClient) -> None:
    answer = await client.post("Patient", json=belgian(niss("85073090134")), headers={"Accept-Language": "fr"})
    assert answer.status_code == 422, answer.text
    [issue] = answer.json()["issue"]
    assert issue["expression"] == ["Patient.identifier[0].value"]
    assert "85073090134" not in answer.text
    assert issue["diagnostics"].startswith("`Patient.identifier[0].value` doit avoir la clé d'un numéro `NISS`")


async def test_a_doubtful_number_is_stored_with_a_warning(client: httpx2.AsyncClient) -> None:
    practitioner = {
        "resourceType": "Practitioner",
        "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "10003461033"}],
    }
    answer = await client.post("Practitioner", json=practitioner, headers={"Prefer": "return=OperationOutcome"})
    assert answer.status_code == 201, answer.text
    assert "identifier-check-doubtful" in answer.text


async def test_a_bundle_with_a_doubtful_number_of_its_own_is_processed(client: httpx2.AsyncClient) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10003461033"},
        "entry": [{"resource": {"resourceType": "Device"}, "request": {"method": "POST", "url": "Device"}}],
    }
    assert (await client.post("", json=bundle)).status_code == 200
