"""The door: bound to one caller's Access and one site; nothing reaches stored resources around it.

Spec: http://hl7.org/fhir/R4/http.html
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import Deleted, NotFound
from fhirserver.kernel.version import Version
from fhirserver.repository.as_of import moment_of, read_as_of
from fhirserver.repository.binaries import write_binary
from fhirserver.repository.everything import EverythingPage, EverythingRequest, everything
from fhirserver.repository.histories import read_history
from fhirserver.repository.labels import Labels, Relabel, labels_in_use, relabel
from fhirserver.repository.latest import LatestRequest, latest_observations
from fhirserver.repository.linked import read_many
from fhirserver.repository.matches import every_match
from fhirserver.repository.requests import (
    Create,
    HistoryPage,
    HistoryRequest,
    NativeBinary,
    Parameters,
    SearchPage,
    SearchRequest,
    Update,
    Write,
    Written,
)
from fhirserver.repository.searches import search
from fhirserver.repository.services import LiveServices, Services
from fhirserver.repository.streams import Streamed, stream
from fhirserver.repository.trail import UNTRACED, Touch, Trail
from fhirserver.repository.transaction import transact
from fhirserver.repository.writes import create, update
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import ALL
from fhirserver.ucum import Ucum


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
    def definitions(self) -> Definitions:
        """The definitions by which resources are read."""
        return self._services.definitions

    @property
    def ucum(self) -> Ucum:
        """The units that quantities are in."""
        return self._services.binder.rules.ucum

    async def read(self, resource_type: str, logical_id: str) -> Version:
        """Return the current version. Raises NotFound, Deleted."""
        key = f"{resource_type}/{logical_id}"
        current = await self._services.store.current(key) if is_id(logical_id) else None
        if current is None:
            raise NotFound(f"`{resource_type}/{logical_id}` is not known." if is_id(logical_id) else "Malformed id.")
        if current.version.content is None:
            raise _deleted(current.version)
        self._check_visible(current.version)
        return self.trail.saw(current.version)

    async def read_as_of(self, resource_type: str, logical_id: str, parameters: Parameters) -> Version:
        """Return the version that was current at the ``_at`` of the parameters. Raises NotFound, Deleted."""
        moment = moment_of(parameters, self._services.binder.rules.zone)
        if moment is None or not is_id(logical_id):
            return await self.read(resource_type, logical_id)
        version = await read_as_of(self._services, f"{resource_type}/{logical_id}", moment)
        self._check_visible(version)
        return self.trail.saw(version)

    async def vread(self, resource_type: str, logical_id: str, version_id: str) -> Version:
        """Return one version. Raises NotFound, and Deleted when that version is a deletion."""
        if not (is_id(logical_id) and version_id.isascii() and version_id.isdigit() and len(version_id) < 10):
            raise NotFound("There is no such version.")
        key, wanted = f"{resource_type}/{logical_id}", int(version_id)
        current = await self._services.store.current(key)
        if current is None or wanted > current.version.version_id:
            raise NotFound(f"`{key}` has no version `{wanted}`.")
        version: Version | None = current.version
        if wanted != current.version.version_id:
            version = await self._services.store.earlier(key, wanted)
        if version is None:
            raise NotFound(f"`{key}` has no version `{wanted}`.")
        if version.content is None:
            raise _deleted(version)
        self._check_visible(version)
        return self.trail.saw(version)

    async def write(self, write: Write) -> Written:
        """Do one write, atomically."""
        with self._services.clock.writing():
            services = await self._live.fresh()
            if isinstance(write, Create) and write.if_none_exist is None:
                return self.trail.wrote(await create(services, write))
            if isinstance(write, Update) and write.criteria is None:
                return self.trail.wrote(await update(services, write))
            return self.trail.wrote((await transact(services, self._access, [write]))[0])

    async def transact(self, writes: Sequence[Write]) -> list[Written]:
        """Do all writes or none; the results stand in the order of the writes."""
        with self._services.clock.writing():
            done = await transact(await self._live.fresh(), self._access, writes)
            return [self.trail.wrote(written) for written in done]

    async def write_binary(self, binary: NativeBinary) -> Written:
        """Store a Binary in its own content type, streamed."""
        return self.trail.wrote(await write_binary(self._live, binary))

    async def search(self, request: SearchRequest) -> SearchPage:
        """Return one page of what the request selects and the caller may see."""
        page = await search(self._services, self._access, request)
        self.trail.saw_all(page.matches)
        self.trail.saw_all(page.included)
        return page

    async def stream(self, request: SearchRequest) -> Streamed:
        """Begin a search without pages: all that the request selects and the caller may see."""
        begun = await stream(self._services, self._access, request)
        return replace(begun, versions=self._seen(begun.versions))

    async def labels(self, resource_type: str | None) -> Labels:
        """Return the profiles, tags and security labels in use in a type or in all. Raises TooCostly."""
        return await labels_in_use(self._services, self._access, resource_type)

    async def relabel(self, resource_type: str, logical_id: str, change: Relabel) -> Version:
        """Change the ``meta`` of an instance, which keeps its version. Raises NotFound, Deleted, Unprocessable."""
        await self.read(resource_type, logical_id)
        with self._services.clock.writing():
            changed = await relabel(await self._live.fresh(), f"{resource_type}/{logical_id}", change)
            return self.trail.saw(changed, Touch.UPDATED)

    async def read_many(self, keys: Sequence[str]) -> list[Version]:
        """Return those of some instances (``Type/id``) that are there for the caller, in no order."""
        return self._all_seen([hit.version for hit in await read_many(self._services, self._access, keys)])

    async def everything(self, request: EverythingRequest) -> EverythingPage:
        """Return one page of whole records and what they refer to."""
        page = await everything(self._services, self._access, request)
        self.trail.saw_all(page.members)
        self.trail.saw_all(page.linked)
        return page

    async def every_match(self, resource_type: str, criteria: Parameters, bound: int) -> list[Version]:
        """Return all that the criteria select, in the order of creation. Raises TooCostly beyond ``bound``."""
        return self._all_seen(await every_match(self._services, self._access, resource_type, criteria, bound))

    async def latest_observations(self, request: LatestRequest) -> list[Version]:
        """Return the latest Observations of each code, the most recent first."""
        return self._all_seen(await latest_observations(self._services, self._access, request))

    async def history(self, request: HistoryRequest) -> HistoryPage:
        """Return one page of a history."""
        page = await read_history(self._services, self._access, request)
        self.trail.saw_all(page.versions)
        return page

    def _all_seen(self, versions: list[Version]) -> list[Version]:
        self.trail.saw_all(versions)
        return versions

    async def _seen(self, versions: AsyncIterator[Version]) -> AsyncIterator[Version]:
        async for version in versions:
            yield self.trail.saw(version)

    def _check_visible(self, version: Version) -> None:
        """Let the access filter decide; what may not be seen is answered as what does not exist."""
        wanted = self._access.filter(version.resource_type, Right.READ)
        if wanted is ALL or version.content is None:
            return
        values = self._services.extractor.extract(parse_json(version.content))
        if not match(wanted, Candidate(version.key, version.last_updated_us, values)):
            raise NotFound(f"`{version.key}` is not known.")


def _deleted(version: Version) -> Deleted:
    return Deleted(f"`{version.key}` was deleted.", headers={"ETag": version.etag})
