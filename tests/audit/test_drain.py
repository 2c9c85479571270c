"""The drain stores every record once, whatever it was interrupted by, and those that workers left who are gone."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo import MongoClient

from fhirserver.app.knowledge import Knowledge
from fhirserver.app.sites import Site, sites_of
from fhirserver.audit.agents import Observer
from fhirserver.audit.drain import Drain
from fhirserver.audit.ledger import Ledger
from fhirserver.audit.pace import LEAST, MOST, rest_s, share_of
from fhirserver.audit.record import Answer
from fhirserver.audit.recorder import Recorder
from fhirserver.audit.spool import Spool, segments
from fhirserver.audit.verify import Span, Verifier
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.version import Method, Version
from fhirserver.repository.trail import Touch, Trail
from fhirserver.store.audit import AuditStore
from tests.conftest import new_settings

CALLER = Caller(client_id="app", scopes=(), fhir_user="Practitioner/1", name="Dr X")


@dataclass
class World:
    """A site, and spools that are drained into it."""

    site: Site
    folder: Path
    problems: list[str]

    def recorder(self) -> Recorder:
        return Recorder(Spool(self.folder), 1 << 28)

    def ledgers(self) -> dict[str, Ledger]:
        observer = Observer("test", "main", "http://localhost/fhir")
        return {"main": Ledger(self.site.live, self.site.store, observer, b"secret")}

    def drain(self, server: int = os.getpid()) -> Drain:
        return Drain(self.folder, server, self.ledgers(), max_backlog_bytes=1 << 28, on_problem=self.problems.append)

    async def events(self) -> list[str]:
        """Return the request ids of the events, in the order of the chain."""
        found = []
        async for event in AuditStore(self.site.store).events(0):
            found += [
                term.partition("=")[2].rstrip("\x1f")
                for term in event.terms
                if term.startswith("AuditEvent.entity:identifier=")
            ]
        return found

    async def flaws(self) -> int:
        ledger = self.ledgers()["main"]
        verifier = Verifier(ledger.store, ledger.chain, self.site.live.now.extractor, lambda seen, total: None)
        return (await verifier.run(Span())).flaws


@pytest_asyncio.fixture(loop_scope="session")
async def world(mongodb_uri: str, knowledge: Knowledge, tmp_path: Path) -> AsyncIterator[World]:
    settings = new_settings()
    async with sites_of(settings, mongodb_uri, knowledge) as builder:
        await builder.prepare("main")
        yield World(await builder.open("main"), tmp_path, [])
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(settings.database("main"))


def record(recorder: Recorder, count: int, *, first: int = 0, site: str = "main") -> list[str]:
    """Record some reads and writes; return their request ids."""
    names = [f"r{number}" for number in range(first, first + count)]
    for name in names:
        trail, target = Trail(), Target(Interaction.UPDATE, "Patient", "p")
        trail.begin(target, ())
        trail.saw(Version("Patient", "p", 1, 0, Method.PUT, b"{}"), Touch.UPDATED)
        recorder.answered(
            Answer(
                site=site,
                request_id=name,
                method="PUT",
                path="Patient/p",
                target=target,
                status=200,
                caller=CALLER,
                trail=trail,
                address="10.0.0.1",
            )
        )
    return names


def write_behind(recorder: Recorder, content: bytes) -> None:
    """Write bytes behind the last record of a segment."""
    with segments(recorder.spool.path)[-1].open("r+b") as segment:
        segment.seek(recorder.spool.size)
        segment.write(content)


async def test_every_record_is_stored_once_and_in_order(world: World) -> None:
    recorder, drain = world.recorder(), world.drain()
    names = record(recorder, 450)
    await drain.finish()
    names += record(recorder, 3, first=450)
    await drain.finish()
    assert await world.events() == names
    assert await world.flaws() == 0
    assert recorder.spool.written == recorder.spool.drained > 0


async def test_a_segment_goes_once_it_is_stored(world: World) -> None:
    recorder, drain = world.recorder(), world.drain()
    names = record(recorder, 5)
    recorder.rotate()
    names += record(recorder, 5, first=5)
    assert len(segments(recorder.spool.path)) == 2
    await drain.finish()
    assert [path.name for path in segments(recorder.spool.path)] == ["00000002.spool"]
    assert await world.events() == names
    assert recorder.spool.written == recorder.spool.drained > 0


async def test_a_drain_that_is_killed_after_its_batch_was_stored_writes_nothing_twice(world: World) -> None:
    recorder = world.recorder()
    names = record(recorder, 30)
    killed = world.drain()
    await killed.finish()
    killed.close()  # all of it is stored, and still in the file: so is it left by a kill
    recorder.spool.progress.place = (1, 0)
    names += record(recorder, 2, first=30)
    await world.drain().finish()
    assert sorted(await world.events()) == sorted(names)
    assert await world.flaws() == 0


async def test_the_folder_of_a_worker_goes_once_it_is_gone_and_all_is_stored(world: World) -> None:
    recorder, drain = world.recorder(), world.drain()
    names = record(recorder, 10)
    await drain.finish()
    assert recorder.spool.path.exists()
    names += record(recorder, 10, first=10)
    recorder.spool.close()
    await drain.finish()
    assert await world.events() == names
    assert await world.flaws() == 0
    assert not recorder.spool.path.exists()


async def test_a_part_that_was_stored_is_completed(world: World) -> None:
    recorder = world.recorder()
    names = record(recorder, 10)
    killed = world.drain()
    await killed.finish()
    killed.close()
    names += record(recorder, 10, first=10)
    recorder.spool.close()
    await world.drain().finish()
    assert await world.events() == names
    assert await world.flaws() == 0


async def test_one_drain_takes_the_spools_of_all_workers(world: World) -> None:
    recorders = [world.recorder() for _ in range(3)]
    names = [name for number, one in enumerate(recorders) for name in record(one, 250, first=1000 * number)]
    await world.drain().finish()
    assert sorted(await world.events()) == sorted(names)
    assert await world.flaws() == 0


async def test_drains_that_run_at_the_same_time_write_one_chain(world: World) -> None:
    recorders = [world.recorder() for _ in range(3)]
    drains = []
    names = []
    for number, one in enumerate(recorders):
        one.spool.progress.server = number + 1
        names += record(one, 250, first=1000 * number)
        drains.append(world.drain(number + 1))
    await asyncio.gather(*(drain.finish() for drain in drains))
    assert sorted(await world.events()) == sorted(names)
    assert await world.flaws() == 0


async def test_the_spool_of_another_server_is_left_to_it_as_long_as_the_worker_lives(world: World) -> None:
    recorder, drain = world.recorder(), world.drain(1)
    names = record(recorder, 3)
    await drain.finish()
    assert await world.events() == []
    recorder.spool.close()
    await drain.finish()
    assert await world.events() == names


async def test_what_is_not_whole_at_the_end_of_a_dead_workers_file_is_left_out(world: World) -> None:
    recorder = world.recorder()
    names = record(recorder, 3)
    write_behind(recorder, b"\0\0\0\0xxxxyyyy")  # the length comes last
    recorder.spool.close()
    await world.drain().finish()
    assert await world.events() == names
    assert not recorder.spool.path.exists()


async def test_a_damaged_file_is_kept_and_told(world: World) -> None:
    recorder = world.recorder()
    names = record(recorder, 3)
    write_behind(recorder, b"\0\0\0\4xxxxyyyy")
    recorder.rotate()
    names += record(recorder, 2, first=3)
    recorder.spool.close()
    await world.drain().finish()
    assert await world.events() == names
    assert [path.name for path in recorder.spool.path.glob("0*")] == ["00000001.damaged"]
    assert "00000001.spool" in world.problems[0]


async def test_damage_in_a_file_that_is_written_to_is_told_and_the_next_file_drained(world: World) -> None:
    recorder, drain = world.recorder(), world.drain()
    names = record(recorder, 3)
    write_behind(recorder, b"\0\0\0\4xxxxyyyy")
    await drain.finish()
    assert world.problems == [], "it may have been read too early"
    await drain.finish()
    assert await world.events() == names
    assert "00000001.spool" in world.problems[0]
    recorder.rotate()
    names += record(recorder, 2, first=3)
    await world.drain().finish()
    assert await world.events() == names
    assert sorted(path.name for path in recorder.spool.path.glob("0*")) == ["00000001.damaged", "00000002.spool"]


async def test_records_of_a_site_that_is_not_served_wait(world: World) -> None:
    recorder = world.recorder()
    names = record(recorder, 2)
    record(recorder, 1, first=2, site="elsewhere")
    recorder.rotate()
    names += record(recorder, 1, first=3)
    recorder.spool.close()
    await world.drain().finish()
    assert await world.events() == names
    assert [path.name for path in recorder.spool.path.glob("0*")] == ["00000001.spool"]
    assert "elsewhere" in world.problems[0]


async def test_there_is_room_again_once_records_are_drained(world: World) -> None:
    recorder = Recorder(Spool(world.folder), 2000)
    while True:
        try:
            recorder.check()
        except Unavailable:
            break
        record(recorder, 1)
    await world.drain().finish()
    recorder.check()


async def test_every_write_has_a_provenance_unless_it_brought_one(world: World) -> None:
    recorder = world.recorder()
    record(recorder, 3)
    await world.drain().finish()
    assert await world.site.store.resources.count_documents({"y": "Provenance"}) == 3


def test_the_share_of_the_drain_rises_with_the_backlog() -> None:
    shares = [share_of(part, 100, 1.0) for part in (0, 25, 50, 75, 100, 200)]
    assert shares == sorted(shares)
    assert (shares[0], shares[1], shares[-1]) == (LEAST, LEAST, MOST)


def test_the_share_of_the_drain_rises_where_the_worker_has_little_to_do() -> None:
    shares = [share_of(0, 100, load) for load in (1.2, 1.0, 0.75, 0.6, 0.45, 0.3, 0.0)]
    assert shares == sorted(shares)
    assert (shares[0], shares[2], shares[-2], shares[-1]) == (LEAST, LEAST, MOST, MOST)


def test_the_rest_makes_the_work_its_share() -> None:
    assert rest_s(1.0, 0.25) == pytest.approx(3.0)
