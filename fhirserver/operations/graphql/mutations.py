"""``PatientCreate``, ``PatientUpdate``, ``PatientDelete``: writes through the door, in the order they stand.

Each is atomic by itself. Spec: http://hl7.org/fhir/R4/graphql.html#mutations
"""

from typing import Final

from graphql import FieldNode

from fhirserver.codec.fhir_json import encode, parse_resource
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.version import Version
from fhirserver.operations.graphql.document import QueryError
from fhirserver.operations.graphql.values import Arguments
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create, Delete, Update

CREATE: Final = "Create"
UPDATE: Final = "Update"
DELETE: Final = "Delete"
_TAKEN: Final = {CREATE: {"res"}, UPDATE: {"id", "res"}, DELETE: {"id"}}


async def mutate(
    node: FieldNode, resource_type: str, ending: str, arguments: Arguments, repository: Repository
) -> Version | None:
    """Do one write and return the version it made, None for a deletion. Raises what a write does."""
    if arguments.keys() != _TAKEN[ending]:
        listed = " and ".join(f"`{name}`" for name in sorted(_TAKEN[ending]))
        raise QueryError(f"`{node.name.value}` takes {listed}.", node)
    if ending == DELETE:
        await repository.write(Delete(resource_type=resource_type, logical_id=_id(node, arguments)))
        return None
    resource = _resource(node, resource_type, arguments["res"])
    if ending == CREATE:
        body = parse_resource(encode(resource))
        return (await repository.write(Create(resource_type=resource_type, body=body))).version
    logical_id = _id(node, arguments)
    body = parse_resource(encode({**resource, "id": resource.get("id", logical_id)}))
    return (await repository.write(Update(resource_type=resource_type, logical_id=logical_id, body=body))).version


def _id(node: FieldNode, arguments: Arguments) -> str:
    value = arguments["id"]
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise QueryError("`id` is a logical id.", node)
    return str(value)


def _resource(node: FieldNode, resource_type: str, value: Json) -> Resource:
    if not isinstance(value, dict):
        raise QueryError("`res` is a resource.", node)
    return {"resourceType": resource_type, **value}
