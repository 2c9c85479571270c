"""The filter of a caller selects exactly what its decisions permit, for any record, policy terms and Consents."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fhirserver.access.rights import Right
from fhirserver.kernel.caller import Caller
from tests.access import site as made
from tests.access.site import Json, Site

PATIENTS = ("1", "2", "3")
PEOPLE = ("Practitioner/1", "Practitioner/2", "Organization/h", "CareTeam/t", "RelatedPerson/1")
CODES = (("http://loinc.org", "718-7"), ("http://loinc.org", "4548-4"))
CLASSES = ("Observation", "Condition", "Appointment")
LABELS = ("R", "V", "N", "PSY", "ADOL", "MASQUE_PS", "INVISIBLE_PATIENT")
DAYS = ("2026-11-20", "2026-11-24", "2020", "2019-01-01")
ROLES = (
    "physician",
    "physician",
    "nurse",
    "external-gp",
    "external-gp",
    "nursing-home",
    "exchange",
    "patient",
    "proxy",
)
RIGHTS = (Right.READ, Right.READ, Right.SEARCH, Right.CREATE, Right.UPDATE)


def coding(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def optional(**fields: SearchStrategy[Any]) -> SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


def some(values: tuple[Any, ...]) -> SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


def periods() -> SearchStrategy[Json]:
    return optional(start=st.sampled_from(DAYS), end=st.sampled_from(DAYS))


def actors() -> SearchStrategy[list[Json]]:
    return some(PEOPLE).map(lambda keys: [made.actor(key)["actor"][0] for key in keys])


def conditions() -> dict[str, SearchStrategy[Any]]:
    return {
        "actor": actors(),
        "purpose": some(("TREAT", "BTG", "HRESCH")).map(lambda codes: [{"code": code} for code in codes]),
        "action": some(("access", "collect")).map(lambda codes: [{"coding": [{"code": code}]} for code in codes]),
        "period": periods(),
        "dataPeriod": periods(),
        "securityLabel": some(LABELS[:4]).map(lambda codes: made.labels(*codes)["security"]),
        "code": some(CODES).map(lambda codes: [{"coding": [coding(*one)]} for one in codes]),
        "class": some(CLASSES).map(lambda codes: [coding("http://hl7.org/fhir/resource-types", one) for one in codes]),
    }


@st.composite
def provisions(draw: st.DrawFn, depth: int = 2) -> Json:
    known = conditions()
    names = draw(st.sets(st.sampled_from(sorted(known)), max_size=2))
    found = {name: draw(known[name]) for name in sorted(names)}
    kind = draw(st.sampled_from(("permit", "deny", None)))
    found |= {"type": kind} if kind is not None else {}
    if depth and draw(st.booleans()):
        found["provision"] = draw(st.lists(provisions(depth - 1), min_size=1, max_size=2))
    return found


@st.composite
def resources(draw: st.DrawFn) -> list[Json]:
    found: list[Json] = [made.patient(one, birthDate=draw(st.sampled_from(("1980", "2015")))) for one in PATIENTS]
    for n in range(draw(st.integers(1, 4))):
        found.append(_encounter(draw, n))
    for n in range(draw(st.integers(1, 4))):
        when = draw(optional(effectiveDateTime=st.sampled_from(DAYS)))
        what = {"category": [{"coding": [coding("http://c", draw(st.sampled_from(("laboratory", "social-history"))))]}]}
        codes = draw(st.lists(st.sampled_from(LABELS), max_size=2, unique=True))
        of = draw(st.sampled_from((*PATIENTS, None)))
        code = {"code": {"coding": [coding(*draw(st.sampled_from(CODES)))]}}
        found.append(made.observation(f"o{n}", of, *codes, **{**when, **what, **code}))
    for n in range(draw(st.integers(0, 2))):
        of = draw(st.lists(st.sampled_from(PATIENTS), max_size=2, unique=True))
        participants = [{"actor": made.ref(f"Patient/{one}"), "status": "accepted"} for one in of]
        found.append({"resourceType": "Appointment", "id": f"a{n}", "status": "booked", "participant": participants})
    for n in range(draw(st.integers(1, 4))):
        found.append(made.consent(f"c{n}", draw(st.sampled_from(PATIENTS)), draw(provisions())))
    return [*found, *_others()]


def _encounter(draw: st.DrawFn, n: int) -> Json:
    return made.encounter(
        f"e{n}",
        draw(st.sampled_from(PATIENTS)),
        draw(st.sampled_from(PEOPLE[:2])),
        period=draw(st.one_of(st.just({"start": "2026-11-20"}), periods())),
        status=draw(st.sampled_from(("in-progress", "in-progress", "finished", "cancelled"))),
    )


def _others() -> list[Json]:
    return [
        {"resourceType": "RelatedPerson", "id": "1", "patient": made.ref("Patient/1")},
        {"resourceType": "Organization", "id": "h"},
        {"resourceType": "CareTeam", "id": "t", "status": "active", "subject": made.ref("Patient/3"),
         "participant": [{"member": made.ref("Practitioner/2")}]},
        {"resourceType": "Task", "id": "k", "status": "requested", "intent": "order", "for": made.ref("Patient/2")},
        {"resourceType": "Binary", "id": "b", "contentType": "x/y", "securityContext": made.ref("Patient/1")},
        {"resourceType": "Location", "id": "l"},
    ]  # fmt: skip


@st.composite
def callers(draw: st.DrawFn) -> Caller:
    user = draw(st.sampled_from(("Practitioner/1", "Practitioner/1", "Practitioner/2", "Patient/1", "RelatedPerson/1")))
    roles = draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=2))
    organizations = draw(st.sampled_from(((), ("Organization/h",))))
    found = made.caller(
        user, *roles, organizations=organizations, purpose=draw(st.sampled_from(("TREAT", "TREAT", "HRESCH")))
    )
    return made.in_emergency(found, draw(st.sampled_from(PATIENTS))) if draw(st.booleans()) else found


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(stored=resources(), who=callers(), right=st.sampled_from(RIGHTS))
async def test_the_filter_is_the_decision(empty: Site, stored: list[Json], who: Caller, right: Right) -> None:
    site = empty.put(*stored)
    for key in site.stored:
        await site.decide(who, key, right)
