"""Conditional writes: what the criteria select decides — http://hl7.org/fhir/R4/http.html#ccreate, #cond-update"""

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import (
    BadRequest,
    BadSearchValue,
    Conflict,
    MultipleMatches,
    NotFound,
    PreconditionFailed,
    TooCostly,
    UnknownParameter,
)
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.requests import Create, Delete, Effect, Parameters, Patch, Update, Written
from tests.door import Door, body_of, opened


def patient(logical_id: str | None = None, identifier: str | None = None, **more: Json) -> Resource:
    own = {"id": logical_id, "identifier": identifier and [{"value": identifier}]}
    return {"resourceType": "Patient", **{k: v for k, v in own.items() if v}, **more}


def by(identifier: str) -> Parameters:
    return (("identifier", identifier),)


@pytest.fixture
async def filled(door: Door) -> Door:
    """One Patient by ``one``, two by ``two``, none by ``none``."""
    await door.clear()
    await door.put(patient("p1", "one"), patient("p2", "two"), patient("p3", "two"), patient("p4", "other"))
    return door


async def create(door: Door, criteria: Parameters) -> Written:
    return await door.repository.write(
        Create(resource_type="Patient", body=body_of(patient(gender="male")), if_none_exist=criteria)
    )


async def update(door: Door, criteria: Parameters, body: Resource, if_match: str | None = None) -> Written:
    return await door.repository.write(
        Update(resource_type="Patient", body=body_of(body), criteria=criteria, if_match=if_match)
    )


async def patch(door: Door, criteria: Parameters, if_match: str | None = None) -> Written:
    def change(resource: Resource, _: Definitions) -> Resource:
        return {**resource, "gender": "female"}

    return await door.repository.write(
        Patch(resource_type="Patient", change=change, criteria=criteria, if_match=if_match)
    )


async def delete(door: Door, criteria: Parameters) -> Written:
    return await door.repository.write(Delete(resource_type="Patient", criteria=criteria))


def name_of(written: Written) -> str:
    assert written.version is not None
    return written.version.logical_id


async def test_create_without_match_processes_the_create(filled: Door) -> None:
    written = await create(filled, by("none"))
    assert (written.effect, name_of(written) in await filled.ids("Patient?gender=male")) == (Effect.CREATED, True)


async def test_create_with_one_match_ignores_the_post(filled: Door) -> None:
    written = await create(filled, by("one"))
    assert (written.effect, name_of(written)) == (Effect.UNCHANGED, "p1")
    assert await filled.ids("Patient?gender=male") == set()


async def test_create_with_many_matches_is_not_selective_enough(filled: Door) -> None:
    with pytest.raises(MultipleMatches):
        await create(filled, by("two"))


async def test_update_without_match_and_id_creates(filled: Door) -> None:
    written = await update(filled, by("none"), patient(identifier="none"))
    assert written.effect is Effect.CREATED
    assert (await update(filled, by("none"), patient(identifier="none"))).effect is Effect.UNCHANGED


async def test_update_without_match_but_with_an_id_creates_it(filled: Door) -> None:
    written = await update(filled, by("none"), patient("p9", "none"))
    assert (written.effect, name_of(written)) == (Effect.CREATED, "p9")


async def test_update_without_match_of_an_id_that_exists_is_a_conflict(filled: Door) -> None:
    with pytest.raises(Conflict):
        await update(filled, by("none"), patient("p1", "none"))


async def test_update_without_match_brings_a_deleted_instance_back(filled: Door) -> None:
    await delete(filled, by("one"))
    written = await update(filled, by("one"), patient("p1", "one", gender="male"))
    assert (written.effect, written.version and written.version.version_id) == (Effect.CREATED, 3)


@pytest.mark.parametrize("logical_id", [None, "p1"])
async def test_update_with_one_match_updates_it(filled: Door, logical_id: str | None) -> None:
    written = await update(filled, by("one"), patient(logical_id, "one", gender="male"))
    assert (written.effect, name_of(written)) == (Effect.UPDATED, "p1")
    assert await filled.ids("Patient?gender=male") == {"p1"}


