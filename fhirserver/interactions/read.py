"""read, conditional read, read as of an instant. Spec: http://hl7.org/fhir/R4/http.html#read, #cread"""

from fhirserver.interactions.binary import in_own_media_type, with_data
from fhirserver.interactions.conditions import is_not_modified
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.kernel.version import Version
from fhirserver.repository.repository import Repository


async def read(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the current version of an instance, or the one that was current at ``_at``."""
    if request.parameters:
        return await respond_version(request, await repository.read_as_of(*request.target.instance, request.parameters))
    return await respond_version(request, await repository.read(*request.target.instance))


async def respond_version(request: FhirRequest, version: Version) -> FhirResponse:
    """Answer one version: nothing new, a Binary's own bytes, or the resource."""
    if is_not_modified(request, version):
        return FhirResponse(status=304, etag=version.etag, last_modified_us=version.last_updated_us)
    content = version.content or b""
    native = None
    if version.resource_type == "Binary":
        if request.wants_native:
            content, native = b"", in_own_media_type(version)
        elif version.native is not None:
            content = await with_data(content, version.native)
    return FhirResponse(
        status=200,
        content=None if native else content,
        native=native,
        etag=version.etag,
        last_modified_us=version.last_updated_us,
    )
