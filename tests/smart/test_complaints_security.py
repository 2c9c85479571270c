"""What users of other servers report about security, Consents and tenants, asked of this one over HTTP.

Each test has the server and the number of the report in its name. What does not apply: hapi-fhir 4156, 4287, 4745, 5231
and client-registry 138 are about links between records of one person, which this server does not make. SMART in the box
(smart-on-fhir starter 775, 251, 354, 750) is what this folder tests. icanbwell's thirteen leaks are ways of
the leak matrix (tests/access).
"""

import asyncio
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth
from tests.access.site import consent, encounter, observation, patient
from tests.conftest import new_settings, running
from tests.smart.conftest import BASE, ORIGIN, App, Network, bearer

Json = dict[str, Any]
SECOND = f"{ORIGIN}/second/fhir"
SCOPE = "launch/patient patient/*.rs user/*.cruds"
_PATIENCE_S = 10.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put(
        *(patient(name) for name in ("ca", "cb")),
        {"resourceType": "Practitioner", "id": "cd"},
        encounter("ce", "ca", "Practitioner/cd", period={"start": "2020-01-01"}),
        observation("coa", "ca", meta={"source": "urn:lab:one"}),
        observation("cob", "cb", hasMember=[{"reference": "Observation/coa"}]),
    )
    return await network.app_client(SCOPE)


async def of_both(network: Network) -> dict[str, dict[str, str]]:
    """Return headers of one service at two sites."""
    service = await network.backend(sites=("main", "second"))
    tokens = {
        f"{ORIGIN}/fhir": await service.token("system/*.cruds"),
        SECOND: await service.token("system/*.cruds", resource=SECOND),
    }
    return {base: bearer(token) for base, token in tokens.items()}


async def test_hapi_5184_and_6442_a_conditional_create_of_one_site_does_not_block_another(network: Network) -> None:
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "5184"}]}
    answers = []
    for base, headers in (await of_both(network)).items():
        once = {**headers, "If-None-Exist": "identifier=urn:x|5184"}
        answers += [(await network.http.post(f"{base}/Patient", json=body, headers=once)).status_code for _ in "ab"]
    assert answers == [201, 200, 201, 200]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("query", ["_source=urn:lab:one", "_id=coa", "_id=coa,cob&_total=accurate"])
async def test_hapi_2853_and_2207_neither_source_nor_id_finds_what_is_of_another_site(
    network: Network, query: str
) -> None:
    found = {}
    for base, headers in (await of_both(network)).items():
        bundle = (await network.http.get(f"{base}/Observation?{query}", headers=headers)).json()
        found[base] = bundle["total"]
    assert found[f"{ORIGIN}/fhir"] > 0
    assert found[SECOND] == 0


async def of_patient(app: App) -> dict[str, str]:
    browser = await app.network.person("Patient/ca", roles=("patient",))
    return bearer((await app.tokens(browser, "launch/patient patient/*.rs", prompt="consent"))["access_token"])


@pytest.mark.parametrize("include", ["_revinclude=Observation:has-member", "_revinclude=*:*", "_include=*"])
async def test_microsoft_5683_an_include_leaves_the_compartment_for_nothing(app: App, include: str) -> None:
    bundle = (await app.network.http.get(f"Observation?_id=coa&{include}", headers=await of_patient(app))).json()
    found = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]}
    assert "Observation/coa" in found
    assert not found & {"Observation/cob", "Patient/cb"}


@pytest.mark.parametrize("sort", ["_sort=date", "_sort=-_lastUpdated", "_sort=subject:Patient.birthdate"])
async def test_microsoft_5672_a_sorted_search_of_a_patients_token_finds_what_an_unsorted_does(
    app: App, sort: str
) -> None:
    headers = await of_patient(app)
    plain = (await app.network.http.get("Observation", headers=headers)).json()
    sorted_ = (await app.network.http.get(f"Observation?{sort}", headers=headers)).json()
    ids = [[entry["resource"]["id"] for entry in bundle["entry"]] for bundle in (plain, sorted_)]
    assert sorted(ids[0]) == sorted(ids[1]) == ["coa"]


async def test_microsoft_1182_3979_and_hapi_2360_a_consent_is_enforced_by_the_server(
    app: App, network: Network
) -> None:
    """Also where it denies some data only, and again when it is taken back."""
    doctor = await network.person("Practitioner/cd", roles=("physician",))
    headers = bearer((await app.tokens(doctor, "user/*.cruds", prompt="consent"))["access_token"])
    assert await seen(network, headers, 200)
    denies = {"type": "permit", "provision": [{"type": "deny", "class": [{"system": "http://hl7.org/fhir/resource-types",
                                                                          "code": "Observation"}]}]}  # fmt: skip
    await network.put(consent("cc", "ca", denies))
    assert await seen(network, headers, 404)
    assert (await network.http.get("Observation?patient=ca", headers=headers)).json()["total"] == 0
    assert (await network.http.get("Encounter/ce", headers=headers)).status_code == 200
    await network.put(consent("cc", "ca", denies, status="inactive"))
    assert await seen(network, headers, 200)


async def seen(network: Network, headers: dict[str, str], status: int) -> bool:
    """Wait until a read answers so: within a second changes bind."""
    ends_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends_s:
        if (await network.http.get("Observation/coa", headers=headers)).status_code == status:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize("name", ["chosen-5032", "cob"])
async def test_medplum_5032_and_7401_who_does_not_write_all_of_a_type_chooses_no_ids(
    app: App, network: Network, name: str
) -> None:
    """The answer is the same whether there is something of that id or not."""
    nurse = await network.person("Practitioner/cd", roles=("nurse",))
    headers = bearer((await app.tokens(nurse, "user/*.cruds", prompt="consent"))["access_token"])
    answer = await network.http.put(f"Observation/{name}", json=observation(name, "cb"), headers=headers)
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["diagnostics"] == f"`Observation/{name}` is not known."


async def test_medplum_5032_an_engine_with_every_clearance_chooses_ids(
    mongodb_uri: str, knowledge: Knowledge, tmp_path: Path
) -> None:
    policy = files("fhirserver.access").joinpath("default_policy.toml").read_text()
    head, service = policy.split("[roles.service]")
    cleared = service.replace("clearance = [", 'clearance = ["masked", ', 1)
    (tmp_path / "main.toml").write_text(f"{head}[roles.service]{cleared}")
    settings = new_settings(auth=Auth.SMART, data_dir=tmp_path / "data", policy_dir=tmp_path, audit=False)
    async with running(settings, mongodb_uri, knowledge) as application:
        transport = httpx2.ASGITransport(application.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/") as http:
            headers = bearer(await (await Network(application, http).backend()).token("system/*.cruds"))
            body = {"resourceType": "Patient", "id": "chosen"}
            answer = await http.put("Patient/chosen", json=body, headers=headers)
            assert (answer.status_code, answer.json().get("id")) == (201, "chosen"), answer.text
