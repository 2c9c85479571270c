"""Which writes a caller may make: held against what is there and against what would be there.

What the caller may not see is answered as what is not there. So that this holds of ids too, only who may write every
resource of a type chooses ids: for all others an update of what is not there is refused like one of what is hidden.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import Forbidden, NotFound
from fhirserver.kernel.resource import Json
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Create, Delete, Update, Write
from fhirserver.repository.services import Services
from fhirserver.repository.sight import Sight, require
from fhirserver.search.attachments import ATTACHED, BINARY
from fhirserver.search.index import IndexValues
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import ALL, any_of
from fhirserver.store.documents import Draft
from fhirserver.store.store import Current, Session
from fhirserver.store.values import candidate_of

_RIGHTS: Final = {Create: Right.CREATE, Delete: Right.DELETE}


def right_of(write: Write) -> Right:
    """Return the right that a write needs."""
    return _RIGHTS.get(type(write), Right.UPDATE)


@dataclass(frozen=True, slots=True)
class Permits:
    """One caller's rights to write."""

    services: Services
    access: Access

    def check_kind(self, write: Write) -> None:
        """Refuse a kind of write, whatever it is about. Raises Forbidden."""
        require(self.access, write.resource_type, right_of(write))
        is_conditional = (write.if_none_exist if isinstance(write, Create) else write.criteria) is not None
        if is_conditional:
            require(self.access, write.resource_type, Right.SEARCH)
        if isinstance(write, Update) and self.access.mask(write.resource_type) is not None:
            raise Forbidden(
                f"An update replaces the whole `{write.resource_type}`, of which this caller does not see everything;"
                " patch what is to change."
            )

    async def there(self, found: Current | None, key: str, right: Right, session: Session | None) -> Current | None:
        """Return what a write finds: None where nothing is there for the caller. Raises Forbidden, NotFound.

        What may be read but not written is refused; what is not there, to who chooses no ids.
        """
        resource_type = key.partition("/")[0]
        wanted = self.access.filter(resource_type, right)
        sight = Sight(self.services, self.access)
        usable = await sight.permitted(found, wanted, session)
        if usable is not None or wanted == ALL:
            return usable
        if resource_type == BINARY and await sight.shown_binaries([key], right):
            return found
        if self.access.allows(resource_type, Right.READ):
            seen = await sight.permitted(found, self.access.filter(resource_type, Right.READ), session)
            if seen is not None and not seen.is_deletion:
                raise Forbidden(f"`{key}` may be read, but not changed so, by this caller.")
        return None

    def check_may_name(self, resource_type: str, logical_id: str) -> None:
        """Refuse an update of what is not there. Raises NotFound."""
        if self.access.filter(resource_type, Right.UPDATE) != ALL:
            raise NotFound(f"`{resource_type}/{logical_id}` is not known.")

    async def check_state(self, draft: Draft, current: Current | None, right: Right, own: Iterable[str] = ()) -> None:
        """Refuse a state that the caller may not give a resource; ``own``: what the same request creates.

        Raises Forbidden.
        """
        version, access = draft.version, self.access
        wanted = any_of(access.filter(version.resource_type, right), access.shown(version.resource_type, right))
        if wanted == ALL and access.caller is None:
            return
        state = Candidate(version.key, version.last_updated_us, draft.values or IndexValues())
        if not match(wanted, state):
            raise Forbidden(f"The `{version.resource_type}` would be outside of what this caller may write.")
        self._check_kept(draft, current, right)
        await self._check_attachments(draft, current, frozenset(own))

    def _check_kept(self, draft: Draft, current: Current | None, right: Right) -> None:
        """Refuse to set or change elements that are kept from the caller."""
        kept = self.access.kept(draft.version.resource_type, right)
        if not kept:
            return
        before = None if current is None else current.version
        for path in sorted(kept):
            if _value(before, path) != _value(draft.version, path):
                raise Forbidden(f"`{path}` is not this caller's to set or change.", expression=[path])

    async def _check_attachments(self, draft: Draft, current: Current | None, own: frozenset[str]) -> None:
        """Refuse to show a Binary that the caller may not read: who reads the resource would read it too."""
        if draft.values is None or self.access.filter(BINARY, Right.READ) == ALL:
            return
        known = set() if current is None else set(candidate_of(current.stored).values.terms)
        sight = Sight(self.services, self.access)
        for term in draft.values.terms:
            key = term.removeprefix(ATTACHED)
            if not term.startswith(ATTACHED) or term in known or key in own:
                continue
            if await sight.current(key) is None and not await sight.shown_binaries([key]):
                raise Forbidden("An attachment is at a `Binary` that this caller may not read, or that is not there.")


def _value(version: Version | None, path: str) -> Json:
    """Return what stands at a path of objects; an empty list is nothing."""
    if version is None or version.content is None:
        return None
    value: Json = parse_json(version.content)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value or None


def readable(permits: Permits, version: Version) -> Version:
    """Return a version as who wrote it may see it: without content where it may not be read."""
    wanted = permits.access.filter(version.resource_type, Right.READ)
    sees = Sight(permits.services, permits.access).sees(version, wanted)
    return version if sees else version._replace(content=None)
