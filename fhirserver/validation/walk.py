"""What the checks of one walk through a resource share: its depth, and the container they are in.

Spec: http://hl7.org/fhir/R4/references.html#contained
"""

from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

from fhirserver.fhirpath.environment import DEFAULT, Environment
from fhirserver.kernel.resource import Resource

World: TypeAlias = Callable[[Resource, Resource], Environment]
"""Gives what invariants may ask, from ``%resource`` and ``%rootResource``."""


def no_world(resource: Resource, root: Resource) -> Environment:
    """Know the two resources only."""
    return Environment(resource=resource, root_resource=root)


class Scope:
    """A resource that may contain others: what it contains, and what is referred to from inside it."""

    def __init__(self, container: Resource) -> None:
        """Start with no reference seen."""
        self.container = container
        self.fragments: set[str] = set()
        """Every ``#id`` in a reference, canonical, uri or url."""
        self.has_upward = False
        """Whether a reference or canonical is ``#``, the container itself."""
        self.pointing_up: list[bool] = []
        """For each contained resource walked so far: whether there is such a one inside it."""
        self.inside = False
        """Whether the walk is inside a contained resource just now."""

    def refer(self, target: str) -> None:
        """Note a reference or canonical that starts with ``#``."""
        if target != "#":
            self.fragments.add(target)
            return
        self.has_upward = True
        if self.inside:
            self.pointing_up[-1] = True

    def adopt(self, inner: "Scope") -> None:
        """Count what was seen in a container of its own (a Bundle's entry) inside a contained resource."""
        if self.inside:
            self.fragments |= inner.fragments
            self.pointing_up[-1] |= inner.has_upward

    @cached_property
    def contained_ids(self) -> frozenset[str]:
        """The ids of the contained resources."""
        contained = self.container.get("contained")
        if not isinstance(contained, list):
            return frozenset()
        ids = (inner.get("id") for inner in contained if isinstance(inner, dict))
        return frozenset(found for found in ids if isinstance(found, str))


class Walk:
    """One pass over one resource."""

    __slots__ = ("_environment", "_of", "depth", "max_depth", "resource", "scope", "world")

    def __init__(self, resource: Resource, max_depth: int, world: World = no_world) -> None:
        """Start at ``resource``; refuse nesting deeper than ``max_depth``."""
        self.depth = 0
        self.max_depth = max_depth
        self.scope = Scope(resource)
        self.resource = resource
        """The resource that the walk is in: one that is contained, or its container."""
        self.world = world
        self._of: Resource | None = None
        self._environment = DEFAULT

    @property
    def environment(self) -> Environment:
        """What an invariant may ask where the walk is; made when the first one runs."""
        if self._of is not self.resource:
            self._environment = self.world(self.resource, self.scope.container)
            self._of = self.resource
        return self._environment
