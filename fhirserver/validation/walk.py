"""What the checks of one walk through a resource share: its depth, and the container they are in.

Spec: http://hl7.org/fhir/R4/references.html#contained
"""

from functools import cached_property

from fhirserver.kernel.resource import Resource


class Scope:
    """A resource that may contain others: what it contains, and what is referred to from inside it."""

    def __init__(self, container: Resource) -> None:
        """Start with no reference seen."""
        self._container = container
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
        contained = self._container.get("contained")
        if not isinstance(contained, list):
            return frozenset()
        ids = (inner.get("id") for inner in contained if isinstance(inner, dict))
        return frozenset(found for found in ids if isinstance(found, str))


class Walk:
    """One pass over one resource."""

    __slots__ = ("depth", "max_depth", "scope")

    def __init__(self, resource: Resource, max_depth: int) -> None:
        """Start at ``resource``; refuse nesting deeper than ``max_depth``."""
        self.depth = 0
        self.max_depth = max_depth
        self.scope = Scope(resource)
