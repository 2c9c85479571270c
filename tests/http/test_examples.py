"""Every official R4 example lives a whole life on the server and comes back as it was sent, to the digit.

Spec: http://hl7.org/fhir/R4/downloads.html (examples), http://hl7.org/fhir/R4/http.html, json.html#decimal
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server_process import ServerProcess
from tests.wire import Answer, Wire, in_parallel

HEAD = ("resourceType", "id", "meta")
OWN_META = ("versionId", "lastUpdated")
TAG = {"system": "http://example.org/tests", "code": "changed"}

REFUSED = {
    "ActivityDefinition-blood-tubes-supply.json": "txt-2: its narrative has no content",
    "ActivityDefinition-heart-valve-replacement.json": "txt-2: its narrative has no content",
    "EventDefinition-example.json": "txt-2: its narrative has no content",
    "ImplementationGuide-fhir.json": "`name`, `status` (1..1) are missing; a reference has an id of over 64 characters",
    "Questionnaire-qs1.json": "`Questionnaire.item.linkId` (1..1) is missing",
    "Questionnaire-zika-virus-exposure-assessment.json": "txt-2: its narrative has no content",
}
"""The examples that break the specification they illustrate, and the rule each breaks."""


class Example(msgspec.Struct, frozen=True):
    """One line of the corpus."""

    file: str
    resource: msgspec.Raw

    @property
    def raw(self) -> bytes:
        """The resource as its author wrote it, white space aside."""
        return bytes(self.resource)

    @property
    def named(self) -> tuple[str, str | None]:
        """Resource type and id."""
        members = msgspec.json.decode(self.raw, type=dict[str, msgspec.Raw])
        logical_id = members.get("id")
        resource_type = msgspec.json.decode(members["resourceType"], type=str)
        return resource_type, None if logical_id is None else msgspec.json.decode(logical_id, type=str)


class Match(msgspec.Struct):
    """An entry of a searchset, its resource undecoded."""

    resource: msgspec.Raw


class Searchset(msgspec.Struct):
    """A page of search results."""

    entry: list[Match] = []


class Typed(msgspec.Struct, rename="camel"):
    """A resource of which only the type matters."""

    resource_type: str


class Entry(msgspec.Struct):
    """An entry of a transaction."""

    resource: Typed


class Bundle(msgspec.Struct):
    """A transaction, as far as the test reads it."""

    entry: list[Entry]


class TransactionFile(msgspec.Struct, frozen=True):
    """One line of the Synthea corpus."""

    file: str
    bundle: msgspec.Raw


def tokens(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    """Decode JSON without losing anything: objects as lists of pairs, numbers as the text they were."""
    return json.loads(raw, object_pairs_hook=list, parse_int=literal, parse_float=literal)


def literal(text: str) -> tuple[str, str]:
    return ("number", text)


def members_of(raw: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])


def same_content(sent: bytes, served: bytes) -> bool:
    """Tell whether the members beside the head are the same, token for token and in the same order."""
    one, other = (
        [(name, bytes(raw)) for name, raw in members_of(r).items() if name not in HEAD] for r in (sent, served)
    )
    return one == other or [(n, tokens(v)) for n, v in one] == [(n, tokens(v)) for n, v in other]


def same_meta(sent: bytes, served: bytes) -> bool:
    """Tell whether the client's part of ``meta`` is the same."""
    one, other = (tokens(bytes(members_of(resource).get("meta", b"{}"))) for resource in (sent, served))
    return [pair for pair in one if pair[0] not in OWN_META] == [pair for pair in other if pair[0] not in OWN_META]


def changed(raw: bytes, key: str) -> bytes:
    """Give a resource the id it lives under and another tag; leave every other byte as it is."""
    members = members_of(raw)
    meta = members_of(bytes(members.get("meta", b"{}")))
    meta.pop("tag", None)
    members["meta"] = msgspec.Raw(msgspec.json.encode({**meta, "tag": [TAG]}))
    members["id"] = msgspec.Raw(msgspec.json.encode(key.partition("/")[2]))
    return msgspec.json.encode(members)


def read_lines(path: Path, kind: type[Any]) -> list[Any]:
    with gzip.open(path) as lines:
        return [msgspec.json.decode(line, type=kind) for line in lines]


@pytest.fixture(scope="module")
def examples(corpora: Path) -> list[Example]:
    return read_lines(corpora / "01-r4-examples" / "r4-examples.ndjson.gz", Example)


