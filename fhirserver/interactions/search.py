"""search at type, system and compartment level, GET and POST. Spec: http://hl7.org/fhir/R4/http.html#search"""

from dataclasses import dataclass

from fhirserver.interactions.bundle import render_searchset
from fhirserver.interactions.parameters import applied_handling
from fhirserver.interactions.search_stream import stream_search
from fhirserver.interactions.subset import Subset
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Target
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import SearchRequest


@dataclass(frozen=True, slots=True)
class Search:
    """Answers a page of a searchset."""

    subset: Subset

    async def __call__(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Search; the parameters of the query and of the form count together."""
        if request.streamed_as is not None:
            return await stream_search(request, search_of(request), repository, self.subset)
        page = await repository.search(search_of(request))
        content = render_searchset(request, search_path(request.target), page, self.subset)
        return FhirResponse(status=200, content=content, headers=applied_handling(request))


def search_of(request: FhirRequest) -> SearchRequest:
    """Read the request as the repository takes it; ``_type`` stays a parameter."""
    target = request.target
    return SearchRequest(
        resource_types=(target.resource_type,) if target.resource_type else (),
        parameters=request.parameters,
        compartment=target.compartment,
        lenient=request.prefer.is_lenient,
    )


def search_path(target: Target) -> str:
    """Return the path of a search below the base: what its page links start with."""
    if target.compartment is None:
        return target.resource_type or ""
    return "/".join((*target.compartment, target.resource_type or "*"))
