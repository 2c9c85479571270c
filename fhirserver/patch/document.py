"""A resource while it is patched: JSON in which every element, primitive ones too, is an object of its own.

FHIRPath answers values, a patch needs places. So each primitive is given the sibling that its id and extensions have
(``_birthDate``), empty where it has none: what an expression selects is then known by identity, whatever the
expression. ``plain`` takes the empty ones away again.
Spec: http://hl7.org/fhir/R4/json.html#primitive
"""

from typing import Any, TypeAlias

from fhirserver.kernel.resource import Json, Resource

Pair: TypeAlias = tuple[Json, Json]
"""The JSON properties ``x`` and ``_x`` of a primitive, or of a list of them."""


def marked(value: Json) -> Json:
    """Copy a value, with a sibling for each primitive in it."""
    if isinstance(value, dict):
        return _marked_object(value)
    return [marked(item) for item in value] if isinstance(value, list) else value


def _marked_object(given: Resource) -> Resource:
    found: Resource = {}
    for key, value in given.items():
        name = key.removeprefix("_")
        if key == "resourceType" or (key == name and is_complex(value)):
            found[key] = marked(value)
            continue
        own, element = _pair(given.get(name), given.get("_" + name))
        found[key] = own if key == name else element
        if key == name and "_" + name not in given:
            found["_" + name] = element
        elif key != name and name not in given:
            found[name] = own
    return found


def is_complex(value: Json) -> bool:
    """Tell whether a JSON property holds objects, and not a primitive or a list of them."""
    if isinstance(value, list):
        return any(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def _pair(value: Json, element: Json) -> Pair:
    """Return both properties of a primitive, those of a list at the same length."""
    if not isinstance(value, list) and not isinstance(element, list):
        return value, marked(element) if isinstance(element, dict) else {}
    values, elements = _listed(value), _listed(element)
    length = max(len(values), len(elements))
    values += [None] * (length - len(values))
    elements += [None] * (length - len(elements))
    return values, [marked(each) if isinstance(each, dict) else {} for each in elements]


def _listed(value: Json) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def plain(given: Resource) -> Resource:
    """Copy a marked object without empty siblings, and without what was emptied: an element has content."""
    found: Resource = {}
    for key, value in given.items():
        kept = _plain_property(given, key, value)
        if kept is not None and kept not in ([], {}):
            found[key] = kept
    return found


def _plain_property(given: Resource, key: str, value: Json) -> Json:
    if isinstance(value, dict):
        return plain(value)
    if not isinstance(value, list):
        return value
    name = key.removeprefix("_")
    if key == name and "_" + name not in given:
        return [kept for item in value if (kept := plain(item) if isinstance(item, dict) else item) != {}]
    pairs = zip(given[name], map(plain, given["_" + name]), strict=True)
    present = [(own, element) for own, element in pairs if own is not None or element]
    column = [own for own, _ in present] if key == name else [element or None for _, element in present]
    return column if any(each is not None for each in column) else None
