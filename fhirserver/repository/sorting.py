"""``_sort``: keys bound to what is indexed, through references too, within the caller's access.

    _sort=-date,_id            priority order; missing values come last either way
    _sort=patient.birthdate    by what the reference leads to
    _sort=subject:Patient.name of one type of target
    _sort=_score               the most relevant first, with `_text` or `_content`; `-_score` the least

Spec: http://hl7.org/fhir/R4/search.html#sort
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.kernel.outcome import TooCostly, UnknownParameter
from fhirserver.repository.planning import resolve, types_of, within_access
from fhirserver.repository.services import Services
from fhirserver.search.cost import is_of_few
from fhirserver.search.parameters import Bound
from fhirserver.search.plan import ALL, Plan
from fhirserver.search.query import Sort, shown
from fhirserver.store.search import Searcher
from fhirserver.store.sorting import Link, SortKey, walked_type

SCORE: Final = "_score"
_MAX_LINKS: Final = 3
_MAX_TARGETS: Final = 12
_SPANS: Final = frozenset({SearchType.DATE, SearchType.NUMBER, SearchType.QUANTITY})
_UNORDERED: Final = frozenset({SearchType.COMPOSITE, SearchType.SPECIAL})


def sort_key(services: Services, types: Sequence[str], key: Sort, *, ranked: bool = False) -> SortKey:
    """Bind one key of ``_sort``; ``ranked``: there is a score. Raises UnknownParameter."""
    try:
        return _key(services, types, key, _MAX_LINKS, ranked=ranked)
    except UnknownParameter as error:
        raise UnknownParameter(error.diagnostics, expression=["http._sort"]) from None


def shown_key(hiding: Hiding, key: SortKey) -> SortKey:
    """Leave out of a key what is of masked elements: it has no values then, and what it sorts comes as it was made."""
    if hiding.is_idle:
        return key
    link = None if key.link is None else replace(key.link, key=shown_key(hiding, key.link.key))
    prefixes = tuple(prefix for prefix in key.prefixes if not hiding.hides(prefix))
    return replace(key, keys=hiding.shown(key.keys), prefixes=prefixes, link=link)


async def visible(services: Services, access: Access, key: SortKey) -> SortKey:
    """Keep a chained key to what the caller may see."""
    if key.link is None:
        return key
    types = dict.fromkeys(prefix.partition("=")[2].removesuffix("/") for prefix in key.prefixes)
    plan = types_of([(name, within_access(access, name, (), Right.SEARCH)) for name in types])
    inner = await visible(services, access, key.link.key)
    return replace(key, link=Link(await resolve(services, access, plan, None), inner))


async def check_sortable(services: Services, plan: Plan, sort: Sequence[SortKey]) -> int | None:
    """Return the number of matches where it had to be counted. Raises TooCostly when they are too many to sort."""
    if not sort or is_of_few(plan):
        return None
    if isinstance(services.searcher, Searcher) and walked_type(plan, sort) is not None:
        return None
    bound = services.limits.sort_bound
    counted = await services.searcher.count(plan, bound + 1)
    if counted > bound:
        raise TooCostly(
            f"The search selects more than {bound} resources, too many to sort. Add a criterion such as a patient or"
            " a range of dates; a type alone is sorted by `_lastUpdated` or `_id`.",
            expression=["http._sort"],
        )
    return counted


def _key(services: Services, types: Sequence[str], key: Sort, links: int, *, ranked: bool = False) -> SortKey:
    code, dot, rest = key.code.partition(".")
    if dot:
        return _chained(services, types, (code, Sort(rest, key.descending)), links)
    if code == "_lastUpdated":
        return SortKey("updated", descending=key.descending)
    if code == "_id":
        return SortKey("id", descending=key.descending)
    if code == SCORE and ranked:
        return SortKey("score", descending=not key.descending)
    bound = [services.binder.find(resource_type, code) for resource_type in types]
    kinds = {one.definition.type for one in bound}
    if not kinds.isdisjoint(_UNORDERED) or len(kinds) > 1:
        raise UnknownParameter(f"`{shown(code)}` has no order to sort by.")
    keys = tuple(dict.fromkeys(k for one in bound for k in one.keys))
    if kinds <= _SPANS:
        return SortKey("spans", keys, descending=key.descending)
    return SortKey("terms", keys, tuple(p for one in bound for p in _prefixes(one)), key.descending)


def _chained(services: Services, types: Sequence[str], chain: tuple[str, Sort], links: int) -> SortKey:
    """Bind a key of what references lead to; types of target without the parameter have no value."""
    head, rest = chain
    code, _, only = head.partition(":")
    if links == 0:
        raise UnknownParameter(f"A key follows more than {_MAX_LINKS} references.")
    bound = [services.binder.find(resource_type, code) for resource_type in types]
    if any(one.definition.type is not SearchType.REFERENCE for one in bound):
        raise UnknownParameter(f"`{shown(code)}` is not a reference; only references chain.")
    if any(one.inline for one in bound):
        raise UnknownParameter(f"`{shown(code)}` leads to what is in the Bundle itself, which gives no order.")
    targets = [t for t in dict.fromkeys(t for one in bound for t in one.targets) if only in ("", t)]
    knowing = [target for target in targets if _is_known(services, target, rest.code)]
    if not knowing:
        raise UnknownParameter(f"No target of `{shown(code)}` has the parameter chained to it.")
    if len(knowing) > _MAX_TARGETS:
        raise UnknownParameter(f"`{shown(code)}` refers to many types; name one, as in `{shown(code)}:Patient.name`.")
    prefixes = tuple(f"{k}={t}/" for one in bound for k in one.keys for t in knowing if t in one.targets)
    link = Link(ALL, _key(services, knowing, rest, links - 1))
    return SortKey("chain", (), prefixes, rest.descending, link)


def _is_known(services: Services, resource_type: str, code: str) -> bool:
    head = code.partition(".")[0].partition(":")[0]
    return head in ("_id", "_lastUpdated") or head in services.binder.parameters.of(resource_type).bound


def _prefixes(bound: Bound) -> tuple[str, ...]:
    if bound.restricted:
        return tuple(f"{key}={target}/" for key in bound.keys for target in bound.targets)
    return tuple(f"{key}=" for key in bound.keys)
