"""From parameters to a plan the store can run: bound for each type, within the caller's access, chains resolved."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.kernel.outcome import BadRequest, TooCostly
from fhirserver.kernel.version import Version
from fhirserver.repository.guard import check_cost
from fhirserver.repository.inner_items import asks_items, pointing_by_items
from fhirserver.repository.lookups import look_up
from fhirserver.repository.requests import Parameters
from fhirserver.repository.services import Services
from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.contained import beginning_with, may_begin_with, pointing_inside
from fhirserver.search.entries import FIRST_TYPES
from fhirserver.search.needs import asks_elsewhere
from fhirserver.search.plan import (
    NONE,
    And,
    Chain,
    HasGroup,
    HasItem,
    HasOneSpan,
    HasSpan,
    HasTerm,
    HasTermContaining,
    HasTermPrefix,
    HasText,
    InHierarchy,
    IsOneOf,
    Not,
    OnList,
    Or,
    Plan,
    ReverseChain,
    all_of,
    any_of,
    none_of,
    within,
)
from fhirserver.search.query import Given, parse_query
from fhirserver.search.rewrite import together
from fhirserver.store.sorting import Window
from fhirserver.store.store import Session


def plan_criteria(services: Services, access: Access, resource_type: str, criteria: Parameters, right: Right) -> Plan:
    """Return the plan of a conditional interaction's criteria; nothing is ignored there, and none at all refused."""
    query = parse_query(criteria)
    if not query.criteria or len(query.criteria) != len(criteria):
        raise BadRequest("Conditional criteria must be search parameters, at least one, and no result parameters.")
    return plan_of_type(services, access, resource_type, query.criteria, right)


def plan_of_type(
    services: Services, access: Access, resource_type: str, criteria: Iterable[Given], right: Right
) -> Plan:
    """Return what the criteria select of one type and the caller may use so."""
    hiding = Hiding(services.binder, access)
    bound = [hiding.plan(services.binder.bind(resource_type, given), resource_type) for given in criteria]
    return within_access(access, resource_type, conjoined(services, resource_type, bound), right)


def conjoined(services: Services, resource_type: str, bound: Iterable[Plan]) -> list[Plan]:
    """Return what is to hold together in its cheapest form."""
    return together(bound, services.binder.parameters.of(resource_type).single)


def within_access(access: Access, resource_type: str, bound: Iterable[Plan], right: Right) -> Plan:
    """Conjoin bound criteria with what the caller may see of the type."""
    asked = all_of(*bound)
    return anchored(resource_type, within(asked, access.filter(resource_type, right, asked)))


def anchored(resource_type: str, plan: Plan) -> Plan:
    """Keep a plan to one type, by a term of its own where nothing in it does so already.

    What lies between two terms may be nearly all of the type (``ne``): the term lets the database read it in order.
    """
    if plan == NONE:
        return NONE
    return plan if _implies(plan, resource_type) else all_of(HasTerm((resource_type,)), plan)


def _implies(plan: Plan, resource_type: str) -> bool:
    match plan:
        case And(plans):
            return any(_implies(part, resource_type) for part in plans)
        case Or(plans):
            return all(_implies(part, resource_type) for part in plans)
        case HasTerm(terms):
            return all(term.startswith(f"{resource_type}.") for term in terms)
        case InValueSet() | Subsumes() | Translated():  # which become terms of their keys
            return all(key.startswith(f"{resource_type}.") for key in plan.codes.keys)
        case HasTermPrefix(prefix) | HasTermContaining(prefix, _):
            return prefix.startswith(f"{resource_type}.")
        case HasText(prefix=prefix):
            return prefix.startswith(f"{resource_type}.")
        case IsOneOf(keys):
            return all(key.startswith(f"{resource_type}/") for key in keys)
        case HasSpan() | HasGroup():
            return plan.key.startswith(f"{resource_type}.")
        case HasOneSpan(conditions):
            return _implies(conditions[0], resource_type)
        case _:
            return False


async def resolve(services: Services, access: Access, plan: Plan, session: Session | None = None) -> Plan:
    """Replace chains by the resources they select now. Raises TooCostly when a link selects too many."""
    if not asks_elsewhere(plan):
        return plan
    match plan:
        case And(plans):
            return all_of(*[await resolve(services, access, part, session) for part in plans])
        case Or(plans):
            return any_of(*[await resolve(services, access, part, session) for part in plans])
        case Not(inner):
            return none_of(await resolve(services, access, inner, session))
        case Chain():
            return await _resolve_chain(services, access, plan, session)
        case ReverseChain():
            return await _resolve_reverse(services, access, plan, session)
        case HasItem():
            near = anchored(plan.resource_type, await resolve(services, access, plan.near, session))
            inner = await resolve(services, access, plan.plan, session)
            return await look_up(services, access, replace(plan, near=near, plan=inner), session)
        case InValueSet() | Subsumes() | Translated() | InHierarchy() | OnList():
            return await look_up(services, access, plan, session)
        case _:
            return plan