async def test_update_with_one_match_and_another_id_is_refused(filled: Door) -> None:
    with pytest.raises(BadRequest):
        await update(filled, by("one"), patient("p4", "one"))


async def test_update_with_many_matches_is_not_selective_enough(filled: Door) -> None:
    with pytest.raises(MultipleMatches):
        await update(filled, by("two"), patient(identifier="two"))


async def test_if_match_holds_for_what_is_selected(filled: Door) -> None:
    with pytest.raises(PreconditionFailed):
        await update(filled, by("one"), patient(identifier="one", gender="male"), if_match="7")
    assert (await update(filled, by("one"), patient(identifier="one"), if_match="1")).effect is Effect.UNCHANGED
    with pytest.raises(PreconditionFailed):
        await patch(filled, by("one"), if_match="7")
    assert (await patch(filled, by("one"), if_match="1")).effect is Effect.UPDATED


async def test_patch_needs_exactly_one(filled: Door) -> None:
    assert name_of(await patch(filled, by("one"))) == "p1"
    with pytest.raises(NotFound):
        await patch(filled, by("none"))
    with pytest.raises(MultipleMatches):
        await patch(filled, by("two"))


async def test_delete_takes_all_that_match(filled: Door) -> None:
    assert (await delete(filled, by("none"))).effect is Effect.UNCHANGED
    written = await delete(filled, by("two"))
    assert (written.effect, written.deleted_count) == (Effect.DELETED, 2)
    assert await filled.ids("Patient?") == {"p1", "p4"}
    assert (await delete(filled, by("two"))).effect is Effect.UNCHANGED


async def test_delete_has_a_bound(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge, delete_bound=2) as door:
        await door.put(*(patient(f"p{i}", "many" if i < 3 else "few") for i in range(5)))
        with pytest.raises(TooCostly):
            await delete(door, by("many"))
        assert (await delete(door, by("few"))).deleted_count == 2
        assert len(await door.ids("Patient?")) == 3


async def test_criteria_may_chain(filled: Door) -> None:
    await filled.put({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
                      "subject": {"reference": "Patient/p1"}})  # fmt: skip
    written = await filled.repository.write(
        Delete(resource_type="Observation", criteria=(("patient.identifier", "one"),))
    )
    assert written.deleted_count == 1
    assert name_of(await patch(filled, (("_id", "p1,p9"), ("identifier:not", "two")))) == "p1"


REFUSED = [
    pytest.param((), BadRequest, id="no criteria"),
    pytest.param((("_count", "1"),), BadRequest, id="only a result parameter"),
    pytest.param((("identifier", "one"), ("_sort", "_id")), BadRequest, id="a result parameter"),
    pytest.param((("identifier", ""),), BadRequest, id="an empty one, which would select everything"),
    pytest.param((("identifier", "one"), ("name", "")), BadRequest, id="an empty one among others"),
    pytest.param((("nothing", "1"),), UnknownParameter, id="an unknown one, which nothing may ignore"),
    pytest.param((("birthdate", "x"),), BadSearchValue, id="a value that cannot be read"),
]


@pytest.mark.parametrize(("criteria", "error"), REFUSED)
@pytest.mark.parametrize("action", [create, patch, delete])
async def test_criteria_that_decide_nothing_are_refused(
    filled: Door, action: type, criteria: Parameters, error: type[Exception]
) -> None:
    before = await filled.ids("Patient?")
    with pytest.raises(error):
        await action(filled, criteria)
    assert await filled.ids("Patient?") == before


async def test_conditional_references_of_a_transaction(filled: Door) -> None:
    def observed(reference: str) -> Create:
        about = {"status": "final", "code": {"text": "x"}, "subject": {"reference": reference}}
        return Create(resource_type="Observation", body=body_of({"resourceType": "Observation", **about}))

    (written,) = await filled.repository.transact([observed("Patient?identifier=one")])
    assert written.version is not None
    assert b'"reference":"Patient/p1"' in (written.version.content or b"")
    for reference in ("Patient?identifier=none", "Patient?identifier=two"):
        with pytest.raises(PreconditionFailed) as failed:
            await filled.repository.transact([observed("Patient/p1"), observed(reference)])
        assert failed.value.write_index == 1
