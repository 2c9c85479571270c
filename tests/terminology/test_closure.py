"""$closure — http://hl7.org/fhir/R4/conceptmap-operation-closure.html"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.wire import Answer, Wire, in_parallel

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
OWN = "http://acme.org/closure"


def system_of(version: str) -> dict[str, Any]:
    inner = {"code": "b", "concept": [{"code": "c"}, {"code": "d"}]}
    return {"resourceType": "CodeSystem", "id": "closure-own", "url": OWN, "version": version, "status": "active",
            "content": "complete", "concept": [{"code": "a", "concept": [inner]}]}  # fmt: skip


@pytest.fixture(scope="module")
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        assert wire.send("PUT", "CodeSystem/closure-own", system_of("1")).status in (200, 201)
        yield wire


def close(wire: Wire, name: str | None, *codes: str, version: str | None = None, system: str = OWN) -> Answer:
    named = [] if name is None else [{"name": "name", "valueString": name}]
    concepts = [{"name": "concept", "valueCoding": {"system": system, "code": code}} for code in codes]
    versions = [] if version is None else [{"name": "version", "valueString": version}]
    parameters = [*named, *concepts, *versions]
    return wire.send("POST", "$closure", {"resourceType": "Parameters", "parameter": parameters})


def told(answer: Answer) -> tuple[str, list[str]]:
    """Return the version of the table and its entries as `below<above`."""
    assert answer.status == 200, answer.body
    elements = [element for group in answer.json.get("group", ()) for element in group["element"]]
    assert {target["equivalence"] for one in elements for target in one["target"]} <= {"subsumes"}
    found = sorted(f"{one['code']}<{target['code']}" for one in elements for target in one["target"])
    return answer.json["version"], found


def test_a_table_is_kept_step_by_step(wire: Wire) -> None:
    assert told(close(wire, "steps")) == ("0", []), "begun"
    assert told(close(wire, "steps", "c")) == ("1", [])
    assert told(close(wire, "steps", "a", "d")) == ("2", ["c<a", "d<a"])
    assert told(close(wire, "steps", "b")) == ("3", ["b<a", "c<b", "d<b"]), "what is new, above and below"
    assert told(close(wire, "steps", "b")) == ("4", []), "nothing new"
    assert told(close(wire, "steps", version="2")) == ("4", ["b<a", "c<b", "d<b"]), "told again since a version"
    assert told(close(wire, "steps", version="0")) == ("4", ["b<a", "c<a", "c<b", "d<a", "d<b"]), "told as a whole"
    assert told(close(wire, "steps")) == ("0", []), "begun anew"
    assert told(close(wire, "steps", version="0")) == ("0", [])


def test_concepts_have_all_their_parents_and_tables_several_code_systems(wire: Wire) -> None:
    close(wire, "several")
    close(wire, "several", "a", "b")
    version, entries = told(close(wire, "several", "FAMMEMB", "MTH", system=ROLES))
    assert (version, entries) == ("2", ["MTH<FAMMEMB"])


REFUSED = [
    pytest.param((None,), {}, 400, "needs a `name`", id="no name"),
    pytest.param(("never-begun", "a"), {}, 422, "begin it", id="a table that was not begun"),
    pytest.param(("never-begun",), {"version": "1"}, 422, "begin it", id="nothing to tell again"),
    pytest.param(("refused",), {"version": "7"}, 422, "anew", id="a version that it has not had"),
    pytest.param(("refused",), {"version": "x"}, 422, "anew", id="a version that is none"),
    pytest.param(("refused", "a"), {"version": "1"}, 400, "do not go together", id="concepts and a version"),
    pytest.param(("refused", "nothing"), {}, 422, "Unknown code 'nothing'", id="an unknown code"),
    pytest.param(("refused", "x"), {"system": "http://acme.org/nowhere"}, 422, "could not be found",
                 id="an unknown code system"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "more", "status", "says"), REFUSED)
def test_refusals(wire: Wire, given: tuple[str, ...], more: dict[str, str], status: int, says: str) -> None:
    close(wire, "refused")
    answer = close(wire, *given, **more)
    assert (answer.status, says in answer.body.decode()) == (status, True), answer.body


def test_it_changes_something_and_so_needs_post(wire: Wire) -> None:
    assert wire.call("GET", "$closure?name=x").status == 405


def test_a_table_whose_code_system_has_another_version_must_be_begun_anew(wire: Wire) -> None:
    close(wire, "moved")
    close(wire, "moved", "a", "b")
    assert wire.send("PUT", "CodeSystem/closure-own", system_of("2")).status == 200
    answer = close(wire, "moved", "c")
    assert (answer.status, "begin it anew" in answer.body.decode()) == (422, True)
    assert close(wire, "moved", version="0").status == 422
    assert told(close(wire, "moved")) == ("0", [])
    assert told(close(wire, "moved", "a", "c")) == ("1", ["c<a"])


def test_concepts_added_at_the_same_time_are_all_there(server: ServerProcess, wire: Wire) -> None:
    close(wire, "crowd")
    answers = in_parallel(server.port, lambda each, code: close(each, "crowd", code), "abcd", width=2)
    assert {one.status for one in answers} == {200}
    assert told(close(wire, "crowd", version="0")) == ("4", ["b<a", "c<a", "c<b", "d<a", "d<b"])
