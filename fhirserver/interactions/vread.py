"""vread. Spec: http://hl7.org/fhir/R4/http.html#vread"""

from fhirserver.interactions.read import respond_version
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.repository.repository import Repository


async def vread(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer one version of an instance."""
    version = await repository.vread(*request.target.instance, request.target.version_id or "")
    return await respond_version(request, version)
