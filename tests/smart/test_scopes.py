"""conformance §1.7: what scopes allow, over HTTP; and the grammar and arithmetic of scopes.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import json
from typing import Any

import pytest
import pytest_asyncio

from fhirserver.smart.scopes import Ceiling, covers, read_scopes
from tests.smart.conftest import App, Backend, Browser, Network, bearer

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
KNOWN = {"Patient", "Observation", "Condition"}


def observation(name: str, category: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put(
        {"resourceType": "Patient", "id": "p1", "active": True},
        {"resourceType": "Patient", "id": "p2", "active": True},
        observation("lab", "laboratory"),
        observation("social", "social-history"),
        observation("vital", "vital-signs"),
        observation("exam", "exam"),
    )
    return await network.app_client("launch/patient patient/*.cruds user/*.cruds")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def patient(network: Network) -> Browser:
    return await network.person(fhir_user="Patient/p1", roles=("patient",))


async def headers_of(app: App, browser: Browser, scope: str) -> dict[str, str]:
    return bearer((await app.tokens(browser, scope, prompt="consent"))["access_token"])


async def test_1_2_18_types_that_the_user_denied_are_403(app: App, patient: Browser) -> None:
    headers = await headers_of(app, patient, "launch/patient patient/Patient.rs")
    answer = await app.network.http.get("Observation?patient=p1", headers=headers)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await app.network.http.get("Patient/p1", headers=headers)).status_code == 200


async def test_1_7_50_granular_scopes_give_what_matches_one_of_them_no_more_no_fewer(
    app: App, patient: Browser
) -> None:
    scope = " ".join(f"patient/Observation.rs?category={CATEGORY}|{code}" for code in ("vital-signs", "social-history"))
    headers = await headers_of(app, patient, f"launch/patient {scope}")
    http = app.network.http
    found = (await http.get("Observation?patient=p1&_total=accurate", headers=headers)).json()
    assert {entry["resource"]["id"] for entry in found["entry"]} == {"vital", "social"}
    assert found["total"] == 2
    assert (await http.get("Observation/vital", headers=headers)).status_code == 200
    hidden = await http.get("Observation/exam", headers=headers)
    absent = await http.get("Observation/nothing", headers=headers)
    assert (hidden.status_code, absent.status_code) == (404, 404)
    other = await http.get(f"Observation?category={CATEGORY}|exam", headers=headers)
    assert "entry" not in other.json()


RIGHTS = [
    # rights, request, allowed
    ("r", "GET Patient/p1", True),
    ("r", "GET Patient/p1/_history/1", True),
    ("r", "GET Patient/p1/_history", True),
    ("r", "GET Patient?active=true", False),
    ("r", "GET Patient/_history", False),
    ("s", "GET Patient?active=true", True),
    ("s", "GET Patient/_history", True),
    ("s", "GET Patient/p1", False),
    ("c", "POST Patient", True),
    ("rsud", "POST Patient", False),
    ("u", "PUT Patient/p2", True),
    ("crs", "PUT Patient/p2", False),
    ("crus", "DELETE Patient/p2", False),
]


@pytest.mark.parametrize(("rights", "request_line", "allowed"), RIGHTS)
async def test_1_7_48_each_interaction_needs_its_right(
    network: Network, app: App, rights: str, request_line: str, allowed: bool
) -> None:
    method, path = request_line.split()
    ordered = "".join(right for right in "cruds" if right in rights)
    service = await network.backend(f"system/Patient.{ordered}")
    headers = bearer(await service.token(f"system/Patient.{ordered}"))
    patient: dict[str, Any] = {"resourceType": "Patient", "active": True}
    body = {**patient, "id": "p2"} if method == "PUT" else patient
    content = json.dumps(body).encode() if method in ("POST", "PUT") else None
    answer = await network.http.request(method, path, content=content, headers=headers)
    assert (answer.status_code < 300) is allowed, answer.text
    assert allowed or answer.status_code == 403


async def test_1_7_49_each_entry_of_a_batch_is_checked_on_its_own(network: Network, app: App) -> None:
    service: Backend = await network.backend("system/Patient.rs")
    urls = ("Patient/p1", "Observation/lab", "Patient?active=true")
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    bundle = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
    headers = bearer(await service.token("system/Patient.rs"))
    answer = await network.http.post("http://localhost/fhir", content=bundle, headers=headers)
    statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert statuses == ["200", "403", "200"]


GRAMMAR = [
    # text, whether it is a scope of resources
    ("patient/Patient.r", True),
    ("patient/Patient.cruds", True),
    ("patient/*.cs", True),
    ("user/Patient.read", True),
    ("system/Patient.*", True),
    ("patient/Patient.", False),
    ("patient/Patient.sr", False),
    ("patient/Patient.rr", False),
    ("patient/Patient.read?a=b", False),
    ("patient/Patient.rs?", False),
    ("patient/Patient.rs?a", False),
    ("patient/Patient.rs?a=b&c=d", True),
    ("patient/Nothing.rs", False),
    ("patient/patient.rs", False),
    ("Patient/Patient.rs", False),
    ("patient/Patient", False),
]


@pytest.mark.parametrize(("text", "good"), GRAMMAR)
def test_1_7_47_the_grammar_of_scopes(text: str, good: bool) -> None:
    scopes = read_scopes(text, KNOWN.__contains__)
    assert bool(scopes.resources) is good
    assert bool(scopes.unknown) is not good


CUTS = [
    # ceiling, asked, what is left
    ("patient/*.rs", "patient/Patient.rs", "patient/Patient.rs"),
    ("patient/Patient.rs patient/Observation.r", "patient/*.cruds", "patient/Patient.rs patient/Observation.r"),
    ("patient/*.rs", "user/Patient.rs", ""),
    ("patient/*.r patient/*.s", "patient/Patient.rs", "patient/Patient.rs"),
    ("patient/*.*", "patient/Patient.read", "patient/Patient.read"),
    ("patient/*.rs", "patient/Patient.*", "patient/Patient.read"),
    ("patient/Observation.rs?category=a", "patient/Observation.rs?category=a", "patient/Observation.rs?category=a"),
    ("patient/Observation.rs?category=a", "patient/Observation.rs?status=b",
     "patient/Observation.rs?status=b&category=a"),
    ("launch patient/*.rs", "launch/patient openid", "launch/patient"),
    ("openid", "openid openid", "openid"),
]  # fmt: skip


@pytest.mark.parametrize(("ceiling", "asked", "left"), CUTS)
def test_what_is_asked_is_cut_to_the_ceiling(ceiling: str, asked: str, left: str) -> None:
    known = KNOWN.__contains__
    within = Ceiling(read_scopes(ceiling, known)).within(read_scopes(asked, known))
    assert " ".join(within.texts) == left
    assert covers(read_scopes(asked, known), within) or ceiling == "launch patient/*.rs"
    assert read_scopes(" ".join(within.texts), known).texts == within.texts, "what is written is read again"
