"""A search request read and bound: what will be served of it, and what was ignored leniently.

Spec: http://hl7.org/fhir/R4/search.html#errors, http://hl7.org/fhir/R4/search.html#return
"""

from dataclasses import dataclass

from fhirserver.access import Access
from fhirserver.access.hiding import Hiding
from fhirserver.kernel.outcome import (
    BadRequest,
    BadSearchValue,
    FhirError,
    Issue,
    IssueType,
    Severity,
    UnknownParameter,
)
from fhirserver.repository.as_of import AT
from fhirserver.repository.includes import check_include
from fhirserver.repository.requests import Parameters, SearchRequest
from fhirserver.repository.services import Limits, Services
from fhirserver.repository.sorting import sort_key
from fhirserver.search.cost import scans
from fhirserver.search.full_text import TEXT_CODES
from fhirserver.search.plan import Plan
from fhirserver.search.query import (
    IGNORED,
    Given,
    ResultParameters,
    is_empty,
    is_shaping,
    parse_criterion,
    shaped,
    shown,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it will be served: what was ignored leniently is left out of ``applied``."""

    result: ResultParameters
    bound: dict[str, list[Plan]]
    """The bound criteria of each type searched."""
    applied: Parameters
    issues: tuple[Issue, ...]
    scanning: str | None = None
    """The first parameter that no index answers."""

    @property
    def types(self) -> tuple[str, ...]:
        """The types searched."""
        return tuple(self.bound)


def read_request(services: Services, access: Access, request: SearchRequest) -> Asked:
    """Read and bind the parameters; under lenient handling unknown ones are left out and reported, bad values never."""
    reader = _Reader(services, access, request)
    applied = [pair for pair in request.parameters if not is_empty(pair[1]) and reader.take(*pair)]
    check_together(reader.result)
    limits = services.limits
    kept = tuple([(n, _applied_count(v, limits) if n == "_count" else v) for n, v in applied if n != "_cursor"])
    return Asked(reader.result, reader.bound, kept, tuple(reader.issues), reader.scanning)


def check_together(result: ResultParameters) -> None:
    """Refuse what R4 excludes: http://hl7.org/fhir/R4/search.html#summary. Raises BadRequest."""
    if result.summary not in ("false", "count") and result.elements:
        raise BadRequest("`_summary` and `_elements` exclude each other.", expression=["http._elements"])
    if result.summary == "text" and result.includes:
        raise BadRequest("`_include` and `_revinclude` do not go with `_summary=text`.", expression=["http._summary"])


class _Reader:
    """Takes one parameter after the other."""

    def __init__(self, services: Services, access: Access, request: SearchRequest) -> None:
        self._services = services
        self._hiding = Hiding(services.binder, access)
        self._request = request
        self._types = types_of_request(services, request)
        self._is_ranked = any(name in TEXT_CODES for name, _ in request.parameters)
        self.result = ResultParameters()
        self.bound: dict[str, list[Plan]] = {resource_type: [] for resource_type in self._types}
        self.issues: list[Issue] = []
        self.scanning: str | None = None

    def take(self, name: str, value: str) -> bool:
        """Tell whether a parameter is applied. Raises FhirError."""
        try:
            self._apply(name, value)
        except UnknownParameter as error:
            if not self._request.lenient:
                raise
            self.issues.append(_ignored(error))
            return False
        return True

    def _apply(self, name: str, value: str) -> None:
        if is_shaping(name):
            self.result = self._shaped(name, value)
        elif name == "_type":
            self._check_type()
        elif name not in IGNORED and name != AT:  # with `_at` the services are of that instant
            self._bind(Given(name, parse_criterion(name, value)))

    def _bind(self, given: Given) -> None:
        """Bind a criterion on every type, or raise what is wrong with it and on none."""
        bind = self._services.binder.bind
        plans = [self._hiding.plan(bind(resource_type, given), resource_type) for resource_type in self.bound]
        for members, plan in zip(self.bound.values(), plans, strict=True):
            members.append(plan)
        if self.scanning is None and any(map(scans, plans)):
            self.scanning = shown(given.name)

    def _check_type(self) -> None:
        if self._request.resource_types:
            raise UnknownParameter("`_type` belongs to a search of all types.", expression=["http._type"])

    def _shaped(self, name: str, value: str) -> ResultParameters:
        """Add a parameter that shapes the answer, once all it names is known."""
        before = self.result
        result = shaped(before, name, value)
        for key in result.sort[len(before.sort) :]:
            sort_key(self._services, self._types, key, ranked=self._is_ranked)
        for include in result.includes[len(before.includes) :]:
            try:
                check_include(self._services, include)
            except UnknownParameter as error:
                raise UnknownParameter(str(error), expression=[f"http.{shown(name)}"]) from None
        return result


def _applied_count(value: str, limits: Limits) -> str:
    """Say in the self link how many resources a page really has."""
    return str(min(int(value), limits.max_count))


def _ignored(error: FhirError) -> Issue:
    expression = error.issues[0].expression
    return Issue(IssueType.NOT_SUPPORTED, f"{error.diagnostics} It was ignored.", Severity.WARNING, expression)


def types_of_request(services: Services, request: SearchRequest) -> tuple[str, ...]:
    """Return the types that a search is of."""
    if request.resource_types:
        return request.resource_types
    named = [part for name, value in request.parameters if name == "_type" for part in value.split(",") if part]
    unknown = [name for name in named if not services.definitions.is_resource_type(name)]
    if unknown:
        raise BadSearchValue("`_type` names an unknown resource type.", expression=["http._type"])
    types = tuple(dict.fromkeys(named)) or services.definitions.resource_types
    if request.compartment is not None and not named:
        definition = services.definitions.compartment(request.compartment[0])
        linked = definition.parameters if definition is not None else {}
        types = tuple(t for t in types if t in linked or t == request.compartment[0])
    return types
