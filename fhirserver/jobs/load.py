"""Loads files into the database through the same interactions that serve HTTP, several units at a time.

What fails is tried once more after everything else: Bundles may need one another. What was loaded is remembered
in a journal, so that a run that was interrupted, or met refusals, goes on with what is left.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import msgspec

from fhirserver.jobs.load_files import Kind, Unit, Unreadable, Unusable, read_units
from fhirserver.jobs.load_journal import Journal, hash_of
from fhirserver.kernel.outcome import FhirError, Issue, Unavailable
from fhirserver.kernel.resource import Resource

Execute: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Processes a transaction or batch Bundle and returns the response Bundle; raises FhirError."""

_SECOND_TRIES: Final = 200
"""Failed units kept in memory for their second try."""
_ATTEMPTS: Final = 10
_PAUSE_S: Final = 2.0
_ENTRY: Final = re.compile(r"Bundle\.entry\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Entries that were not loaded, and what the first of them, at ``place``, was refused for."""

    file: Path
    place: str
    problem: str
    entries: int = 1


class Report(Protocol):
    """Is told how a load goes on."""

    def skipped(self, file: Path) -> None:
        """Take note that an earlier run has loaded the file."""
        ...

    def loaded(self, file: Path, entries: int) -> None:
        """Take note of entries that were loaded."""
        ...

    def refused(self, refusal: Refusal) -> None:
        """Take note of entries that were refused for good."""
        ...

    def read(self, file: Path) -> None:
        """Take note that a file has been read to its end."""
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    file: Path
    file_hash: str
    number: int
    unit: Unit

    def without(self, numbers: frozenset[int]) -> "_Task":
        parts = tuple(part for part in self.unit.parts if part.number not in numbers)
        return replace(self, unit=Unit(self.unit.kind, parts))


class Loader:
    """One run of a load."""

    def __init__(self, execute: Execute, journal: Journal, report: Report, *, in_flight: int, again: bool) -> None:
        """Load through ``execute``, ``in_flight`` units at a time; ``again`` takes no account of the journal."""
        self._execute = execute
        self._journal = journal
        self._report = report
        self._in_flight = in_flight
        self._again = again
        self._failed: list[_Task] = []
        self._incomplete: set[str] = set()
        self._read: set[str] = set()

    async def run(self, files: Sequence[Path]) -> None:
        """Load all files; raises Unavailable when the database stays away."""
        await self._work_through(self._tasks(files), last_try=False)
        second, self._failed = self._failed, []
        await self._work_through(iter(second), last_try=True)
        for file_hash in self._read - self._incomplete:
            self._journal.add(file_hash)

    async def _work_through(self, tasks: Iterator[_Task], *, last_try: bool) -> None:
        try:
            async with asyncio.TaskGroup() as group:  # when one fails, the others end before the connection does
                for _ in range(self._in_flight):
                    group.create_task(self._work(tasks, last_try=last_try))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _work(self, tasks: Iterator[_Task], *, last_try: bool) -> None:
        for task in tasks:  # shared: each worker takes the next one
            await self._load(task, last_try=last_try)

    def _tasks(self, files: Iterable[Path]) -> Iterator[_Task]:
        for file in files:
            file_hash = hash_of(file)
            if not self._again and self._journal.has_file(file_hash):
                self._report.skipped(file)
                continue
            try:
                yield from self._tasks_of(file, file_hash)
            except Unreadable as problem:
                self._refuse(file_hash, Refusal(file, "", str(problem)))
            self._read.add(file_hash)
            self._report.read(file)

    def _tasks_of(self, file: Path, file_hash: str) -> Iterator[_Task]:
        for number, unit in enumerate(read_units(file)):
            if isinstance(unit, Unusable):
                self._refuse(file_hash, Refusal(file, unit.place, unit.problem))
                continue
            done = frozenset[int]() if self._again else self._journal.loaded(file_hash, number)
            task = _Task(file, file_hash, number, unit).without(done)
            if task.unit.parts:
                yield task

    async def _load(self, task: _Task, *, last_try: bool) -> None:
        loaded, refusals = await self._send(task)
        if loaded:
            self._journal.add(task.file_hash, task.number, loaded)
            self._report.loaded(task.file, len(loaded))
        if refusals and not last_try and len(self._failed) < _SECOND_TRIES:
            self._failed.append(task.without(frozenset(loaded)))
            return
        for refusal in refusals:
            self._refuse(task.file_hash, refusal)

    def _refuse(self, file_hash: str, refusal: Refusal) -> None:
        self._incomplete.add(file_hash)
        self._report.refused(refusal)

    async def _send(self, task: _Task) -> tuple[list[int], list[Refusal]]:
        """Return the numbers of the entries that were loaded, and what became of the others."""
        match task.unit.kind:
            case Kind.BATCH:
                return await self._send_batch(task)
            case Kind.TRANSACTION:
                try:
                    return await self._send_transaction(task), []
                except FhirError as error:
                    return [], [_refusal_of(task, error)]
            case Kind.GROUPED:
                try:
                    return await self._send_transaction(task), []
                except FhirError:
                    return await self._send_batch(task)

    async def _send_transaction(self, task: _Task) -> list[int]:
        await self._patiently(task.unit.as_bundle("transaction"))
        return [part.number for part in task.unit.parts]

    async def _send_batch(self, task: _Task) -> tuple[list[int], list[Refusal]]:
        try:
            response = await self._patiently(task.unit.as_bundle("batch"))
        except FhirError as error:
            return [], [_refusal_of(task, error)]
        loaded, refusals = [], []
        for part, entry in zip(task.unit.parts, _response_decoder.decode(response).entry, strict=True):
            if entry.response.status.startswith("2"):
                loaded.append(part.number)
            else:
                refusals.append(Refusal(task.file, part.place, _problem_of(entry.response)))
        return loaded, refusals

    async def _patiently(self, bundle: bytes) -> bytes:
        """Send a Bundle; wait for a database that is away for a moment."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._execute(bundle)
            except Unavailable:
                await asyncio.sleep(_PAUSE_S)
        return await self._execute(bundle)


class _Response(msgspec.Struct):
    status: str = ""
    outcome: Resource = {}


class _ResponseEntry(msgspec.Struct):
    response: _Response = msgspec.field(default_factory=_Response)


class _ResponseBundle(msgspec.Struct):
    entry: list[_ResponseEntry] = []


_response_decoder: Final = msgspec.json.Decoder(_ResponseBundle)


def _refusal_of(task: _Task, error: FhirError) -> Refusal:
    """Name the entry that made a Bundle fail, the first one when the error does not say which."""
    if isinstance(error, Unavailable):
        raise error
    places = (found for issue in error.issues for text in issue.expression if (found := _ENTRY.match(text)))
    named = next((int(found[1]) for found in places), 0)
    part = task.unit.parts[min(named, len(task.unit.parts) - 1)]
    return Refusal(task.file, part.place, _sentence(map(_said, error.issues)), len(task.unit.parts))


def _said(issue: Issue) -> str:
    return f"{issue.diagnostics} ({issue.expression[0]})" if issue.expression else issue.diagnostics


def _problem_of(response: _Response) -> str:
    issues = response.outcome.get("issue", [])
    return _sentence(issue.get("diagnostics", issue.get("code", "")) for issue in issues) or response.status


def _sentence(said: Iterable[str]) -> str:
    """Join the first few of what may be hundreds of issues."""
    every = list(said)
    more = f" (and {len(every) - 3} more)" if len(every) > 3 else ""
    return " ".join(every[:3]) + more
