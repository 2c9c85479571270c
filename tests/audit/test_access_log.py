"""``Patient/$access-log`` and ``AuditEvent/$tde``: the trail for those it is about, and for French consumers."""

from typing import Any

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.audit.agents import Observer
from fhirserver.audit.balp import Composer
from fhirserver.audit.record import CallerEntry, Kind, Outcome, Record, StepEntry, TouchedEntry
from fhirserver.audit.tde import project
from fhirserver.audit.told import Teller
from fhirserver.audit.words import ACTIONS, CATEGORIES, LANGUAGES, PURPOSES, ROLES, language_of
from fhirserver.codec.fhir_json import decode_checked
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.instant import UniqueClock
from fhirserver.kernel.outcome import Forbidden
from fhirserver.repository.access_log import check_may_see
from fhirserver.search.extract import Extractor, IndexingRules
from tests.audit.conftest import Trail

Resource = dict[str, Any]

DOCTOR = CallerEntry(
    1, "ward-app", "Practitioner/d1", "Dr Noël", ("physician",), ("Organization/o1",), "TREAT", None, "urn:x"
)
EMERGENCY = CallerEntry(2, "er-app", "Practitioner/d2", "Dr Peeters", ("nurse",), (), "TREAT", "unconscious", "urn:y")
OWN = CallerEntry(3, "portal", "Patient/p1", "Anne Dubois", ("patient",), (), "PATRQT", None, "urn:z")
SYSTEM = CallerEntry(4, "lab-feed", None, None, (), (), "", None, "")
NAMED = {"Organization/o1": {"resourceType": "Organization", "name": "Clinique du Nord"}}


@pytest.fixture(scope="module")
def composer(knowledge: Knowledge) -> Composer:
    rules = IndexingRules(ucum=knowledge.ucum)
    extractor = Extractor(knowledge.definitions, knowledge.parameters, rules)
    return Composer(Observer("fhir-1", "main", "https://x/fhir"), extractor, (), UniqueClock())


def event(composer: Composer, caller: CallerEntry | None, step: StepEntry, **more: object) -> Resource:
    fields: dict[str, Any] = {
        "recorded_us": 1_764_520_000_000_000,
        "site": "main",
        "request_id": "r",
        "kind": Kind.REST,
        "caller": 1,
        "address": "10.0.0.1",
        "method": "GET",
        "status": 200,
        "outcome": Outcome.SUCCESS,
        "steps": (step,),
        "touched": (TouchedEntry("Observation/o", 1, "r", ("p1",)),),
        **more,
    }
    (draft,) = composer.events(Record(**fields), caller, "a-1-1")
    value: Resource = decode_checked(draft.version.content or b"").value
    return value


