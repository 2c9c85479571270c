"""What an operation is given: the parameters of its URL and those of the Parameters resource posted to it, together.

Spec: http://hl7.org/fhir/R4/operations.html#request
"""

from collections.abc import Collection
from dataclasses import dataclass

from fhirserver.codec.fhir_json import decode_literal, parse_json
from fhirserver.kernel.exchange import FhirRequest
from fhirserver.kernel.outcome import BadRequest, BadStructure, UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.query import shown

_NOT_VALUES = frozenset({"name", "id", "extension"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call, in their order: each as a parameter of a Parameters resource."""

    parameters: tuple[Resource, ...]

    def all(self, name: str) -> list[Resource]:
        """Return the parameters of a name."""
        return [parameter for parameter in self.parameters if parameter["name"] == name]

    def one(self, name: str) -> Resource | None:
        """Return the parameter of a name that may stand there once; raises BadRequest."""
        found = self.all(name)
        if len(found) > 1:
            raise BadRequest(f"`{name}` may be given once.", expression=[_place(name)])
        return found[0] if found else None

    def value(self, name: str, type_name: str) -> Json:
        """Return the value of a type (``valueMeta`` for ``Meta``), None without one; raises BadRequest."""
        found = self.one(name)
        if found is None:
            return None
        key = f"value{type_name[0].upper()}{type_name[1:]}"
        if key not in found:
            raise BadRequest(f"`{name}` must have a `{key}`.", expression=[_place(name)])
        return found[key]

    def text(self, name: str) -> str | None:
        """Return a simple value as it stands in a URL, whatever its type; raises BadRequest."""
        found = self.one(name)
        if found is None:
            return None
        return text_of(found)


def text_of(parameter: Resource) -> str:
    """Return the simple value of a parameter as it stands in a URL, whatever its type; raises BadRequest."""
    values = [value for key, value in parameter.items() if key.startswith("value")]
    if len(values) != 1 or isinstance(values[0], dict | list):
        name = shown(parameter["name"])
        raise BadRequest(f"`{name}` must have one simple value.", expression=[_place(name)])
    return str(values[0]).lower() if isinstance(values[0], bool) else str(values[0])


def arguments_of(request: FhirRequest, known: Collection[str]) -> Arguments:
    """Read the arguments of a call.

    Raises BadStructure for a body that is no Parameters, UnknownParameter for a name that is not ``known`` unless the
    caller asked to be lenient.
    """
    found = every_argument_of(request).parameters
    unknown = [parameter["name"] for parameter in found if parameter["name"] not in known]
    if unknown and not request.prefer.is_lenient:
        operation, name = request.target.operation or "", shown(unknown[0])
        takes = ", ".join(f"`{each}`" for each in known) or "no parameters"
        raise UnknownParameter(
            f"`{name}` is not a parameter of `${operation}`, which takes {takes}.", expression=[_place(name)]
        )
    return Arguments(tuple(parameter for parameter in found if parameter["name"] in known))


def every_argument_of(request: FhirRequest) -> Arguments:
    """Read the arguments of a call whatever they are called; raises BadStructure."""
    found = [{"name": name, "valueString": value} for name, value in request.parameters]
    if request.is_post and request.body:
        found += posted_arguments(request.body).parameters
    return Arguments(tuple(found))


def posted_arguments(body: bytes) -> Arguments:
    """Read the arguments in a Parameters resource; raises BadStructure."""
    parse_json(body)  # refuses duplicate keys and deep nesting
    resource = decode_literal(body)
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise BadStructure("An operation takes a `Parameters` resource.", expression=["resourceType"])
    given = resource.get("parameter", [])
    if not isinstance(given, list):
        raise BadStructure("`parameter` must be an array.", expression=["Parameters.parameter"])
    return Arguments(tuple(_checked(number, parameter) for number, parameter in enumerate(given)))


def _checked(number: int, parameter: Json) -> Resource:
    """Hold a parameter against invariant inv-1: a name, and one of a value, a resource or parts."""
    expression = f"Parameters.parameter[{number}]"
    if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
        raise BadStructure("A parameter is an object with a `name`.", expression=[expression])
    content = {key.removeprefix("_") for key in parameter} - _NOT_VALUES
    if len(content) != 1 or (not content & {"resource", "part"} and not min(content).startswith("value")):
        raise BadStructure("A parameter has a `value[x]`, a `resource` or a `part`.", expression=[expression])
    return parameter


def _place(name: str) -> str:
    return f"http.{shown(name)}"
