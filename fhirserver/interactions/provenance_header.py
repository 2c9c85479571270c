"""``X-Provenance``: the Provenance of a write, sent with it and stored with it, all or nothing.

Spec: http://hl7.org/fhir/R4/provenance.html#header
"""

from typing import Final

from fhirserver.codec.fhir_json import Body, parse_resource
from fhirserver.kernel.exchange import FhirRequest
from fhirserver.kernel.outcome import BadRequest, BadStructure

HEADER: Final = "X-Provenance"
_PLACE: Final = (f"http.{HEADER}",)


def provenance_of(request: FhirRequest) -> Body | None:
    """Return the Provenance that came with a write, whose targets the server fills in. Raises BadRequest."""
    if request.provenance is None:
        return None
    try:
        body = parse_resource(request.provenance.encode())
    except BadStructure as error:
        raise BadRequest(f"`{HEADER}` is no Provenance in JSON: {error.diagnostics}", expression=_PLACE) from None
    if body.value["resourceType"] != "Provenance":
        raise BadRequest(f"`{HEADER}` takes a `Provenance`.", expression=_PLACE)
    if "target" in body.value or "id" in body.value:
        problem = f"The Provenance of `{HEADER}` has no `id` and no `target`: the server sets them."
        raise BadRequest(problem, expression=_PLACE)
    return body


def refuse_provenance(request: FhirRequest, what: str) -> None:
    """Refuse the header where it cannot be honoured. Raises BadRequest."""
    if request.provenance is not None:
        raise BadRequest(f"`{HEADER}` cannot come with {what}.", expression=_PLACE)
