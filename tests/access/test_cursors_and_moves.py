"""Cursors of other callers, records that are moved, elements that are kept: conformance.md §8 items 1, 3, 14.

The matrix compares a database with its twin; here are the cases that have no twin.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from tests.access.records import CATEGORY, LAB, SHARED, Json, labelled, record, to
from tests.access.situations import TYPES, Labelled, Masked, callers
from tests.access.worlds import OPERATOR, Ask, Callers, World, delete, fill, opened, put

WITHOUT_BINARIES = [f"user/{name}.rs" for name in TYPES if name != "Binary"]
_MADE = [
    callers({"a": ["patient/*.cruds"], "a-reader": ["patient/*.r"], "a-searcher": ["patient/*.s"]}, patient="a"),
    callers({"b": ["patient/*.cruds"]}, patient="b"),
    callers({"masked": ["user/*.cruds"]}, rules=Masked()),
    callers({"labelled": ["user/*.cruds"], "without-binaries": WITHOUT_BINARIES}, rules=Labelled()),
    callers(
        {
            "patcher": ["system/Observation.u"],
            "creator": ["system/Patient.c"],
            "all": ["system/*.cruds"],
            "observer": ["system/Observation.rs"],
            "updater": ["system/Observation.us"],
            "deleter": ["system/Observation.rs", f"system/Observation.d?category={CATEGORY}|{LAB}"],
        }
    ),
]
WHO = Callers(
    {name: caller for one in _MADE for name, caller in one.callers.items()},
    {name: rules for one in _MADE for name, rules in one.rules.items()},
)


@asynccontextmanager
async def opened_world(uri: str, knowledge: Knowledge) -> AsyncIterator[World]:
    """Open a world with the records of two patients."""
    async with opened(uri, knowledge, WHO) as found:
        a, b = record("a", "b", number=1), record("b", "a", number=2)
        await fill(found, map(put, (*SHARED, *a, *b)))
        yield found


NUMBERS = count(1)
"""Of requests: what they create has ids of its own."""
STATS = "Observation/$stats?subject=Patient/a&system=http://loinc.org&code=code-v&statistic=count"
META = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[World]:
    async with opened_world(mongodb_uri, knowledge) as found:
        yield found
        assert not found.faults


async def status(world: World, caller: str, method: str, path: str, body: Json | list[Json] | None = None) -> int:
    return (await sent(world, caller, method, path, body))[0]


async def sent(
    world: World, caller: str, method: str, path: str, body: Json | list[Json] | None = None
) -> tuple[int, str]:
    kind = {"content-type": "application/json-patch+json"} if method == "PATCH" else {}
    raw = None if body is None else json.dumps(body).encode()
    answer = (await world.ask(caller, Ask("", method, path, raw, kind), next(NUMBERS)))[0]
    return answer.status, answer.body


CURSORS = [
    pytest.param("Practitioner?_count=1&_sort=_id", id="search"),
    pytest.param("Practitioner/_history?_count=1", id="history"),
    pytest.param("Patient/$everything?_count=1", id="everything"),
]


@pytest.mark.parametrize("path", CURSORS)
async def test_a_cursor_is_the_tokens_own(world: World, path: str) -> None:
    """§8.14: page tokens are bound to token and query."""
    for number in range(2):
        await fill(world, [put({"resourceType": "Practitioner", "id": f"p{number}"})])
    response = await world.client.get(path, headers={"x-caller": "a"})
    following = next(link["url"] for link in response.json()["link"] if link["relation"] == "next")
    for caller, expected in (("a", 200), ("a-searcher", 400), ("b", 400), (OPERATOR, 400)):
        found = await world.client.get(following, headers={"x-caller": caller})
        assert found.status_code == (403 if "$" in path and caller == "a-searcher" else expected), caller
    answer = await world.client.get(following, headers={"x-caller": "b"})
    garbage = await world.client.get(f"{path}&_cursor=AAAA", headers={"x-caller": "b"})
    assert answer.json() == garbage.json()


async def test_what_moves_to_another_record_leaves_its_past_behind(world: World) -> None:
    """An earlier version is seen by who may see it and what there is now."""
    moved = {"resourceType": "Observation", "id": "moved", "status": "final", "code": {"text": "x"}}
    await fill(world, [put({**moved, "subject": to("Patient/b")}), put({**moved, "subject": to("Patient/a")})])
    now = (await sent(world, "a", "GET", "Observation/moved/_history"))[1]
    assert json.loads(now)["total"] == 1
    assert await status(world, "a", "GET", "Observation/moved/_history/2") == 200
    assert await status(world, "a", "GET", "Observation/moved/_history/1") == 404
    assert await status(world, "b", "GET", "Observation/moved/_history/1") == 404
    assert await status(world, "b", "GET", "Observation/moved/_history") == 404
    first = await world.client.get("Observation/moved/_history/1", headers={"x-caller": OPERATOR})
    then = first.json()["meta"]["lastUpdated"]
    for caller in ("a", "b"):
        assert await status(world, caller, "GET", f"Observation/moved?_at={then}") == 404
        found = json.loads((await sent(world, caller, "GET", f"Observation?_id=moved&_at={then}"))[1])
        assert found["total"] == 0
    pointing = {
        **moved,
        "id": "pointing",
        "subject": to("Patient/a"),
        "hasMember": [to("Observation/moved/_history/1")],
    }
    await fill(world, [put(pointing)])
    page = json.loads((await sent(world, "a", "GET", "Observation?_id=pointing&_include=Observation:has-member"))[1])
    assert page["entry"][1]["resource"]["meta"]["versionId"] == "2"
    for path in ("Observation/_history", "_history"):
        for caller, versions in (("a", {"2"}), ("b", set())):
            bundle = json.loads((await sent(world, caller, "GET", f"{path}?_count=200"))[1])
            own = [e["resource"] for e in bundle.get("entry", ()) if e.get("resource", {}).get("id") == "moved"]
            assert {one["meta"]["versionId"] for one in own} == versions


async def test_a_deletion_is_seen_by_who_saw_what_was_deleted(world: World) -> None:
    gone = {"resourceType": "Observation", "id": "gone", "status": "final", "code": {"text": "x"}}
    gone["subject"] = to("Patient/a")  # type: ignore[assignment]
    await fill(world, [put(gone), delete(gone)])
    for caller, expected in (("a", 410), ("b", 404)):
        assert await status(world, caller, "GET", "Observation/gone") == expected
        assert await status(world, caller, "GET", "Observation/gone/_history") == (200 if expected == 410 else 404)


REFUSED = [
    pytest.param("a", "POST", "Observation", {"subject": to("Patient/b")}, 403, id="create in another record"),
    pytest.param("a", "POST", "Observation", {}, 403, id="create in nobody's record"),
    pytest.param("a", "PUT", "Observation/a-Observation", {"subject": to("Patient/b")}, 403, id="move out"),
    pytest.param("a", "PUT", "Observation/b-Observation", {"subject": to("Patient/a")}, 404, id="move in"),
    pytest.param("a", "PUT", "Observation/nobody", {"subject": to("Patient/a")}, 404, id="choose an id"),
    pytest.param("a", "POST", "Patient", {}, 403, id="create a patient"),
    pytest.param("a", "DELETE", "Patient/a", None, 403, id="delete the patient"),
    pytest.param("a", "DELETE", "Consent/a-Consent", None, 403, id="§8.6: delete a consent"),
    pytest.param("a", "POST", "AuditEvent", {}, 403, id="§8.3: write the trail"),
    pytest.param("a", "PUT", "Practitioner/doc", {}, 403, id="write a directory"),
    pytest.param("a", "POST", "ValueSet", {"status": "active"}, 403, id="write terminology"),
    pytest.param("a-reader", "GET", "Observation", None, 403, id="r searches nothing"),
    pytest.param("a-reader", "GET", "Observation/_history", None, 403, id="r has no history of a type"),
    pytest.param("a-reader", "GET", "_history", None, 403, id="r has no history of the system"),
    pytest.param("a-reader", "GET", "?_id=a", None, 403, id="r does not search the system"),
    pytest.param("a-reader", "GET", "_history?_type=Observation", None, 403, id="r has no history of named types"),
    pytest.param("a-reader", "GET", "?_id=a&_format=ndjson", None, 403, id="r streams nothing"),
    pytest.param("a-reader", "GET", "Observation/$meta", None, 403, id="r has no labels of a type"),
    pytest.param("a-reader", "GET", "Observation/$lastn?patient=a&category=x", None, 403, id="r has no lastn"),
    pytest.param("a-reader", "GET", "Patient/$everything", None, 403, id="r has not everybody's everything"),
    pytest.param("a-reader", "GET", STATS, None, 403, id="r has no statistics"),
    pytest.param("a-reader", "POST", "Observation", {"subject": to("Patient/a")}, 403, id="r creates nothing"),
    pytest.param("a-reader", "PUT", "Observation/a-vital", {"subject": to("Patient/a")}, 403, id="r updates nothing"),
    pytest.param("a-reader", "PATCH", "Observation/a-vital", [], 403, id="r patches nothing"),
    pytest.param("a-reader", "DELETE", "Observation/a-vital", None, 403, id="r deletes nothing"),
    pytest.param("a-reader", "POST", "Observation/a-vital/$meta-add", META, 403, id="r labels nothing"),
    pytest.param("a-searcher", "GET", "Observation/a-vital?_at=2100", None, 403, id="s reads nothing as of then"),
    pytest.param("a-searcher", "GET", "Observation/a-vital/_history/1", None, 403, id="s reads no version"),
    pytest.param("observer", "GET", "?_type=Observation,Patient", None, 403, id="one of the types named"),
    pytest.param("observer", "GET", "Observation?_query=coded&code=x", None, 400, id="a query that is not to be seen"),
    pytest.param("updater", "PUT", "Observation?_id=nobody", {}, 403, id="u and s alone do not create"),
    pytest.param("patcher", "PUT", "Observation?_id=a-vital", {}, 403, id="u alone: no conditional update"),
    pytest.param("patcher", "PATCH", "Observation?_id=a-vital", [], 403, id="u alone: no conditional patch"),
    pytest.param("a-searcher", "GET", "Observation/a-Observation", None, 403, id="s reads nothing"),
    pytest.param("a-searcher", "GET", "Observation/a-Observation/_history", None, 403, id="s has no history"),
    pytest.param("a-searcher", "GET", "Patient/a/$everything", None, 403, id="s has no everything"),
    pytest.param("creator", "PUT", "Patient?identifier=x", {}, 403, id="c alone: no conditional update"),
    pytest.param("a", "POST", "$reindex", {"resourceType": "Parameters"}, 403, id="§8.5: no reindex"),
    pytest.param("all", "POST", "$reindex", {"resourceType": "Parameters"}, 403, id="§8.5: not for any client"),
    pytest.param("a", "GET", "Patient/a/$access-log", None, 403, id="the access log is for the patient, no app"),
    pytest.param("all", "GET", "Patient/nobody/$access-log", None, 403, id="of nobody too"),
    pytest.param("a", "GET", "Observation?_explain=true", None, 403, id="no explanations"),
    pytest.param("masked", "PUT", "Patient/a", {}, 403, id="no update of what is masked"),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(one.values, id=one.id) for one in REFUSED])
async def test_is_refused(world: World, case: tuple[str, str, str, Json | None, int]) -> None:
    caller, method, path, body, expected = case
    resource_type, _, logical_id = path.partition("?")[0].partition("/")
    if isinstance(body, dict) and "$" not in path:
        own = {"id": logical_id} if logical_id and "?" not in path else {}
        body = {"resourceType": resource_type, **own, **BODIES.get(resource_type, {}), **body}
    raw = None if body is None else json.dumps(body).encode()
    kind = {"content-type": "application/json-patch+json"} if method == "PATCH" else {}
    answer = (await world.ask(caller, Ask("", method, path, raw, kind), next(NUMBERS)))[0]
    assert answer.status == expected, answer.body
    assert INSUFFICIENT in answer.headers or caller not in NARROW or expected != 403


INSUFFICIENT = ("www-authenticate", 'Bearer error="insufficient_scope"')
NARROW = ("a-reader", "a-searcher", "creator", "updater", "patcher", "observer")
"""Callers whose scopes give them nothing on what they ask for."""
BODIES: dict[str, Json] = {
    "Observation": {"status": "final", "code": {"text": "x"}},
    "AuditEvent": {"type": {"code": "rest"}, "recorded": "2024-01-01T00:00:00Z", "agent": [{"requestor": True}],
                   "source": {"observer": {"display": "x"}}},
}  # fmt: skip


MOVES = [
    pytest.param("POST", "Observation", {}, id="create"),
    pytest.param("PUT", "Observation/a-vital", {"id": "a-vital"}, id="update"),
    pytest.param("PUT", "Observation?_id=a-vital", {}, id="conditional update"),
    pytest.param("PUT", "Observation?_id=nobody", {}, id="conditional update that creates"),
]


@pytest.mark.parametrize(("method", "path", "body"), MOVES)
async def test_a_transaction_writes_into_no_other_record(world: World, method: str, path: str, body: Json) -> None:
    resource = {"resourceType": "Observation", "subject": to("Patient/b"), **BODIES["Observation"], **body}
    entry = {"resource": resource, "request": {"method": method, "url": path}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert await status(world, "a", "POST", "", bundle) == 403
    entry["resource"] = {**resource, "subject": to("Patient/a")}
    assert await status(world, "a", "POST", "", bundle) == 200


async def test_a_transaction_chooses_no_ids(world: World) -> None:
    """Whether something hidden has the id or nothing."""
    for logical_id in ("b-Observation", "nobody"):
        own = {"resourceType": "Observation", "id": logical_id, "subject": to("Patient/a"), **BODIES["Observation"]}
        for url in (f"Observation/{logical_id}", "Observation?_id=none"):
            entry = {"resource": own, "request": {"method": "PUT", "url": url}}
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
            assert await status(world, "a", "POST", "", bundle) == 404, (logical_id, url)


async def test_a_patch_moves_nothing_to_another_record(world: World) -> None:
    patch = [change("replace", "/subject/reference", "Patient/b")]
    assert await status(world, "a", "PATCH", "Observation/a-vital", patch) == 403
    assert await status(world, "a", "PATCH", "Observation/b-vital", patch) == 404


async def test_a_conditional_delete_finds_what_may_be_deleted(world: World) -> None:
    await fill(world, map(put, record("d", "a", number=3)))
    for logical_id, left in (("d-vital", 200), ("d-Observation", 410)):
        assert await status(world, "deleter", "DELETE", f"Observation?_id={logical_id}") == 204
        assert await status(world, "deleter", "GET", f"Observation/{logical_id}") == left
    assert await status(world, "deleter", "DELETE", "Observation/d-vital") == 403


async def test_a_binary_is_written_by_who_may(world: World) -> None:
    plain = {"content-type": "text/plain"}
    own = {**plain, "x-security-context": "Patient/a"}
    for caller, method, path, headers, expected in (
        ("a-reader", "POST", "Binary", own, 403),
        ("a", "POST", "Binary", plain, 403),
        ("a", "POST", "Binary", own, 201),
        ("a", "PUT", "Binary/a-context", own, 200),
        ("a", "PUT", "Binary/b-context", own, 404),
        ("a", "PUT", "Binary/nobody", own, 404),
        ("a", "PUT", "Binary/a-context", {**plain, "x-security-context": "Patient/b"}, 403),
    ):
        answer = (await world.ask(caller, Ask("", method, path, b"text", headers), next(NUMBERS)))[0]
        assert answer.status == expected, (caller, method, path, headers)
        assert INSUFFICIENT in answer.headers or caller not in NARROW


async def test_a_user_writes_no_binary_that_is_not_shown_to_it(world: World) -> None:
    for logical_id, expected in (("b-context", 404), ("b-form", 404), ("nobody", 404), ("a-form", 200)):
        body = {"resourceType": "Binary", "id": logical_id, "contentType": "text/plain", "data": "dGV4dA=="}
        assert await status(world, "labelled", "PUT", f"Binary/{logical_id}", body) == expected
    await fill(world, [put(one) for one in record("b", "a", number=2) if one["resourceType"] == "Binary"])


async def test_insufficient_scope_is_said_as_oauth_has_it(world: World) -> None:
    answer = (await world.ask("a-reader", Ask("", "GET", "Observation")))[0]
    assert INSUFFICIENT in answer.headers


async def test_labels_are_not_an_apps_to_set_or_remove(world: World) -> None:
    """§8.3: mass assignment of meta.security."""
    label = {"security": [{"system": "http://x", "code": "R"}]}
    own = {"resourceType": "Observation", "subject": to("Patient/a"), **BODIES["Observation"]}
    assert await status(world, "a", "POST", "Observation", {**own, "meta": label}) == 403
    assert await status(world, "a", "POST", "Observation", own) == 201
    await fill(world, [put({**own, "id": "labelled", "meta": label})])
    assert await status(world, "a", "PUT", "Observation/labelled", {**own, "id": "labelled"}) == 403
    kept = {**own, "id": "labelled", "meta": label, "status": "amended"}
    assert await status(world, "a", "PUT", "Observation/labelled", kept) == 200
    meta = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": label}]}
    assert await status(world, "a", "POST", "Observation/labelled/$meta-delete", meta) == 403
    assert await status(world, "labelled", "POST", "Observation/a-vital/$meta-add", meta) == 200


async def test_a_patch_leaves_masked_elements_as_they_are(world: World) -> None:
    assert await status(world, "masked", "PATCH", "Patient/a", [change("replace", "/gender", "other")]) == 200
    patient = json.loads((await sent(world, OPERATOR, "GET", "Patient/a"))[1])
    assert (patient["gender"], patient["birthDate"]) == ("other", "1910-01-01")
    assert patient["contact"][0]["telecom"][0]["value"] == "+3291"
    assert "telecom" in patient


MASKED_PATCHES = [
    pytest.param([{"op": "test", "path": "/birthDate", "value": "1910-01-01"}], id="test tells nothing"),
    pytest.param([{"op": "copy", "from": "/birthDate", "path": "/language"}], id="copy tells nothing"),
    pytest.param([{"op": "move", "from": "/telecom", "path": "/extension"}], id="move tells nothing"),
    pytest.param([{"op": "remove", "path": "/birthDate"}], id="remove finds nothing"),
    pytest.param([{"op": "add", "path": "/birthDate", "value": "2000-01-01"}], id="add is refused"),
    pytest.param(
        [{"op": "add", "path": "/contact/0/name/family", "value": "X"}], id="what holds masked parts is refused"
    ),
    pytest.param([{"op": "add", "path": "/text", "value": {"status": "empty"}}], id="the narrative is refused"),
]


@pytest.mark.parametrize("patch", MASKED_PATCHES)
async def test_a_patch_of_masked_elements_is_refused(world: World, patch: list[Json]) -> None:
    before = (await sent(world, OPERATOR, "GET", "Patient/b"))[1]
    code, body = await sent(world, "masked", "PATCH", "Patient/b", patch)
    assert code >= 400
    assert "1920" not in body
    assert (await sent(world, OPERATOR, "GET", "Patient/b"))[1] == before


async def test_who_only_updates_is_shown_nothing(world: World) -> None:
    code, body = await sent(world, "patcher", "PATCH", "Observation/a-vital", [change("add", "/language", "fr")])
    assert (code, body) == (200, "")
    assert await status(world, "patcher", "GET", "Observation/a-vital") == 403
    code, body = await sent(world, "patcher", "POST", "Observation/a-vital/$meta-add", META)
    assert (code, body) == (200, '{"resourceType":"Parameters"}')


async def test_a_binary_is_read_where_it_is_shown(world: World) -> None:
    for caller, form, context in (("a", "a-form", "a-context"), ("b", "b-form", "b-context")):
        other = "b" if caller == "a" else "a"
        assert await status(world, caller, "GET", f"Binary/{form}") == 200
        assert await status(world, caller, "GET", f"Binary/{context}") == 200
        assert await status(world, other, "GET", f"Binary/{form}") == 404
        assert await status(world, other, "GET", f"Binary/{context}") == 404
    everything = json.loads((await sent(world, "a", "GET", "Patient/a/$everything"))[1])
    found = {entry["resource"]["id"] for entry in everything["entry"] if entry["resource"]["resourceType"] == "Binary"}
    assert found == {"a-form"}


async def test_what_shows_a_binary_is_no_scope_for_it(world: World) -> None:
    """An attachment leads to a Binary of who may read Binaries."""
    for caller, expected in (("labelled", {"Binary/a-form"}), ("without-binaries", set())):
        everything = json.loads((await sent(world, caller, "GET", "Patient/a/$everything"))[1])
        keys = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in everything["entry"]}
        assert {key for key in keys if key.startswith("Binary/")} == expected
    assert await status(world, "without-binaries", "GET", "Binary/a-form") == 403


async def test_what_is_remembered_of_a_hidden_definition_is_not_shared(world: World) -> None:
    """Who sees a value set has just asked for it: others are answered as if it were not there."""
    shared = next(one for one in SHARED if one["resourceType"] == "ValueSet")
    await fill(world, [put(one) for one in labelled([{**shared, "url": "http://example.org/kept"}], "s-", "R")])
    asks = ["Observation?code:in=http://example.org/kept", "ValueSet/$expand?url=http://example.org/kept"]
    for ask in asks:
        for caller in (OPERATOR, OPERATOR, "labelled"):
            code, body = await sent(world, caller, "GET", ask)
            assert code == 200 or caller == "labelled"
        absent = await sent(world, "labelled", "GET", ask.replace("kept", "none"))
        assert (code, body.replace("kept", "none")) == absent


async def test_an_entry_of_a_bundle_is_held_against_the_access_by_itself(world: World) -> None:
    """§1.7.49."""
    entries = [("GET", "Observation/a-vital"), ("GET", "Observation/b-vital"), ("GET", "Observation?_id=b-vital")]
    batch = {"resourceType": "Bundle", "type": "batch",
             "entry": [{"request": {"method": method, "url": url}} for method, url in entries]}  # fmt: skip
    answered = json.loads((await sent(world, "a", "POST", "", batch))[1])["entry"]
    assert [entry["response"]["status"][:3] for entry in answered] == ["200", "404", "200"]
    assert answered[2]["resource"].get("total") == 0
    one = json.loads((await sent(world, "a-reader", "POST", "", batch))[1])["entry"]
    assert [entry["response"]["status"][:3] for entry in one] == ["200", "404", "403"]


def change(operation: str, path: str, value: object) -> Json:
    return {"op": operation, "path": path, "value": value}
