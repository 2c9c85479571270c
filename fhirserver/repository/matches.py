"""Every match of some criteria, whole, in the order of creation: for operations that compute on them.

Spec: http://hl7.org/fhir/R4/search.html
"""

from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import plan_of_type, resolve
from fhirserver.repository.requests import Parameters
from fhirserver.repository.services import Services
from fhirserver.search.plan import NONE
from fhirserver.search.query import parse_query
from fhirserver.store.sorting import Window

_BATCH: Final = 500


async def every_match(
    services: Services, access: Access, resource_type: str, criteria: Parameters, bound: int
) -> list[Version]:
    """Return all that the criteria select and the caller may see. Raises TooCostly beyond ``bound``."""
    given = parse_query(criteria).criteria
    plan = await resolve(services, access, plan_of_type(services, access, resource_type, given, Right.SEARCH))
    found: list[Version] = []
    after: tuple[int, ...] | None = None
    while plan != NONE:
        hits = await services.searcher.find(plan, Window(_BATCH, position=after))
        found += [hit.version for hit in hits]
        if len(found) > bound:
            raise TooCostly(f"More than {bound} `{resource_type}` resources would be looked at; ask for less.")
        if len(hits) < _BATCH:
            break
        after = hits[-1].position
    return found
