"""What an expression may ask of the world: protocols declared here, implemented on higher floors.

Spec: http://hl7.org/fhirpath/N1/#environment-variables, http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.items import Item, Items
from fhirserver.kernel.resource import Resource
from fhirserver.ucum import Ucum


class Resolver(Protocol):
    """Finds the resource a reference points to."""

    def resolve(self, reference: str) -> Resource | None:
        """Return the resource, or None where it cannot be found."""
        ...


class Terminology(Protocol):
    """Answers what only code systems know."""

    def is_member(self, system: str | None, code: str, value_set: str) -> bool | None:
        """Tell whether a code is in a value set; None when that is not known."""
        ...


class Conformance(Protocol):
    """Answers what only profiles know."""

    def conforms(self, resource: Resource, profile: str) -> bool | None:
        """Tell whether a resource is valid against a profile; None when there is no such profile."""
        ...


class TraceSink(Protocol):
    """Receives what ``trace()`` shows."""

    def trace(self, name: str, items: Items) -> None:
        """Take note of a collection."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an expression may do: ``steps`` counts items visited by lambdas and tree walks."""

    steps: int = 1_000_000
    items: int = 100_000


@dataclass(frozen=True, slots=True)
class Environment:
    """The constants and services of one evaluation; what is absent answers "not known" or raises, as documented."""

    resource: Resource | None = None
    """``%resource``; absent: what the expression is evaluated on."""
    root_resource: Resource | None = None
    """``%rootResource``: the container of a contained ``%resource``; absent: ``%resource``."""
    resolver: Resolver | None = None
    """Absent: ``resolve()`` finds contained resources only, and knows types from the reference's text."""
    terminology: Terminology | None = None
    conformance: Conformance | None = None
    trace_sink: TraceSink | None = None
    ucum: Ucum | None = None
    """Absent: quantities in different units do not compare."""
    now_us: int | None = None
    """The instant of ``now()``, ``today()`` and ``timeOfDay()``; absent: they raise."""
    variables: Mapping[str, Items] = field(default_factory=dict)
    """Further ``%name`` constants."""
    bounds: Bounds = Bounds()


DEFAULT: Final = Environment()


class Frame:
    """The state of one evaluation, changed as it goes on; one is made for every evaluation, so it starts cheaply."""

    index: int = -1
    total: Items = []  # noqa: RUF012 - never changed, only replaced
    steps: int = 0

    def __init__(self, environment: Environment, focus: Items) -> None:
        """Start an evaluation of ``focus``, the ``%context``."""
        self.environment = environment
        self.focus = focus

    def spend(self, steps: int) -> None:
        """Account for items visited; raises FhirPathExecutionError when the bound is reached."""
        self.steps += steps
        if self.steps > self.environment.bounds.steps:
            raise FhirPathExecutionError("The expression takes too many steps on this input.")

    def check_size(self, items: Items) -> None:
        """Raise FhirPathExecutionError when a collection grows beyond the bound."""
        if len(items) > self.environment.bounds.items:
            raise FhirPathExecutionError("A collection grows too large on this input.")

    def resource(self) -> Resource | None:
        """Return ``%resource``."""
        given = self.environment.resource
        if given is not None:
            return given
        value = self.focus[0][1] if self.focus else None
        return value if type(value) is dict and "resourceType" in value else None

    def root_resource(self) -> Resource | None:
        """Return ``%rootResource``, in which ``#id`` references are found."""
        given = self.environment.root_resource
        return given if given is not None else self.resource()


Run: TypeAlias = Callable[[Frame, Items], Items]
"""A compiled expression: from the frame and ``$this`` to the result. It never changes the lists it is given."""
Test: TypeAlias = Callable[[Frame, Item], bool]
"""A compiled criterion: whether it is true of one item."""
