"""history of an instance, a type, the system. Spec: http://hl7.org/fhir/R4/http.html#history"""

from dataclasses import dataclass

from fhirserver.interactions.bundle import render_history
from fhirserver.interactions.parameters import applied_handling
from fhirserver.interactions.subset import Subset
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Target
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import HistoryRequest


@dataclass(frozen=True, slots=True)
class History:
    """Answers a page of a history, newest first."""

    subset: Subset

    async def __call__(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """List versions."""
        target = request.target
        page = await repository.history(
            HistoryRequest(
                resource_type=target.resource_type,
                logical_id=target.logical_id,
                parameters=request.parameters,
                lenient=request.prefer.is_lenient,
            )
        )
        content = render_history(request, history_path(target), page, self.subset)
        return FhirResponse(status=200, content=content, headers=applied_handling(request))


def history_path(target: Target) -> str:
    """Return the path of a history below the base."""
    return "/".join(part for part in (target.resource_type, target.logical_id, "_history") if part)
