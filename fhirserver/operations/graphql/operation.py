"""``$graphql`` over HTTP: GET with ``query``, POST of JSON or of the query; answers and errors as GraphQL has them.

Spec: http://hl7.org/fhir/R4/graphql.html#invoking, https://graphql.org/learn/serving-over-http/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, FhirError, NotAllowed
from fhirserver.kernel.resource import Json
from fhirserver.operations.arguments import posted_arguments
from fhirserver.operations.framework import Operation
from fhirserver.operations.graphql.document import QueryError, parse_query
from fhirserver.operations.graphql.execute import Execution
from fhirserver.operations.graphql.introspection import introspect
from fhirserver.operations.graphql.searches import decoded
from fhirserver.operations.graphql.values import variables_of
from fhirserver.repository.repository import Repository

GRAPHQL_MEDIA: Final = "application/graphql"
_JSON: Final = "application/json"
_TAKEN: Final = ("query", "variables", "operationName")


@dataclass(frozen=True, slots=True)
class _Call:
    text: str
    variables: Mapping[str, Json]
    operation_name: str | None


async def graphql(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer a query: all of it, or an error."""
    try:
        content = encode({"data": await _run(request, repository)})
    except FhirError as error:
        return _failed(error)
    except RecursionError:
        return _failed(QueryError("The query is nested too deep."))
    return FhirResponse(status=200, content=content, media_type=_JSON)


async def _run(request: FhirRequest, repository: Repository) -> Json:
    call = _read(request)
    query = parse_query(call.text, call.operation_name)
    if query.is_mutation and not request.is_post:
        raise NotAllowed("A mutation must be sent by POST.", headers={"Allow": "POST"})
    variables = variables_of(query.operation, call.variables)
    execution = Execution(query, variables, repository, request.base_url)
    if request.target.level is Level.SYSTEM:
        data = await execution.of_system()
    elif query.is_mutation:
        raise QueryError("Mutations are made at the system level.", query.operation)
    else:
        data = await execution.of_resource(decoded(await repository.read(*request.target.instance)))
    return {**await introspect(query, execution.selector, repository.definitions), **data}


def _read(request: FhirRequest) -> _Call:
    """Read the query from the URL, or from the body in one of its forms. Raises BadRequest."""
    given: dict[str, Json] = {}
    for name, value in request.parameters:
        if name not in _TAKEN or name in given:
            raise BadRequest("`$graphql` takes `query`, `variables` and `operationName`, each once.")
        given[name] = parse_json(value.encode()) if name == "variables" else value
    if request.is_post and request.body.strip():
        given |= _posted(request)
    text, variables, chosen = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(text, str) or not isinstance(chosen, str | None):
        raise BadRequest("There is no `query`.", expression=["http.query"])
    if not isinstance(variables, dict | None):
        raise BadRequest("`variables` is a JSON object.", expression=["http.variables"])
    return _Call(text, variables or {}, chosen)


def _posted(request: FhirRequest) -> dict[str, Json]:
    if request.content_type == GRAPHQL_MEDIA:
        try:
            return {"query": request.body.decode()}
        except UnicodeDecodeError:
            raise BadRequest("The query is not UTF-8.") from None
    body = parse_json(request.body)
    if not isinstance(body, dict):
        raise BadRequest("The body is an object with a `query`.", expression=["http.query"])
    if body.get("resourceType") == "Parameters":
        query = posted_arguments(request.body).text("query")
        return {} if query is None else {"query": query}
    return {name: body[name] for name in _TAKEN if name in body}


def _failed(error: FhirError) -> FhirResponse:
    """Answer errors, each with the OperationOutcome of its own."""
    places = {"locations": error.places} if isinstance(error, QueryError) and error.places else {}
    errors = []
    for issue in error.issues:
        outcome = {"resourceType": "OperationOutcome", "issue": [issue.to_json()]}
        errors.append({"message": issue.diagnostics, **places, "extensions": {"resource": outcome}})
    content = encode({"data": None, "errors": errors})
    return FhirResponse(status=error.status, content=content, media_type=_JSON, headers=tuple(error.headers.items()))


GRAPHQL: Final = Operation(
    name="graphql",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-graphql",
    levels=frozenset({Level.SYSTEM, Level.INSTANCE}),
    handler=graphql,
)
