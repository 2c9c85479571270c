"""create, conditional create. Spec: http://hl7.org/fhir/R4/http.html#create, #ccreate"""

from fhirserver.interactions.binary import native_binary_of
from fhirserver.interactions.body import body_of
from fhirserver.interactions.conditions import criteria_of
from fhirserver.interactions.provenance_header import provenance_of, refuse_provenance
from fhirserver.interactions.query import parse_criteria_text
from fhirserver.interactions.written import respond_written
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create


async def create(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Store a new resource under an id of the server's choice; a Binary may come in its own media type."""
    if request.chunks is not None:
        refuse_provenance(request, "the content of a Binary")
        return respond_written(request, await repository.write_binary(native_binary_of(request)))
    return respond_written(request, await repository.write(create_of(request), provenance_of(request)))


def create_of(request: FhirRequest) -> Create:
    """Read the request as a write."""
    wanted = request.if_none_exist
    return Create(
        resource_type=request.target.type_name,
        body=body_of(request),
        if_none_exist=None if wanted is None else criteria_of(parse_criteria_text(wanted)),
        full_url=request.full_url,
    )
