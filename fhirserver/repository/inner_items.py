"""References to contained resources of which items are asked, ``_filter=medication.ingredient[…]``: read one by one.

What one item must meet together is not in the index; the resources that contain what they refer to, and may be meant,
are read for it.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.services import Services
from fhirserver.search.contained import is_inner, pointing_inside, pointing_terms, within
from fhirserver.search.items import ItemReader
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import ALL, NONE, And, Chain, HasItem, IsOneOf, Not, Or, Plan, all_of, any_of, none_of

Resolve: TypeAlias = Callable[[Plan], Awaitable[Plan]]
"""Resolves what is asked of other resources."""
Find: TypeAlias = Callable[[Plan, int], Awaitable[list[Version]]]
"""Finds so many at most of what a plan selects and the caller may search."""


def asks_items(plan: Plan) -> bool:
    """Tell whether a plan asks something of items of the resource itself."""
    match plan:
        case And(plans) | Or(plans):
            return any(map(asks_items, plans))
        case Not(inner):
            return asks_items(inner)
        case _:
            return isinstance(plan, HasItem)


async def pointing_by_items(services: Services, chain: Chain, resolve: Resolve, find: Find) -> Plan:
    """Return what refers, as a link does, to a resource that it contains itself and the link's plan selects.

    Raises TooCostly.
    """
    bound = services.limits.chain_bound
    near = pointing_inside(chain.keys, chain.target_type, await resolve(_without_items(chain.plan)))
    versions = await find(near, bound + 1) if near != NONE else []
    if len(versions) > bound:
        raise TooCostly(
            f"More than {bound} resources that contain a `{chain.target_type}` would have to be read for `[ ]`; test a"
            " more selective parameter with it."
        )
    wanted = _InnerItems(services, await _prepared(chain.plan, resolve))
    keys = tuple(version.key for version in versions if _points(services, chain, version, wanted))
    return IsOneOf(keys, stored=True) if keys else NONE


def _without_items(plan: Plan) -> Plan:
    """Return what the index can say of what a plan may select."""
    match plan:
        case And(plans):
            return all_of(*map(_without_items, plans))
        case Or(plans):
            return any_of(*map(_without_items, plans))
        case Not(inner):
            return ALL if asks_items(inner) else plan
        case HasItem():
            return plan.near
        case _:
            return plan


async def _prepared(plan: Plan, resolve: Resolve) -> Plan:
    """Resolve all of a plan but the items it asks."""
    match plan:
        case And(plans):
            return all_of(*[await _prepared(part, resolve) for part in plans])
        case Or(plans):
            return any_of(*[await _prepared(part, resolve) for part in plans])
        case Not(inner):
            return none_of(await _prepared(inner, resolve))
        case HasItem():
            return replace(plan, plan=await resolve(plan.plan))
        case _:
            return within(await resolve(plan))


def _points(services: Services, chain: Chain, version: Version, wanted: "_InnerItems") -> bool:
    resource = parse_json(version.content or b"{}")
    pointing = pointing_terms(chain.keys)
    return any(
        inner["resourceType"] == chain.target_type
        and not pointing.isdisjoint(candidate.values.terms)
        and wanted.selects(inner, candidate)
        for inner, candidate in _inside(services, version, resource)
    )


def _inside(services: Services, version: Version, resource: Resource) -> Iterator[tuple[Resource, Candidate]]:
    """Yield what a resource contains, each with its index values."""
    values = services.extractor.extract(resource)
    groups = [group for group in values.groups if is_inner(group.key)]
    for inner, group in zip(resource.get("contained", ()), groups, strict=False):
        yield inner, Candidate(version.key, version.last_updated_us, group.values)


@dataclass(frozen=True, slots=True)
class _InnerItems:
    """Decides on contained resources by a plan in which all but the items is resolved."""

    services: Services
    plan: Plan
    _readers: dict[HasItem, ItemReader] = field(default_factory=dict)

    def selects(self, inner: Resource, candidate: Candidate) -> bool:
        """Tell whether a contained resource is meant."""
        return self._selects(self.plan, inner, candidate)

    def _selects(self, plan: Plan, inner: Resource, candidate: Candidate) -> bool:
        match plan:
            case And(plans):
                return all(self._selects(part, inner, candidate) for part in plans)
            case Or(plans):
                return any(self._selects(part, inner, candidate) for part in plans)
            case Not(part):
                return not self._selects(part, inner, candidate)
            case HasItem():
                return self._reader(plan)(inner)
            case _:
                return match(plan, candidate)

    def _reader(self, item: HasItem) -> ItemReader:
        found = self._readers.get(item)
        if found is None:
            binder = self.services.binder
            found = self._readers[item] = ItemReader(item, binder.definitions, binder.rules)
        return found
