"""``kill -9`` of a server that reindexes for a new SearchParameter, while clients write: exact at its end."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from tests.server_process import ServerProcess, serving
from tests.wire import NoAnswer, Wire

URL = "http://example.org/shoe-size"
STORED = 1500
SHOE = {
    "resourceType": "SearchParameter",
    "id": "shoe",
    "url": URL,
    "name": "ShoeSize",
    "status": "active",
    "description": "The size of the shoes",
    "code": "shoe-size",
    "base": ["Patient"],
    "type": "number",
    "expression": f"Patient.extension('{URL}').value.as(integer)",
}


def patient(logical_id: str, size: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "extension": [{"url": URL, "valueInteger": size}]}


def fill(wire: Wire) -> None:
    for start in range(0, STORED, 300):
        entries = [
            {"resource": patient(f"p{n}", n % 60), "request": {"method": "PUT", "url": f"Patient/p{n}"}}
            for n in range(start, start + 300)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert wire.send("POST", "", bundle).status == 200


@dataclass
class Written:
    """What was written meanwhile: sizes by id, and the ids of which there was no answer.

    They are creates: an update that the kill interrupts keeps its resource locked in MongoDB for half a minute.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


def write(port: int, stop: Event) -> Written:
    written = Written()
    while not stop.is_set():
        with Wire(port, patience_s=10) as wire, suppress(NoAnswer):
            while not stop.is_set():
                logical_id = f"n{len(written.sizes)}"
                written.sizes[logical_id] = size = len(written.sizes) % 60
                written.unsure.add(logical_id)
                if wire.send("PUT", f"Patient/{logical_id}", patient(logical_id, size)).status == 201:
                    written.unsure.remove(logical_id)
        time.sleep(0.05)
    return written


def state(wire: Wire) -> dict[str, Any]:
    """Return the newest reindex."""
    jobs = wire.get("$reindex-status").json.get("parameter", ())
    return (
        {next(iter(jobs[0]["part"][i].values())): list(jobs[0]["part"][i].values())[1] for i in range(8)}
        if jobs
        else {}
    )


def until(port: int, path: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    with Wire(port) as wire:
        while (answer := wire.get(path)).status != 200:
            assert time.monotonic() < deadline, answer.body
            time.sleep(0.1)


def test_a_reindex_survives_the_death_of_its_server(tmp_path: Path, mongodb_uri: str) -> None:
    stop = Event()
    with serving(ServerProcess(tmp_path, mongodb_uri)) as server, ThreadPoolExecutor(1) as threads:
        try:
            with Wire(server.port) as wire:
                fill(wire)
                writing = threads.submit(write, server.port, stop)
                assert wire.send("PUT", "SearchParameter/shoe", SHOE).status == 201
                while state(wire).get("done", 0) == 0:
                    time.sleep(0.01)
                killed_at = state(wire)
            server.signal(signal.SIGKILL)
            server.wait()
            server.start()
            until(server.port, "Patient?shoe-size=1&_count=1", 30)
        finally:
            stop.set()
        written = writing.result()
        assert len(written.sizes) > len(written.unsure) + 20, "there were writes before and after"
        with Wire(server.port) as wire:
            ended = state(wire)
            assert ended["state"] == "completed"
            assert ended["id"] == killed_at["id"], "the job that was begun is the one that ended"
            check(wire, written)


def check(wire: Wire, written: Written) -> None:
    sizes = {f"p{n}": n % 60 for n in range(STORED)} | written.sizes
    for size in range(0, 60, 7):
        found = ids(wire, f"Patient?shoe-size={size}&_count=1000&_elements=id")
        expected = {name for name, own in sizes.items() if own == size}
        assert found - written.unsure == expected - written.unsure, size
        assert found <= expected
    assert not ids(wire, "Patient?shoe-size:missing=true&_count=10")


def ids(wire: Wire, path: str) -> set[str]:
    return {entry["resource"]["id"] for entry in wire.get(path).json.get("entry", ())}
