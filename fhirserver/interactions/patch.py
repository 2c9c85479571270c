"""patch, conditional patch, with JSON Patch documents. Spec: http://hl7.org/fhir/R4/http.html#patch"""

from functools import partial
from typing import Final

from fhirserver.codec.json_patch import change_resource, parse_patch
from fhirserver.interactions.conditions import criteria_beside_subset, version_to_match
from fhirserver.interactions.written import respond_written
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.kernel.outcome import UnsupportedMedia
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Patch

JSON_PATCH: Final = "application/json-patch+json"


async def patch(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Change parts of an instance."""
    return respond_written(request, await repository.write(patch_of(request)))


def patch_of(request: FhirRequest) -> Patch:
    """Read the request as a write; raises UnsupportedMedia unless the body is a JSON Patch."""
    target = request.target
    if request.content_type != JSON_PATCH:
        raise UnsupportedMedia(
            f"A patch is read as `{JSON_PATCH}`.",
            expression=["http.Content-Type"],
            headers={"Accept-Patch": JSON_PATCH},
        )
    return Patch(
        resource_type=target.type_name,
        change=partial(change_resource, parse_patch(request.body)),
        logical_id=target.logical_id,
        criteria=criteria_beside_subset(request),
        if_match=version_to_match(request.if_match),
        full_url=request.full_url,
    )
