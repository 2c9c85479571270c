"""What the parts of a compiled profile ask of each other.

``Compiles`` turns nodes into checks; ``Profiles`` knows the other profiles; ``Above`` is what holds of an element
already, so that nothing is checked twice.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from fhirserver.definitions.elements import Element
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Rule
from fhirserver.kernel.resource import Resource
from fhirserver.validation.invariants import Invariants
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.profiles.nodes import Node
from fhirserver.validation.profiles.sites import Item, ItemCheck
from fhirserver.validation.profiles.sources import Codes
from fhirserver.validation.walk import Walk


class Above(NamedTuple):
    """What holds of an element already: its base definition, and the node that a slice is of."""

    element: Element | None = None
    node: Node | None = None
    written: Resource | None = None
    """The base definition as it is written."""

    def says(self, node: Node, *names: str) -> bool:
        """Tell whether what ``node`` says under these names is said above already."""
        return self.node is not None and all(
            node.definition.get(name) == self.node.definition.get(name) for name in names
        )

    def child(self, name: str, element: Element | None, written: Resource | None) -> "Above":
        """Return what is above a child."""
        return Above(element, None if self.node is None else self.node.children.get(name), written)


class Profiles(Protocol):
    """Knows profiles and types."""

    definitions: Definitions
    codes: Codes
    invariants: Invariants

    def is_resource(self, name: str) -> bool:
        """Tell whether a type is a resource type."""
        ...

    def type_of(self, canonical: str) -> str | None:
        """Return the type that a profile is of; None: it is not known."""
        ...

    def tree(self, canonical: str) -> Node | None:
        """Return the root of a profile's snapshot; None: there is none that can be read."""
        ...

    def written(self, owner: str, name: str) -> Resource | None:
        """Return the ElementDefinition of an element of a base type."""
        ...

    def any_of(self, profiles: Sequence[str], rule: Rule) -> ItemCheck:
        """Return the check of a value that must meet one of some profiles."""
        ...

    def is_of(self, item: Item, profiles: Sequence[str], walk: Walk) -> bool:
        """Tell whether a value meets one of some profiles; one that is not known is met by any value."""
        ...

    def conforms(self, resource: Resource, canonical: str, walk: DeepWalk) -> bool:
        """Tell whether a resource that is referred to meets a profile and the rules of its type."""
        ...


class Compiles(Protocol):
    """Turns the nodes of one profile into checks."""

    plans: Profiles
    profile: str

    def rule(self, node: Node) -> Rule:
        """Return where a node is written."""
        ...

    def item(self, node: Node, type_name: str, above: Above) -> ItemCheck | None:
        """Compile the check of one value of an element; None: the node adds nothing."""
        ...
