"""Unusual access leaves a Task for the data protection officer: own record, same name, VIP, emergency, mass reading."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.audit.record import Answer
from fhirserver.audit.unusual import Accessed, Masses, Rule, Unusual, rules_of
from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.repository.trail import Trail
from tests.conftest import client_of, new_settings, running

Resource = dict[str, Any]
SYSTEM = "urn:fhirserver:CodeSystem:unusual-access"
THRESHOLD = 5


def person(family: str, *, given: str = "Anne", born: str | None = None, **more: object) -> Resource:
    return {"name": [{"family": family, "given": [given]}], **({"birthDate": born} if born else {}), **more}


NISS = {"system": "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin", "value": "80010100142"}
VIP = {"system": "urn:x", "code": "VIP"}

CASES = [
    # user, patient, in an emergency, rules
    pytest.param(person("Dubois"), person("Peeters"), False, [], id="strangers"),
    pytest.param(person("Van Eyck"), person("VAN EYCK"), False, [Rule.SAME_NAME], id="the same family name"),
    pytest.param(
        person("Dubois", born="1980-01-01"),
        person("Dubois", born="1980-01-01"),
        False,
        [Rule.OWN_RECORD],
        id="the same name and date of birth",
    ),
    pytest.param(
        person("Dubois", given="Marc", born="1980-01-01"),
        person("Dubois", born="1980-01-01"),
        False,
        [Rule.SAME_NAME],
        id="a twin",
    ),
    pytest.param(
        person("Dubois", identifier=[NISS]), person("Martin", identifier=[NISS]), False, [Rule.OWN_RECORD],
        id="an identifier in common",
    ),
    pytest.param(
        person("Dubois", identifier=[{"value": "1"}]), person("Martin", identifier=[{"value": "1"}]), False, [],
        id="identifiers without a system are not compared",
    ),
    pytest.param(person("Dubois"), person("Peeters", meta={"security": [VIP]}), False, [Rule.VIP], id="VIP by label"),
    pytest.param(person("Dubois"), person("Peeters", meta={"tag": [VIP]}), False, [Rule.VIP], id="VIP by tag"),
    pytest.param(person("Dubois"), person("Peeters"), True, [Rule.EMERGENCY], id="an emergency"),
    pytest.param(None, person("Peeters", meta={"tag": [VIP]}), True, [Rule.EMERGENCY, Rule.VIP], id="an unknown user"),
    pytest.param(person("Dubois"), None, False, [], id="an unknown patient"),
]  # fmt: skip


@pytest.mark.parametrize(("user", "patient", "in_emergency", "rules"), CASES)
def test_why_an_access_is_unusual(
    user: Resource | None, patient: Resource | None, in_emergency: bool, rules: list[Rule]
) -> None:
    access = Accessed("Practitioner/u", "Patient/p", "AuditEvent/e", 0, in_emergency)
    assert list(rules_of(access, user, patient)) == rules


def read(number: int, minute: int = 0, user: str = "Practitioner/u") -> Accessed:
    return Accessed(user, f"Patient/{number}", f"AuditEvent/{number}", minute * 60_000_000)


def test_a_mass_is_told_once_when_it_becomes_one() -> None:
    masses = Masses(THRESHOLD)
    assert [masses.count(read(number, number)) for number in range(8)] == [None] * THRESHOLD + [6, None, None]


def test_records_that_are_read_again_are_no_more_of_them() -> None:
    masses = Masses(THRESHOLD)
    assert [masses.count(read(number % 3, number)) for number in range(20)] == [None] * 20


def test_what_is_older_than_an_hour_does_not_count() -> None:
    masses = Masses(THRESHOLD)
    assert [masses.count(read(number, 15 * number)) for number in range(30)] == [None] * 30


def test_each_user_has_a_count_of_their_own() -> None:
    masses = Masses(THRESHOLD)
    found = [masses.count(read(number, user=f"Practitioner/{number % 2}")) for number in range(10)]
    assert found == [None] * 10


def test_a_finding_is_one_for_a_user_and_a_patient_within_a_day() -> None:
    day = 24 * 60
    first, again = Unusual(Rule.VIP, read(1, 5)), Unusual(Rule.VIP, read(1, 500))
    assert first.id == again.id
    others = [Unusual(Rule.VIP, read(1, day + 5)), Unusual(Rule.VIP, read(2, 5)), Unusual(Rule.SAME_NAME, read(1, 5))]
    assert len({first.id, *(other.id for other in others)}) == 4


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Application]:
    settings = new_settings(audit=True, data_dir=tmp_path_factory.mktemp("data"), audit_mass_reading=THRESHOLD)
    async with running(settings, mongodb_uri, knowledge) as app:
        async with client_of(app) as client:
            await fill(client)
        yield app


async def fill(client: httpx2.AsyncClient) -> None:
    people = {
        "Practitioner/d1": person("Dubois"),
        "Practitioner/d2": person("Peeters"),
        "Patient/same": person("Dubois", given="Luc"),
        "Patient/vip": person("Known", meta={"tag": [VIP]}),
        **{f"Patient/m{number}": person(f"Other{number}") for number in range(10)},
    }
    for key, resource in people.items():
        resource_type, _, logical_id = key.partition("/")
        answer = await client.put(key, json={"resourceType": resource_type, "id": logical_id, **resource})
        assert answer.status_code == 201


def access(app: Application, user: str, patient: str, emergency: Emergency | None = None) -> None:
    """Record a read of a patient by a user."""
    assert app.auditing is not None
    trail, target = Trail(), Target(Interaction.READ, "Patient", patient)
    trail.begin(target, ())
    caller = Caller(client_id="ward", scopes=(), fhir_user=user, name=user, emergency=emergency)
    answer = Answer(
        site="main", request_id="r", method="GET", path=f"Patient/{patient}", target=target, status=200, caller=caller,
        trail=trail, address="10.0.0.1",
    )  # fmt: skip
    app.auditing.auditor.answered(answer)


async def tasks(client: httpx2.AsyncClient, code: str) -> list[Resource]:
    """Wait for the Tasks of a rule."""
    async with asyncio.timeout(30):
        while True:
            found = (await client.get("Task", params={"code": f"{SYSTEM}|{code}", "_count": "100"})).json()
            if found.get("entry"):
                return [entry["resource"] for entry in found["entry"]]
            await asyncio.sleep(0.2)


def inputs(task: Resource) -> dict[str, Any]:
    return {
        one["type"]["text"]: one.get("valueInteger", one.get("valueReference", {}).get("reference"))
        for one in task["input"]
    }


async def test_unusual_accesses_become_tasks(
    application: Application, client: httpx2.AsyncClient, knowledge: Knowledge
) -> None:
    for _ in range(3):
        access(application, "Practitioner/d1", "same")
    access(application, "Practitioner/d1", "vip")
    access(application, "Practitioner/d2", "same", Emergency(reason="unconscious", patient="same", until_s=0))
    for number in range(8):
        access(application, "Practitioner/d2", f"m{number}")
    (same,) = await tasks(client, "same-name")
    assert inputs(same) == {"user": "Practitioner/d1", "patient": "Patient/same"}
    event = (await client.get(same["focus"]["reference"])).json()
    assert event["agent"][2]["who"]["reference"] == "Practitioner/d1"
    (vip,) = await tasks(client, "vip")
    assert inputs(vip)["patient"] == "Patient/vip"
    (emergency,) = await tasks(client, "emergency")
    assert inputs(emergency) == {"user": "Practitioner/d2", "patient": "Patient/same"}
    (mass,) = await tasks(client, "mass-reading")
    assert inputs(mass) == {"user": "Practitioner/d2", "records": THRESHOLD + 1}
    for task in (same, vip, emergency, mass):
        assert task["meta"]["security"][0]["code"] == "V"
        assert knowledge.validator.validate(task, "Task") == []
    assert (await client.get("Patient/same/Task")).status_code in (200, 404)
    record = (await client.get("Patient/same/$everything?_type=Task")).json()
    assert record.get("entry", []) == [], "it is in nobody's record"
