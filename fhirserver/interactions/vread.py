"""vread. Spec: http://hl7.org/fhir/R4/http.html#vread"""

from dataclasses import dataclass

from fhirserver.interactions.read import respond_version
from fhirserver.interactions.subset import Subset
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class VRead:
    """Answers one version of an instance."""

    subset: Subset

    async def __call__(self, request: FhirRequest, repository: Repository) -> FhirResponse:
        """Read ``[type]/[id]/_history/[vid]``."""
        version = await repository.vread(*request.target.instance, request.target.version_id or "")
        return await respond_version(request, version, self.subset)
