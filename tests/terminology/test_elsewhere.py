"""Other terminology servers, asked for code systems that nobody here has: a second server of ours is one

http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fhirserver.kernel.outcome import Unavailable
from fhirserver.outbound.client import Answer as Said
from fhirserver.outbound.guard import Refused
from fhirserver.terminology.elsewhere import Elsewhere
from fhirserver.terminology.issues import TermError
from tests.server_process import ServerProcess, free_port, serving
from tests.wire import Answer, Wire

THERE = "http://acme.org/elsewhere/animals"
CODES = {
    "resourceType": "CodeSystem", "id": "animals", "url": THERE, "version": "1", "name": "Animals", "status": "active",
    "content": "complete", "concept": [
        {"code": "animal", "display": "Animal", "concept": [{"code": "dog", "display": "Dog"}]}]}  # fmt: skip
DOGS = {"system": THERE, "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}
VALUE_SETS: list[dict[str, Any]] = [
    {"resourceType": "ValueSet", "id": "dogs", "url": "http://acme.org/vs/dogs", "status": "active",
     "compose": {"include": [DOGS]}},
    {"resourceType": "ValueSet", "id": "importing", "url": "http://acme.org/vs/importing", "status": "active",
     "compose": {"include": [{"valueSet": ["http://acme.org/vs/dogs"]}]}},
    {"resourceType": "ValueSet", "id": "silent", "url": "http://acme.org/vs/silent", "status": "active",
     "compose": {"include": [{"system": "http://acme.org/silent"}]}},
]  # fmt: skip


@pytest.fixture(scope="module")
def wire(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A server that asks another one, a port where nobody answers, and an address that it must not ask."""
    folder, silent = tmp_path_factory.mktemp("elsewhere"), free_port()
    with serving(ServerProcess(folder / "there", mongodb_uri)) as there:
        environment = {
            "TERMINOLOGY_SERVERS": f"http://acme.org/elsewhere={there.base},"
            f"http://acme.org/silent=http://localhost:{silent}/fhir,http://acme.org/private=https://10.1.2.3/fhir",
            "OUTBOUND_ALLOW": f"localhost:{there.port},localhost:{silent}",
        }
        with serving(ServerProcess(folder / "here", mongodb_uri, environment=environment)) as here:
            with Wire(there.port) as other:
                assert other.send("PUT", "CodeSystem/animals", CODES).status == 201
            with Wire(here.port) as wire:
                for one in VALUE_SETS:
                    assert wire.send("PUT", f"ValueSet/{one['id']}", one).status == 201
                yield wire


def value(answer: Answer, name: str) -> Any:  # noqa: ANN401 - JSON
    assert answer.status == 200, answer.body
    found = next((one for one in answer.json["parameter"] if one["name"] == name), {})
    return next((part for key, part in found.items() if key.startswith("value")), None)


def test_lookup(wire: Wire) -> None:
    assert value(wire.call("GET", f"CodeSystem/$lookup?system={THERE}&code=dog"), "display") == "Dog"
    coding = {"name": "coding", "valueCoding": {"system": THERE, "code": "animal"}}
    posted = wire.send("POST", "CodeSystem/$lookup", {"resourceType": "Parameters", "parameter": [coding]})
    assert value(posted, "display") == "Animal"


@pytest.mark.parametrize(
    ("query", "result"),
    [
        pytest.param(f"CodeSystem/$validate-code?url={THERE}&code=dog", True, id="a code of the code system"),
        pytest.param(f"CodeSystem/$validate-code?url={THERE}&code=cat", False, id="no code of it"),
        pytest.param(f"ValueSet/$validate-code?url=http://acme.org/vs/dogs&system={THERE}&code=dog", True,
                     id="a code of a value set that is here"),
        pytest.param(f"ValueSet/$validate-code?url=http://acme.org/vs/dogs&system={THERE}&code=animal", False,
                     id="no code of it, by its filter"),
        pytest.param(f"ValueSet/$validate-code?url=http://acme.org/vs/importing&system={THERE}&code=dog", True,
                     id="a value set that imports one"),
        pytest.param("ValueSet/$validate-code?url=http://acme.org/vs/dogs&system=http://a.b&code=dog", False,
                     id="a code of another code system is not asked for"),
    ],
)  # fmt: skip
def test_validate_code(wire: Wire, query: str, result: bool) -> None:
    assert value(wire.call("GET", query), "result") is result


