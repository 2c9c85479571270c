"""capabilities: what this server does, computed from the dispatch table and the definitions, rendered once.

Spec: http://hl7.org/fhir/R4/http.html#capabilities, http://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import encode
from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchParameter, SearchType
from fhirserver.interactions.patch import PATCH_FORMATS
from fhirserver.interactions.terminology_capabilities import CodeSystemsNow, terminology_capabilities
from fhirserver.kernel.exchange import FHIR_JSON, FhirRequest, FhirResponse, Interaction, Level
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Resource
from fhirserver.search.full_text import TEXT_CODES
from fhirserver.search.parameters import COMPUTED, SearchParameters

OperationsAt: TypeAlias = Callable[[Set[Level], str | None], list[Resource]]
"""Some levels and a resource type -> the operations there, as ``rest.resource.operation`` lists them."""

FHIR_VERSION: Final = "4.0.1"
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
_URL_HERE: Final = "urn:uuid:4f1a3c4e-3c0c-4a5c-9a5e-0c1b7a3e9d52"
"""Stands in the rendered statement where the base URL of a request goes."""
ORIGIN_HERE: Final = "urn:uuid:9d0f7d52-5b8a-4f0e-8f0c-6f3d7c1b2a90"
"""Stands in the description of a server where its scheme and host go."""
_AT_TYPE: Final = (
    Interaction.READ,
    Interaction.VREAD,
    Interaction.UPDATE,
    Interaction.PATCH,
    Interaction.DELETE,
    Interaction.HISTORY_INSTANCE,
    Interaction.HISTORY_TYPE,
    Interaction.CREATE,
    Interaction.SEARCH_TYPE,
)
_AT_SYSTEM: Final = (
    Interaction.TRANSACTION,
    Interaction.BATCH,
    Interaction.SEARCH_SYSTEM,
    Interaction.HISTORY_SYSTEM,
)
_AS_OF: Final = "Reads and searches answer the record as it stood at the end of the period of `_at`, a date or instant."
_ASKED: Final = frozenset({"_filter", "_query"})
"""Answered for every type without an index of their own."""
_UNDEFINED: Final = (
    {"name": "_at", "type": "date", "documentation": _AS_OF},
    {"name": "_list", "type": "special", "documentation": "What is on a List and not marked deleted, by its id."},
)
"""Answered, but no SearchParameter of R4."""
_SERVED: Final = "Defined by a SearchParameter stored or installed here; served."
_WAITING: Final = (
    "Defined by a SearchParameter stored or installed here; searches by it are refused until its index is complete."
)
_NORMATIVE: Final = frozenset(
    {"Binary", "Bundle", "CapabilityStatement", "CodeSystem", "Observation", "OperationDefinition", "OperationOutcome"}
    | {"Parameters", "Patient", "StructureDefinition", "ValueSet"}
)
"""The resource types that R4 calls normative: http://hl7.org/fhir/R4/resourcelist.html"""


