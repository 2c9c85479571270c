"""The order of matches: sort keys as expressions of the database, and what lies beyond a position.

Keys are computed from index values, so that every parameter sorts without an index of its own; those of a chain
(``_sort=subject.name``) are computed from the resources referred to that the caller may see.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from fhirserver.kernel.version import Method
from fhirserver.search.full_text import Wanted, length_weight, pattern_of
from fhirserver.search.index import VARIANT_END
from fhirserver.search.plan import HasTerm, Plan
from fhirserver.store.compile import Filter, compile_plan, prefix_range
from fhirserver.store.layout import PLACED, RESOURCE, WIDE, Document, stored_bound

Position = tuple[Any, ...]
"""Where a page ends: the values of the sort keys, then the place."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key to sort by: ``source`` is terms, spans, updated, id, score or chain.

    ``prefixes`` bound the terms that count; those of a chain are references, ``link`` says what they lead to.
    """

    source: str
    keys: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    descending: bool = False
    link: "Link | None" = None


@dataclass(frozen=True, slots=True)
class Link:
    """The resources referred to that count, and their own key."""

    plan: Plan
    key: SortKey


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the matches: at most ``limit`` of them after (or, ``backward``, before) a position."""

    limit: int
    sort: tuple[SortKey, ...] = ()
    position: Position | None = None
    backward: bool = False
    wanted: Wanted | None = None
    """What each match is ranked by."""


_MISSING: Final = "missing"
_WALKED: Final = {"updated": "m", "id": "_id"}
"""The fields that an index has in order, and the keys they are."""
_WITH_TERMS: Final = {**PLACED, "t": 1}


def projection_of(window: Window, *, with_terms: bool) -> Document:
    """Return what is read of each match; ``s`` is its score."""
    projection = _WITH_TERMS if with_terms else PLACED
    return projection if window.wanted is None else {**projection, "s": _score(window.wanted)}


Join: TypeAlias = Callable[[str, Plan, list[Document]], list[Document]]
"""A field of references, a plan, a pipeline -> stages that put there what the pipeline makes of their targets."""


def join_current(field: str, plan: Plan, pipeline: list[Document]) -> list[Document]:
    """Follow references to the current versions of what they lead to."""
    inner = [{"$match": compile_plan(plan)}, *pipeline]
    lookup = {"from": RESOURCE, "localField": field, "foreignField": "_id", "pipeline": inner, "as": field}
    return [{"$lookup": lookup}]


def ordered_stages(
    wanted: Filter,
    window: Window,
    projection: Document,
    before: Sequence[Document] = (),
    join: Join = join_current,
    *,
    narrows: bool = False,
) -> list[Document]:
    """Return the stages that find the matches of a window, in order; ``before`` comes before keys are computed.

    ``narrows``: it leaves out some of the matches, so that the window is cut after it.
    """
    order = order_of(window)
    cut: list[Document] = [{"$sort": dict(order)}, {"$limit": window.limit}]
    if not window.sort:  # cut first: an index has the matches in this order
        rest = [*before, *cut] if narrows else [*cut, *before]
        return [{"$match": within(wanted, window)}, *rest, {"$project": projection}]
    beyond = [] if window.position is None else [{"$match": _beyond(order, window.position)}]
    shown = {**projection, **{name: 1 for name, _ in order}}
    return [{"$match": wanted}, *before, *_key_stages(window, join), *beyond, *cut, {"$project": shown}]


def within(wanted: Filter, window: Window) -> Filter:
    """Narrow a filter to what lies beyond the position, in the default order."""
    if window.position is None:
        return wanted
    beyond = {"n": {"$lt" if window.backward else "$gt": window.position[-1]}}
    return {"$and": [wanted, beyond]} if "n" in wanted else {**wanted, **beyond}


def order_of(window: Window) -> list[tuple[str, int]]:
    """Return what the matches of a window are sorted by: the computed keys, then the place."""
    turn = -1 if window.backward else 1
    order = []
    for number, key in enumerate(window.sort):
        order += [(f"k{number}m", turn), (f"k{number}", -turn if key.descending else turn)]
    return [*order, ("n", turn)]


def walked_type(plan: Plan, sort: Sequence[SortKey]) -> str | None:
    """Return the type whose resources an index has in this order: all of one type, by last change or by id."""
    if len(sort) != 1 or sort[0].source not in _WALKED:
        return None
    match plan:
        case HasTerm((term,)) if term.isalnum():
            return term
        case _:
            return None


def walk_of(resource_type: str, window: Window) -> tuple[Filter, Document]:
    """Return the filter and the order of a walk: from the position on, which several may share, without deletions."""
    field, direction = _WALKED[window.sort[0].source], order_of(window)[1][1]
    wanted: Filter = {"o": {"$ne": Method.DELETE.value}}
    bounds: Filter = {}
    if field == "m":
        wanted["y"] = resource_type
    else:
        bounds = prefix_range(f"{resource_type}/")
    if window.position is not None:
        bounds = {**bounds, "$gte" if direction > 0 else "$lte": window.position[1]}
    return ({**wanted, field: bounds} if bounds else wanted), {field: direction}


