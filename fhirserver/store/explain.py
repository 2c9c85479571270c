"""How the database answers a page: stages, indexes and their bounds, what it looked at, its time.

Spec: https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.search.plan import Plan
from fhirserver.store.compile import compile_plan
from fhirserver.store.errors import translated
from fhirserver.store.layout import RESOURCE, Document
from fhirserver.store.sorting import Window, ordered_stages, projection_of, walk_of, walked_type, within
from fhirserver.store.store import Store

_MAX_BOUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the database says of one page."""

    stages: tuple[str, ...]
    """From the input to the result, such as ``IXSCAN terms t: 1 interval``."""
    bounds: tuple[str, ...]
    """The intervals of the indexes used, where there are few; they hold values of the search."""
    keys_examined: int
    documents_examined: int
    returned: int
    duration_ms: int


async def explain(store: Store, plan: Plan, window: Window, time_limit_ms: int) -> Explanation:
    """Run a page once more and return how it was done."""
    command = {"explain": _command(plan, window, time_limit_ms), "verbosity": "executionStats"}
    with translated():
        answer = await store.resources.database.command(command)
    winning: Any = _first(answer, "winningPlan") or {}
    stats: Any = _first(answer, "executionStats") or {}
    stages = list(_stages(winning))
    return Explanation(
        tuple(text for text, _ in stages),
        tuple(bound for _, bounds in stages for bound in bounds),
        int(stats.get("totalKeysExamined", 0)),
        int(stats.get("totalDocsExamined", 0)),
        int(stats.get("nReturned", 0)),
        int(stats.get("executionTimeMillis", 0)),
    )


def _command(plan: Plan, window: Window, time_limit_ms: int) -> Document:
    wanted, walked = compile_plan(plan), walked_type(plan, window.sort)
    if window.sort and walked is None:
        pipeline = ordered_stages(wanted, window, projection_of(window, with_terms=False))
        return {"aggregate": RESOURCE, "pipeline": pipeline, "cursor": {}, "maxTimeMS": time_limit_ms}
    order: Document = {"n": -1 if window.backward else 1}
    if walked is not None:
        wanted, order = walk_of(walked, window)
    else:
        wanted = within(wanted, window)
    return {"find": RESOURCE, "filter": wanted, "sort": order, "limit": window.limit, "maxTimeMS": time_limit_ms}


def _first(node: object, name: str) -> object:
    """Return the first member of this name in an answer, however deep the version of the database has it."""
    if isinstance(node, dict):
        if name in node:
            return node[name]
        node = list(node.values())
    if isinstance(node, list):
        return next((found for each in node if (found := _first(each, name)) is not None), None)
    return None


def _stages(node: Document) -> Iterator[tuple[str, list[str]]]:
    """Yield each stage after those it reads from, with the intervals of its index."""
    if "queryPlan" in node:
        node = node["queryPlan"]
    for inner in (*node.get("inputStages", ()), *([node["inputStage"]] if "inputStage" in node else ())):
        yield from _stages(inner)
    if "stage" in node:
        index = f" {node['indexName']}" if "indexName" in node else ""
        bounds: dict[str, list[str]] = node.get("indexBounds", {})
        counted = ", ".join(f"{field}: {len(found)} intervals" for field, found in bounds.items())
        few = [f"{field}: {one}" for field, found in bounds.items() if len(found) <= _MAX_BOUNDS for one in found]
        yield f"{node['stage']}{index}{f' ({counted})' if counted else ''}", few
