"""What one caller may see of single instances, decided on the index values that are stored beside them.

What may not be seen takes the same calls of the database as what is not there, and no more work: its JSON is not read.
An earlier version is seen by who may see it and the instance as it is now; a deleted instance, by who may see it as it
was last.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import Deleted, InsufficientScope, NotFound
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import types_of, within_access
from fhirserver.repository.services import Services
from fhirserver.search.attachments import ATTACHED, BINARY, CONTEXT
from fhirserver.search.decide import prepared
from fhirserver.search.match import Candidate, match
from fhirserver.search.needs import Extent
from fhirserver.search.plan import ALL, NONE, All, HasTerm, IsOneOf, Plan
from fhirserver.store.store import Current, Session
from fhirserver.store.values import HeldDocument, candidate_of, selects


def require(access: Access, resource_type: str, right: Right) -> None:
    """Refuse a kind of use that the caller has no right to, on whatever resource of the type. Raises Forbidden."""
    if not access.allows(resource_type, right):
        raise InsufficientScope(f"The access granted does not include `{resource_type}.{right}`.")


@dataclass(frozen=True, slots=True)
class Sight:
    """One caller's view."""

    services: Services
    access: Access

    async def current(self, key: str, right: Right = Right.READ) -> Current | None:
        """Return an instance as it is now, or as a deletion, for who may use it so; None where nothing is there."""
        wanted = self.access.filter(key.partition("/")[0], right)
        if isinstance(wanted, All):
            return await self.services.store.current(key)
        extent, keys, decide = prepared(wanted)
        found = await self.services.store.indexed(key, extent, keys)
        if found is None or found.is_deletion or not found.is_indexed:
            return await self.permitted(found, wanted)
        if decide(HeldDocument(found.stored, wanted)):
            return found
        return await self.permitted(found, wanted, is_hidden=True)

    async def read(self, key: str) -> Version:
        """Return the current version of an instance. Raises NotFound, Deleted."""
        found = await self.current(key)
        if found is None and key.startswith(f"{BINARY}/") and await self.shown_binaries([key]):
            found = await self.services.store.indexed(key, Extent.TERMS)
        if found is None:
            raise NotFound(f"`{key}` is not known.")
        if found.is_deletion:
            raise deleted(found.version)
        return await self.services.store.loaded(found)

    async def earlier(self, key: str, version_id: int) -> Version:
        """Return a version of an instance. Raises NotFound, and Deleted when that version is a deletion."""
        now = await self.current(key)
        found = now
        if now is not None and now.version.version_id != version_id:
            found = await self.services.store.earlier_indexed(key, version_id)
        if now is None or found is None or not await self._is_shown(found):
            raise NotFound(f"`{key}` has no version `{version_id}`.")
        if found.is_deletion:
            raise deleted(found.version)
        return await self.services.store.loaded(found)

    async def _is_shown(self, found: Current) -> bool:
        wanted = self.access.filter(found.version.resource_type, Right.READ)
        return found.is_deletion or wanted == ALL or await self.selects(wanted, found)

    async def shown_binaries(self, keys: Sequence[str], right: Right = Right.READ) -> set[str]:
        """Return those of some Binary instances that a resource shows, or has as its own, which the caller may read."""
        wanted = self.access.shown(BINARY, right)
        return set() if wanted == NONE else {key for key in keys if await self._shows(key, wanted)}

    async def _shows(self, key: str, wanted: Plan) -> bool:
        binary = await self.services.store.indexed(key, Extent.ALL)
        terms = [] if binary is None else candidate_of(binary.stored).values.terms
        is_reached = await self._is_reached(key, terms)  # asked of what is not there too
        return binary is not None and is_reached and await self.selects(wanted, binary)

    async def _is_reached(self, key: str, terms: Sequence[str]) -> bool:
        contexts = [term.removeprefix(CONTEXT) for term in terms if term.startswith(CONTEXT)]
        attached = HasTerm((ATTACHED + key,))
        plans = [IsOneOf(tuple(contexts))] if contexts else [attached]
        types = self.services.definitions.resource_types
        if contexts:
            types = tuple(name for name in types if contexts[0].startswith(f"{name}/"))
        plan = types_of([(name, within_access(self.access, name, plans, Right.READ)) for name in types])
        return plan != NONE and bool(await self.services.searcher.keys(plan, 1))

    async def permitted(
        self, found: Current | None, wanted: Plan, session: Session | None = None, *, is_hidden: bool = False
    ) -> Current | None:
        """Return what was found of an instance where the plan selects it; of a deletion, what was there before.

        ``is_hidden``: it is known that the plan does not select it.
        """
        if wanted == ALL:
            return found
        if found is not None and not (is_hidden or found.is_deletion) and await self.selects(wanted, found):
            return found
        key, number = ("", 0) if found is None else (found.version.key, found.version.version_id - 1)
        before = await self.services.store.before(key, number, session)  # as much work for what is not there
        if found is None or before is None or not found.is_deletion:
            return None
        return found if await self.selects(wanted, before) else None

    async def selects(self, wanted: Plan, found: Current) -> bool:
        """Tell whether a plan selects a version; one that is older than index values in the history is read."""
        if found.is_indexed or wanted in (ALL, NONE):
            return selects(wanted, found.stored)
        version = await self.services.store.earlier(found.version.key, found.version.version_id)
        return version is not None and self.sees(version, wanted)

    def sees(self, version: Version, wanted: Plan) -> bool:
        """Tell whether a plan selects a version by its content."""
        if wanted == ALL or version.content is None:
            return wanted == ALL
        values = self.services.extractor.extract(parse_json(version.content))
        return match(wanted, Candidate(version.key, version.last_updated_us, values))


def deleted(version: Version) -> Deleted:
    """Say that an instance is deleted, to who could see it before."""
    return Deleted(f"`{version.key}` was deleted.", headers={"ETag": version.etag})
