"""Member steps (``a.b.c``), specialised on the element model: each step knows the JSON properties it looks up.

A chain of steps whose parents have one known type each runs over bare JSON values and names the type only at its end;
any other step looks up the properties by the type of each item.
Spec: http://hl7.org/fhirpath/N1/#path-selection, http://hl7.org/fhir/R4/fhirpath.html#polymorphism
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

from fhirserver.definitions.registry import Child, Definitions
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.items import Extended, Item, Items
from fhirserver.fhirpath.types import ANY, ANYTHING, STRING, SYSTEM, Types, is_open, is_primitive
from fhirserver.kernel.resource import Json, Resource

TYPE_INFO = "System.TypeInfo"
_RESOURCES = frozenset({"Resource", "DomainResource"})


@dataclass(frozen=True, slots=True)
class Branch:
    """One JSON property a step may find: the element ``value`` is ``valueQuantity`` or ``valueString`` or ..."""

    key: str
    type: str
    many: bool
    primitive: bool


Table: TypeAlias = Mapping[str, tuple[Branch, ...]]
"""The properties of one step by the type of the parent."""
Stage: TypeAlias = Callable[[list[Json]], list[Any]]
Hop: TypeAlias = Callable[[Items], Items]


class LazyTable(dict[str, tuple[Branch, ...]]):
    """The table of a step whose parents' types are known only from the data; filled as they are met."""

    def __init__(self, definitions: Definitions, element: str) -> None:
        """Serve ``element`` of any type."""
        self._definitions = definitions
        self._element = element

    def __missing__(self, parent: str) -> tuple[Branch, ...]:
        """Find the properties of a type met for the first time."""
        self[parent] = found = find_branches(self._definitions, parent, self._element)
        return found


def find_branches(definitions: Definitions, parent: str, element: str) -> tuple[Branch, ...]:
    """Return the JSON properties in which a type holds an element; none when it has no such element."""
    if parent.startswith(SYSTEM):
        reflected = parent == TYPE_INFO and element in ("namespace", "name")
        return (Branch(element, STRING, many=False, primitive=False),) if reflected else ()
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
    return Branch(child.json_name, child.type_name, child.element.repeats, is_primitive(child.type_name, definitions))


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

    def lower(self) -> Run:
        """Compile the steps to one function."""
        hops = _hops(self)
        source = self.source
        if len(hops) == 1:
            hop = hops[0]
            return _after(source, hop) if source else lambda frame, this: hop(this)
        if not hops:
            return source or _this
        return _chain(source or _this, hops)


def _this(frame: Frame, this: Items) -> Items:
    return this


def _after(source: Run, hop: Hop) -> Run:
    return lambda frame, this: hop(source(frame, this))


def _chain(source: Run, hops: list[Hop]) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        for hop in hops:
            items = hop(items)
        return items

    return run


def _hops(navigation: Navigation) -> list[Hop]:
    """Group the steps: a run of steps whose parents have one type each becomes one hop."""
    hops: list[Hop] = []
    group: list[Table] = []
    for table in navigation.steps:
        if not isinstance(table, LazyTable) and len(table) == 1:
            group.append(table)
            continue
        hops += [*_fused(group, navigation.definitions), _by_type(table)]
        group = []
    return hops + _fused(group, navigation.definitions)


def _fused(group: list[Table], definitions: Definitions) -> list[Hop]:
    if not group:
        return []
    *inner, last = [next(iter(table.values())) for table in group]
    stages = [_elements(branch) if branch.primitive else _parents(branch) for (branch,) in inner]
    leaf = _leaf(last)
    if is_primitive(next(iter(group[0])), definitions):
        return [_fused_from_primitives(stages, leaf)]
    if not stages:
        return [lambda items: leaf([value for _, value in items])]
    if len(stages) == 1:
        stage = stages[0]
        return [lambda items: leaf(stage([value for _, value in items]))]
    return [_fused_deep(stages, leaf)]


def _fused_deep(stages: list[Stage], leaf: Stage) -> Hop:
    def hop(items: Items) -> Items:
        values = [value for _, value in items]
        for stage in stages:
            values = stage(values)
        return leaf(values)

    return hop


def _fused_from_primitives(stages: list[Stage], leaf: Stage) -> Hop:
    def hop(items: Items) -> Items:
        values = [value.element for _, value in items if type(value) is Extended]
        for stage in stages:
            values = stage(values)
        return leaf(values)

    return hop


