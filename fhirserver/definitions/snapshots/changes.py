"""A differential as a tree: what it says of an element, of the elements below it, and of its slices."""

from collections.abc import Sequence

from fhirserver.definitions.snapshots.problems import Problem, Rule
from fhirserver.definitions.snapshots.segments import DEPTH_MAX, Place, Segment, depth_of, identifier_of, place_of
from fhirserver.kernel.resource import Json


class Change:
    """What a differential says at one place; ``definition`` is None where it only passes through."""

    __slots__ = ("children", "definition", "place", "slices")

    def __init__(self, place: Place) -> None:
        """Say nothing yet at ``place``."""
        self.place = place
        self.definition: Json | None = None
        self.children: dict[str, Change] = {}
        self.slices: dict[str, Change] = {}

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.place[-1].name

    @property
    def identifier(self) -> str:
        """The id of the element."""
        return identifier_of(self.place)


def read_changes(elements: Sequence[Json], owner: str) -> tuple[Change | None, list[Problem]]:
    """Read the elements of a differential, in any order; ``owner`` names the structure in problems."""
    problems: list[Problem] = []
    root: Change | None = None
    previous: Place = ()
    for index, element in enumerate(elements):
        place = place_of(element, previous) if isinstance(element, dict) else None
        if place is None:
            problems.append(_unplaced(owner, index))
            continue
        if depth_of(place) > DEPTH_MAX:
            problems.append(_too_deep(owner, index))
            continue
        previous = place
        root = root or Change(place[:1])
        if place[0].name != root.name:
            problems.append(_other_root(place, root))
        else:
            problems += _put(root, place, element)
    return root, problems


def _unplaced(owner: str, index: int) -> Problem:
    text = f"Element {index} of the differential of `{owner}` is not an object with a `path` or an `id`."
    return Problem(owner, Rule.MALFORMED, text)


def _too_deep(owner: str, index: int) -> Problem:
    text = f"Element {index} of the differential of `{owner}` is deeper than {DEPTH_MAX} levels."
    return Problem(owner, Rule.TOO_DEEP, text)


def _other_root(place: Place, root: Change) -> Problem:
    identifier = identifier_of(place)
    text = f"`{identifier}` starts with `{place[0].name}`; the elements of this differential start with `{root.name}`."
    return Problem(identifier, Rule.PATH_UNKNOWN, text)


def _put(root: Change, place: Place, element: Json) -> list[Problem]:
    change = root
    for index, segment in enumerate(place[1:], 1):
        change = _step(change, place[: index + 1], segment)
    if change.definition is None:
        change.definition = element
        return []
    change.definition = {**change.definition, **element}
    text = f"`{change.identifier}` is there twice in the differential; what the second says goes before the first."
    return [Problem(change.identifier, Rule.MALFORMED, text)]


def _step(change: Change, place: Place, segment: Segment) -> Change:
    entry = (*place[:-1], Segment(segment.name))
    child = change.children.setdefault(segment.name, Change(entry))
    if segment.slice_name is None:
        return child
    return child.slices.setdefault(segment.slice_name, Change(place))
