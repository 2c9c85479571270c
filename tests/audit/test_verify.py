"""``fhirserver audit verify`` finds what was done to the chain behind the server's back."""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pymongo.collection import Collection
from typer.testing import CliRunner

from fhirserver.app.auditing import chain_secret
from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.verifying import verify_sites
from fhirserver.audit.verify import Flaw, Report, Span, read_link, written_link
from fhirserver.cli.main import app as cli
from fhirserver.settings import Settings
from fhirserver.store.audit import Link
from tests.audit.conftest import Trail
from tests.conftest import client_of, new_settings, running

Document = dict[str, Any]
Resources = Collection[Document]
EVENTS = 12


class Tampered:
    """A site with a chain of its own, to be tampered with."""

    def __init__(self, settings: Settings, uri: str) -> None:
        self.settings = settings
        self.uri = uri

    def database(self, client: MongoClient[Document]) -> Any:  # noqa: ANN401 - the driver's
        return client[self.settings.database("main")]

    def tamper(self, change: Callable[[Resources], None]) -> None:
        with MongoClient[Document](self.uri) as client:
            change(self.database(client)["resource"])

    async def verify(self, span: Span | None = None) -> Report:
        """Walk the chain in a loop of its own."""
        args = (self.settings, self.uri, ["main"], span or Span(), lambda site, seen, total: None)
        return (await asyncio.to_thread(verify_sites, *args))["main"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def written(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, list[Document], list[Document]]:
    """A chain of some events: its settings, resources and head."""
    settings = new_settings(audit=True, data_dir=tmp_path_factory.mktemp("data"))
    async with running(settings, mongodb_uri, knowledge) as app:
        await write_events(app)
        with MongoClient[Document](mongodb_uri) as client:
            database = client[settings.database("main")]
            return settings, list(database["resource"].find()), list(database["setting"].find())


@pytest.fixture
def chain(written: tuple[Settings, list[Document], list[Document]], mongodb_uri: str) -> Iterator[Tampered]:
    """A copy of the chain, to be tampered with."""
    settings, resources, head = written
    settings = settings.model_copy(update={"database_prefix": f"test_{secrets.token_hex(6)}"})
    with MongoClient[Document](mongodb_uri) as client:
        database = client[settings.database("main")]
        database["resource"].create_index([("t", 1), ("n", 1)], name="terms")
        database["resource"].insert_many(resources)
        database["setting"].insert_many(head)
        yield Tampered(settings, mongodb_uri)
        client.drop_database(database.name)


async def write_events(app: Application) -> None:
    """Make requests and wait until the events of all of them are there."""
    async with client_of(app) as client:
        for number in range(EVENTS):
            await client.get(f"Patient/unknown-{number}")
        await Trail(client).of("GET", "Basic?code=last")
        await asyncio.sleep(1.0)


def by_number(number: int) -> Document:
    return {"k.0": number}


def change_content(resources: Resources) -> None:
    event = resources.find_one(by_number(5))
    assert event is not None
    changed = event["x"].replace(b'"outcome":"4"', b'"outcome":"0"')
    assert changed != event["x"]
    resources.update_one(by_number(5), {"$set": {"x": changed}})


def forge(resources: Resources) -> None:
    event = resources.find_one(by_number(5))
    assert event is not None
    resources.insert_one({**event, "_id": "AuditEvent/forged", "n": event["n"] + 1, "k": [6, b"x" * 32]})


def swap(resources: Resources) -> None:
    first, second = resources.find_one(by_number(4)), resources.find_one(by_number(5))
    assert first is not None
    assert second is not None
    resources.update_one({"_id": first["_id"]}, {"$set": {"k": second["k"], "n": second["n"]}})
    resources.update_one({"_id": second["_id"]}, {"$set": {"k": first["k"], "n": first["n"]}})


TAMPERINGS = [
    pytest.param(change_content, [Flaw.ALTERATION], id="the content of an event is changed"),
    pytest.param(lambda r: r.delete_one(by_number(5)), [Flaw.GAP], id="an event is removed"),
    pytest.param(lambda r: r.delete_many({"k.0": {"$in": [3, 4, 5]}}), [Flaw.GAP], id="events are removed"),
    pytest.param(lambda r: r.delete_one(by_number(1)), [Flaw.GAP], id="the first event is removed"),
    pytest.param(lambda r: r.delete_many({"k.0": {"$gt": 10}}), [Flaw.TRUNCATION], id="the end is cut off"),
    pytest.param(lambda r: r.delete_many({"k": {"$exists": True}}), [Flaw.TRUNCATION], id="all is removed"),
    pytest.param(
        lambda r: r.update_one(by_number(5), {"$unset": {"x": ""}}), [Flaw.ALTERATION], id="an event loses its content"
    ),
    pytest.param(
        lambda r: r.update_one(by_number(5), {"$unset": {"k": ""}}),
        [Flaw.ALTERATION, Flaw.GAP],
        id="an event loses its link",
    ),
    pytest.param(
        lambda r: r.update_one(by_number(5), {"$pull": {"t": "AuditEvent.patient=Patient/unknown-4"}}),
        [Flaw.ALTERATION],
        id="an event is not found any more by the patient it is about",
    ),
    pytest.param(swap, [Flaw.ALTERATION, Flaw.ALTERATION], id="two events change places"),
    pytest.param(forge, [Flaw.ALTERATION, Flaw.ALTERATION], id="an event is put in"),
]


@pytest.mark.parametrize(("change", "flaws"), TAMPERINGS)
async def test_what_was_done_to_the_chain_is_found(
    chain: Tampered, change: Callable[[Resources], None], flaws: list[Flaw]
) -> None:
    assert (await chain.verify()).findings == []
    chain.tamper(change)
    report = await chain.verify()
    assert [finding.flaw for finding in report.findings] == flaws


async def test_an_untouched_chain_is_whole_and_names_its_head(chain: Tampered) -> None:
    report = await chain.verify()
    assert report.flaws == 0
    assert report.checked > EVENTS
    assert report.head is not None
    assert report.last == report.head.link


async def test_a_head_that_was_moved_by_hand_is_found(chain: Tampered) -> None:
    with MongoClient[Document](chain.uri) as client:
        database = chain.database(client)
        fifth = database["resource"].find_one(by_number(5))
        moved = {"number": 5, "mac": fifth["k"][1], "place": fifth["n"]}
        database["setting"].update_one({"_id": "audit chain"}, {"$set": moved})
        database["resource"].delete_many({"k.0": {"$gt": 5}})
    assert [finding.flaw for finding in (await chain.verify()).findings] == [Flaw.ALTERATION]


async def test_a_head_that_was_put_back_is_found_by_one_that_was_noted(chain: Tampered) -> None:
    noted = (await chain.verify()).head
    assert noted is not None
    with MongoClient[Document](chain.uri) as client:
        database = chain.database(client)
        database["resource"].delete_many({"k": {"$exists": True}})
        database["setting"].delete_one({"_id": "audit chain"})
    assert (await chain.verify()).flaws == 0
    report = await chain.verify(Span(expected=noted.link))
    assert [finding.flaw for finding in report.findings] == [Flaw.TRUNCATION]


async def test_a_part_of_the_chain_is_verified_from_where_it_begins(chain: Tampered) -> None:
    with MongoClient[Document](chain.uri) as client:
        sixth = chain.database(client)["resource"].find_one(by_number(6))
    whole = await chain.verify()
    part = await chain.verify(Span(since_us=sixth["n"] >> 10))
    assert part.flaws == 0
    assert 0 < part.checked < whole.checked
    assert (await chain.verify(Span(until_us=sixth["n"] >> 10))).checked < whole.checked - part.checked + 1


async def test_another_key_verifies_nothing(chain: Tampered) -> None:
    other = chain.settings.model_copy(update={"secret_key": "x" * 40})
    assert chain_secret(other) != chain_secret(chain.settings)
    report = await Tampered(other, chain.uri).verify()
    assert report.flaws > EVENTS


async def test_the_command_prints_the_flaws_and_the_head(chain: Tampered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIRSERVER_DATABASE_PREFIX", chain.settings.database_prefix)
    arguments = ["audit", "verify", "--mongodb-uri", chain.uri, "--data-dir", str(chain.settings.data_dir)]
    chain.tamper(change_content)
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments, standalone_mode=False)
    assert result.return_value == 1
    assert "event 5) was changed" in result.output
    assert "the chain ends with" in result.output


def test_a_link_is_read_as_it_is_written() -> None:
    link = Link(7, hmac.digest(b"k", b"x", "sha256"))
    assert read_link(written_link(link)) == link
    with pytest.raises(ValueError, match="number:code"):
        read_link("7")