def _parents(branch: Branch) -> Stage:
    key = branch.key
    if branch.many:
        return lambda values: [found for parent in values for found in parent.get(key, ())]
    return lambda values: [found for parent in values if (found := parent.get(key)) is not None]


def _elements(branch: Branch) -> Stage:
    """Return what holds the id and extensions of primitives, for the steps behind one."""
    sibling = "_" + branch.key
    if branch.many:
        return lambda values: [found for parent in values for found in parent.get(sibling, ()) if found is not None]
    return lambda values: [found for parent in values if (found := parent.get(sibling)) is not None]


def _leaf(branches: tuple[Branch, ...]) -> Stage:
    if len(branches) > 1:
        return _choice_leaf(branches)
    branch = branches[0]
    key, name = branch.key, branch.type
    if branch.primitive:
        return _primitives_leaf(key, name) if branch.many else _primitive_leaf(key, name)
    if name in _RESOURCES:
        return lambda values: [item for parent in values for item in _collect(branch, parent)]
    if branch.many:
        return lambda values: [(name, found) for parent in values for found in parent.get(key, ())]
    return lambda values: [(name, found) for parent in values if (found := parent.get(key)) is not None]


def _primitive_leaf(key: str, name: str) -> Stage:
    sibling = "_" + key

    def leaf(values: list[Json]) -> Items:
        items: Items = []
        for parent in values:
            found = parent.get(key)
            if sibling in parent:
                items.append((name, Extended(found, parent[sibling])))
            elif found is not None:
                items.append((name, found))
        return items

    return leaf


def _primitives_leaf(key: str, name: str) -> Stage:
    sibling = "_" + key

    def leaf(values: list[Json]) -> Items:
        items: Items = []
        for parent in values:
            if sibling in parent:
                items += _joined(name, parent.get(key, ()), parent[sibling])
            else:
                items += [(name, found) for found in parent.get(key, ())]
        return items

    return leaf


def _choice_leaf(branches: tuple[Branch, ...]) -> Stage:
    def leaf(values: list[Json]) -> Items:
        items: Items = []
        for parent in values:
            for branch in branches:
                if branch.key in parent or "_" + branch.key in parent:
                    items += _collect(branch, parent)
        return items

    return leaf


def _by_type(table: Table) -> Hop:
    """Return the step that looks at the type of each item; a type that has no such element leads nowhere."""
    nowhere: tuple[Branch, ...] = ()
    lazy = isinstance(table, LazyTable)

    def hop(items: Items) -> Items:
        found: Items = []
        for name, value in items:
            branches = table[name] if lazy else table.get(name, nowhere)
            parent = value.element if type(value) is Extended else value
            if branches and type(parent) is dict:
                for branch in branches:
                    found += _collect(branch, parent)
        return found

    return hop


def _collect(branch: Branch, parent: Resource) -> Items:
    """Read one property of one parent."""
    found = parent.get(branch.key)
    if branch.primitive:
        sibling = parent.get("_" + branch.key)
        if branch.many:
            return _joined(branch.type, found or (), sibling or ())
        if sibling is not None:
            return [(branch.type, Extended(found, sibling))]
        return [] if found is None else [(branch.type, found)]
    if found is None:
        return []
    values = found if branch.many else (found,)
    if branch.type in _RESOURCES:
        return [resource_item(value, branch.type) for value in values]
    return [(branch.type, value) for value in values]


def _joined(name: str, values: Iterable[Json], siblings: Iterable[Json]) -> Items:
    """Join the arrays ``x`` and ``_x``; where both have null there is no item."""
    items: Items = []
    for value, element in zip_longest(values, siblings):
        if element is not None:
            items.append((name, Extended(value, element)))
        elif value is not None:
            items.append((name, value))
    return items


def resource_item(resource: Resource, declared: str = "Resource") -> Item:
    """Return a resource as an item of its own type."""
    return (resource.get("resourceType", declared), resource)


def child_items(name: str, value: Json, definitions: Definitions) -> Items:
    """Return all children of an item, in the order of its definition."""
    parent = value.element if type(value) is Extended else value
    if type(parent) is not dict or not definitions.has_type(name):
        return []
    items: Items = []
    for child in definitions.children(name).values():
        if child.json_name in parent or "_" + child.json_name in parent:
            items += _collect(branch_of(child, definitions), parent)
    return items
