"""``$batch-validate-code`` of ValueSet and of CodeSystem: many calls of ``$validate-code`` in one.

Each parameter ``validation`` is the Parameters of one call; what stands beside them goes for all that do not say it
themselves. Spec: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, ClientError, TooCostly
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.arguments import Arguments, every_argument_of, posted_arguments
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import TX_RESOURCE, Question, answer
from fhirserver.operations.terminology.validate_code import (
    IN_SYSTEM,
    IN_VALUE_SET,
    validated_in_system,
    validated_in_value_set,
)
from fhirserver.repository.repository import Repository
from fhirserver.terminology.issues import TermIssue
from fhirserver.terminology.options import NAMES, read_options

MAX_VALIDATIONS: Final = 1000
"""Calls in one."""
_VALIDATION: Final = "validation"
Answering: TypeAlias = Callable[[Question, Repository], Awaitable[Resource]]


async def batch_in_value_sets(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer whether each of some codes is in its value set."""
    return await _batch(request, repository, validated_in_value_set, IN_VALUE_SET)


async def batch_in_systems(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer whether each of some codes is one of its code system."""
    return await _batch(request, repository, validated_in_system, IN_SYSTEM)


async def _batch(
    request: FhirRequest, repository: Repository, answering: Answering, known: Sequence[str]
) -> FhirResponse:
    given = every_argument_of(request)
    calls = [_parameters_of(one.get("resource")) for one in given.all(_VALIDATION)]
    if not calls:
        raise BadRequest("It needs a `validation`, the Parameters of one call.", expression=["http.validation"])
    if len(calls) > MAX_VALIDATIONS:
        raise TooCostly(f"There may be {MAX_VALIDATIONS} `validation` in one request.", expression=["http.validation"])
    shared = [one for one in given.parameters if one["name"] != _VALIDATION]
    found = []
    for call in calls:
        names = {one["name"] for one in call} - {TX_RESOURCE}
        parameters = [*(one for one in shared if one["name"] not in names), *call]
        mine = tuple(one for one in parameters if one["name"] in (*known, *NAMES))
        found.append({"name": _VALIDATION, "resource": await _answered(request, repository, answering, mine)})
    return answer({"resourceType": "Parameters", "parameter": found})


async def _answered(
    request: FhirRequest, repository: Repository, answering: Answering, parameters: tuple[Resource, ...]
) -> Resource:
    """Return the answer to one call, or what is wrong with it."""
    try:
        options = read_options(parameters, request.accept_language)
        return await answering(Question(Arguments(parameters), options, request), repository)
    except ClientError as problem:
        said = (TermIssue(one.code, one.diagnostics, one.severity) for one in problem.issues)
        return {"resourceType": "OperationOutcome", "issue": [one.to_json() for one in said]}


def _parameters_of(resource: Json) -> Sequence[Resource]:
    if not isinstance(resource, dict):
        raise BadRequest("`validation` is a Parameters resource.", expression=["http.validation"])
    return posted_arguments(encode(resource)).parameters


BATCH_VALIDATE: Final = Operation(
    name="batch-validate-code",
    definition="http://hl7.org/fhir/OperationDefinition/ValueSet-batch-validate-code",
    levels=frozenset({Level.TYPE}),
    handler=batch_in_value_sets,
    resource_types=frozenset({"ValueSet"}),
)
BATCH_VALIDATE_IN_SYSTEMS: Final = Operation(
    name="batch-validate-code",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-batch-validate-code",
    levels=frozenset({Level.TYPE}),
    handler=batch_in_systems,
    resource_types=frozenset({"CodeSystem"}),
)
