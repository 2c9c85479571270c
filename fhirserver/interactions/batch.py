"""batch: entries that do not know each other, each with its own outcome. Spec: http://hl7.org/fhir/R4/http.html#brules"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import encode
from fhirserver.interactions.bundle import render_responses, response_entry
from fhirserver.interactions.entries import BundleLimits, BundleReader, Incoming
from fhirserver.interactions.entry_request import EntryReader, place_error
from fhirserver.interactions.provenance_header import refuse_provenance
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Target
from fhirserver.kernel.outcome import FhirError
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import language_of
from fhirserver.repository.repository import Repository
from fhirserver.validation.positions import positioned

Run: TypeAlias = Callable[[FhirRequest, Repository], Awaitable[FhirResponse]]
"""The dispatch: an entry is a request like any other."""
Respond: TypeAlias = Callable[["Numbered"], Awaitable[FhirResponse]]

READING: Final = frozenset(
    {
        Interaction.READ,
        Interaction.VREAD,
        Interaction.SEARCH_TYPE,
        Interaction.SEARCH_SYSTEM,
        Interaction.HISTORY_INSTANCE,
        Interaction.HISTORY_TYPE,
        Interaction.HISTORY_SYSTEM,
        Interaction.CAPABILITIES,
    }
)


_ASKING: Final = frozenset({"validate"})
"""Operations that change nothing and take what they are about with them."""


def is_reading(target: Target) -> bool:
    """Tell whether a request changes nothing, so that a transaction may have it."""
    return target.interaction in READING or target.operation in _ASKING


class Pace(Enum):
    """With whom an entry may run: those of one pace that stand side by side run at once."""

    ALONE = "alone"
    READ = "read"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its place in the Bundle, read as a request, or the error that this met."""

    index: int
    request: FhirRequest | FhirError
    is_head: bool = False
    outer: FhirRequest | None = None
    """The Bundle's own request: in its language an error is told, with places in its text."""

    @property
    def pace(self) -> Pace:
        """Reads change nothing, and creates get ids that no neighbour can know."""
        if isinstance(self.request, FhirError) or is_reading(self.request.target):
            return Pace.READ
        is_create = self.request.target.interaction is Interaction.CREATE and self.request.if_none_exist is None
        return Pace.CREATE if is_create else Pace.ALONE


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs the entries one by one, neighbouring reads or creates together; answers in the order of the request."""

    run: Run
    entries: EntryReader
    reader: BundleReader

    async def __call__(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Answer 200 whatever became of the entries."""
        refuse_provenance(request, "a batch, whose entries do not know each other; send a transaction")
        incoming = self.reader.read(request.body)
        numbered = [self._number(request, incoming, index) for index in range(len(incoming.entries))]
        responses = await run_entries(numbered, self.run, repository, self.reader.limits)
        content = render_responses("batch-response", map(response_entry, responses))
        return FhirResponse(status=200, content=content)

    def _number(self, outer: FhirRequest, incoming: Incoming, index: int) -> Numbered:
        try:
            request = self.entries.read(outer, incoming, index)
            incoming.check(index)
            return Numbered(index, request, incoming.entries[index].is_head, outer)
        except FhirError as error:
            return Numbered(index, error, outer=outer)


async def run_entries(
    entries: Sequence[Numbered], run: Run, repository: Repository, limits: BundleLimits
) -> list[FhirResponse]:
    """Run entries in their order, neighbours of one pace at once; an error becomes the entry's own response."""
    widths = {Pace.ALONE: 1, Pace.READ: limits.concurrent_reads, Pace.CREATE: limits.concurrent_creates}

    async def respond(entry: Numbered) -> FhirResponse:
        return await _respond(entry, run, repository)

    responses: list[FhirResponse] = []
    for pace, neighbours in groupby(entries, key=lambda entry: entry.pace):
        responses += await _await_each(respond, list(neighbours), widths[pace])
    return responses


async def _await_each(respond: Respond, entries: Sequence[Numbered], width: int) -> list[FhirResponse]:
    """Answer entries, begun in their order, ``width`` at a time."""
    if len(entries) == 1 or width == 1:
        return [await respond(entry) for entry in entries]
    responses: dict[int, FhirResponse] = {}
    waiting = iter(entries)

    async def work() -> None:
        for entry in waiting:
            responses[entry.index] = await respond(entry)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(width, len(entries))):
                group.create_task(work())
    except BaseExceptionGroup as problems:
        raise problems.exceptions[0] from None  # a defect: its own stack says more than the group's
    return [responses[entry.index] for entry in entries]


async def _respond(entry: Numbered, run: Run, repository: Repository) -> FhirResponse:
    try:
        if isinstance(entry.request, FhirError):
            raise entry.request
        response = await run(entry.request, repository)
    except FhirError as error:
        return FhirResponse(status=error.status, content=encode(_outcome(error, entry)), is_outcome=True)
    return replace(response, content=None) if entry.is_head else response


def _outcome(error: FhirError, entry: Numbered) -> Resource:
    error, outer = place_error(error, entry.index), entry.outer
    if outer is None:
        return error.outcome()
    error.issues = positioned(error.issues, outer.body, outer.xml)
    return error.outcome(language_of(outer.accept_language))
