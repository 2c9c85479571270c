"""What a server remembers of value sets and code systems changes no answer, whoever asks and whatever was written

http://hl7.org/fhir/R4/search.html#modifiers
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.access import Access, Unrestricted
from fhirserver.access.access import Right
from fhirserver.kernel.outcome import ClientError
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Delete
from fhirserver.search.plan import ALL, NONE, HasTerm, Plan, none_of
from fhirserver.terminology.packaged import Packaged
from fhirserver.terminology.terms import Terms
from tests.door import Door
from tests.limited import Limited

SYSTEMS = ("http://a/1", "http://a/2")
VALUE_SETS = ("http://v/1", "http://v/2", "http://hl7.org/fhir/ValueSet/administrative-gender")
GENDER = "http://hl7.org/fhir/administrative-gender"
CODES = ("k", "l", "m", "male")
STATUS = st.sampled_from(("active", "draft", "retired"))


def concepts(codes: Iterable[str]) -> list[Json]:
    return [{"code": code} for code in codes]


SOME_CODES = st.sets(st.sampled_from(CODES), min_size=1, max_size=3).map(sorted)
NESTED = SOME_CODES.map(lambda codes: [{"code": "top", "concept": concepts(codes)}])
CODE_SYSTEMS = st.builds(
    lambda name, url, status, concept: {
        "resourceType": "CodeSystem", "id": name, "url": url, "status": status, "content": "complete",
        "concept": concept},
    st.sampled_from(("a", "b")), st.sampled_from((*SYSTEMS, GENDER)), STATUS,
    st.one_of(SOME_CODES.map(concepts), NESTED),
)  # fmt: skip
INCLUDES = st.one_of(
    st.sampled_from(SYSTEMS).map(lambda url: {"system": url}),
    st.builds(lambda url, codes: {"system": url, "concept": concepts(codes)}, st.sampled_from(SYSTEMS), SOME_CODES),
    st.sampled_from(VALUE_SETS).map(lambda url: {"valueSet": [url]}),
    st.sampled_from(SYSTEMS).map(lambda url: {"system": url, "filter": [
        {"property": "concept", "op": "is-a", "value": "top"}]}),
)  # fmt: skip
SETS = st.builds(
    lambda name, url, status, include: {
        "resourceType": "ValueSet", "id": name, "url": url, "status": status, "compose": {"include": include}},
    st.sampled_from(("v", "w", "x")), st.sampled_from(VALUE_SETS), STATUS,
    st.lists(INCLUDES, min_size=1, max_size=2),
)  # fmt: skip
REMOVED = st.sampled_from(("CodeSystem/a", "ValueSet/v", "ValueSet/w"))
WRITES = st.lists(st.one_of(SETS, SETS, CODE_SYSTEMS, REMOVED), min_size=4, max_size=12)

QUERIES = [
    *(f"Condition?code:in={name}" for name in (*VALUE_SETS, "ValueSet/v", "ValueSet/w")),
    "Condition?code:not-in=http://v/1",
    *(f"Condition?code:below={system}|top" for system in SYSTEMS),
    "Condition?code:above=http://a/1|k",
    "Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender",
]
RECORD: list[Resource] = [
    {"resourceType": "Condition", "id": f"{code}{number}", "subject": {"reference": "Patient/p"},
     "code": {"coding": [{"system": system, "code": code}]}}
    for code in (*CODES, "top") for number, system in enumerate(SYSTEMS)
] + [{"resourceType": "Patient", "id": "p", "gender": "male"}]  # fmt: skip


@dataclass(frozen=True)
class OnlyActive(Limited):
    """May see no definition but active ones."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        if resource_type not in ("ValueSet", "CodeSystem"):
            return ALL
        return HasTerm((f"{resource_type}.status=active\x1f",))


@dataclass(frozen=True)
class No(Limited):
    """May see nothing of a type, or nothing of an id."""

    hidden: str

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        if self.hidden == resource_type:
            return NONE
        return none_of(HasTerm((f"{resource_type}.url={self.hidden}",)))


CALLERS: list[Access] = [Unrestricted(), OnlyActive(), No("ValueSet"), No("CodeSystem"), No("http://a/1")]


async def answered(repository: Repository, door: Door, query: str) -> set[str] | str:
    try:
        return await replace(door, repository=repository).ids(query)
    except ClientError as error:
        return error.diagnostics


@settings(max_examples=10)
@given(data=st.data(), writes=WRITES)
async def test_memory_changes_no_answer(door: Door, data: st.DataObject, writes: list[Resource | str]) -> None:
    await door.clear()
    await door.put(*RECORD)
    for write in writes:
        if isinstance(write, str):
            resource_type, _, name = write.partition("/")
            await door.repository.write(Delete(resource_type=resource_type, logical_id=name))
        else:
            await door.put(write)
        for query in data.draw(st.lists(st.sampled_from(QUERIES), min_size=2, max_size=4, unique=True)):
            access = data.draw(st.sampled_from(CALLERS))
            fresh = Repository(replace(door.services, terms=Terms((Packaged(door.services.definitions),))), access)
            remembering = Repository(door.services, access)
            assert await answered(remembering, door, query) == await answered(fresh, door, query), query
