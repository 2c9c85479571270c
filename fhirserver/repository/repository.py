"""The door: bound to one caller's Access and one site; nothing reaches stored resources around it.

Spec: http://hl7.org/fhir/R4/http.html
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.masks import masked
from fhirserver.codec.fhir_json import Body
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import Forbidden, Issue, NotFound, Unavailable
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.access_log import AccessLogPage, AccessLogRequest, access_log
from fhirserver.repository.append_only import AUDIT_EVENT, admitted, all_admitted, append_only
from fhirserver.repository.as_of import moment_of, read_as_of
from fhirserver.repository.attesting import attestation
from fhirserver.repository.binaries import write_binary
from fhirserver.repository.closures import Closures
from fhirserver.repository.definitions import DEFINITION_TYPES, StoredDefinitions
from fhirserver.repository.everything import EverythingPage, EverythingRequest, everything
from fhirserver.repository.histories import read_history
from fhirserver.repository.labels import Labels, Relabel, labels_in_use, relabel
from fhirserver.repository.latest import OBSERVATION, LatestRequest, latest_observations
from fhirserver.repository.linked import read_many
from fhirserver.repository.matches import every_match
from fhirserver.repository.permits import Permits, readable
from fhirserver.repository.requests import (
    Create,
    Delete,
    HistoryPage,
    HistoryRequest,
    NativeBinary,
    Parameters,
    Patch,
    SearchPage,
    SearchRequest,
    Update,
    Write,
    Written,
)
from fhirserver.repository.searches import search
from fhirserver.repository.services import LiveServices, Services
from fhirserver.repository.sight import Sight, require
from fhirserver.repository.streams import Streamed, stream
from fhirserver.repository.structures import STRUCTURE
from fhirserver.repository.trail import UNTRACED, Touch, Trail
from fhirserver.repository.transaction import transact
from fhirserver.repository.validating import rehearse, validate
from fhirserver.repository.writes import create, update
from fhirserver.terminology.elsewhere import Elsewhere
from fhirserver.terminology.library import Library
from fhirserver.terminology.memory import Named
from fhirserver.ucum import Ucum
from fhirserver.validation.validator import Asked


class Repository:
    """One caller's view of one site."""

    def __init__(self, services: Services | LiveServices, access: Access, trail: Trail = UNTRACED) -> None:
        """Serve ``access`` and nobody else; ``trail`` is told of everything that leaves."""
        self._live = services if isinstance(services, LiveServices) else LiveServices(services)
        self._access = access
        self.trail = trail

    @property
    def _services(self) -> Services:
        """The services as they are now: what takes several steps takes them once."""
        return self._live.now

    @property
    def caller(self) -> Caller | None:
        """Whose view it is; None: that of the server itself or of its operator."""
        return self._access.caller

    @property
    def definitions(self) -> Definitions:
        """The definitions by which resources are read."""
        return self._services.definitions

    @property
    def ucum(self) -> Ucum:
        """The units that quantities are in."""
        return self._services.binder.rules.ucum

    async def read(self, resource_type: str, logical_id: str) -> Version:
        """Return the current version. Raises NotFound, Deleted, Forbidden."""
        require(self._access, resource_type, Right.READ)
        if not is_id(logical_id):
            raise NotFound("Malformed id.")
        return self._left(await self._sight.read(f"{resource_type}/{logical_id}"))

    async def read_as_of(self, resource_type: str, logical_id: str, parameters: Parameters) -> Version:
        """Return the version that was current at the ``_at`` of the parameters. Raises NotFound, Deleted, Forbidden."""
        require(self._access, resource_type, Right.READ)
        moment = moment_of(parameters, self._services.binder.rules.zone)
        if moment is None or not is_id(logical_id):
            return await self.read(resource_type, logical_id)
        return self._left(await read_as_of(self._sight, f"{resource_type}/{logical_id}", moment))

    async def vread(self, resource_type: str, logical_id: str, version_id: str) -> Version:
        """Return one version. Raises NotFound, Forbidden, and Deleted when that version is a deletion."""
        require(self._access, resource_type, Right.READ)
        if not (is_id(logical_id) and version_id.isascii() and version_id.isdigit() and len(version_id) < 10):
            raise NotFound("There is no such version.")
        return self._left(await self._sight.earlier(f"{resource_type}/{logical_id}", int(version_id)))

    async def write(self, write: Write, provenance: Body | None = None) -> Written:
        """Do one write, atomically, and store the Provenance that came with it."""
        if provenance is not None:
            return (await self.transact([write], provenance))[0]
        if self._services.is_audited:
            write = admitted(write, self.caller)
        with self._services.clock.writing():
            written = await self._written(await self._live.fresh(), write)
        await self._learn([write])
        return self._wrote(write, written)

    async def _written(self, services: Services, write: Write) -> Written:
        if isinstance(write, Create) and write.if_none_exist is None:
            return await create(services, self._access, write)
        if isinstance(write, Update) and write.criteria is None:
            return await update(services, self._access, write)
        return (await transact(services, self._access, [write]))[0]

    async def transact(self, writes: Sequence[Write], provenance: Body | None = None) -> list[Written]:
        """Do all writes or none, with the Provenance that came; the results stand in the order of the writes."""
        asked = all_admitted(writes, self.caller) if self._services.is_audited else list(writes)
        if provenance is not None:
            asked.append(attestation(provenance))
            self.trail.has_provenance = True
        with self._services.clock.writing():
            done = await transact(await self._live.fresh(), self._access, asked)
        await self._learn(asked)
        return [self._wrote(write, written) for write, written in zip(asked, done, strict=True)][: len(writes)]

    async def write_binary(self, binary: NativeBinary) -> Written:
        """Store a Binary in its own content type, streamed."""
        return self.trail.wrote(await write_binary(self._live, self._access, binary))

    async def search(self, request: SearchRequest) -> SearchPage:
        """Return one page of what the request selects and the caller may see."""
        self._require_types(request)
        page = await search(self._services, self._access, request)
        return replace(page, matches=tuple(self._all_left(page.matches)), included=tuple(self._all_left(page.included)))

    async def stream(self, request: SearchRequest) -> Streamed:
        """Begin a search without pages: all that the request selects and the caller may see."""
        self._require_types(request)
        begun = await stream(self._services, self._access, request)
        return replace(begun, versions=self._leaving(begun.versions))

    def check_admin(self) -> None:
        """Refuse all but administrators, and the operator of ``--auth off``. Raises Forbidden."""
        caller = self._access.caller
        if caller is not None and not caller.is_admin:
            raise Forbidden("This operation is for administrators.")

    async def labels(self, resource_type: str | None) -> Labels:
        """Return the profiles, tags and security labels in use in a type or in all. Raises TooCostly."""
        return await labels_in_use(self._services, self._access, resource_type)

    async def relabel(self, resource_type: str, logical_id: str, change: Relabel) -> Version:
        """Change the ``meta`` of an instance, which keeps its version. Raises NotFound, Deleted, Unprocessable."""
        if resource_type == AUDIT_EVENT and self._services.is_audited:
            raise append_only()
        if not is_id(logical_id):
            raise NotFound("Malformed id.")
        with self._services.clock.writing():
            services = await self._live.fresh()
            changed = await relabel(services, self._access, f"{resource_type}/{logical_id}", change)
        return self._shown(readable(Permits(services, self._access), self.trail.saw(changed, Touch.UPDATED)))

    async def read_many(self, keys: Sequence[str]) -> list[Version]:
        """Return those of some instances (``Type/id``) that are there for the caller, in no order."""
        return self._all_left([hit.version for hit in await read_many(self._services, self._access, keys)])

    async def everything(self, request: EverythingRequest) -> EverythingPage:
        """Return one page of whole records and what they refer to."""
        require(self._access, request.compartment, Right.READ)
        if request.logical_ids is None:
            require(self._access, request.compartment, Right.SEARCH)
        page = await everything(self._services, self._access, request)
        return replace(page, members=tuple(self._all_left(page.members)), linked=tuple(self._all_left(page.linked)))

    async def every_match(self, resource_type: str, criteria: Parameters, bound: int) -> list[Version]:
        """Return all that the criteria select, in the order of creation. Raises TooCostly beyond ``bound``."""
        require(self._access, resource_type, Right.SEARCH)
        return self._all_left(await every_match(self._services, self._access, resource_type, criteria, bound))

    async def latest_observations(self, request: LatestRequest) -> list[Version]:
        """Return the latest Observations of each code, the most recent first."""
        require(self._access, OBSERVATION, Right.SEARCH)
        return self._all_left(await latest_observations(self._services, self._access, request))

    async def access_log(self, request: AccessLogRequest) -> AccessLogPage:
        """Return one page of who had access to a patient's record. Raises Forbidden."""
        return await access_log(self._services, self._access, request)

    async def library(self, names: Iterable[Named], given: Sequence[Resource]) -> Library:
        """Return the terminology definitions with some names and what they depend on; raises Undecidable."""
        services = self._services
        return await services.terms.library(names, StoredDefinitions(services, self._access), given)

    @property
    def closures(self) -> Closures:
        """The closure tables of the caller."""
        return Closures(self._services.store, self._access.caller)

    @property
    def elsewhere(self) -> Elsewhere:
        """Other terminology servers."""
        return self._services.elsewhere

    async def validate(self, resource: Resource, resource_type: str, asked: Asked) -> list[Issue]:
        """Return all there is to say of a resource that should be a ``resource_type``."""
        return await validate(self._services, self._access, resource, resource_type, asked)

    async def rehearse(self, write: Create | Update | Delete) -> None:
        """Raise what a write of a valid resource would raise; nothing is stored."""
        if self._services.is_audited:
            admitted(write, self.caller)
        await rehearse(self._services, self._access, write)

    async def history(self, request: HistoryRequest) -> HistoryPage:
        """Return one page of a history."""
        page = await read_history(self._services, self._access, request)
        return replace(page, versions=tuple(self._all_left(page.versions)))

    @property
    def _sight(self) -> Sight:
        return Sight(self._services, self._access)

    def _require_types(self, request: SearchRequest) -> None:
        for resource_type in request.resource_types:
            require(self._access, resource_type, Right.SEARCH)

    def _wrote(self, write: Write, written: Written) -> Written:
        """Let the outcome of a write leave: of a patch, what its caller may read."""
        self.trail.wrote(written)
        if write.resource_type in DEFINITION_TYPES:
            self._services.terms.changed()
        if written.version is None or self._access.caller is None:
            return written
        version = written.version
        if isinstance(write, Patch):
            version = readable(Permits(self._services, self._access), version)
        return replace(written, version=self._shown(version), deleted=())

    async def _learn(self, writes: Sequence[Write]) -> None:
        """Let what defines structures take effect at once where it was written."""
        if any(write.resource_type == STRUCTURE for write in writes):
            with suppress(Unavailable):  # the write is done; the watch tries again within a second
                await self._services.learn_structures()

    def _left(self, version: Version) -> Version:
        """Let a version leave: the trail is told, and what is masked stays."""
        return self._shown(self.trail.saw(version))

    def _all_left(self, versions: Sequence[Version]) -> list[Version]:
        self.trail.saw_all(versions)
        return [self._shown(version) for version in versions] if self._access.has_masks else list(versions)

    async def _leaving(self, versions: AsyncIterator[Version]) -> AsyncIterator[Version]:
        async for version in versions:
            yield self._left(version)

    def _shown(self, version: Version) -> Version:
        if version.content is None or not self._access.has_masks:
            return version
        content = masked(version.content, version.resource_type, self._access.mask, self.definitions)
        return version if content is version.content else version._replace(content=content)
