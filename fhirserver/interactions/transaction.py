"""transaction: all entries or none, in the order that R4 sets.

"All actions pass or fail together", reads too, and what is committed cannot fail any more: reads are tried before the
changes are made, and answered after them. Only one of an instance that is changed here, or that another writer
deletes in between, can still answer an error of its own.
Spec: http://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.codec.fhir_json import Body
from fhirserver.interactions.batch import Numbered, Run, is_reading, run_entries
from fhirserver.interactions.bundle import render_responses, response_entry
from fhirserver.interactions.create import create_of
from fhirserver.interactions.delete import delete_of, respond_deleted
from fhirserver.interactions.entries import BundleReader, Incoming
from fhirserver.interactions.entry_request import EntryReader, place_error
from fhirserver.interactions.parameters import check_parameters
from fhirserver.interactions.patch import patch_of
from fhirserver.interactions.provenance_header import provenance_of
from fhirserver.interactions.subset import Subset
from fhirserver.interactions.update import update_of
from fhirserver.interactions.written import respond_written
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction
from fhirserver.kernel.outcome import BadRequest, FhirError
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Delete, Write, Written

_ORDER: Final = {Interaction.DELETE: 1, Interaction.CREATE: 2, Interaction.UPDATE: 3, Interaction.PATCH: 3}
"""The order in which changes are processed, whatever their order in the Bundle; reads come after them."""
_WRITE_OF: Final[dict[Interaction, Callable[[FhirRequest], Write]]] = {
    Interaction.DELETE: delete_of,
    Interaction.CREATE: create_of,
    Interaction.UPDATE: update_of,
    Interaction.PATCH: patch_of,
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """Commits the changes of a Bundle as one, then answers its reads."""

    run: Run
    entries: EntryReader
    reader: BundleReader
    subset: Subset

    async def __call__(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Answer 200 with one response per entry, in the order of the request, or fail with the first error."""
        provenance = provenance_of(request)
        incoming = self.reader.read(request.body)
        requests = [self._read(request, incoming, index) for index in range(len(incoming.entries))]
        incoming.check_all()
        check_identities(requests)
        check_reads(requests)
        order = processing_order(requests)
        writes = [_write(index, requests[index]) for index in order]
        reads = _reads(request, requests, incoming)
        tried = await self._answer(independent(reads, requests), repository)
        if refusal := next((response for response in tried.values() if response.status >= 400), None):
            return refusal
        responses = tried
        if writes:
            responses = self._respond_all(order, requests, writes, await _commit(order, writes, provenance, repository))
            responses |= await self._answer(reads, repository)
        rendered = (response_entry(responses[index]) for index in range(len(requests)))
        return FhirResponse(status=200, content=render_responses("transaction-response", rendered))

    async def _answer(self, reads: Sequence[Numbered], repository: Repository) -> dict[int, FhirResponse]:
        responses = await run_entries(reads, self.run, repository, self.reader.limits)
        return {one.index: response for one, response in zip(reads, responses, strict=True)}

    def _read(self, outer: FhirRequest, incoming: Incoming, index: int) -> FhirRequest:
        try:
            request = self.entries.read(outer, incoming, index)
            if request.target.interaction not in _ORDER and not is_reading(request.target):
                raise BadRequest(
                    "Operations other than `$validate` cannot be part of a transaction.", expression=["request.url"]
                )
            check_parameters(request)
        except FhirError as error:
            raise place_error(error, index) from None
        return request

    def _respond_all(
        self, order: Sequence[int], requests: Sequence[FhirRequest], writes: Sequence[Write], results: Sequence[Written]
    ) -> dict[int, FhirResponse]:
        found = zip(order, writes, results, strict=True)
        return {index: self._respond(requests[index], write, result) for index, write, result in found}

    def _respond(self, request: FhirRequest, write: Write, written: Written) -> FhirResponse:
        if isinstance(write, Delete):
            return respond_deleted(request, written)
        return self.subset.shorten(request, respond_written(request, written))


def processing_order(requests: Sequence[FhirRequest]) -> list[int]:
    """Return the places of the entries that change something, in the order of their processing."""
    changing = [index for index, request in enumerate(requests) if request.target.interaction in _ORDER]
    return sorted(changing, key=lambda index: _ORDER[requests[index].target.interaction])


def independent(reads: Sequence[Numbered], requests: Sequence[FhirRequest]) -> list[Numbered]:
    """Return the reads that do not address an instance which the transaction changes."""
    changed = {_instance(requests[index]) for index in processing_order(requests)} - {None}
    return [read for read in reads if _instance(requests[read.index]) not in changed]


def check_identities(requests: Sequence[FhirRequest]) -> None:
    """Refuse two changes of one instance, and two entries of one ``fullUrl``; raises BadRequest naming both."""
    seen: dict[tuple[str, str], int] = {}
    for index, request in enumerate(requests):
        if request.target.interaction not in _ORDER:
            continue
        for what, name in _identities(request):
            first = seen.setdefault((what, name), index)
            if first != index:
                raise BadRequest(
                    f"Entries {first} and {index} have the same {what}; a transaction may touch it only once.",
                    expression=[f"Bundle.entry[{first}]", f"Bundle.entry[{index}]"],
                )


def _identities(request: FhirRequest) -> list[tuple[str, str]]:
    found = [("fullUrl", request.full_url)] if request.full_url else []
    instance = _instance(request)
    return found if instance is None else [*found, ("instance", instance)]


def _instance(request: FhirRequest) -> str | None:
    return None if request.target.logical_id is None else "/".join(request.target.instance)


def check_reads(requests: Sequence[FhirRequest]) -> None:
    """Refuse to read what is deleted before: it must fail, and all with it; raises BadRequest naming both."""
    deleted = {_instance(r): i for i, r in enumerate(requests) if r.target.interaction is Interaction.DELETE}
    for index, request in enumerate(requests):
        first = deleted.get(_instance(request))
        if request.target.interaction is Interaction.READ and first is not None:
            raise BadRequest(
                f"Entry {index} reads what entry {first} deletes.",
                expression=[f"Bundle.entry[{first}]", f"Bundle.entry[{index}]"],
            )


def _reads(outer: FhirRequest, requests: Sequence[FhirRequest], incoming: Incoming) -> list[Numbered]:
    return [
        Numbered(index, request, incoming.entries[index].is_head, outer)
        for index, request in enumerate(requests)
        if is_reading(request.target)
    ]


async def _commit(
    order: Sequence[int], writes: Sequence[Write], provenance: Body | None, repository: Repository
) -> list[Written]:
    try:
        return await repository.transact(writes, provenance)
    except FhirError as error:
        raise (
            error
            if error.write_index is None or error.write_index >= len(order)
            else place_error(error, order[error.write_index])
        ) from None


def _write(index: int, request: FhirRequest) -> Write:
    try:
        return _WRITE_OF[request.target.interaction](request)
    except FhirError as error:
        raise place_error(error, index) from None
