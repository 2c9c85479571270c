"""delete, conditional delete. Spec: http://hl7.org/fhir/R4/http.html#delete, #cdelete"""

from fhirserver.interactions.conditions import criteria_of, version_to_match
from fhirserver.interactions.provenance_header import provenance_of
from fhirserver.interactions.written import applied_return, content_language, render_effect
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Return
from fhirserver.kernel.outcome import BadRequest
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Delete, Written


async def delete(request: FhirRequest, repository: Repository) -> FhirResponse:
    """End an instance's life; its history stays. Deleting what is not there succeeds just as well."""
    return respond_deleted(request, await repository.write(delete_of(request), provenance_of(request)))


def delete_of(request: FhirRequest) -> Delete:
    """Read the request as a write; raises BadRequest, PreconditionFailed."""
    target = request.target
    if target.logical_id is None and request.if_match is not None:
        raise BadRequest(
            "A conditional delete may end several instances: it takes no `If-Match`.", expression=["http.If-Match"]
        )
    return Delete(
        resource_type=target.type_name,
        logical_id=target.logical_id,
        criteria=criteria_of(request.parameters) if target.logical_id is None else None,
        if_match=version_to_match(request.if_match),
        full_url=request.full_url,
    )


def respond_deleted(request: FhirRequest, written: Written) -> FhirResponse:
    """Answer 204, or 200 with an OperationOutcome to who prefers one."""
    version = written.version
    wants_outcome = request.prefer.returns is Return.OPERATION_OUTCOME
    return FhirResponse(
        status=200 if wants_outcome else 204,
        content=render_effect(request, written.effect) if wants_outcome else None,
        is_outcome=wants_outcome,
        etag=version.etag if version else None,
        last_modified_us=version.last_updated_us if version else None,
        headers=(*applied_return(request.prefer), content_language(request)) if wants_outcome else (),
    )
