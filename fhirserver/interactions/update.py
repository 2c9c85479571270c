"""update, update as create, conditional update. Spec: http://hl7.org/fhir/R4/http.html#update, #cond-update"""

from fhirserver.interactions.binary import native_binary_of
from fhirserver.interactions.body import body_of
from fhirserver.interactions.conditions import criteria_beside_subset, only_if_absent, version_to_match
from fhirserver.interactions.provenance_header import provenance_of, refuse_provenance
from fhirserver.interactions.written import respond_written
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Update


async def update(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Give an instance a new version, or its first one; a Binary may come in its own media type."""
    if request.chunks is not None:
        refuse_provenance(request, "the content of a Binary")
        return respond_written(request, await repository.write_binary(native_binary_of(request)))
    return respond_written(request, await repository.write(update_of(request), provenance_of(request)))


def update_of(request: FhirRequest) -> Update:
    """Read the request as a write: of the id in the URL, or of what the query selects."""
    target = request.target
    return Update(
        resource_type=target.type_name,
        body=body_of(request),
        logical_id=target.logical_id,
        criteria=criteria_beside_subset(request),
        if_match=version_to_match(request.if_match),
        if_none_match=only_if_absent(request.if_none_match),
        full_url=request.full_url,
    )
