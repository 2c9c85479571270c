"""``$everything``: whole records and what they refer to, in pages that drop and repeat nothing, however large.

Members of the compartments come first, one compartment after another and each in the order of creation, then what
they refer to, in the order of ``Type/id``. A cursor says where in this walk a page ended; nothing is kept meanwhile.
Spec: http://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.version import Version
from fhirserver.repository.append_only import AUDIT_EVENT
from fhirserver.repository.compartments import ANY_TIME, CareDates, member_plans
from fhirserver.repository.cursors import Cursor, digest
from fhirserver.repository.linked import Linked, ReferenceIndex, read_many, support_plan, with_support
from fhirserver.repository.planning import within_access
from fhirserver.repository.services import Services
from fhirserver.search.plan import ALL, HasTerm, IsOneOf, Plan, all_of, none_of
from fhirserver.store.search import Hit
from fhirserver.store.sorting import Window

_BATCH: Final = 500
_PAGE: Final = 5000
"""Resources of a page when no ``_count`` is asked for: most records are one page."""
_PAGE_BYTES: Final = 32 * 1024 * 1024
_SCANNED: Final = 20_000
"""So many members are read for what they refer to; beyond, the references in the index are asked instead."""
_SEEN: Final = 20_000
"""Resources that one page looks at, however few of them are wanted."""
_RECORDS: Final = 250
"""Records of which one page begins to tell, each of them a query."""
_MEMBERS: Final = "members"
_LINKED: Final = "linked"
_SUPPORT: Final = "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingRequest:
    """Which records, and which part of them."""

    origin: str
    """``Type/id`` or the type that the operation was invoked on: a cursor is bound to it."""
    compartment: str
    """``Patient`` or ``Encounter``."""
    logical_ids: tuple[str, ...] | None
    """Whose records; None: those of all that the caller may see."""
    types: tuple[str, ...] = ()
    since_us: int | None = None
    care_dates: CareDates = ANY_TIME
    count: int | None = None
    cursor: str | None = None

    def identity(self, key: str) -> bytes:
        """Return what binds a cursor to this request and to the ``key`` of its caller."""
        dates = (str(self.care_dates.first), str(self.care_dates.last))
        return digest((key, "$everything", self.origin, *self.types, str(self.since_us), *dates, str(self.count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingPage:
    """One page: members of the records, and what they refer to."""

    members: tuple[Version, ...]
    linked: tuple[Version, ...]
    total: int | None
    """Known when the page is all there is."""
    next_cursor: str | None


async def everything(services: Services, access: Access, request: EverythingRequest) -> EverythingPage:
    """Return one page of the records and of what they refer to."""
    identity = request.identity(access.key)
    place: _Place = (_MEMBERS, None, None)
    if request.cursor is not None:
        place = services.cursors.open(identity, request.cursor).position
    walk = _Walk(services, access, request)
    is_end = await walk.run(place)
    page = walk.page
    return EverythingPage(
        members=tuple(page.members),
        linked=tuple(page.linked),
        total=len(page.members) + len(page.linked) if is_end and request.cursor is None else None,
        next_cursor=None if is_end else services.cursors.seal(identity, Cursor(page.place)),
    )


_Place = tuple[Any, ...]
"""Where a page ended: the part of the walk, and the place within it."""


@dataclass(slots=True)
class _Page:
    """A page as it is filled."""

    room: int
    members: list[Version] = field(default_factory=list)
    linked: list[Version] = field(default_factory=list)
    size: int = 0
    seen: int = 0
    records: int = 0
    place: _Place = ()

    @property
    def is_full(self) -> bool:
        found = len(self.members) + len(self.linked)
        is_worked = self.seen >= _SEEN or self.records >= _RECORDS
        return found >= self.room or self.size >= _PAGE_BYTES or is_worked

    def stand(self, *place: Any) -> None:  # noqa: ANN401 - a part of a position
        """Note how far the walk came."""
        self.place = place
        self.seen += 1

    def add(self, into: list[Version], version: Version) -> None:
        into.append(version)
        self.size += len(version.content or b"")


class _Walk:
    """One page's part of the walk; its methods tell whether they came to the end."""

    def __init__(self, services: Services, access: Access, request: EverythingRequest) -> None:
        self.page = _Page(min(request.count or _PAGE, _PAGE))
        self._services = services
        self._access = access
        self._request = request
        self._linked = Linked(self._access, _SCANNED)
        self._members_of = member_plans(services, access, request.compartment, request.care_dates)

    async def run(self, place: _Place) -> bool:
        """Fill the page from a place on."""
        match place:
            case (part, focus, after) if part == _MEMBERS:
                return await self._members(focus, after) and await self._after_members(has_read_all=focus is None)
            case (part, after) if part == _LINKED:
                await self._scan()
                return await self._add_linked(after)
            case _:
                return await self._add_support(place[1])

    async def _after_members(self, *, has_read_all: bool) -> bool:
        """Go on with what the members refer to."""
        if not has_read_all or self._linked.is_overfull:
            if await self._services.searcher.count(self._all_members(), _SCANNED + 1) > _SCANNED:
                return await self._add_support(None)
            await self._scan()
        return await self._add_linked(None)

    async def _members(self, focus: int | str | None, after: int | None) -> bool:
        async for place, logical_id in self._foci(focus):
            beyond = after if place == focus else None
            self.page.stand(_MEMBERS, place, beyond)
            if self.page.is_full:
                return False
            async for hits in self._batches(self._plan_of((logical_id,)), beyond):
                for hit in hits:
                    self.page.stand(_MEMBERS, place, hit.position[-1])
                    if await self._is_own(logical_id, hit):
                        self._linked.read(self._services, hit.version)
                        if self._is_wanted(hit.version):
                            self.page.add(self.page.members, hit.version)
                    if self.page.is_full:
                        return False
            self.page.records += 1
        return True

    async def _add_linked(self, after: str | None) -> bool:
        """Add what the members refer to, and what supports that, in the order of ``Type/id``."""
        keys = sorted(await with_support(self._services, self._access, self._linked))
        rest = [key for key in keys if after is None or key > after]
        for start in range(0, len(rest), _BATCH):
            found = await read_many(self._services, self._access, rest[start : start + _BATCH])
            for hit in sorted(found, key=lambda hit: hit.version.key):
                self.page.stand(_LINKED, hit.version.key)
                if self._is_wanted(hit.version):
                    self.page.add(self.page.linked, hit.version)
                if self.page.is_full:
                    return False
        return True

    async def _add_support(self, after: int | None) -> bool:
        """Add what is of a type that is never in a patient's record and is referred to, in the order of creation."""
        index = ReferenceIndex(self._services, self._access)
        async for hits in self._batches(support_plan(self._services, self._access), after):
            for hit in hits:
                self.page.stand(_SUPPORT, hit.position[-1])
                if self._is_wanted(hit.version) and await index.refers_to(hit.version.key):
                    self.page.add(self.page.linked, hit.version)
                if self.page.is_full:
                    return False
        return True

    async def _scan(self) -> None:
        """Read all members for what they refer to."""
        self._linked = Linked(self._access, _SCANNED)
        async for hits in self._batches(self._all_members(), None):
            for hit in hits:
                self._linked.read(self._services, hit.version)

    async def _batches(self, plan: Plan, after: int | None) -> AsyncIterator[list[Hit]]:
        ids = self._request.logical_ids
        while True:
            window = Window(_BATCH, position=None if after is None else (after,))
            hits = await self._services.searcher.find(plan, window, with_terms=ids is None or len(ids) > 1)
            if hits:
                yield hits
            if len(hits) < _BATCH:
                return
            after = hits[-1].position[-1]

    async def _foci(self, start: int | str | None) -> AsyncIterator[tuple[int | str, str]]:
        """Yield whose records are walked, each with its place in the order of the walk."""
        if self._request.logical_ids is not None:
            for logical_id in sorted(self._request.logical_ids):
                if start is None or logical_id >= str(start):
                    yield logical_id, logical_id
            return
        after = None if start is None else int(start) - 1
        async for hits in self._batches(self._readable(ALL), after):
            for hit in hits:
                yield int(hit.position[-1]), hit.version.logical_id

    async def _is_own(self, logical_id: str, hit: Hit) -> bool:
        """Tell whether a member of several records belongs to this one: the first of those that are walked."""
        prefix = f"@{self._request.compartment}/"
        owners = sorted(term.removeprefix(prefix) for term in hit.terms if term.startswith(prefix))
        if len(owners) < 2:
            return True
        ids = self._request.logical_ids
        if ids is not None:
            return logical_id == next((owner for owner in owners if owner in ids), logical_id)
        keys = tuple(f"{self._request.compartment}/{owner}" for owner in owners)
        first = await self._services.searcher.find(self._readable(IsOneOf(keys)), Window(1))
        return not first or first[0].version.logical_id == logical_id

    def _is_wanted(self, version: Version) -> bool:
        """Tell whether the request asks for a resource by its type and its last change."""
        types, since = self._request.types, self._request.since_us
        return (not types or version.resource_type in types) and (since is None or version.last_updated_us > since)

    def _readable(self, plan: Plan) -> Plan:
        return within_access(self._access, self._request.compartment, (plan,), Right.READ)

    def _all_members(self) -> Plan:
        return self._plan_of(self._request.logical_ids)

    def _plan_of(self, logical_ids: Sequence[str] | None) -> Plan:
        return self._asked(self._members_of(logical_ids))

    def _asked(self, plan: Plan) -> Plan:
        """Leave out the audit trail, which grows with every look at the record, unless it is asked for by its type."""
        return plan if AUDIT_EVENT in self._request.types else all_of(plan, none_of(HasTerm((AUDIT_EVENT,))))
