"""The resource that a create or update brings. Spec: http://hl7.org/fhir/R4/json.html"""

from fhirserver.codec.fhir_json import Body, parse_resource
from fhirserver.kernel.exchange import FhirRequest


def body_of(request: FhirRequest) -> Body:
    """Return the body, decoded; raises BadStructure."""
    resource = request.resource
    if resource is None or not isinstance(resource.get("resourceType"), str):
        return parse_resource(request.body)
    return Body(request.body, resource)
