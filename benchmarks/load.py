"""A generator of load that costs little: raw HTTP/1.1 on kept-alive sockets, requests rendered beforehand.

It runs in a process of its own (``Generator``), so that what it costs is not counted with the server. About 20 µs a
request; of a response only the status line and the length are read, unless ``keep`` asks for the bodies.
"""

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self, cast

import uvloop

HOST: Final = "127.0.0.1"
_JSON: Final = "application/fhir+json"
_LENGTH: Final = b"content-length: "
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Job:
    """Requests to send in turn, for some seconds or (``seconds`` 0) each once."""

    port: int
    requests: Sequence[bytes]
    clients: int
    statuses: tuple[int, ...]
    seconds: float = 0.0
    marker: bytes = b""
    """Replaced in each request by a running number of the same width, so that no two are alike."""
    first: int = 0
    keep: bool = False


@dataclass(slots=True)
class Outcome:
    """What the clients saw; ``failures`` are responses of other statuses."""

    count: int = 0
    elapsed_s: float = 0.0
    failures: int = 0
    failure: bytes = b""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    bodies: list[tuple[int, bytes]] = field(default_factory=list)
    """With ``keep``: (place of the request, body)."""


class Generator:
    """The process that sends."""

    def __init__(self) -> None:
        """Start the process."""
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    def run(self, job: Job) -> Outcome:
        """Run one job to its end; raises OSError when the server ends a connection."""
        return self._pool.submit(run, job).result()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._pool.shutdown()


def render(method: str, path: str, port: int, body: bytes = b"") -> bytes:
    """Write a request; the port of the server it is for stands in its ``Host``."""
    head = f"{method} {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\naccept: {_JSON}\r\n"
    if body:
        head += f"content-type: {_JSON}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def run(job: Job) -> Outcome:
    """Run a job in this process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(job))


async def _run(job: Job) -> Outcome:
    return await _Run(job).run()


class _Run:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outcome = Outcome()
        self.latencies: list[float] = []
        self.deadline = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns: Iterator[int] = self._order()
        self._numbers = itertools.count(job.first)
        self._open = 0

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        clients = [_Client(self) for _ in range(self.job.clients)]
        for client in clients:
            await loop.create_connection(lambda client=client: client, HOST, self.job.port)  # type: ignore[misc]
        started = time.perf_counter()
        self.deadline = started + self.job.seconds
        self._open = len(clients)
        for client in clients:
            client.send()
        async with asyncio.timeout(self.job.seconds + _PATIENCE_S):
            await self.done
        self.outcome.elapsed_s = time.perf_counter() - started
        for client in clients:
            client.close()
        return self._summary()

    def next_request(self) -> tuple[int, bytes] | None:
        """Return what a client sends next; None when it is time to stop."""
        if self.job.seconds and time.perf_counter() >= self.deadline:
            return None
        turn = next(self._turns, None)
        if turn is None:
            return None
        request = self.job.requests[turn]
        if self.job.marker:
            number = b"%0*d" % (len(self.job.marker), next(self._numbers))
            request = request.replace(self.job.marker, number)
        return turn, request

    def leave(self) -> None:
        """Count a client out."""
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)

    def _order(self) -> Iterator[int]:
        turns = range(len(self.job.requests))
        return iter(turns) if not self.job.seconds else itertools.cycle(turns)

    def _summary(self) -> Outcome:
        ordered = sorted(self.latencies)
        self.outcome.count = len(ordered)
        if ordered:
            self.outcome.p50_ms = ordered[len(ordered) // 2] * 1e3
            self.outcome.p99_ms = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3
        return self.outcome


class _Client(asyncio.Protocol):
    """One connection: sends, reads the answer, sends again."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._end = 0
        self._started = 0.0
        self._turn = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, problem: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(problem or ConnectionError("the server closed a connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def send(self) -> None:
        following = self._run.next_request()
        if following is None or self._transport is None:
            self._run.leave()
            return
        self._turn, request = following
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._end and not self._find_end():
            return
        if len(self._received) >= self._end:
            self._finish()

    def _find_end(self) -> bool:
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return False
        at = self._received.find(_LENGTH, 0, head)
        length = 0 if at < 0 else int(self._received[at + len(_LENGTH) : self._received.index(b"\r", at)])
        self._end = head + 4 + length
        return True

    def _finish(self) -> None:
        run, answer = self._run, self._received
        run.latencies.append(time.perf_counter() - self._started)
        if int(answer[9:12]) not in run.job.statuses:
            run.outcome.failures += 1
            run.outcome.failure = answer[:2000]
        if run.job.keep:
            run.outcome.bodies.append((self._turn, answer[answer.find(b"\r\n\r\n") + 4 :]))
        self._received, self._end = b"", 0
        self.send()
