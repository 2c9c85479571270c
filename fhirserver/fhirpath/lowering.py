"""Member steps as functions, specialised on what the element model says of them.

A chain of steps whose parents have one known type each runs over bare JSON values and names the type only at its end;
any other step looks up the properties by the type of each item.
Spec: http://hl7.org/fhirpath/N1/#path-selection, http://hl7.org/fhir/R4/json.html
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.items import Extended, Item, Items
from fhirserver.fhirpath.navigation import Branch, LazyTable, Navigation, Table, branch_of
from fhirserver.fhirpath.quantity import Measurement
from fhirserver.fhirpath.types import ANY, BOOLEAN, DECIMAL, INTEGER, STRING, is_primitive
from fhirserver.kernel.resource import Json, Resource

Hop: TypeAlias = Callable[[Items], Items]
Stage: TypeAlias = Callable[[Sequence[Json]], list[Any]]
_RESOURCES: Final = frozenset({"Resource", "DomainResource"})
_JSON_TYPES: Final = {bool: BOOLEAN, str: STRING, int: INTEGER, Decimal: DECIMAL, float: DECIMAL}
_PARENTS: Final = frozenset({dict, Measurement})


def lower(navigation: Navigation) -> Run:
    """Compile the steps of a path to one function."""
    source = navigation.source
    groups = _groups(navigation.steps)
    if source is None and not navigation.many and groups:
        source, groups = _first_group(groups, navigation.definitions)
    hops = [_hop(group, navigation.definitions) for group in groups]
    if not hops:
        return source or _this
    if len(hops) == 1:
        return _after(source, hops[0]) if source else _from_this(hops[0])
    return _chain(source or _this, hops)


def _this(frame: Frame, this: Items) -> Items:
    return this


def _from_this(hop: Hop) -> Run:
    return lambda frame, this: hop(this)


def _after(source: Run, hop: Hop) -> Run:
    return lambda frame, this: hop(source(frame, this))


def _chain(source: Run, hops: list[Hop]) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        for hop in hops:
            if not items:
                return items
            items = hop(items)
        return items

    return run


def _groups(steps: Iterable[Table]) -> list[list[Table]]:
    """Join consecutive steps whose parents have one known type each; every other step stands alone."""
    groups: list[list[Table]] = []
    joining = False
    for table in steps:
        simple = not isinstance(table, LazyTable) and len(table) == 1
        if simple and joining:
            groups[-1].append(table)
        else:
            groups.append([table])
        joining = simple
    return groups


def _first_group(groups: list[list[Table]], definitions: Definitions) -> tuple[Run | None, list[list[Table]]]:
    """Compile the first group for the usual case that ``$this`` is one complex value."""
    first, *others = groups
    parent = next(iter(first[0]), "")
    if isinstance(first[0], LazyTable) or len(first[0]) != 1 or is_primitive(parent, definitions):
        return None, groups
    return _from_one(first), others


def _from_one(group: list[Table]) -> Run:
    *inner, last = [next(iter(table.values())) for table in group]
    leaf = _leaf(last)
    if not inner:
        return _one_leaf(last[0]) if len(last) == 1 else _one_choice(last)
    (start,), *others = inner
    stages = [_stage(branch) for (branch,) in others]
    key = start.sibling if start.primitive else start.key
    if start.many and not stages and not start.primitive:
        return lambda frame, this: leaf(parents) if (parents := this[0][1].get(key)) else []
    return _from_one_deep(_stage(start), stages, leaf)


def _from_one_deep(first: Stage, stages: list[Stage], leaf: Stage) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        values = first((this[0][1],))
        if not values:
            return []
        for stage in stages:
            values = stage(values)
        return leaf(values)

    return run


def _one_leaf(branch: Branch) -> Run:
    """Compile a single step from one complex value: mostly it finds nothing, and that should cost nothing."""
    key, name, sibling = branch.key, branch.type, branch.sibling
    if name in _RESOURCES:
        return lambda frame, this: _collect(branch, parent) if key in (parent := this[0][1]) else []
    if not branch.primitive and branch.many:
        return lambda frame, this: [(name, each) for each in found] if (found := this[0][1].get(key)) else []
    if not branch.primitive:
        return lambda frame, this: [(name, found)] if (found := this[0][1].get(key)) is not None else []
    if branch.many:
        return lambda frame, this: _collect(branch, this[0][1])

    def leaf(frame: Frame, this: Items) -> Items:
        parent = this[0][1]
        found = parent.get(key)
        if sibling in parent:
            return [(name, Extended(found, parent[sibling]))]
        return [] if found is None else [(name, found)]

    return leaf


def _hop(group: list[Table], definitions: Definitions) -> Hop:
    table = group[0]
    if isinstance(table, LazyTable) or len(table) != 1:
        return _by_type(table)
    *inner, last = [next(iter(table.values())) for table in group]
    stages = [_stage(branch) for (branch,) in inner]
    leaf = _leaf(last)
    if is_primitive(next(iter(table)), definitions):
        return _fused_from_primitives(stages, leaf)
    if not stages:
        return lambda items: leaf([value for _, value in items])
    return _fused(stages, leaf)


def _fused(stages: list[Stage], leaf: Stage) -> Hop:
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


def _stage(branch: Branch) -> Stage:
    """Return the step to the parents of a further step; behind a primitive these are its id and extensions."""
    key = branch.sibling if branch.primitive else branch.key
    if not branch.many:
        return lambda values: [found for parent in values if (found := parent.get(key)) is not None]
    if branch.primitive:
        return lambda values: [found for parent in values for found in parent.get(key, ()) if found is not None]
    return lambda values: [found for parent in values for found in parent.get(key, ())]


def _leaf(branches: tuple[Branch, ...]) -> Stage:
    if len(branches) > 1:
        return _choice_leaf(branches)
    branch = branches[0]
    key, name = branch.key, branch.type
    if branch.primitive:
        return _primitives_leaf(branch) if branch.many else _primitive_leaf(branch)
    if name in _RESOURCES:
        return lambda values: [item for parent in values for item in _collect(branch, parent)]
    if branch.many:
        return lambda values: [(name, found) for parent in values for found in parent.get(key, ())]
    return lambda values: [(name, found) for parent in values if (found := parent.get(key)) is not None]


def _primitive_leaf(branch: Branch) -> Stage:
    key, name, sibling = branch.key, branch.type, branch.sibling

    def leaf(values: Sequence[Json]) -> Items:
        items: Items = []
        for parent in values:
            found = parent.get(key)
            if sibling in parent:
                items.append((name, Extended(found, parent[sibling])))
            elif found is not None:
                items.append((name, found))
        return items

    return leaf


def _primitives_leaf(branch: Branch) -> Stage:
    key, name, sibling = branch.key, branch.type, branch.sibling

    def leaf(values: Sequence[Json]) -> Items:
        items: Items = []
        for parent in values:
            if sibling in parent:
                items += _joined(name, parent.get(key, ()), parent[sibling])
            else:
                items += [(name, found) for found in parent.get(key, ())]
        return items

    return leaf


def _choice_leaf(branches: tuple[Branch, ...]) -> Stage:
    """Look for the one property a choice element has."""
    has_none = _misses_all(branches)

    def leaf(values: Sequence[Json]) -> Items:
        return [item for parent in values if not has_none(parent) for item in _chosen(branches, parent)]

    return leaf


def _misses_all(branches: tuple[Branch, ...]) -> Callable[[Resource], bool]:
    keys = {branch.key for branch in branches} | {branch.sibling for branch in branches if branch.primitive}
    return frozenset(keys).isdisjoint


def _chosen(branches: tuple[Branch, ...], parent: Resource) -> Items:
    for branch in branches:
        found = parent.get(branch.key)
        if branch.primitive and branch.sibling in parent:
            return _collect(branch, parent)
        if found is not None:
            return [(branch.type, found)]
    return []


def _one_choice(branches: tuple[Branch, ...]) -> Run:
    """Compile a choice of one complex value."""
    has_none = _misses_all(branches)
    return lambda frame, this: [] if has_none(parent := this[0][1]) else _chosen(branches, parent)


def _by_type(table: Table) -> Hop:
    """Return the step that looks at the type of each item; a type that has no such element leads nowhere."""
    nowhere: tuple[Branch, ...] = ()
    lazy = isinstance(table, LazyTable)

    def hop(items: Items) -> Items:
        found: Items = []
        for name, value in items:
            branches = table[name] if lazy else table.get(name, nowhere)
            parent = value.element if type(value) is Extended else value
            if branches and type(parent) in _PARENTS:
                for branch in branches:
                    found += _collect(branch, parent)
        return found

    return hop


def _collect(branch: Branch, parent: Resource) -> Items:
    """Read one property of one parent."""
    if branch.type == ANY:
        return untyped_items(parent, branch.key)
    found = parent.get(branch.key)
    if branch.primitive:
        sibling = parent.get(branch.sibling)
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


def json_item(value: Json) -> Item:
    """Return a JSON value of no known type as an item."""
    if type(value) is dict:
        return resource_item(value, ANY)
    return (_JSON_TYPES.get(type(value), ANY), value)


def untyped_items(parent: Resource, key: str) -> Items:
    """Read a property of an object of which no definition is known."""
    found, sibling = parent.get(key), parent.get("_" + key)
    values = found if isinstance(found, list) else [found]
    if sibling is None:
        return [json_item(value) for value in values if value is not None]
    elements = sibling if isinstance(sibling, list) else [sibling]
    joined = zip_longest(values, elements)
    return [
        (json_item(value)[0], value if element is None else Extended(value, element))
        for value, element in joined
        if value is not None or element is not None
    ]


class ChildTable(dict[str, dict[str, tuple[int, Branch]]]):
    """The branches of all children by the type of the parent, then by JSON property, with their order."""

    def __init__(self, definitions: Definitions) -> None:
        """Serve any type."""
        self._definitions = definitions

    def __missing__(self, parent: str) -> dict[str, tuple[int, Branch]]:
        """Find the children of a type met for the first time."""
        found: dict[str, tuple[int, Branch]] = {}
        children = self._definitions.children(parent).values() if self._definitions.has_type(parent) else ()
        for order, child in enumerate(children):
            branch = branch_of(child, self._definitions)
            found[branch.key] = (order, branch)
            if branch.primitive:
                found[branch.sibling] = (order, branch)
        self[parent] = found
        return found


def child_items(name: str, value: Json, children: ChildTable) -> Items:
    """Return all children of an item, in the order of its definition."""
    parent = value.element if type(value) is Extended else value
    if type(parent) is not dict:
        return []
    table = children[name]
    if not table:
        return [item for key in parent if key != "resourceType" for item in untyped_items(parent, key)]
    branches = dict(table[key] for key in parent if key in table)
    return [item for order in sorted(branches) for item in _collect(branches[order], parent)]
