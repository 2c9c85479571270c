"""batch: entries that do not know each other, each with its own outcome. Spec: http://hl7.org/fhir/R4/http.html#brules"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import encode
from fhirserver.interactions.bundle import render_responses, response_entry
from fhirserver.interactions.entries import BundleReader, Incoming
from fhirserver.interactions.entry_request import Locate, entry_request, place_error
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction
from fhirserver.kernel.outcome import FhirError
from fhirserver.repository.repository import Repository

Run: TypeAlias = Callable[[FhirRequest, Repository], Awaitable[FhirResponse]]
"""The dispatch: an entry is a request like any other."""

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


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its place in the Bundle, read as a request, or the error that this met."""

    index: int
    request: FhirRequest | FhirError
    is_head: bool = False

    @property
    def may_overlap(self) -> bool:
        """Whether it can run beside its neighbours: nothing is written."""
        return isinstance(self.request, FhirError) or self.request.target.interaction in READING


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs the entries one by one, neighbouring reads together, and answers in the order of the request."""

    run: Run
    locate: Locate
    reader: BundleReader

    async def __call__(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Answer 200 whatever became of the entries."""
        incoming = self.reader.read(request.body)
        numbered = [self._number(request, incoming, index) for index in range(len(incoming.entries))]
        responses: list[FhirResponse] = []
        for group in concurrent_groups(numbered, self.reader.limits.concurrent_reads):
            responses += await run_together(group, self.run, repository)
        content = render_responses("batch-response", map(response_entry, responses))
        return FhirResponse(status=200, content=content)

    def _number(self, outer: FhirRequest, incoming: Incoming, index: int) -> Numbered:
        try:
            request = entry_request(outer, incoming, index, self.locate)
            incoming.check(index)
            return Numbered(index, request, incoming.entries[index].is_head)
        except FhirError as error:
            return Numbered(index, error)


def concurrent_groups(entries: Sequence[Numbered], width: int) -> Iterator[Sequence[Numbered]]:
    """Cut the entries, in order, into groups that may run at once: a write alone, up to ``width`` reads together."""
    for may_overlap, neighbours in groupby(entries, key=lambda entry: entry.may_overlap):
        run = list(neighbours)
        step = width if may_overlap else 1
        for start in range(0, len(run), step):
            yield run[start : start + step]


async def run_together(entries: Sequence[Numbered], run: Run, repository: Repository) -> list[FhirResponse]:
    """Run entries at the same time; an error becomes the entry's own response."""
    if len(entries) == 1:
        return [await _respond(entries[0], run, repository)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_respond(entry, run, repository)) for entry in entries]
    return [task.result() for task in tasks]


async def _respond(entry: Numbered, run: Run, repository: Repository) -> FhirResponse:
    try:
        if isinstance(entry.request, FhirError):
            raise entry.request
        response = await run(entry.request, repository)
    except FhirError as error:
        outcome = place_error(error, entry.index).outcome()
        return FhirResponse(status=error.status, content=encode(outcome), is_outcome=True)
    return replace(response, content=None) if entry.is_head else response
