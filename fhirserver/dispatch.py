"""The one table of what the server does: interaction or ``$operation`` -> handler.

A Bundle's entries come through it just as HTTP requests do, and the CapabilityStatement is computed from it.
Spec: http://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from fhirserver.definitions.registry import Definitions
from fhirserver.interactions.address import allowed_methods, locate
from fhirserver.interactions.batch import Batch
from fhirserver.interactions.capabilities import Capabilities, ServerDescription
from fhirserver.interactions.create import create
from fhirserver.interactions.delete import delete
from fhirserver.interactions.entries import BundleLimits, BundleReader, bundle_interaction
from fhirserver.interactions.entry_request import EntryReader
from fhirserver.interactions.history import History
from fhirserver.interactions.parameters import SHORTENED, applied_handling, check_parameters
from fhirserver.interactions.patch import patch
from fhirserver.interactions.read import read
from fhirserver.interactions.search import Search
from fhirserver.interactions.subset import Subset
from fhirserver.interactions.transaction import Transaction
from fhirserver.interactions.update import update
from fhirserver.interactions.vread import vread
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Target
from fhirserver.kernel.outcome import FhirError
from fhirserver.operations.framework import Operation, OperationTable
from fhirserver.repository.repository import Repository
from fhirserver.search.parameters import LiveParameters, SearchParameters
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.structure import StructureValidator

Handler: TypeAlias = Callable[[FhirRequest, Repository], Awaitable[FhirResponse]]


class Dispatch:
    """Finds what a request addresses and runs it."""

    def __init__(
        self,
        definitions: Definitions,
        server: ServerDescription,
        *,
        operations: Iterable[Operation] = (),
        limits: BundleLimits | None = None,
        own_bases: tuple[str, ...] = (),
        parameters: LiveParameters | None = None,
    ) -> None:
        """Serve every resource type of ``definitions``, at any of ``own_bases`` and at the one a caller uses."""
        self.parameters = parameters or LiveParameters(SearchParameters(definitions))
        self._server = server
        self._definitions = definitions
        self._operations = OperationTable(operations)
        self._subset = Subset(definitions)
        self._handlers = self._table(limits or BundleLimits(), EntryReader(self.locate, own_bases))
        self._described = self._describe(self.parameters.now)

    def _table(self, limits: BundleLimits, entries: EntryReader) -> Mapping[Interaction, Handler]:
        history, search = History(self._subset), Search(self._subset)
        validator = StructureValidator(self._definitions, RequiredCodes(self._definitions))  # of Bundles alone
        reader = BundleReader(validator, limits)
        return {
            Interaction.READ: read,
            Interaction.VREAD: vread,
            Interaction.UPDATE: update,
            Interaction.PATCH: patch,
            Interaction.DELETE: delete,
            Interaction.CREATE: create,
            Interaction.HISTORY_INSTANCE: history,
            Interaction.HISTORY_TYPE: history,
            Interaction.HISTORY_SYSTEM: history,
            Interaction.SEARCH_TYPE: search,
            Interaction.SEARCH_SYSTEM: search,
            Interaction.CAPABILITIES: self._answer_capabilities,
            Interaction.BATCH: Batch(self.run, entries, reader),
            Interaction.TRANSACTION: Transaction(self.run, entries, reader, self._subset),
            Interaction.OPERATION: self._run_operation,
        }

    def locate(self, method: str, path: Sequence[str]) -> Target:
        """Return what a method and a path below the base address; raises NotFound, NotAllowed, BadRequest."""
        return locate(method, path, self._definitions)

    def allowed_methods(self, path: Sequence[str]) -> tuple[str, ...]:
        """List the methods a path knows; raises NotFound."""
        return allowed_methods(path, self._definitions)

    def specify(self, request: FhirRequest) -> FhirRequest:
        """Tell a batch from a transaction, which have the same URL: the body decides."""
        if request.target.interaction is not Interaction.TRANSACTION:
            return request
        return replace(request, target=Target(bundle_interaction(request.body)))

    async def run(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Run the interaction or operation that a request addresses; an entry of a Bundle is one as well."""
        step = repository.trail.begin(request.target, request.parameters)
        try:
            return await self._run(request, repository)
        except FhirError as error:
            step.status = error.status
            raise

    async def _run(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        handler = self._handlers[request.target.interaction]
        if not request.parameters:  # as most reads and writes
            return await handler(request, repository)
        was_lenient = check_parameters(request)
        return self._finished(request, await handler(request, repository), was_lenient=was_lenient)

    def capabilities(self, request: FhirRequest) -> FhirResponse:
        """Answer ``/metadata``, which needs no repository and no login."""
        was_lenient = check_parameters(request)
        return self._finished(request, self._capabilities.answer(request), was_lenient=was_lenient)

    @property
    def _capabilities(self) -> Capabilities:
        """The statement for the search parameters as they are now; rendered anew when some are served or not."""
        now, (described, capabilities) = self.parameters.now, self._described
        has_other_packages = capabilities.is_of != self._server.packages().mark
        if now is not described or has_other_packages:
            same = (now.customs, now.served) == (described.customs, described.served) and not has_other_packages
            self._described = (now, capabilities) if same else self._describe(now)
        return self._described[1]

    def _describe(self, now: SearchParameters) -> tuple[SearchParameters, Capabilities]:
        levels = self._operations.describe
        return now, Capabilities(self._definitions, self._handlers.keys(), levels, self._server, now)

    async def _answer_capabilities(self, request: FhirRequest, _: Repository) -> FhirResponse:
        return self._capabilities.answer(request)

    def _finished(self, request: FhirRequest, response: FhirResponse, *, was_lenient: bool) -> FhirResponse:
        """Cut the response to the part of the resource that was asked for."""
        if request.target.interaction in SHORTENED:
            response = self._subset.shorten(request, response)
        return replace(response, headers=response.headers + applied_handling(request)) if was_lenient else response

    async def _run_operation(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        operation = self._operations.find(request.target, is_post=request.is_post)
        return await operation.handler(request, repository)