READ = StepEntry("read", "Observation", "o")
SENTENCES = [
    pytest.param(
        DOCTOR, READ, {}, "en",
        "Dr Noël (physician, Clinique du Nord) looked at results and measurements from ward-app, for your care.",
        id="who, in what role, for whom, what, why, from where",
    ),
    pytest.param(
        DOCTOR, READ, {}, "fr",
        "Dr Noël (médecin, Clinique du Nord) a consulté résultats et mesures depuis ward-app, pour vos soins.",
        id="in French",
    ),
    pytest.param(
        DOCTOR, READ, {}, "nl",
        "Dr Noël (arts, Clinique du Nord) heeft bekeken resultaten en metingen via ward-app, voor uw zorg.",
        id="in Dutch",
    ),
    pytest.param(
        DOCTOR, READ, {}, "de",
        "Dr Noël (Arzt oder Ärztin, Clinique du Nord) hat angesehen Befunde und Messwerte über ward-app,"
        " für Ihre Behandlung.",
        id="in German",
    ),
    pytest.param(
        EMERGENCY, READ, {}, "en",
        "Dr Peeters (nurse) looked at results and measurements from er-app, in an emergency: unconscious.",
        id="an emergency has its reason",
    ),
    pytest.param(
        OWN, StepEntry("operation", "Patient", "p1", operation="access-log"), {"touched": ()}, "en",
        "You (patient) looked at who had access to the record from portal, at your request.",
        id="the patient is you",
    ),
    pytest.param(
        SYSTEM, StepEntry("search-type", "Observation"), {}, "en",
        "The application lab-feed searched for results and measurements from lab-feed, no purpose given.",
        id="an application without a user",
    ),
    pytest.param(
        None, READ, {"outcome": Outcome.MINOR, "touched": (), "steps": (StepEntry("read", "Patient", "p1"),)}, "en",
        "Somebody who did not log in tried and was refused: identity and contact details, no purpose given.",
        id="a refusal",
    ),
    pytest.param(
        DOCTOR, StepEntry("operation", "Patient", "p1", operation="everything"), {}, "en",
        "Dr Noël (physician, Clinique du Nord) exported results and measurements from ward-app, for your care.",
        id="an export",
    ),
    pytest.param(
        EMERGENCY, READ, {"kind": Kind.EMERGENCY, "steps": (), "touched": (), "patient": "p1"}, "en",
        "Dr Peeters (nurse) opened the record in an emergency: the record from er-app, in an emergency: unconscious.",
        id="break-the-glass",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("caller", "step", "more", "language", "sentence"), SENTENCES)
def test_an_event_is_told_in_plain_words(  # noqa: PLR0917
    composer: Composer, caller: CallerEntry | None, step: StepEntry, more: Resource, language: str, sentence: str
) -> None:
    told = event(composer, caller, step, **more)
    teller = Teller(language, NAMED, "Patient/p1")
    (line,) = teller.tell([told])
    assert teller.sentence(line) == sentence


def test_events_that_say_the_same_are_told_once(composer: Composer) -> None:
    minute = 60_000_000
    first = event(composer, DOCTOR, READ, recorded_us=1_764_520_000_000_000)
    second = event(
        composer, DOCTOR, StepEntry("read", "Condition", "c"), recorded_us=1_764_520_000_000_000 - 5 * minute,
        touched=(TouchedEntry("Condition/c", 1, "r", ("p1",)),),
    )  # fmt: skip
    later = event(composer, DOCTOR, READ, recorded_us=1_764_520_000_000_000 - 120 * minute)
    lines = Teller("en", NAMED, "Patient/p1").tell([first, second, later])
    assert [len(line.events) for line in lines] == [2, 1]
    assert lines[0].categories == ["results and measurements", "diagnoses and allergies"]
    assert (lines[0].latest, lines[0].earliest) == (first["recorded"], second["recorded"])


ACCEPTED = [
    (None, None, "en"),
    (None, "fr-BE,fr;q=0.9,en;q=0.5", "fr"),
    (None, "en;q=0.1, nl", "nl"),
    (None, "pt, de;q=0.3", "de"),
    (None, "nl;q=0", "en"),
    (None, "x;q=y", "en"),
    ("de-AT", "fr", "de"),
    ("pt", "fr", None),
]


@pytest.mark.parametrize(("wanted", "accept", "language"), ACCEPTED)
def test_the_language_is_the_one_asked_for_or_accepted(
    wanted: str | None, accept: str | None, language: str | None
) -> None:
    assert language_of(wanted, accept) == language


def test_every_word_is_there_in_every_language() -> None:
    for table in (ACTIONS, CATEGORIES, PURPOSES, ROLES):
        for name, found in table.items():
            assert len(found) == len(LANGUAGES), name
            assert all(found), name


def caller(**more: object) -> Caller:
    fields: dict[str, Any] = {"client_id": "x", "scopes": ("patient/*.rs",), **more}
    return Caller(**fields)


ALLOWED = [
    pytest.param(None, id="the operator"),
    pytest.param(caller(is_admin=True, scopes=()), id="an administrator"),
    pytest.param(caller(roles=("data-protection-officer",), scopes=()), id="the data protection officer"),
    pytest.param(caller(fhir_user="Patient/p1", patient="p1"), id="the patient"),
    pytest.param(caller(fhir_user="Patient/p1", scopes=("patient/AuditEvent.read",)), id="with a scope of SMART v1"),
    pytest.param(caller(fhir_user="RelatedPerson/r", patient="p1"), id="a proxy of the patient"),
]
REFUSED = [
    pytest.param(caller(fhir_user="Patient/p2", patient="p2"), id="another patient"),
    pytest.param(caller(fhir_user="Practitioner/d", patient="p1", scopes=("user/*.cruds",)), id="a clinician"),
    pytest.param(caller(fhir_user="RelatedPerson/r", patient="p2"), id="a proxy of another patient"),
    pytest.param(caller(scopes=("system/*.rs",)), id="a system"),
    pytest.param(caller(fhir_user="Patient/p1", scopes=("patient/Observation.rs",)), id="an app without the scope"),
    pytest.param(caller(fhir_user="Patient/p1", scopes=("patient/*.c",)), id="an app that may only create"),
]


@pytest.mark.parametrize("who", ALLOWED)
def test_the_log_is_for_the_patient_and_who_acts_for_them(who: Caller | None) -> None:
    check_may_see(who, "p1")


@pytest.mark.parametrize("who", REFUSED)
def test_the_log_is_for_nobody_else(who: Caller) -> None:
    with pytest.raises(Forbidden):
        check_may_see(who, "p1")


async def some_accesses(trail: Trail) -> None:
    await trail.client.put("Patient/log1", json={"resourceType": "Patient", "id": "log1"})
    for _ in range(5):
        await trail.client.get("Patient/log1")
    await trail.client.get("Observation?patient=log1")
    await trail.of("GET", "Condition?patient=log1")


async def test_the_operation_answers_lines_and_pages(trail: Trail) -> None:
    await some_accesses(trail)
    answer = await trail.client.get("Patient/log1/$access-log?_count=3", headers={"Accept-Language": "fr"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Language"] == "fr"
    parameters = answer.json()["parameter"]
    assert parameters[0] == {"name": "language", "valueCode": "fr"}
    seen: list[str] = []
    pages = 0
    while True:
        pages += 1
        for line in (one for one in parameters if one["name"] == "access"):
            seen += [part["valueReference"]["reference"] for part in line["part"] if part["name"] == "event"]
        url = next((one["valueUri"] for one in parameters if one["name"] == "next"), None)
        if url is None:
            break
        parameters = (await trail.client.get(url)).json()["parameter"]
    assert pages > 1
    assert len(seen) == len(set(seen)) >= 8, "no event twice"


async def test_the_operation_refuses_what_it_does_not_know(trail: Trail) -> None:
    for url, text in (
        ("Patient/log1/$access-log?language=pt", "`fr`"),
        ("Patient/log1/$access-log?nonsense=1", "nonsense"),
        ("Patient/log1/$access-log?_count=0", "_count"),
        ("Patient/log1/$access-log?date=yesterday", "date"),
        ("Patient/log1/$access-log?_cursor=abc", "cursor"),
    ):
        answer = await trail.client.get(url)
        assert answer.status_code == 400, url
        assert text in answer.text


async def test_the_traces_of_tde_have_two_agents_one_subtype_and_a_period(trail: Trail, knowledge: Knowledge) -> None:
    await trail.of("GET", "Patient/log1/$everything")
    answer = await trail.client.get("AuditEvent/$tde?date=ge2026-01-01&date=lt2100-01-01&_count=500")
    assert answer.status_code == 200, answer.text
    events = [entry["resource"] for entry in answer.json()["entry"]]
    assert events
    for one in events:
        assert 1 <= len(one["agent"]) <= 2
        assert all("who" in agent for agent in one["agent"])
        assert len(one.get("subtype", [])) <= 1
        assert one["period"]["start"]
        assert "profile" not in one["meta"]
    single = (await trail.client.get(f"AuditEvent/{events[0]['id']}/$tde")).json()
    assert single == events[0]
    assert knowledge.validator.validate(single, "AuditEvent") == []


async def test_the_traces_of_tde_are_asked_for_within_bounds(trail: Trail) -> None:
    for query in ("", "?date=ge2026-01-01", "?agent-name=x", "?date=lt2026-01-01"):
        assert (await trail.client.get(f"AuditEvent/$tde{query}")).status_code == 400
    assert (await trail.client.get("AuditEvent/$tde?date=2026-01-01")).status_code == 200


def test_of_three_agents_the_user_and_the_server_remain(composer: Composer) -> None:
    content = composer.events(
        Record(1, "main", "r", Kind.REST, 1, "10.0.0.1", "GET", 200, "0", (READ,)), DOCTOR, "a-1-2"
    )[0].version.content
    agents = decode_checked(project(content or b"")).value["agent"]
    assert [agent["who"].get("reference") or agent["who"]["identifier"]["value"] for agent in agents] == [
        "Practitioner/d1",
        "fhir-1",
    ]
