"""What resources refer to: read from their content, or asked of the index.

Every ``Reference.reference`` counts, extensions and contained resources included, and ``Attachment.url`` of a Binary
here. Spec: http://hl7.org/fhir/R4/references.html
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.access.masks import masked
from fhirserver.codec.fhir_json import decode_checked
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Json
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import types_of, within_access
from fhirserver.repository.services import Services
from fhirserver.repository.sight import Sight
from fhirserver.search.attachments import BINARY
from fhirserver.search.extract import COMPARTMENT
from fhirserver.search.plan import NONE, HasTerm, IsOneOf, Plan, any_of
from fhirserver.search.values.reference import resolved
from fhirserver.store.search import Hit
from fhirserver.store.sorting import Window

_ROUNDS: Final = 8
"""How far support is followed: a role, its practitioner, an organisation, the one above it …"""
_BATCH: Final = 500
_IN_RECORD: Final = f"@{COMPARTMENT}/"
_HOLDERS: Final = ("reference", "url")


class Linked:
    """Members as they are read, and what they refer to; past a bound nothing more is noted."""

    def __init__(self, access: Access, bound: int) -> None:
        """Note the references of ``bound`` members at most, where the caller sees them."""
        self._access = access
        self._bound = bound
        self._members: set[str] = set()
        self._targets: set[str] = set()

    @property
    def is_overfull(self) -> bool:
        """Whether there were more members than are noted."""
        return len(self._members) > self._bound

    def read(self, services: Services, version: Version) -> None:
        """Note a member."""
        self._members.add(version.key)
        if not self.is_overfull:
            self._targets.update(targets_of(services, self._access, version))

    def outside(self) -> set[str]:
        """Return what the members refer to beside themselves."""
        return self._targets - self._members

    def beyond(self, targets: Iterable[str]) -> set[str]:
        """Return those of some targets that are no members."""
        return set(targets) - self._members


def targets_of(services: Services, access: Access, version: Version) -> Iterator[str]:
    """Yield ``Type/id`` of what a resource refers to on this server, as far as the caller sees the resource."""
    content = version.content or b""
    if access.caller is not None and content:
        content = masked(content, version.resource_type, access.mask, services.definitions)
    if not any(b'"%b"' % name.encode() in content for name in _HOLDERS):
        return
    bases = services.binder.rules.own_bases
    for text in _strings(decode_checked(content).value):
        found = parse_rest_reference(resolved(text, bases))
        if found is None or found.base or not is_id(found.logical_id):
            continue
        if services.definitions.is_resource_type(found.resource_type):
            yield found.key


def _strings(value: Json) -> Iterator[str]:
    """Yield what stands where a link to a resource may stand."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, dict):
            yield from (text for name in _HOLDERS if isinstance(text := each.get(name), str))
            waiting.extend(child for child in each.values() if isinstance(child, dict | list))


async def with_support(services: Services, access: Access, linked: Linked) -> set[str]:
    """Return what the members refer to, and what that refers to as long as it is in no patient's record."""
    seen = linked.outside()
    frontier = sorted(seen)
    for _ in range(_ROUNDS):
        reached: set[str] = set()
        for start in range(0, len(frontier), _BATCH):
            hits = await read_many(services, access, frontier[start : start + _BATCH])
            for hit in hits:
                if not any(term.startswith(_IN_RECORD) for term in hit.terms):
                    reached.update(targets_of(services, access, hit.version))
        frontier = sorted(linked.beyond(reached) - seen)
        seen.update(frontier)
        if not frontier:
            break
    return seen


async def read_many(services: Services, access: Access, keys: Sequence[str]) -> list[Hit]:
    """Return those of some instances that are there for the caller, in no order."""
    by_type: dict[str, list[str]] = {}
    for key in keys:
        by_type.setdefault(key.partition("/")[0], []).append(key)
    plans = [within_access(access, name, (IsOneOf(tuple(own)),), Right.READ) for name, own in by_type.items()]
    shown = await Sight(services, access).shown_binaries(by_type.get(BINARY, ()))
    plan = any_of(*plans, IsOneOf(tuple(shown)) if shown else NONE)
    return await services.searcher.find(plan, Window(len(keys)), with_terms=True) if plan != NONE else []


def support_plan(services: Services, access: Access) -> Plan:
    """Return the plan of all of the types that are never in a patient's record."""
    compartment = services.definitions.compartment(COMPARTMENT)
    members = {COMPARTMENT, *(compartment.parameters if compartment else ())}
    types = [each for each in services.definitions.resource_types if each not in members]
    return types_of([(each, within_access(access, each, (), Right.READ)) for each in types])


class ReferenceIndex:
    """Asks the index whether anything that the caller may see refers to an instance."""

    def __init__(self, services: Services, access: Access) -> None:
        """Ask by the parameters of all types."""
        self._services = services
        self._access = access
        self._keys: dict[str, tuple[str, ...]] = {}

    async def refers_to(self, key: str) -> bool:
        """Tell whether some resource refers to an instance by a search parameter."""
        hiding = Hiding(self._services.binder, self._access)
        by_type: dict[str, list[str]] = {}
        for each in hiding.shown(self._keys_to(key.partition("/")[0])):
            by_type.setdefault(each.partition(".")[0], []).append(f"{each}={key}")
        plans = [within_access(self._access, t, (HasTerm(tuple(own)),), Right.READ) for t, own in by_type.items()]
        plan = any_of(*plans)
        return plan != NONE and bool(await self._services.searcher.keys(plan, 1))

    def _keys_to(self, resource_type: str) -> tuple[str, ...]:
        found = self._keys.get(resource_type)
        if found is None:
            found = self._keys[resource_type] = tuple(dict.fromkeys(self._find_keys(resource_type)))
        return found

    def _find_keys(self, resource_type: str) -> Iterator[str]:
        for source in self._services.definitions.resource_types:
            for bound in self._services.binder.parameters.of(source).bound.values():
                if bound.definition.type is SearchType.REFERENCE and resource_type in bound.targets:
                    yield from bound.keys