def test_expand(wire: Wire) -> None:
    for name in ("dogs", "importing"):
        answer = wire.call("GET", f"ValueSet/{name}/$expand?count=10")
        assert answer.status == 200, answer.body
        assert [one["code"] for one in answer.json["expansion"]["contains"]] == ["dog"]


FAILURES = [
    pytest.param(f"CodeSystem/$lookup?system={THERE}&code=cat", 422, "says: Unknown code 'cat'", id="it refuses"),
    pytest.param(f"CodeSystem/$lookup?system={THERE}-2&code=cat", 422, "could not be found", id="it has none either"),
    pytest.param("CodeSystem/$lookup?system=http://acme.org/silent&code=x", 503, "does not answer", id="nobody there"),
    pytest.param("ValueSet/silent/$expand", 503, "http://acme.org/silent", id="nobody there to expand"),
    pytest.param("CodeSystem/$lookup?system=http://acme.org/private&code=x", 503, "not public", id="a private address"),
    pytest.param("CodeSystem/$lookup?system=http://acme.org/none&code=x", 422, "could not be found", id="no server"),
]


@pytest.mark.parametrize(("query", "status", "says"), FAILURES)
def test_failures(wire: Wire, query: str, status: int, says: str) -> None:
    answer = wire.call("GET", query)
    assert (answer.status, says in answer.body.decode()) == (status, True), answer.body


class Listener:
    """A server that answers what it is told to, and counts how often it was asked."""

    def __init__(self, *says: Said | Refused) -> None:
        self._says = list(says)
        self.asked: list[str] = []

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = 0,
    ) -> Said:
        self.asked.append(url)
        said = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if isinstance(said, Refused):
            raise said
        return said


GOOD = Said(200, {}, b'{"resourceType":"Parameters","parameter":[]}')
QUESTION = ("http://acme.org/x", "CodeSystem/$lookup", [{"name": "code", "valueCode": "a"}], None)


async def test_answers_are_remembered_and_the_longest_prefix_counts() -> None:
    listener = Listener(GOOD)
    servers = [("http://acme.org", "https://a.example/fhir/"), ("http://acme.org/x", "https://b.example/fhir")]
    elsewhere = Elsewhere(servers, listener)
    for _ in range(2):
        assert (await elsewhere.ask(*QUESTION))["parameter"] == []
    assert listener.asked == ["https://b.example/fhir/CodeSystem/$lookup"]
    await elsewhere.ask(*QUESTION[:3], "fr")
    assert len(listener.asked) == 2, "another language is another question"
    assert not elsewhere.serves("http://b.org")


async def test_a_server_that_fails_is_left_alone() -> None:
    listener = Listener(Refused("It is away."), Said(500, {}, b""), Refused("It is away."), GOOD)
    elsewhere = Elsewhere([("http://acme.org", "https://a.example/fhir")], listener)
    for text in ("is away", "answers 500", "is away", "left alone", "left alone"):
        with pytest.raises(Unavailable, match=text):
            await elsewhere.ask(*QUESTION)
    assert len(listener.asked) == 3


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        pytest.param(Said(200, {}, b"<html>"), Unavailable, id="no JSON"),
        pytest.param(Said(200, {}, b"[]"), Unavailable, id="no resource"),
        pytest.param(Said(200, {}, b'{"resourceType":"Patient"}'), Unavailable, id="another resource"),
        pytest.param(Said(302, {}, b""), Unavailable, id="a redirect"),
        pytest.param(Said(429, {}, b""), Unavailable, id="too many requests"),
        pytest.param(Said(404, {}, b""), TermError, id="a refusal without a reason"),
        pytest.param(Said(404, {}, b'{"issue":[{"diagnostics":"No."}]}'), TermError, id="a refusal with a reason"),
        pytest.param(Said(404, {}, b'{"issue":7}'), TermError, id="a refusal that cannot be read"),
    ],
)
async def test_what_else_a_server_may_say(said: Said, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        await Elsewhere([("http://acme.org", "https://a.example/fhir")], Listener(said)).ask(*QUESTION)
