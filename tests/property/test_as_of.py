"""The record as of T is what ``search.match`` finds by replaying the writes before T, for any writes, T and query

http://hl7.org/fhir/R4/http.html#history — `_at`
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadSearchValue, Deleted, NotFound
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Delete, SearchPage, Update
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import ALL, And, Chain, HasTerm, IsOneOf, Not, Or, Plan, ReverseChain, all_of, any_of
from fhirserver.search.query import parse_query
from tests.door import Door, body_of, request_of, split
from tests.limited import Limited
from tests.property import values

State = dict[str, Candidate]


@dataclass
class Story:
    """Everything that was written, in its order."""

    door: Door
    versions: list[Version] = field(default_factory=list)

    async def put(self, resource: Resource) -> None:
        update = Update(resource_type=resource["resourceType"], logical_id=resource["id"], body=body_of(resource))
        self._note((await self.door.repository.write(update)).version)

    async def delete(self, key: str) -> None:
        resource_type, _, logical_id = key.partition("/")
        self._note(
            (await self.door.repository.write(Delete(resource_type=resource_type, logical_id=logical_id))).version
        )

    def _note(self, version: Version | None) -> None:
        if version is not None:
            self.versions.append(version)

    def at(self, moment: int) -> State:
        """Replay the writes up to a moment."""
        found: dict[str, Version] = {}
        for version in self.versions:
            if version.last_updated_us <= moment:
                found[version.key] = version
        return {key: self.candidate(version) for key, version in found.items() if version.content is not None}

    def is_still(self, was: Candidate, plan: Plan) -> bool:
        """Tell whether an instance matches a plan as it is now: one that is deleted, if it was deleted so."""
        *before, last = sorted((v for v in self.versions if v.key == was.key), key=lambda v: v.version_id)
        if last.content is not None:
            return match(plan, self.candidate(last))
        return before[-1].last_updated_us == was.last_updated_us

    def candidate(self, version: Version) -> Candidate:
        indexed = self.door.services.extractor.extract(parse_json(version.content or b""))
        return Candidate(version.key, version.last_updated_us, indexed)


async def told(door: Door, resources: list[Resource], changes: Iterable[tuple[int, int]]) -> Story:
    """Write the resources; then, by each change, one under the id of another, or delete the one (both the same)."""
    await door.clear()
    story = Story(door)
    await asyncio.gather(*map(story.put, resources))
    for number, other in ((i % len(resources), j % len(resources)) for i, j in changes):
        if number == other:
            await story.delete(f"{resources[number]['resourceType']}/r{number}")
        else:
            await story.put({**resources[other], "id": f"r{number}"})
    story.versions.sort(key=lambda version: version.last_updated_us)
    return story


def selected(state: State, resource_type: str, plan: Plan) -> set[str]:
    own = [candidate for key, candidate in state.items() if key.startswith(f"{resource_type}/")]
    return {candidate.key.partition("/")[2] for candidate in own if match(plan, candidate)}


def resolved(state: State, plan: Plan) -> Plan:
    """Resolve chains by what the state has."""
    match plan:
        case And(plans):
            return all_of(*(resolved(state, part) for part in plans))
        case Or(plans):
            return any_of(*(resolved(state, part) for part in plans))
        case Not(inner):
            return Not(resolved(state, inner))
        case Chain(keys, target_type, inner):
            targets = selected(state, target_type, resolved(state, inner))
            return HasTerm(tuple(f"{key}={target_type}/{one}" for key in keys for one in targets))
        case ReverseChain(source_type, keys, inner):
            sources = selected(state, source_type, resolved(state, inner))
            terms = (t for one in sources for t in state[f"{source_type}/{one}"].values.terms)
            return IsOneOf(tuple(t.partition("=")[2] for t in terms if t.startswith(tuple(f"{k}=" for k in keys))))
        case _:
            return plan


def bound(door: Door, resource_type: str, parameters: tuple[tuple[str, str], ...]) -> Plan | None:
    try:
        criteria = parse_query(parameters).criteria
        return all_of(*(door.services.binder.bind(resource_type, one) for one in criteria))
    except BadSearchValue:
        return None


async def searched(
    door: Door, resource_type: str, parameters: tuple[tuple[str, str], ...], moment: int, access: Access | None = None
) -> set[str]:
    """Return the ids of all pages as of a moment, of two matches each, and see that the total is theirs."""
    repository = door.repository if access is None else Repository(door.services, access)
    asked = (*parameters, ("_at", render_instant(moment)), ("_count", "2"))
    page: SearchPage = await repository.search(request_of(resource_type, asked))
    total, found = page.total, [version.logical_id for version in page.matches]
    while page.next_cursor is not None:
        page = await repository.search(request_of(resource_type, (*asked, ("_cursor", page.next_cursor))))
        found += [version.logical_id for version in page.matches]
    assert len(found) == len(set(found)) == total
    return set(found)


CHANGES = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), min_size=8, max_size=24)


@settings(max_examples=25)
@given(data=st.data(), resources=values.resources(), changes=CHANGES)
async def test_any_criteria_as_of_any_moment(
    door: Door, data: st.DataObject, resources: list[Resource], changes: list[tuple[int, int]]
) -> None:
    story = await told(door, resources, changes)
    instants = [version.last_updated_us for version in story.versions]
    for resource_type in sorted({version.resource_type for version in story.versions}):
        parameters = data.draw(st.lists(values.criteria(resource_type), min_size=2, max_size=3))
        moment = data.draw(st.sampled_from(instants)) - data.draw(st.integers(0, 1))
        state = story.at(moment)
        for parameter in parameters:
            plan = bound(door, resource_type, (parameter,))
            if plan is not None:
                expected = selected(state, resource_type, plan)
                assert await searched(door, resource_type, (parameter,), moment) == expected, parameter
        assert await searched(door, resource_type, (), moment) == selected(state, resource_type, ALL)


def person(name: str, family: str, practice: str | None) -> Resource:
    doctor = {"generalPractitioner": [{"reference": f"Organization/{practice}"}]} if practice else {}
    return {"resourceType": "Patient", "id": name, "name": [{"family": family}], **doctor}


def observed(name: str, patient: str, code: str, day: int) -> Resource:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "code": {"coding": [{"code": code}]},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": f"2026-01-{day:02d}",
    }  # fmt: skip


PERSONS = st.builds(person, *map(st.sampled_from, (("a", "b", "c"), ("x", "y"), (None, "o", "p"))))
OBSERVED = st.builds(
    observed, st.sampled_from("1234"), st.sampled_from("abc"), st.sampled_from("kl"), st.integers(1, 3)
)
PRACTICES = st.builds(
    lambda name, title: {"resourceType": "Organization", "id": name, "name": title}, *map(st.sampled_from, ("op", "mn"))
)
REMOVED = st.sampled_from(("Patient/a", "Patient/b", "Observation/1", "Observation/2", "Organization/o"))
WRITES = st.lists(st.one_of(PERSONS, OBSERVED, OBSERVED, PRACTICES, REMOVED), min_size=6, max_size=24)
LINKED = [
    "Observation?subject:Patient.name=x",
    "Observation?subject:Patient.organization.name=m",
    "Observation?patient=Patient/a&code=k",
    "Observation?patient.general-practitioner:Organization.name=n&date=ge2026-01-02",
    "Observation?code:not=k&_id=1,2,3",
    "Patient?_has:Observation:patient:code=k",
    "Patient?_has:Observation:patient:date=lt2026-01-03&family=y",
    "Patient?organization:missing=true",
    "Organization?_has:Patient:organization:_has:Observation:patient:code=l",
]


@dataclass(frozen=True)
class OnlyOf(Limited):
    """May see one patient, and what is of it."""

    whose: str

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return any_of(HasTerm((f"@{self.whose}",)), IsOneOf((self.whose,)))


@settings(max_examples=25)
@given(data=st.data(), writes=WRITES)
async def test_links_lead_to_what_was_there(door: Door, data: st.DataObject, writes: list[Resource | str]) -> None:
    await door.clear()
    story = Story(door)
    for write in writes:
        await (story.delete(write) if isinstance(write, str) else story.put(write))
    for query in data.draw(st.lists(st.sampled_from(LINKED), min_size=2, max_size=4, unique=True)):
        resource_type, parameters = split(query)
        moment = data.draw(st.sampled_from(story.versions)).last_updated_us - data.draw(st.integers(0, 1))
        state = story.at(moment)
        plan = bound(door, resource_type, parameters)
        assert plan is not None
        expected = selected(state, resource_type, resolved(state, plan))
        assert await searched(door, resource_type, parameters, moment) == expected, query
        mine = OnlyOf("Patient/a")
        plan_of_mine = mine.filter("", Right.SEARCH)
        seen = {key: one for key, one in state.items() if match(plan_of_mine, one)}
        visible = {key: one for key, one in seen.items() if story.is_still(one, plan_of_mine)}
        expected = selected(visible, resource_type, resolved(visible, plan))
        assert await searched(door, resource_type, parameters, moment, mine) == expected, query


@settings(max_examples=25)
@given(data=st.data(), writes=WRITES)
async def test_reads_and_includes_as_of_any_moment(
    door: Door, data: st.DataObject, writes: list[Resource | str]
) -> None:
    await door.clear()
    story = Story(door)
    for write in writes:
        await (story.delete(write) if isinstance(write, str) else story.put(write))
    moment = data.draw(st.sampled_from(story.versions)).last_updated_us - data.draw(st.integers(0, 1))
    at = ("_at", render_instant(moment))
    state = story.at(moment)
    for key in sorted({version.key for version in story.versions}):
        before = [v for v in story.versions if v.key == key and v.last_updated_us <= moment]
        expected: type[Exception] | bytes | None = before[-1].content if before else NotFound
        try:
            found: type[Exception] | bytes | None = (await door.repository.read_as_of(*key.split("/"), (at,))).content
        except (NotFound, Deleted) as error:
            found = type(error)
        assert found == (expected or Deleted)
    query = "_include=Observation:patient&_include:iterate=Patient:organization"
    page = await door.repository.search(request_of("Observation", (at, *split(f"?{query}")[1])))
    links = {t.partition("=")[2] for v in page.matches for t in state[v.key].values.terms if ".subject=Patient/" in t}
    patients = {v.key for v in page.included if v.resource_type == "Patient"}
    assert patients == links & state.keys()
    assert {v.key for v in page.included} <= state.keys()
    back = await door.repository.search(request_of("Patient", (at, ("_revinclude", "Observation:patient"))))
    assert {v.key for v in back.included} == {
        key for key, one in state.items()
        if key.startswith("Observation/") and links_of(one) & {v.key for v in back.matches}
    }  # fmt: skip


def links_of(candidate: Candidate) -> set[str]:
    return {term.partition("=")[2] for term in candidate.values.terms if term.startswith("Observation.subject=")}


@pytest.mark.parametrize("sort", ["", "_lastUpdated", "-_lastUpdated", "_id", "-_id", "code,-_id", "-date"])
async def test_pages_stand_still_while_others_write(door: Door, sort: str) -> None:
    await door.clear()
    story = Story(door)
    names = [*"abcdefghij", "a-b", "a.b", "a1"]
    for name in names:
        await story.put(observed(name, "p", "kl"[len(name) % 2], 1 + ord(name[0]) % 5))
    moment = story.versions[-1].last_updated_us
    parameters = (("_at", render_instant(moment)), ("_sort", sort), ("_count", "3"))
    whole = await door.repository.search(request_of("Observation", tuple(p for p in parameters if p[0] != "_count")))
    now = await door.repository.search(request_of("Observation", (("_sort", sort),)))
    in_order = [version.logical_id for version in whole.matches]
    assert in_order == [version.logical_id for version in now.matches]
    assert sorted(in_order) == sorted(names)

    async def others() -> None:
        for turn in range(40):
            await story.put(observed(names[turn % len(names)], "q", "m", 1 + turn % 28))
            if turn % 4 == 0:
                await story.delete(f"Observation/{names[(turn + 5) % len(names)]}")

    writing = asyncio.create_task(others())
    for _ in range(4):
        found, page = [], await door.repository.search(request_of("Observation", parameters))
        found += [version.logical_id for version in page.matches]
        while page.next_cursor is not None:
            page = await door.repository.search(request_of("Observation", (*parameters, ("_cursor", page.next_cursor))))
            found += [version.logical_id for version in page.matches]
        assert found == in_order
        back = [version.logical_id for version in page.matches]
        while page.previous_cursor is not None:
            asked = (*parameters, ("_cursor", page.previous_cursor))
            page = await door.repository.search(request_of("Observation", asked))
            back = [*(version.logical_id for version in page.matches), *back]
        assert back == in_order
    await writing


async def test_the_present_is_an_instant_that_the_links_name(door: Door) -> None:
    """A search of the time to come waits for the writes under way, and its further pages see no later ones."""
    await door.clear()
    story = Story(door)
    for name in "abcd":
        await story.put(person(name, "x", None))
    asked = (("_at", "2999"), ("_count", "2"))
    page = await door.repository.search(request_of("Patient", asked))
    applied = dict(page.applied)["_at"]
    assert applied.startswith("20")
    assert applied < "2999"
    await story.put(person("e", "x", None))
    following = replace(request_of("Patient", (("_at", applied), ("_count", "2"), ("_cursor", str(page.next_cursor)))))
    page = await door.repository.search(following)
    assert [version.logical_id for version in page.matches] == ["c", "d"]
    assert (page.total, page.next_cursor) == (4, None)


PATIENT_URN = "urn:uuid:10000000-0000-4000-8000-000000000000"


def written(name: str, title: str, about: str, family: str) -> Resource:
    """Make a document whose Composition is about a patient beside it, or a stored one."""
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2020", "title": title,
        "author": [{"reference": "Device/1"}], "subject": {"reference": about},
    }  # fmt: skip
    inside = {"resourceType": "Patient", "name": [{"family": family}]}
    return {
        "resourceType": "Bundle", "id": name, "type": "document", "identifier": {"system": "urn:d", "value": name},
        "timestamp": "2020-01-01T00:00:00Z",
        "entry": [{"fullUrl": PATIENT_URN.replace("1", "0", 1), "resource": composition},
                  {"fullUrl": PATIENT_URN, "resource": inside}],
    }  # fmt: skip


DOCUMENTS = st.builds(
    written, *map(st.sampled_from, ("de", ("first", "second"), (PATIENT_URN, "Patient/a", "Patient/b"), "xy"))
)
DOCUMENT_WRITES = st.lists(
    st.one_of(DOCUMENTS, DOCUMENTS, PERSONS, st.sampled_from(("Bundle/d", "Patient/a"))), min_size=6, max_size=20
)


def family_of(bundle: Resource, state: dict[str, Resource]) -> str | None:
    about = bundle["entry"][0]["resource"]["subject"]["reference"]
    patient = bundle["entry"][1]["resource"] if about == PATIENT_URN else state.get(about)
    return patient["name"][0]["family"] if patient else None


@settings(max_examples=25)
@given(data=st.data(), writes=DOCUMENT_WRITES)
async def test_what_documents_began_with(door: Door, data: st.DataObject, writes: list[Resource | str]) -> None:
    await door.clear()
    story = Story(door)
    for write in writes:
        await (story.delete(write) if isinstance(write, str) else story.put(write))
    for _ in range(4):
        moment = data.draw(st.sampled_from(story.versions)).last_updated_us - data.draw(st.integers(0, 1))
        before = {version.key: version for version in story.versions if version.last_updated_us <= moment}
        state = {key: parse_json(version.content) for key, version in before.items() if version.content is not None}
        title, family = data.draw(st.sampled_from(("first", "second"))), data.draw(st.sampled_from("xy"))
        bundles = [one for one in state.values() if one["resourceType"] == "Bundle"]
        titled = {one["id"] for one in bundles if one["entry"][0]["resource"]["title"] == title}
        about = {one["id"] for one in bundles if family_of(one, state) == family}
        by_title, by_family = ("composition.title", title), ("composition.patient.family", family)
        assert await searched(door, "Bundle", (by_title,), moment) == titled
        assert await searched(door, "Bundle", (by_family,), moment) == about
        assert await searched(door, "Bundle", (by_title, by_family), moment) == titled & about
