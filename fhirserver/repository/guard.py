"""The cost guard: a search that would look at every resource of a large type is refused, and told what to add.

Spec: http://hl7.org/fhir/R4/search.html ("servers MAY reject a search as overly-broad")
"""

from collections.abc import Sequence

from fhirserver.kernel.outcome import TooCostly
from fhirserver.repository.services import Services
from fhirserver.search.cost import scans, weight
from fhirserver.search.plan import HasTerm, Plan


async def check_cost(services: Services, types: Sequence[str], plan: Plan, parameter: str | None = None) -> None:
    """Let through what an index leads to, and scans of types that are small enough. Raises TooCostly."""
    if not scans(plan):
        return
    bound = services.limits.scan_bound // weight(plan)
    if await services.searcher.count(HasTerm(tuple(types)), bound + 1) <= bound:
        return
    what = f"`{parameter}`" if parameter else "The search"
    raise TooCostly(
        f"{what} would look at each of more than {bound} resources. Add a criterion that an index answers: an"
        " identifier, a reference such as a patient, a code, a date, `_lastUpdated`, the beginning of a text.",
        expression=[f"http.{parameter}"] if parameter else (),
    )
