"""What an expression may ask of the world: protocols declared here, implemented on higher floors.

Spec: http://hl7.org/fhirpath/N1/#environment-variables, http://hl7.org/fhir/R4/fhirpath.html#functions
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol, TypeAlias

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.items import Item, Items
from fhirserver.kernel.resource import Json, Resource
from fhirserver.ucum import Ucum

Coded: TypeAlias = tuple[str | None, str]
"""A code system and a code."""


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

    def subsumes(self, broader: Coded, narrower: Coded) -> bool | None:
        """Tell whether a code is another one or an ancestor of it; None when no code system relates the two."""
        ...


class Conformance(Protocol):
    """Answers what only profiles know."""

    def conforms(self, resource: Resource, profile: str) -> bool | None:
        """Tell whether a resource is valid against a profile; None when there is no such profile."""
        ...

    def is_in_slice(self, value: Json, structure: str, slice_name: str) -> bool | None:
        """Tell whether an element is in a slice that a profile defines; None when there is no such slice."""
        ...


class Markup(Protocol):
    """Knows the rules of narratives."""

    def is_safe(self, xhtml: str) -> bool:
        """Tell whether XHTML keeps to the rules of narratives (txt-1)."""
        ...


class TraceSink(Protocol):
    """Receives what ``trace()`` shows."""

    def trace(self, name: str, items: Items) -> None:
        """Take note of a collection."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an expression may do.

    ``steps`` counts items visited by lambdas and tree walks, pairs compared and text produced; it is looked at, as the
    clock is, once in ``_INTERVAL`` steps.
    """

    steps: int = 1_000_000
    items: int = 100_000
    seconds: float = 1.0


_INTERVAL: Final = 64


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
    markup: Markup | None = None
    trace_sink: TraceSink | None = None
    ucum: Ucum | None = None
    """Absent: quantities in different units do not compare."""
    now_us: int | None = None
    """The instant of ``now()``, ``today()`` and ``timeOfDay()``; absent: they raise."""
    variables: Mapping[str, Items] = field(default_factory=dict)
    """Further ``%name`` constants."""
    bounds: Bounds = Bounds()
    idle: "IdleFrame" = field(init=False, repr=False, compare=False)
    """What every expression is given that looks at ``$this`` only."""

    def __post_init__(self) -> None:
        """Make the frame that such expressions share."""
        object.__setattr__(self, "idle", IdleFrame(self, []))


class Frame:
    """The state of one evaluation, changed as it goes on; one is made for every evaluation, so it starts cheaply."""

    index: int = -1
    total: Items = []  # noqa: RUF012 - never changed, only replaced
    steps: int = 0
    variables: dict[str, Items] | None = None
    _look_at: int = _INTERVAL
    _deadline: float | None = None

    def __init__(self, environment: Environment, focus: Items) -> None:
        """Start an evaluation of ``focus``, the ``%context``."""
        self.environment = environment
        self.focus = focus

    def spend(self, steps: int) -> None:
        """Account for work; raises FhirPathExecutionError when a bound is reached."""
        self.steps += steps
        if self.steps > self._look_at:
            self._look()

    def _look(self) -> None:
        bounds = self.environment.bounds
        if self.steps > bounds.steps:
            raise FhirPathExecutionError("The expression takes too many steps on this input.")
        now = monotonic()
        if self._deadline is None:
            self._deadline = now + bounds.seconds
        elif now > self._deadline:
            raise FhirPathExecutionError("The expression takes too long on this input.")
        self._look_at = self.steps + _INTERVAL

    def spend_on_text(self, length: int) -> None:
        """Account for a text that was produced; short ones are free."""
        if length > _INTERVAL:
            self.spend(length // _INTERVAL)

    def visit(self, items: Items) -> Iterable[tuple[int, Item]]:
        """Number the items that a lambda is evaluated for, and account for each."""
        if len(items) > _INTERVAL:
            return self._visit(items)
        self.spend(len(items))
        return enumerate(items)

    def _visit(self, items: Items) -> Iterator[tuple[int, Item]]:
        for position, item in enumerate(items):
            self.spend(1)
            yield position, item

    def check_size(self, items: Sized) -> None:
        """Raise FhirPathExecutionError when a collection grows beyond the bound."""
        if len(items) > self.environment.bounds.items:
            raise FhirPathExecutionError("A collection grows too large on this input.")

    def define(self, name: str, items: Items) -> None:
        """Keep the value of a variable that the expression defines."""
        if self.variables is None:
            self.variables = {}
        self.variables[name] = items

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


class IdleFrame(Frame):
    """What expressions are given that look at ``$this`` only: nothing of it changes, so that all can share one."""

    def spend(self, steps: int) -> None:
        """Account for nothing: such an expression does as much as its input is long."""


DEFAULT: Final = Environment()

Run: TypeAlias = Callable[[Frame, Items], Items]
"""A compiled expression: from the frame and ``$this`` to the result. It never changes the lists it is given."""
Test: TypeAlias = Callable[[Frame, Item], bool]
"""A compiled criterion: whether it is true of one item."""
