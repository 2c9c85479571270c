"""The values of one element in an object, with the type that each is of.

Spec: http://hl7.org/fhir/R4/json.html
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Findings
from fhirserver.validation.walk import Walk


class Item(NamedTuple):
    """One value of an element; of a primitive, ``shadow`` holds its id and extensions."""

    segment: str
    type_name: str
    value: Json
    shadow: Json


ItemCheck: TypeAlias = Callable[[Item, Walk], Findings | None]
Collect: TypeAlias = Callable[[Resource], Sequence[Item]]


def children_of(definitions: Definitions, owner: str, name: str) -> list[Child]:
    """Return the JSON properties of an element: ``value[x]``, ``identifier``, or one type of a choice."""
    if not definitions.has_type(owner) and "." not in owner:
        return []
    children = definitions.children(owner)
    bare = name.removesuffix("[x]")
    found = [child for child in children.values() if child.element.name == bare]
    return found or ([children[name]] if name in children else [])


def collector(children: Sequence[Child], definitions: Definitions) -> Collect:
    """Return what finds the values of an element in an object of its owner's type."""
    if len(children) == 1 and not _is_primitive(children[0], definitions):
        return _complex(children[0])
    parts = {child.json_name: _one(child, definitions) for child in children}
    if len(parts) == 1:
        return next(iter(parts.values()))
    by_key = {key: part for name, part in parts.items() for key in (name, "_" + name)}

    def collect(owner: Resource) -> Sequence[Item]:
        found: list[Item] = []
        for key in owner:
            part = by_key.get(key)
            if part is not None and not (key[0] == "_" and key[1:] in owner):
                found += part(owner)
        return found

    return collect


def _one(child: Child, definitions: Definitions) -> Collect:
    return _primitive(child) if _is_primitive(child, definitions) else _complex(child)


def _is_primitive(child: Child, definitions: Definitions) -> bool:
    return child.type_name[0].islower() and definitions.has_type(child.type_name)


def _complex(child: Child) -> Collect:
    key, name, type_name = child.json_name, "." + child.element.name, child.type_name

    def collect(owner: Resource) -> Sequence[Item]:
        value = owner.get(key)
        if type(value) is list:
            return [
                Item(f"{name}[{n}]", _actual(type_name, one), one, None)
                for n, one in enumerate(value)
                if type(one) is dict
            ]
        return (Item(name, _actual(type_name, value), value, None),) if type(value) is dict else ()

    return collect


def _actual(type_name: str, value: Resource) -> str:
    if type_name != "Resource":
        return type_name
    found = value.get("resourceType")
    return found if isinstance(found, str) else type_name


def _primitive(child: Child) -> Collect:
    key, name, type_name = child.json_name, "." + child.element.name, child.type_name
    beside = "_" + key

    def collect(owner: Resource) -> Sequence[Item]:
        value, shadow = owner.get(key), owner.get(beside)
        if type(value) is not list and type(shadow) is not list:
            return () if value is None and shadow is None else (Item(name, type_name, value, shadow),)
        values = value if isinstance(value, list) else []
        shadows = shadow if isinstance(shadow, list) else []
        return [
            Item(
                f"{name}[{n}]",
                type_name,
                values[n] if n < len(values) else None,
                shadows[n] if n < len(shadows) else None,
            )
            for n in range(max(len(values), len(shadows)))
        ]

    return collect
