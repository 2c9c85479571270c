"""Member steps (``a.b.c``) bound to the element model: each step knows the JSON properties it will look up.

Spec: http://hl7.org/fhirpath/N1/#path-selection, http://hl7.org/fhir/R4/fhirpath.html#polymorphism
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from fhirserver.definitions.registry import Child, Definitions
from fhirserver.fhirpath.environment import Run
from fhirserver.fhirpath.types import ANY, ANYTHING, DECIMAL, QUANTITY, STRING, SYSTEM, Types, is_open, is_primitive

TYPE_INFO: Final = "System.TypeInfo"
_SYSTEM_MEMBERS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (TYPE_INFO, "namespace"): STRING,
        (TYPE_INFO, "name"): STRING,
        (QUANTITY, "value"): DECIMAL,
        (QUANTITY, "unit"): STRING,
    }
)


@dataclass(frozen=True, slots=True)
class Branch:
    """One JSON property a step may find: the element ``value`` is ``valueQuantity`` or ``valueString`` or ..."""

    key: str
    sibling: str
    """Where a primitive's id and extensions are."""
    type: str
    many: bool
    primitive: bool
    element: str = ""
    """Its name in the definition: ``value[x]``."""


Table: TypeAlias = Mapping[str, tuple[Branch, ...]]
"""The properties of one step by the type of the parent."""


_RESOURCE_TYPE: Final = Branch("resourceType", "", "code", many=False, primitive=True)
"""No element, but many expressions ask a resource of any type for it."""


class LazyTable(dict[str, tuple[Branch, ...]]):
    """The table of a step whose parents' types are known only from the data; filled as they are met."""

    def __init__(self, definitions: Definitions, element: str) -> None:
        """Serve ``element`` of any type."""
        self._definitions = definitions
        self._element = element

    def __missing__(self, parent: str) -> tuple[Branch, ...]:
        """Find the properties of a type met for the first time; of what FHIR does not define, any may be there."""
        if self._element == "extension" and _is_untyped(parent, self._definitions):
            found = find_branches(self._definitions, "Element", "extension")
        elif _is_untyped(parent, self._definitions):
            found = (Branch(self._element, "", ANY, many=True, primitive=False),)
        elif self._element == "resourceType" and self._definitions.is_resource_type(parent):
            found = (_RESOURCE_TYPE,)
        else:
            found = find_branches(self._definitions, parent, self._element)
        self[parent] = found
        return found


def _is_untyped(parent: str, definitions: Definitions) -> bool:
    if parent.startswith(SYSTEM):
        return parent not in (TYPE_INFO, QUANTITY)
    return not definitions.has_type(parent)


def find_branches(definitions: Definitions, parent: str, element: str) -> tuple[Branch, ...]:
    """Return the JSON properties in which a type holds an element; none when it has no such element."""
    if parent.startswith(SYSTEM):
        member = _SYSTEM_MEMBERS.get((parent, element))
        return () if member is None else (Branch(element, "", member, many=False, primitive=False),)
    if not definitions.has_type(parent):
        return ()
    children = definitions.children(parent)
    exact = children.get(element)
    if exact is not None and exact.element.name == element:
        found: Iterable[Child] = (exact,)
    else:
        found = (child for child in children.values() if child.element.name == element)
    if element == "value" and is_primitive(parent, definitions):
        return ()  # a primitive is its value
    return tuple(branch_of(child, definitions) for child in found)


def branch_of(child: Child, definitions: Definitions) -> Branch:
    """Return how one JSON property is read."""
    key, name = child.json_name, child.type_name
    element = child.element.name + ("[x]" if child.element.is_choice else "")
    return Branch(key, "_" + key, name, child.element.repeats, is_primitive(name, definitions), element)


@dataclass(frozen=True, slots=True)
class Navigation:
    """Steps from the result of ``source``, or from ``$this`` where there is none."""

    source: Run | None
    start: Types
    many: bool
    definitions: Definitions
    steps: tuple[Table, ...] = ()
    static: Types | None = None
    """The types of the end where the last step is not a plain table."""

    @property
    def types(self) -> Types:
        """What the items at the end may be."""
        if self.static is not None:
            return self.static
        if not self.steps:
            return self.start
        return frozenset(branch.type for branches in self.steps[-1].values() for branch in branches)

    @property
    def yields_many(self) -> bool:
        """Whether there can be more than one item at the end."""
        if self.many or any(isinstance(table, LazyTable) for table in self.steps):
            return True
        return any(branch.many for table in self.steps for branches in table.values() for branch in branches)

    def step(self, element: str) -> "Navigation":
        """Append a step; it leads nowhere where no possible parent has such an element."""
        parents = self.types
        static = {parent: find_branches(self.definitions, parent, element) for parent in parents}
        if any(is_open(parent) for parent in parents):
            known = frozenset(b.type for branches in static.values() for b in branches)
            unknown = ANY in parents or not all(static[parent] for parent in parents)
            lazy = LazyTable(self.definitions, element)
            return self._with((*self.steps, lazy), ANYTHING if unknown else known)
        table = {parent: branches for parent, branches in static.items() if branches}
        narrowed = self if len(table) == len(parents) else self.narrow(frozenset(table))
        return self._with((*narrowed.steps, table), None)

    def can_narrow(self) -> bool:
        """Tell whether the last step can be restricted to some types before it runs."""
        return bool(self.steps) and self.static is None

    def narrow(self, kept: Types) -> "Navigation":
        """Let the last step find items of the ``kept`` types only."""
        if not self.can_narrow():
            return self
        last = {
            parent: narrowed
            for parent, branches in self.steps[-1].items()
            if (narrowed := tuple(branch for branch in branches if branch.type in kept))
        }
        return self._with((*self.steps[:-1], last), None)

    def _with(self, steps: tuple[Table, ...], static: Types | None) -> "Navigation":
        return Navigation(self.source, self.start, self.many, self.definitions, steps, static)