@dataclass(frozen=True, slots=True)
class PackagesNow:
    """The packages of a site at one moment."""

    mark: str
    """Another text after every change."""
    guides: tuple[str, ...] = ()
    """The canonicals of their ImplementationGuides."""
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The urls of their profiles, by type."""


NO_PACKAGES: Final = PackagesNow("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDescription:
    """How the server introduces itself; ``since`` is a FHIR dateTime."""

    name: str
    version: str
    since: str
    description: str = "FHIR R4 server"
    security: Resource = field(default_factory=dict)
    """Members of ``rest.security`` beside ``cors``; ``ORIGIN_HERE`` stands for where the server is."""
    packages: Callable[[], PackagesNow] = lambda: NO_PACKAGES
    """Returns what the packages of the site are to readers, as they are now."""
    formats: tuple[str, ...] = (FHIR_JSON, "json")
    """What resources are read and written as: media types and names for ``_format``."""
    code_systems: CodeSystemsNow = dict
    """Returns the code systems that everybody can use, with their versions, as they are now."""


class Capabilities:
    """Answers ``/metadata``."""

    def __init__(
        self,
        definitions: Definitions,
        interactions: Collection[Interaction],
        operations_at: OperationsAt,
        server: ServerDescription,
        parameters: SearchParameters,
    ) -> None:
        """Describe what ``interactions`` and operations do for the types of ``definitions``."""
        self._parameters = parameters
        self._definitions = definitions
        self._interactions = interactions
        self._operations_at = operations_at
        self._server = server
        self._packages = server.packages()
        self._terms: tuple[Mapping[str, Sequence[str]], list[bytes]] | None = None

    @property
    def is_of(self) -> str:
        """The mark of the packages that it describes."""
        return self._packages.mark

    def answer(self, request: FhirRequest) -> FhirResponse:
        """Answer the statement for the ``mode`` asked for."""
        modes = [value for name, value in request.parameters if name == "mode"]
        mode = modes[-1] if modes else "full"
        parts = self._terminology() if mode == "terminology" else self._rendered.get(mode)
        if parts is None:
            raise BadSearchValue("`mode` takes `full`, `normative` or `terminology`.", expression=["http.mode"])
        content = encode(request.base_url).join(parts)
        if self._server.security:
            origin = "/".join(request.base_url.split("/", 3)[:3])
            content = content.replace(ORIGIN_HERE.encode(), encode(origin)[1:-1])
        return FhirResponse(status=200, content=content)

    @cached_property
    def _rendered(self) -> dict[str, list[bytes]]:
        """Keep each statement in two halves, between which the base URL goes."""
        types = self._definitions.resource_types
        statements = {
            "full": self._statement(types),
            "normative": self._statement([name for name in types if name in _NORMATIVE]),
        }
        return {mode: _halves(statement) for mode, statement in statements.items()}

    def _statement(self, types: Iterable[str]) -> Resource:
        statement = {
            "resourceType": "CapabilityStatement",
            **self._introduction(),
            "fhirVersion": FHIR_VERSION,
            "format": list(self._server.formats),
            "patchFormat": list(PATCH_FORMATS),
            "implementationGuide": list(self._packages.guides),
            "rest": [self._rest(types)],
        }
        return {name: value for name, value in statement.items() if value != []}

    def _introduction(self) -> Resource:
        server = self._server
        return {
            "name": "FhirServer",
            "title": server.name,
            "status": "active",
            "date": server.since,
            "kind": "instance",
            "software": {"name": server.name, "version": server.version},
            "implementation": {"description": server.description, "url": _URL_HERE},
        }

    def _terminology(self) -> list[bytes]:
        """Return what is said of terminology, rendered anew when there are other code systems."""
        now = self._server.code_systems()
        if self._terms is None or self._terms[0] != now:
            introduction = {**self._introduction(), "version": self._server.version}
            self._terms = now, _halves(terminology_capabilities(introduction, now))
        return self._terms[1]

    def _rest(self, types: Iterable[str]) -> Resource:
        common = self._definitions.search_parameters("DomainResource").values()
        definitions = self._definitions
        compartments = (definitions.compartment(code) for code in definitions.compartments)
        rest: Resource = {
            "mode": "server",
            "documentation": _AS_OF,
            "security": {"cors": True, **self._server.security},
            "resource": [self._resource(name) for name in types],
            "interaction": self._codes(_AT_SYSTEM),
            "searchParam": [*(_parameter(p) for p in common if _is_answered(p) or p.code in _ASKED), *_UNDEFINED],
            "operation": self._operations_at({Level.SYSTEM}, None),
            "compartment": [found.url for found in compartments if found is not None],
        }
        return {name: value for name, value in rest.items() if value != []}

    def _resource(self, name: str) -> Resource:
        has = self._interactions
        resource: Resource = {
            "type": name,
            "profile": _PROFILE + name,
            "supportedProfile": list(self._packages.profiles.get(name, ())),
            "interaction": self._codes(_AT_TYPE),
            "versioning": "versioned-update",
            "readHistory": Interaction.VREAD in has,
            "updateCreate": Interaction.UPDATE in has,
            "conditionalCreate": Interaction.CREATE in has,
            "conditionalRead": "full-support",
            "conditionalUpdate": Interaction.UPDATE in has,
            "conditionalDelete": "multiple" if Interaction.DELETE in has else "not-supported",
            "referencePolicy": ["literal", "logical", "local"],
            "searchInclude": self._includes(name),
            "searchRevInclude": self._reverse_includes.get(name, []),
            "searchParam": [*map(_parameter, self._packaged(name)), *map(_custom, self._parameters.listed(name))],
            "operation": self._operations_at({Level.TYPE, Level.INSTANCE}, name),
        }
        return {member: value for member, value in resource.items() if value != []}

    def _codes(self, interactions: Iterable[Interaction]) -> list[Resource]:
        return [{"code": code.value} for code in interactions if code in self._interactions]

    def _packaged(self, resource_type: str) -> Iterator[SearchParameter]:
        return (p for p in self._definitions.search_parameters(resource_type).values() if _is_answered(p))

    def _answered(self, resource_type: str) -> Iterator[SearchParameter]:
        yield from self._packaged(resource_type)
        yield from (p for p, waiting in self._parameters.listed(resource_type) if waiting is None)

    def _references(self, resource_type: str) -> Iterator[SearchParameter]:
        return (p for p in self._answered(resource_type) if p.type is SearchType.REFERENCE)

    def _includes(self, resource_type: str) -> list[str]:
        own = [f"{resource_type}:{p.code}" for p in self._references(resource_type)]
        return ["*", *own] if own else []

    @cached_property
    def _reverse_includes(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for source in self._definitions.resource_types:
            for parameter in self._references(source):
                targets = parameter.targets or self._definitions.resource_types
                for target in self._definitions.resource_types if "Resource" in targets else targets:
                    found.setdefault(target, []).append(f"{source}:{parameter.code}")
        return found


def _halves(statement: Resource) -> list[bytes]:
    return encode(statement).split(encode(_URL_HERE))


def _is_answered(parameter: SearchParameter) -> bool:
    """Tell whether searches know the parameter: it has an expression to index, or is answered without one.

    So says the definition alone; to compile every expression of every type would take the first caller half a second.
    """
    return parameter.expression is not None or parameter.code in COMPUTED or parameter.code in TEXT_CODES


def _custom(listed: tuple[SearchParameter, str | None]) -> Resource:
    """List a custom parameter, and whether it is served: how far its index is changes too often to be said here."""
    parameter, waiting = listed
    status = _SERVED if waiting is None else _WAITING
    return {**_parameter(parameter), "documentation": status}


def _parameter(parameter: SearchParameter) -> Resource:
    return {"name": parameter.code, "definition": parameter.url, "type": parameter.type.value}
