"""The elements of a snapshot as a tree; trees share what they do not change.

A node takes over the definition of the node it was made from, and its children and slices when somebody first looks
at them: a slice of a backbone element, or an element that got the content of its type, costs what is read of it.
Definitions are shared as well and replaced as a whole, never written to.
"""

from collections.abc import Iterator, Sequence

from fhirserver.definitions.snapshots.read import form_type
from fhirserver.definitions.snapshots.segments import DEPTH_MAX, Segment, depth_of, is_form_of, place_of
from fhirserver.kernel.resource import Json


class Node:
    """One element: its definition, its children in order, its slices by name in order."""

    __slots__ = ("_children", "_slices", "definition", "name", "origin", "slice_name")

    def __init__(self, name: str, slice_name: str | None, definition: Json, origin: "Node | None" = None) -> None:
        """Start without children and slices, or with those of ``origin``."""
        self.name = name
        self.slice_name = slice_name
        self.definition = definition
        self.origin = origin
        self._children: list[Node] | None = None if origin else []
        self._slices: dict[str, Node] | None = None if origin else {}

    @property
    def children(self) -> "list[Node]":
        """The children, own to this node."""
        if self._children is None:
            self._children = [] if self.origin is None else [node.derived() for node in self.origin.children]
        return self._children

    @property
    def slices(self) -> "dict[str, Node]":
        """The slices by name, own to this node; a slice's own slices are its reslices."""
        if self._slices is None:
            found = {} if self.origin is None else self.origin.slices
            self._slices = {name: node.derived() for name, node in found.items()}
        return self._slices

    def derived(self) -> "Node":
        """Make a node with everything of this one."""
        return Node(self.name, self.slice_name, self.definition, self)

    def as_slice(self, slice_name: str) -> "Node":
        """Make a slice with the definition and the children of this node."""
        node = Node(self.name, slice_name, without(self.definition, "slicing"), self)
        node._slices = {}
        return node

    def take_children(self, source: "Node") -> None:
        """Get the children of ``source``, for a node that has none."""
        self._children = [node.derived() for node in source.children]

    def child(self, name: str) -> "Node | None":
        """Return the child of this name."""
        return next((node for node in self.children if node.name == name), None)

    def choice(self, name: str) -> "Node | None":
        """Return the choice (``value[x]``) of which ``name`` (``valueQuantity``) is a form."""
        return next((node for node in self.children if is_form_of(name, node.name)), None)

    def form(self, name: str) -> "Node | None":
        """Return the choice of which ``name`` is a form that its types allow."""
        return next((node for node in self.children if form_type(name, node.name, node.definition)), None)


def without(definition: Json, *keys: str) -> Json:
    """Return the definition without some of its properties."""
    return {key: value for key, value in definition.items() if key not in keys}


def grow(elements: Sequence[Json]) -> Node | None:
    """Read the elements of a snapshot; None when the first is not a root."""
    root: Node | None = None
    place: tuple[Segment, ...] = ()
    for element in elements:
        found = place_of(element, place) if isinstance(element, dict) else None
        if found is None or depth_of(found) > DEPTH_MAX:
            continue
        place = found
        if root is None:
            root = Node(place[0].name, None, element)
        else:
            _plant(root, place, element)
    return root


def _plant(root: Node, place: tuple[Segment, ...], element: Json) -> None:
    node = root
    for segment in place[1:-1]:
        node = _step(node, segment)
    _step(node, _as_choice(place[-1], element)).definition = element


def _as_choice(segment: Segment, element: Json) -> Segment:
    """Undo the renaming of a choice with one type left, ``valueQuantity``, which old publishers did."""
    base = element.get("base")
    path = base.get("path") if isinstance(base, dict) else None
    choice = path.rpartition(".")[2] if isinstance(path, str) else ""
    return segment._replace(name=choice) if is_form_of(segment.name, choice) else segment


def _step(node: Node, segment: Segment) -> Node:
    child = node.child(segment.name) or node.form(segment.name)
    if child is None:
        child = Node(segment.name, None, {})
        node.children.append(child)
    return child if segment.slice_name is None else slice_at(child, segment.slice_name)


def slice_at(node: Node, slice_name: str) -> Node:
    """Return a slice by its name, ``a/b`` inside ``a``; a new one without definition where there is none."""
    found = find_slice(node, slice_name)
    if found is None:
        found = Node(node.name, slice_name, {})
        owner_of(node, slice_name).slices[slice_name] = found
    return found


def find_slice(node: Node, slice_name: str) -> Node | None:
    """Return a slice or reslice by its name."""
    return owner_of(node, slice_name).slices.get(slice_name)


def owner_of(node: Node, slice_name: str) -> Node:
    """Return the element that is sliced: ``a`` for ``a/b`` where ``a`` is a slice, else the element itself."""
    owner, cut = node, slice_name.find("/")
    while cut != -1 and slice_name[:cut] in owner.slices:
        owner = owner.slices[slice_name[:cut]]
        cut = slice_name.find("/", cut + 1)
    return owner


def flatten(root: Node) -> Iterator[Json]:
    """Write the elements of a tree in order: an element, its children, its slices; each with its id and path."""
    return _written(root, "", "")


def _written(node: Node, owner_path: str, owner: str) -> Iterator[Json]:
    path = f"{owner_path}.{node.name}" if owner_path else node.name
    own = node.name if node.slice_name is None else f"{node.name}:{node.slice_name}"
    identifier = f"{owner}.{own}" if owner else own
    element = {**node.definition, "id": identifier, "path": path}
    element.pop("sliceName", None)
    if node.slice_name is not None:
        element["sliceName"] = node.slice_name
    yield element
    for child in node.children:
        yield from _written(child, path, identifier)
    for part in node.slices.values():
        yield from _written(part, owner_path, owner)