async def _resolve_chain(services: Services, access: Access, chain: Chain, session: Session | None) -> Plan:
    if asks_items(chain.plan):
        return await _resolve_with_items(services, access, chain, session)
    asked = await resolve(services, access, chain.plan, session)
    if asked == NONE:
        return NONE
    if chain.inline:
        return beginning_with(chain.keys, chain.target_type, asked)
    inner = within_access(access, chain.target_type, (asked,), Right.SEARCH)
    await check_cost(services, (chain.target_type,), inner)
    bound = services.limits.chain_bound
    inside = pointing_inside(chain.keys, chain.target_type, asked)
    targets, is_contained = await _ends(services, chain, (inner, inside), session)
    if len(targets) > bound:
        raise _too_many(chain.target_type, bound)
    outside = HasTerm(tuple(f"{key}={target}" for key in chain.keys for target in targets)) if targets else NONE
    return any_of(outside, inside) if is_contained else outside


async def _resolve_with_items(services: Services, access: Access, chain: Chain, session: Session | None) -> Plan:
    """Resolve a link that asks items of what it leads to: what is contained is read for them too."""
    sources = dict.fromkeys(key.partition(".")[0] for key in chain.keys)
    bound = services.limits.chain_bound

    async def find(plan: Plan, limit: int) -> list[Version]:
        allowed = types_of([(name, within_access(access, name, (plan,), Right.SEARCH)) for name in sources])
        hits = [] if allowed == NONE else await services.searcher.find(allowed, Window(limit), session=session)
        return [hit.version for hit in hits]

    inside = await pointing_by_items(services, chain, lambda plan: resolve(services, access, plan, session), find)
    asked = await resolve(services, access, chain.plan, session)
    inner = within_access(access, chain.target_type, (asked,), Right.SEARCH)
    targets = [] if inner == NONE else await services.searcher.keys(inner, bound + 1, session)
    if len(targets) > bound:
        raise _too_many(chain.target_type, bound)
    outside = HasTerm(tuple(f"{key}={target}" for key in chain.keys for target in targets)) if targets else NONE
    return any_of(outside, inside)


async def _ends(
    services: Services, chain: Chain, plans: tuple[Plan, Plan], session: Session | None
) -> tuple[list[str], bool]:
    """Return what a link leads to, and whether some of it is contained in what it leads from: one query tells both."""
    outside, inside = plans
    sources = {key.partition(".")[0] for key in chain.keys}
    if not sources.isdisjoint(FIRST_TYPES):  # what it leads from may be in a Bundle
        inside = any_of(inside, may_begin_with(inside))
        sources.add("Bundle")
    keys, limit = services.searcher.keys, services.limits.chain_bound + 1
    if chain.target_type not in sources:
        found = await keys(any_of(outside, inside), limit, session)
        targets = [key for key in found if key.startswith(f"{chain.target_type}/")]
        if len(found) < limit:
            return targets, len(targets) < len(found)
    targets = [] if outside == NONE else await keys(outside, limit, session)
    return targets, bool(await keys(inside, 1, session))


async def _resolve_reverse(services: Services, access: Access, chain: ReverseChain, session: Session | None) -> Plan:
    asked = await resolve(services, access, chain.plan, session)
    inner = within_access(access, chain.source_type, (asked,), Right.SEARCH)
    if inner == NONE:
        return NONE
    await check_cost(services, (chain.source_type,), inner)
    bound = services.limits.chain_bound
    prefixes = [f"{key}=" for key in chain.keys]
    terms = await services.searcher.terms(inner, prefixes, bound, session)
    if terms is None:
        raise _too_many(chain.source_type, bound)
    targets = dict.fromkeys(term.partition("=")[2] for term in terms)
    return IsOneOf(tuple(targets), stored=True) if targets else NONE


def _too_many(resource_type: str, bound: int) -> TooCostly:
    return TooCostly(
        f"The chained criteria select more than {bound} `{resource_type}` resources; add a more selective parameter."
    )


def types_of(plans: Sequence[tuple[str, Plan]]) -> Plan:
    """Join the plans of several types; types that ask for the same share it."""
    shared: dict[Plan, list[str]] = {}
    joined: list[Plan] = []
    for resource_type, plan in plans:
        match plan:
            case And((HasTerm((anchor,)), *rest)) if anchor == resource_type:
                shared.setdefault(all_of(*rest), []).append(resource_type)
            case HasTerm((anchor,)) if anchor == resource_type:
                shared.setdefault(all_of(), []).append(resource_type)
            case _:
                joined.append(plan)
    joined += [all_of(HasTerm(tuple(types)), rest) for rest, types in shared.items()]
    return any_of(*joined)