async def walk(found: AsyncIterator[Document], window: Window) -> list[Document]:
    """Read a walk to the end of a page; what shares a key comes in the order of places."""
    field, turn = _WALKED[window.sort[0].source], order_of(window)[-1][1]
    start = None if window.position is None else (window.position[1], window.position[2] * turn)
    page: list[Document] = []
    tied: list[Document] = []
    async for fields in found:
        if tied and fields[field] != tied[0][field]:
            page += sorted(tied, key=lambda one: one["n"] * turn)
            tied = []
            if len(page) >= window.limit:
                break
        if start is None or fields[field] != start[0] or fields["n"] * turn > start[1]:
            tied.append(fields)
    page += sorted(tied, key=lambda one: one["n"] * turn)
    return [{**fields, "k0": fields[field], "k0m": 0} for fields in page[: window.limit]]


def _key_stages(window: Window, join: Join) -> list[Document]:
    """Compute each key (``k0``) and whether it is missing (``k0m``): missing values come last either way."""
    stages: list[Document] = []
    fields: Document = {}
    for number, key in enumerate(window.sort):
        name = f"k{number}"
        stages += _link_stages(name, key, join)
        value = _score(window.wanted) if key.source == "score" and window.wanted else _value(name, key)
        fields[name] = value
        fields[f"{name}m"] = {"$cond": [{"$eq": [{"$ifNull": [value, _MISSING]}, _MISSING]}, 1, 0]}
    return [*stages, {"$addFields": fields}]


def _link_stages(name: str, key: SortKey, join: Join) -> list[Document]:
    """Follow the references of a chain's key: their targets' values come into ``{name}j``."""
    if key.link is None:
        return []
    joined, inner = f"{name}j", key.link.key
    found = _concatenated([_under_prefix(prefix, prefix.partition("=")[0] + "=") for prefix in key.prefixes])
    pipeline = [*_link_stages("v", inner, join), {"$project": {"_id": 0, "v": _value("v", inner)}}]
    return [{"$addFields": {joined: found}}, *join(joined, key.link.plan, pipeline)]


def _value(name: str, key: SortKey) -> Any:  # noqa: ANN401 - a MongoDB expression
    best = "$max" if key.descending else "$min"
    if key.source == "updated":
        return "$m"
    if key.source == "id":
        return "$_id"
    if key.source == "chain":
        return {best: f"${name}j.v"}
    if key.source == "spans":
        keys = [*key.keys, *(k + WIDE for k in key.keys)]
        wanted = {"$filter": {"input": {"$ifNull": ["$r", []]}, "cond": {"$in": ["$$this.p", keys]}}}
        bound = "h" if key.descending else "l"
        return {best: {"$map": {"input": wanted, "in": f"$$this.{bound}"}}}
    return {best: _concatenated([_under_prefix(prefix, prefix) for prefix in key.prefixes])}


def _concatenated(values: Sequence[Document]) -> Document:
    return values[0] if len(values) == 1 else {"$concatArrays": list(values)}


def _under_prefix(prefix: str, cut: str) -> Document:
    """Return what follows ``cut`` in the resource's own terms that start with ``prefix``."""
    matching = {"$filter": {"input": {"$ifNull": ["$t", []]}, "cond": _under(prefix)}}
    return {"$map": {"input": matching, "in": {"$substrBytes": ["$$this", len(cut.encode()), -1]}}}


def _under(prefix: str) -> Document:
    bounds = prefix_range(prefix)
    own = {"$not": [{"$regexMatch": {"input": "$$this", "regex": f"{VARIANT_END}$"}}]}
    return {"$and": [{"$gte": ["$$this", bounds["$gte"]]}, {"$lt": ["$$this", bounds["$lt"]]}, own]}


def _score(wanted: Wanted) -> Document:
    """Write ``full_text.relevance`` as an expression."""
    words: Any = {"$ifNull": ["$w", ""]}
    scope = {"$arrayElemAt": [{"$split": [words, "\n"]}, 0]} if wanted.narrative else words
    least, each = length_weight(0.0), length_weight(1.0) - length_weight(0.0)
    weight = {"$add": [least, {"$multiply": [each, {"$strLenBytes": "$$scope"}]}]}
    counts = [{"$size": {"$regexFindAll": {"input": "$$scope", "regex": pattern_of(p)}}} for p in wanted.phrases]
    parts = [{"$divide": [count, {"$add": [count, "$$weight"]}]} for count in counts]
    mean = {"$divide": [{"$add": parts}, len(parts)]}
    return {"$let": {"vars": {"scope": scope}, "in": {"$let": {"vars": {"weight": weight}, "in": mean}}}}


def _beyond(order: list[tuple[str, int]], position: Position) -> Filter:
    """Select what comes after a position: beyond it in one key, equal in those before."""
    position = tuple(stored_bound(p, upper=False) if isinstance(p, Decimal) else p for p in position)
    alternatives = []
    for index, (name, direction) in enumerate(order):
        if position[index] is None:
            continue
        equal: Filter = {order[i][0]: position[i] for i in range(index)}
        alternatives.append({**equal, name: {"$gt" if direction > 0 else "$lt": position[index]}})
    return {"$or": alternatives}
