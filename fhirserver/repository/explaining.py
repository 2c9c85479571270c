"""``_explain=true``: how a search is done, as issues of the outcome entry of its Bundle.

Only for who may see every resource of the types searched: what was looked at tells of others' resources too. Chains
are printed as asked; the resources they lead to are not.
"""

from collections.abc import Iterable, Iterator

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.outcome import Forbidden, Issue, IssueType, Severity
from fhirserver.repository.services import Services
from fhirserver.search.plan import ALL, Plan
from fhirserver.search.printed import printed
from fhirserver.store.explain import Explanation
from fhirserver.store.search import Searcher
from fhirserver.store.sorting import Window


def check_may_explain(access: Access, types: Iterable[str]) -> None:
    """Raise Forbidden for who may not see all of the types."""
    if any(access.filter(name, Right.SEARCH) != ALL or access.mask(name) is not None for name in types):
        raise Forbidden("`_explain` is for who may search every resource of the types.", expression=["http._explain"])


async def explained(services: Services, bound: Plan, plan: Plan, window: Window) -> tuple[Issue, ...]:
    """Return what there is to say: the plan, the stages and bounds, what was examined, the time."""
    lines = [f"Plan: {printed(bound)}"]
    if plan != bound:
        lines.append(f"Resolved: {printed(plan, values=False)}")
    if isinstance(services.searcher, Searcher):
        found = await services.searcher.explain(plan, window)
        estimate = await services.searcher.estimate(plan)
        lines += _lines(found, estimate, with_bounds=plan == bound)
    else:
        lines.append("The database is not asked to explain a search with `_at`.")
    return tuple(Issue(IssueType.INFORMATIONAL, line, Severity.INFORMATION, ("http._explain",)) for line in lines)


def _lines(found: Explanation, estimate: int, *, with_bounds: bool) -> Iterator[str]:
    yield f"Stages: {' -> '.join(found.stages)}"
    if with_bounds and found.bounds:
        yield f"Bounds: {'; '.join(found.bounds)}"
    yield f"Estimated matches: {estimate}"
    yield (
        f"Examined: {found.keys_examined} index keys, {found.documents_examined} documents for {found.returned} results"
        f" in {found.duration_ms} ms"
    )
