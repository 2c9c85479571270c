"""Where an element stands: its id, or its path with the slices that came before it.

The id is trusted while it tells the same path (``Patient.identifier:nir.system`` for ``Patient.identifier.system``);
any other id, which R4 does not forbid, is passed over. Spec: http://hl7.org/fhir/R4/elementdefinition.html#id
"""

from typing import Final, NamedTuple, TypeAlias

from fhirserver.kernel.resource import Json

CHOICE: Final = "[x]"
DEPTH_MAX: Final = 32
"""How deep elements and reslices may be nested; definitions in use stay below 12."""


class Segment(NamedTuple):
    """One step of a path and the slice it is in; reslices are ``slice/reslice``."""

    name: str
    slice_name: str | None = None


Place: TypeAlias = tuple[Segment, ...]


def place_of(element: Json, previous: Place) -> Place | None:
    """Return where ``element`` stands, after the element at ``previous``; None when it says neither id nor path."""
    path, identifier = element.get("path"), element.get("id")
    if not _is_text(path):
        return _from_id(identifier, element.get("sliceName")) if _is_text(identifier) else None
    if _is_text(identifier):
        place = _from_id(identifier, element.get("sliceName"))
        if _tells(place, path):
            return place
    return _from_path(path, element.get("sliceName"), previous)


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and value != ""


def _from_id(identifier: str, slice_name: Json) -> Place:
    segments = [Segment(name, found or None) for name, _, found in (s.partition(":") for s in identifier.split("."))]
    if _is_text(slice_name):
        segments[-1] = Segment(segments[-1].name, slice_name)
    return tuple(segments)


def _tells(place: Place, path: str) -> bool:
    names = path.split(".")
    return len(names) == len(place) and all(map(_same_name, (s.name for s in place), names))


def _same_name(name: str, other: str) -> bool:
    return name == other or is_form_of(name, other) or is_form_of(other, name)


def is_form_of(name: str, choice: str) -> bool:
    """Tell whether ``name`` (``valueQuantity``) may be a form of ``choice`` (``value[x]``)."""
    stem = choice.removesuffix(CHOICE)
    return stem != choice and len(name) > len(stem) and name.startswith(stem) and name[len(stem)].isupper()


def _from_path(path: str, slice_name: Json, previous: Place) -> Place:
    *owners, last = path.split(".")
    segments: list[Segment] = []
    for index, name in enumerate(owners):
        inside = index == len(segments) and index < len(previous) and previous[index].name == name
        same = inside and tuple(segments) == previous[:index]
        segments.append(previous[index] if same else Segment(name))
    return (*segments, Segment(last, slice_name if _is_text(slice_name) else None))


def depth_of(place: Place) -> int:
    """Count the levels of elements and reslices."""
    return len(place) + sum(segment.slice_name.count("/") for segment in place if segment.slice_name)


def identifier_of(place: Place) -> str:
    """Write the id of an element at ``place``."""
    return ".".join(s.name if s.slice_name is None else f"{s.name}:{s.slice_name}" for s in place)