class Lives:
    """The lives of the examples: what became of each, and what went wrong."""

    def __init__(self) -> None:
        self.refused: dict[str, list[str]] = {}
        self.problems: list[str] = []
        self.living: list[str] = []

    def live(self, wire: Wire, example: Example) -> None:
        """Create, read, change, find, and read the first version again."""
        created = create(wire, example)
        if created.status == 422:
            self.refused[example.file] = [issue["diagnostics"] for issue in created.json["issue"]]
            return
        key = created.location
        self.living.append(key)
        self.expect(example, created.status == 201, f"create: {created.status}")
        self.check_served(wire, example, key)
        updated = wire.call("PUT", key, changed(example.raw, key))
        self.expect(example, (updated.status, updated.version) == (200, 2), f"update: {updated.status}")
        self.check_served(wire, example, f"{key}/_history/1")
        self.check_found(wire, example, key)

    def check_served(self, wire: Wire, example: Example, path: str) -> None:
        answer = wire.get(path)
        same = answer.status == 200 and same_content(example.raw, answer.body) and same_meta(example.raw, answer.body)
        self.expect(example, same, f"{path} is not what was sent ({answer.status})")

    def check_found(self, wire: Wire, example: Example, key: str) -> None:
        resource_type, _, logical_id = key.partition("/")
        answer = wire.get(f"{resource_type}?_id={logical_id}")
        found = msgspec.json.decode(answer.body, type=Searchset).entry
        same = [
            same_content(example.raw, bytes(entry.resource))
            and same_meta(changed(example.raw, key), bytes(entry.resource))
            for entry in found
        ]
        self.expect(example, same == [True], f"not found by _id as it was updated: {same}")

    def expect(self, example: Example, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(f"{example.file}: {problem}")


def create(wire: Wire, example: Example) -> Answer:
    resource_type, logical_id = example.named
    if logical_id is None:
        return wire.call("POST", resource_type, example.raw)
    return wire.call("PUT", f"{resource_type}/{logical_id}", example.raw)


def die(wire: Wire, key: str) -> list[int]:
    """Delete, then read; the version before the deletion stays readable."""
    return [wire.call("DELETE", key).status, wire.get(key).status, wire.get(f"{key}/_history/2").status]


def count(wire: Wire, resource_type: str) -> int:
    return int(wire.get(f"{resource_type}?_summary=count").json["total"])


def test_every_example_is_created_served_as_sent_updated_found_and_deleted(
    server: ServerProcess, examples: list[Example]
) -> None:
    lives = Lives()
    in_parallel(server.port, lives.live, examples)
    assert lives.refused.keys() == REFUSED.keys(), lives.refused
    assert lives.problems == []
    assert len(lives.living) == len(examples) - len(REFUSED)
    types = Counter(key.partition("/")[0] for key in lives.living)
    with Wire(server.port) as wire:
        assert {name: count(wire, name) for name in types} == types
        deaths = in_parallel(server.port, die, lives.living)
        assert Counter(map(tuple, deaths)) == {(204, 410, 200): len(lives.living)}
        assert {name: count(wire, name) for name in types} == dict.fromkeys(types, 0)


def test_every_synthea_record_is_one_transaction_whose_references_resolve(server: ServerProcess, corpora: Path) -> None:
    files = read_lines(corpora / "05-synthea" / "synthea-dev.ndjson.gz", TransactionFile)
    expected: Counter[str] = Counter()
    with Wire(server.port) as wire:
        for file in files:
            sent = msgspec.json.decode(file.bundle, type=Bundle)
            expected.update(entry.resource.resource_type for entry in sent.entry)
            answer = wire.call("POST", "", bytes(file.bundle))
            assert answer.status == 200, (file.file, answer.body[:500])
            statuses = Counter(entry["response"]["status"] for entry in answer.json["entry"])
            assert statuses == {"201 Created": len(sent.entry)}, file.file
        assert {name: count(wire, name) for name in expected} == expected
        keys, references = keys_and_references(wire, expected)
    assert len(keys) == expected.total()
    assert references - keys == set()


def keys_and_references(wire: Wire, types: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return ``Type/id`` of all that is stored, and of all that this refers to, contained resources aside."""
    keys: set[str] = set()
    references: set[str] = set()
    for name in types:
        for page in pages(wire, f"{name}?_count=1000"):
            for entry in page["entry"]:
                keys.add(f"{name}/{entry['resource']['id']}")
                references.update(references_in(entry["resource"]))
    return keys, references


def pages(wire: Wire, path: str) -> Iterator[Any]:
    """Follow the ``next`` links of a search."""
    url: str | None = path
    while url is not None:
        page = wire.get(url.partition("/fhir/")[2] or url).json
        yield page
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def references_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from references_in(member)
