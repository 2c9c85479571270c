"""What the terminology operations read alike: codes, value sets and code systems that a request names or brings.

Spec: http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.exchange import FhirRequest, FhirResponse
from fhirserver.kernel.outcome import BadRequest, TooCostly
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.arguments import Arguments, arguments_of
from fhirserver.repository.repository import Repository
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.brought import checked_definition
from fhirserver.terminology.issues import refusal
from fhirserver.terminology.library import Library
from fhirserver.terminology.memory import Named
from fhirserver.terminology.options import NAMES, Options, read_options
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.value_sets import ValueSet

TX_RESOURCE: Final = "tx-resource"


@dataclass(frozen=True, slots=True)
class Question:
    """The arguments of a call, and how it is to be answered."""

    arguments: Arguments
    options: Options
    target: FhirRequest

    @property
    def brought(self) -> list[Resource]:
        """The definitions that the request brings along."""
        return [checked_definition(one.get("resource"), TX_RESOURCE) for one in self.arguments.all(TX_RESOURCE)]

    def resource(self, name: str, resource_type: str) -> Resource | None:
        """Return the resource that is a parameter; raises BadRequest for one of another type."""
        found = self.arguments.one(name)
        if found is None:
            return None
        resource = checked_definition(found.get("resource"), name)
        if resource["resourceType"] != resource_type:
            raise BadRequest(f"`{name}` is a {resource_type}.", expression=[f"http.{name}"])
        return resource

    def element(self, name: str, type_name: str) -> Json:
        """Return the value of a parameter that has parts, as a Coding has; raises BadRequest."""
        value = self.arguments.value(name, type_name)
        if value is not None and not isinstance(value, dict):
            raise BadRequest(f"`{name}` is a {type_name}.", expression=[f"http.{name}"])
        return value


def question_of(request: FhirRequest, known: Collection[str]) -> Question:
    """Read the arguments of a call; raises BadRequest, UnknownParameter."""
    arguments = arguments_of(request, (*known, *NAMES))
    return Question(arguments, read_options(arguments.parameters, request.accept_language), request)


def parts_of(parameter: Resource, place: str) -> list[Resource]:
    """Return the parts of a parameter; raises BadRequest."""
    parts: Json = parameter.get("part", [])
    if not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
        raise BadRequest(f"`part` of `{place}` is a list of parameters.", expression=[f"http.{place}"])
    return parts


async def instance(request: FhirRequest, repository: Repository) -> Resource | None:
    """Return the resource that an operation at instance level is invoked on."""
    if request.target.logical_id is None:
        return None
    version = await repository.read(*request.target.instance)
    resource: Resource = parse_json(version.content or b"{}")
    return resource


async def library_of(repository: Repository, names: Iterable[Named], given: Iterable[Resource] = ()) -> Library:
    """Return the definitions that a question needs, as the caller sees them; raises TooCostly."""
    try:
        return await repository.library(names, list(given))
    except Undecidable as problem:
        raise TooCostly(str(problem)) from None


def value_set_in(library: Library, canonical: str, version: str | None, options: Options) -> ValueSet:
    """Return the value set that a request names; raises TermError."""
    named = parse_canonical(canonical)
    wanted = options.rules.choose(named.url, version or named.version)
    found = library.value_set(named.url, wanted)
    if found is None and named.version is not None:
        found = library.value_set(canonical)  # some value sets of R4 have a bar in their url
    if found is None:
        raise refusal("Unable_to_resolve_value_Set_", value_set=f"{named.url}|{wanted}" if wanted else named.url)
    return found


def coding_of(value: Json, place: str) -> Coding:
    """Read a Coding; raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest(f"`{place}` is a Coding.", expression=[f"http.{place}"])
    parts = {name: value.get(name) for name in ("code", "system", "version", "display")}
    wrong = next((name for name, part in parts.items() if part is not None and not isinstance(part, str)), None)
    if wrong is not None:
        raise BadRequest(f"`{place}.{wrong}` is a text.", expression=[f"http.{place}"])
    return Coding(parts["code"] or "", parts["system"], parts["version"], parts["display"])


def answer(resource: Resource) -> FhirResponse:
    """Return a resource as the answer of an operation."""
    return FhirResponse(status=200, content=encode(resource))
