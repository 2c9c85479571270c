"""conformance §8, the security checklist, over HTTP with tokens of the authorization server.

What a token of one patient learns of another is the leak matrix (tests/access); here are its first line and what
the matrix does not ask.
"""

import asyncio
import json
import time
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from pymongo import MongoClient

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.smart.clients import AuthMethod
from fhirserver.smart.jose import look_at
from tests.smart.conftest import ORIGIN, App, Backend, Browser, Network, bearer, claims_of, error_of

Resource = dict[str, Any]
SCOPE = "openid fhirUser launch/patient offline_access patient/*.cruds"
OTHER: list[Resource] = [
    {"resourceType": "Patient", "id": "other", "name": [{"family": "Otherwise"}]},
    {"resourceType": "Observation", "id": "other", "status": "final", "code": {"text": "x"}},
    {"resourceType": "QuestionnaireResponse", "id": "other", "status": "completed"},
    {"resourceType": "DocumentReference", "id": "other", "status": "current",
     "content": [{"attachment": {"url": "Binary/other"}}]},
    {"resourceType": "List", "id": "other", "status": "current", "mode": "working",
     "entry": [{"item": {"reference": "Observation/other"}}]},
    {"resourceType": "MedicationRequest", "id": "other", "status": "active", "intent": "order",
     "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "x"}}],
     "medicationReference": {"reference": "#m"}},
    {"resourceType": "Group", "id": "other", "type": "person", "actual": True,
     "member": [{"entity": {"reference": "Patient/other"}}]},
    {"resourceType": "Binary", "id": "other", "contentType": "text/plain", "data": "eA==",
     "securityContext": {"reference": "Patient/other"}},
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    about = {"subject": {"reference": "Patient/other"}}
    plain = ("Patient", "Group", "Binary")
    await network.put(
        {"resourceType": "Patient", "id": "own"},
        *({**one, **({} if one["resourceType"] in plain else about)} for one in OTHER),
    )
    return await network.app_client(SCOPE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def patient(network: Network) -> Browser:
    return await network.person("Patient/own", roles=("patient",))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def token(app: App, patient: Browser) -> str:
    """An access token of the app in the name of the patient."""
    return str((await app.tokens(patient, SCOPE))["access_token"])


WAYS = ["{}", "{}/_history", "{}/_history/1", "{}/$meta", "{}/$diff?from=1&to=1", "{}?_elements=id"]


@pytest.mark.parametrize("resource", OTHER, ids=lambda one: str(one["resourceType"]))
async def test_8_1_another_patients_resource_is_as_one_that_is_not_there(
    network: Network, token: str, resource: Resource
) -> None:
    kind = resource["resourceType"]
    for way in WAYS:
        answers = [
            await network.http.get(way.format(f"{kind}/{name}"), headers=bearer(token)) for name in ("other", "none")
        ]
        assert [answer.status_code for answer in answers] in ([404, 404], [403, 403]), way
        assert answers[0].text.replace("other", "none") == answers[1].text


def _resigned(token: str, header: Resource, key: OctKey | ECKey, algorithm: str) -> str:
    head = {**look_at(token, ("ES256",)).header, "alg": algorithm, **header}
    return jwt.encode(head, claims_of(token), key, algorithms=[algorithm])


OWN_KEY = ECKey.generate_key("P-256")
KEYS = [
    pytest.param({}, OctKey.import_key(b"0" * 32), "HS256", id="a secret of one's own"),
    pytest.param({}, OWN_KEY, "ES256", id="a key of one's own under our kid"),
    pytest.param({"jwk": OWN_KEY.as_dict(private=False)}, OWN_KEY, "ES256", id="a key in the header"),
    pytest.param({"jku": "https://evil.example/keys"}, OWN_KEY, "ES256", id="keys elsewhere"),
    pytest.param({"kid": "../../../dev/null"}, OctKey.import_key(b"\0" * 32), "HS256", id="a kid that is a path"),
    pytest.param({"kid": "x' OR '1'='1"}, OWN_KEY, "ES256", id="a kid that is SQL"),
]


@pytest.mark.parametrize(("header", "key", "algorithm"), KEYS)
async def test_8_2_an_access_token_counts_by_our_keys_and_algorithm_alone(
    network: Network, token: str, header: Resource, key: OctKey | ECKey, algorithm: str
) -> None:
    forged = _resigned(token, header, key, algorithm)
    answer = await network.http.get("Patient/own", headers=bearer(forged))
    assert answer.status_code == 401
    assert (await network.http.get("Patient/own", headers=bearer(token))).status_code == 200


async def test_8_2_the_public_key_is_no_secret_of_hs256(network: Network, token: str) -> None:
    keys = (await network.http.get(f"{ORIGIN}/auth/keys")).json()["keys"]
    for one in keys:
        for secret in (json.dumps(one).encode(), str(one.get("x", one.get("n"))).encode()):
            forged = _resigned(token, {}, OctKey.import_key(secret), "HS256")
            assert (await network.http.get("Patient/own", headers=bearer(forged))).status_code == 401


async def test_8_2_the_database_holds_no_secret_as_it_is(network: Network, app: App, mongodb_uri: str) -> None:
    """Codes, tokens, launches, cookies and client secrets: whoever reads the database can use none of them."""
    client = await network.app_client(SCOPE, AuthMethod.BASIC)
    browser = await network.person("Patient/own", roles=("patient",))
    asked = await client.authorize(browser, SCOPE)
    waiting = await client.authorize(browser, SCOPE)
    granted = (await client.exchange(asked.answer["code"])).json()
    secrets = {
        "code": waiting.answer["code"],
        "access token": granted["access_token"],
        "its signature": granted["access_token"].rpartition(".")[2],
        "refresh token": granted["refresh_token"],
        "client secret": network.secrets[client.client.client_id],
        "cookie": browser.cookie.rpartition(".")[2],
    }
    with MongoClient[dict[str, Any]](mongodb_uri) as client_of_mongodb:
        database = client_of_mongodb[network.app.settings.network_database]
        held = [str(one) for name in database.list_collection_names() for one in database[name].find()]
    assert len(held) > 10
    assert {name for name, secret in secrets.items() if any(secret in one for one in held)} == set()


MINE: Resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                  "subject": {"reference": "Patient/own"}}  # fmt: skip


async def test_8_3_a_patients_app_assigns_no_label_no_version_and_no_instant(network: Network, token: str) -> None:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    labelled = {**MINE, "meta": {"security": [label]}}
    assert (await network.http.post("Observation", json=labelled, headers=bearer(token))).status_code == 403
    wishful = {**MINE, "id": "chosen", "meta": {"versionId": "77", "lastUpdated": "1990-01-01T00:00:00Z"}}
    made = (await network.http.post("Observation", json=wishful, headers=bearer(token))).json()
    assert made["id"] != "chosen"
    assert made["meta"]["versionId"] == "1"
    assert not made["meta"]["lastUpdated"].startswith("1990")


FORBIDDEN = [
    pytest.param("POST", "$reindex", {"resourceType": "Parameters"}, id="reindex"),
    pytest.param("POST", "Observation/$reindex", {"resourceType": "Parameters"}, id="reindex of a type"),
    pytest.param("GET", "$reindex-status", None, id="jobs"),
    pytest.param("GET", "$access-explain?who=Practitioner/1&what=Patient/other", None, id="the simulator"),
    pytest.param("POST", "AuditEvent", {"resourceType": "AuditEvent"}, id="writing the trail"),
    pytest.param("GET", "Patient/other/$access-log", None, id="another's access log"),
    pytest.param("GET", "Observation?_explain=true", None, id="plans of searches"),
    pytest.param("POST", "Patient/own/$emergency-access", {"resourceType": "Parameters"}, id="break-the-glass"),
    pytest.param("DELETE", "Patient/own", None, id="deleting the patient"),
    pytest.param("GET", f"{ORIGIN}/auth/admin/clients", None, id="the catalogue of clients"),
    pytest.param("POST", f"{ORIGIN}/auth/admin/clients", {"client_name": "x"}, id="entering a client"),
    pytest.param("GET", f"{ORIGIN}/auth/admin/users", None, id="accounts"),
    pytest.param("POST", f"{ORIGIN}/auth/admin/users", {"username": "x"}, id="making an account"),
    pytest.param("POST", f"{ORIGIN}/auth/register", {"client_name": "x"}, id="registering where that is off"),
]


@pytest.mark.parametrize(("method", "url", "body"), FORBIDDEN)
async def test_8_5_what_is_for_administrators_is_for_no_apps_token(
    network: Network, token: str, method: str, url: str, body: Resource | None
) -> None:
    content = None if body is None else json.dumps(body)
    kind = {"Content-Type": "application/json"} if url.startswith("http") else {}
    answer = await network.http.request(method, url, content=content, headers={**bearer(token), **kind})
    assert answer.status_code in (401, 403), answer.text
    assert "other" not in answer.text


@pytest.mark.parametrize("url", ["Patient/own/_history", "Patient/own/_history/1"])
async def test_8_5_no_history_is_deleted(network: Network, url: str) -> None:
    service = await network.backend()
    answer = await network.http.delete(url, headers=bearer(await service.token("system/*.cruds")))
    assert answer.status_code == 405


INSIDE = [
    "https://127.0.0.1/keys", "https://[::1]/keys", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/keys",
    "https://192.168.1.1/keys", "https://172.16.0.1/keys", "https://[fd00::1]/keys", "https://0.0.0.0/keys",
    "https://[::ffff:127.0.0.1]/keys", "https://2130706433/keys", "https://0x7f.1/keys", "https://0177.0.0.1/keys",
    "http://example.org/keys", "file:///etc/passwd", "gopher://example.org/", "ftp://example.org/keys",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
async def test_8_7_keys_are_fetched_from_no_address_inside(network: Network, url: str) -> None:
    """Whoever enters a client names a URL that this server asks."""
    key = ECKey.generate_key("P-384", auto_kid=True)
    service = await network.backend(key=key, jwks=None, jwks_uri=url)
    answer = await service.ask()
    assert error_of(answer) == "invalid_client"
    assert url not in answer.text


async def test_8_7_what_a_resource_links_to_is_not_fetched(network: Network, token: str) -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    body = {
        **{name: value for name, value in MINE.items() if name != "code"},
        **{"resourceType": "DocumentReference", "status": "current", "meta": {"profile": [f"{url}/profile"]}},
        "content": [{"attachment": {"url": f"{url}/content"}}],
    }
    made = await network.http.post("DocumentReference", json=body, headers=bearer(token))
    assert made.status_code == 201, made.text
    await network.http.get(f"DocumentReference/{made.json()['id']}", headers=bearer(token))
    await network.http.get(f"ValueSet?url={url}/value-set", headers=bearer(token))
    xml = f'<!DOCTYPE x SYSTEM "{url}/x.dtd"><Basic xmlns="http://hl7.org/fhir"/>'
    kind = {**bearer(token), "Content-Type": "application/fhir+xml"}
    assert (await network.http.post("Basic", content=xml, headers=kind)).status_code == 400
    server.close()
    assert asked == []


async def test_8_9_what_the_statement_does_not_list_is_not_there(network: Network) -> None:
    statement = (await network.http.get("metadata")).json()["rest"][0]
    listed = {one["name"] for kind in (statement, *statement["resource"]) for one in kind.get("operation", ())}
    headers = bearer(await (await network.backend()).token("system/*.cruds"))
    unlisted = {"export", "import", "expunge", "purge", "convert", "process-message", "submit", "debug"} - listed
    assert len(unlisted) > 4
    for name in unlisted:
        for method in ("GET", "POST"):
            answer = await network.http.request(method, f"${name}", headers=headers)
            assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome"), name
    for path in ("fhir/r4", "r4", "baseR4", "admin", "debug", "actuator/health", "docs"):
        assert (await network.http.get(f"{ORIGIN}/{path}")).status_code == 404, path


async def test_8_20_a_token_stands_in_no_answer_to_it(network: Network, token: str) -> None:
    for url in (f"Patient/{token[:60]}", "Nothing/1", "Patient?nothing=1", "Patient/other"):
        answer = await network.http.get(url, headers=bearer(token))
        assert token not in answer.text + str(answer.headers)
    in_url = await network.http.get(f"Patient/own?access_token={token}")
    assert in_url.status_code == 401
    assert token not in in_url.text + str(in_url.headers)


@pytest.mark.usefixtures("app")
async def test_8_21_ids_of_another_site_are_not_there(network: Network) -> None:
    service = await network.backend(sites=("main", "second"))
    first = await service.token("system/*.cruds")
    second = await service.token("system/*.cruds", resource=f"{ORIGIN}/second/fhir")
    assert (await network.http.get("Patient/own", headers=bearer(first))).status_code == 200
    beside = f"{ORIGIN}/second/fhir/Patient/own"
    assert (await network.http.get(beside, headers=bearer(first))).status_code == 401
    assert (await network.http.get(beside, headers=bearer(second))).status_code == 404
    assert (await network.http.get("Patient/own", headers=bearer(second))).status_code == 401
    named = {**bearer(first), "X-Tenant-Id": "second", "X-Tenant": "second"}
    assert (await network.http.get("Patient/own", headers=named)).status_code == 200, "headers choose no site"


async def test_8_24_of_racing_writes_one_wins(network: Network) -> None:
    headers = bearer(await (await network.backend()).token("system/*.cruds"))
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:race", "value": "8-24"}]}
    once = {**headers, "If-None-Exist": "identifier=urn:race|8-24"}
    made = await asyncio.gather(*(network.http.post("Patient", json=body, headers=once) for _ in range(8)))
    assert sorted(answer.status_code for answer in made) == [200] * 7 + [201]
    key = next(answer.json()["id"] for answer in made if answer.status_code == 201)
    changes = [{**body, "id": key, "birthDate": f"198{number}-01-01"} for number in range(4)]
    tagged = {**headers, "If-Match": 'W/"1"'}
    put = await asyncio.gather(*(network.http.put(f"Patient/{key}", json=change, headers=tagged) for change in changes))
    assert sorted(answer.status_code for answer in put) == [200, 412, 412, 412]


@pytest.mark.usefixtures("app")
async def test_8_25_a_launch_made_at_one_worker_is_good_at_another_and_once(
    network: Network, mongodb_uri: str, knowledge: Knowledge
) -> None:
    opened = await network.app_client("launch patient/*.rs")
    browser = await network.person(roles=("physician",))
    body = {"client_id": opened.client.client_id, "patient": "own"}
    made = await network.http.post(f"{ORIGIN}/auth/launch", json=body, headers=browser.headers)
    second = Application(network.app.settings, mongodb_uri, knowledge)
    async with second.gateway.serving():
        assert second.authorization is not None
        launches = second.authorization.services.launches
        bound = {"client_id": opened.client.client_id, "site": "main", "user": browser.account.id}
        taken = await launches.take(made.json()["launch"], **bound, session_id=browser.session_id)
        assert taken is not None
        assert taken.patient == "own"
    again = await opened.ask(browser, "launch patient/*.rs", launch=made.json()["launch"])
    assert "code" not in again.answer


TIMES = [
    pytest.param({"exp": -90}, "invalid_client", id="over for more than a minute"),
    pytest.param({"exp": -20}, None, id="over for less: clocks differ"),
    pytest.param({"nbf": 90}, "invalid_client", id="not yet for more than a minute"),
    pytest.param({"nbf": 20}, None, id="not yet for less"),
    pytest.param({"iat": 90}, "invalid_client", id="issued in a time to come"),
]


@pytest.mark.parametrize(("offsets", "error"), TIMES)
async def test_8_2_clocks_may_differ_by_a_minute_at_most(
    service: Backend, offsets: dict[str, int], error: str | None
) -> None:
    now = int(time.time())
    claims = {name: now + offset for name, offset in offsets.items()}
    answer = await service.ask(client_assertion=service.assertion(**claims))
    assert (error_of(answer) if answer.status_code != 200 else None) == error


STATE = ("code", "token", "refresh", "launch", "authorization", "replay", "session", "attempt", "flow", "grant")


async def test_8_25_what_logins_leave_behind_expires_by_itself(network: Network, app: App, mongodb_uri: str) -> None:
    await app.tokens(await network.person("Patient/own", roles=("patient",)), SCOPE)
    with MongoClient[dict[str, Any]](mongodb_uri) as client_of_mongodb:
        database = client_of_mongodb[network.app.settings.network_database]
        lives = {
            name: [one["expireAfterSeconds"] for one in database[name].list_indexes() if "expireAfterSeconds" in one]
            for name in STATE
        }
    assert lives == {name: [0] for name in STATE}
