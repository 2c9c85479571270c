"""``Bundle.total``: free where a page holds all matches, exact up to a bound, beyond it only as asked for.

Spec: http://hl7.org/fhir/R4/search.html#total
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.kernel.outcome import Issue, IssueType, Severity
from fhirserver.repository.requests import Total
from fhirserver.repository.services import Services
from fhirserver.search.plan import Plan
from fhirserver.store.search import Searcher

_COUNTED: Final = 10_000
"""Fewer matches than this are counted rather than estimated: a sample would hold too few of them."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of matches; None where nobody counted to the end."""

    total: int | None
    is_estimate: bool = False

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Say so when the number is not exact."""
        if not self.is_estimate:
            return ()
        text = "The total is an estimate, from a sample of what is stored; `_total=accurate` counts."
        return (Issue(IssueType.INFORMATIONAL, text, Severity.INFORMATION, ("Bundle.total",)),)


async def count_up_to_bound(services: Services, plan: Plan) -> int:
    """Count the matches as far as a total is counted unasked."""
    return await services.searcher.count(plan, services.limits.total_bound + 1)


async def total_of(services: Services, plan: Plan, wanted: str | None, counted: int | None) -> Counted:
    """Count the matches of a search that has more than a page of them; ``counted`` is what is known of it."""
    if wanted == Total.ACCURATE:
        return Counted(await services.searcher.count(plan))
    bound = services.limits.total_bound
    found = await count_up_to_bound(services, plan) if counted is None else counted
    if found <= bound:
        return Counted(found)
    return await _estimate(services, plan, max(bound, _COUNTED)) if wanted == Total.ESTIMATE else Counted(None)


async def _estimate(services: Services, plan: Plan, bound: int) -> Counted:
    found = await services.searcher.count(plan, bound + 1)
    if found <= bound:
        return Counted(found)
    if isinstance(services.searcher, Searcher):
        return Counted(max(await services.searcher.estimate(plan), bound + 1), is_estimate=True)
    return Counted(await services.searcher.count(plan))
