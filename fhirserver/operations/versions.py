"""$versions: the FHIR versions this server speaks, and the one it speaks unasked.

Spec: http://hl7.org/fhir/R4/capabilitystatement-operation-versions.html
"""

from typing import Final

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.operations.arguments import arguments_of
from fhirserver.operations.framework import Operation
from fhirserver.repository.repository import Repository

_VERSION: Final = "4.0"


async def versions(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the versions of all endpoints: there is one."""
    arguments_of(request, ())
    answer = {
        "resourceType": "Parameters",
        "parameter": [{"name": "version", "valueCode": _VERSION}, {"name": "default", "valueCode": _VERSION}],
    }
    return FhirResponse(status=200, content=encode(answer))


VERSIONS: Final = Operation(
    name="versions",
    definition="http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions",
    levels=frozenset({Level.SYSTEM}),
    handler=versions,
)
