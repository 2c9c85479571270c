"""$access-explain: whether somebody may use a resource, and by which rule; for administrators, this server's own.

``GET [base]/$access-explain?who=Practitioner/1&what=Observation/1`` with ``right`` (``c r u d s``), ``role`` and
``organization`` (several), ``purpose``, ``at``. ``fhirserver access explain`` is the same from the command line.
Spec: docs/access-policy.md
"""

from typing import Final

from fhirserver.access.explained import Explanation, Question
from fhirserver.access.rights import Right
from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Resource
from fhirserver.operations.access_office import AccessOffice
from fhirserver.operations.arguments import Arguments, arguments_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.repository.repository import Repository

_KNOWN: Final = ("who", "what", "right", "role", "organization", "purpose", "at")
_TREATMENT: Final = "TREAT"


def explain_operation(office: AccessOffice) -> Operation:
    """Return the operation of one site."""

    async def handle(request: FhirRequest, repository: Repository) -> FhirResponse:
        repository.check_admin()
        found = await office.explain(_question(arguments_of(request, _KNOWN)))
        return FhirResponse(status=200, content=encode(_parameters(found)))

    return Operation(
        name="access-explain",
        definition="urn:fhirserver:OperationDefinition:access-explain",
        levels=frozenset({Level.SYSTEM}),
        handler=handle,
    )


def _question(arguments: Arguments) -> Question:
    who, what, right = (arguments.text(name) for name in ("who", "what", "right"))
    if who is None:
        raise BadRequest("`who` is missing: a user as `Practitioner/1`, or a client.", expression=["http.who"])
    if what is None or parse_rest_reference(what) is None:
        raise BadRequest("`what` is a resource as `Observation/1`.", expression=["http.what"])
    if right is not None and right not in {each.value for each in Right}:
        raise BadRequest("`right` is one of c, r, u, d, s.", expression=["http.right"])
    return Question(
        who=who,
        what=what,
        right=Right(right or Right.READ),
        roles=tuple(map(text_of, arguments.all("role"))),
        organizations=tuple(map(text_of, arguments.all("organization"))),
        purpose=arguments.text("purpose") or _TREATMENT,
        at=arguments.text("at"),
    )


def _parameters(found: Explanation) -> Resource:
    decision = found.decision
    parameters: list[Resource] = [
        {"name": "permit", "valueBoolean": decision.permit},
        {"name": "sentence", "valueString": found.sentence()},
        *({"name": name, "valueString": value} for name, value in found.details()),
    ]
    return {"resourceType": "Parameters", "parameter": parameters}
