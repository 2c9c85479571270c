"""Generate the snapshot of a StructureDefinition; one generator shares the work of many.

Spec: http://hl7.org/fhir/R4/profiling.html#snapshot, structuredefinition.html
"""

from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from fhirserver.definitions.snapshots.apply import Application
from fhirserver.definitions.snapshots.changes import Change, read_changes
from fhirserver.definitions.snapshots.problems import Problem, Rule
from fhirserver.definitions.snapshots.read import url_of
from fhirserver.definitions.snapshots.tree import Node, flatten, grow
from fhirserver.kernel.resource import Json, Resource

Find: TypeAlias = Callable[[str], Resource | None]
"""Finds a StructureDefinition by ``url`` or ``url|version``, with or without a snapshot."""

ELEMENTS_MAX: Final = 20_000
"""Profiles that unfold each other twice at every level would fill any memory."""
_LINEAGE_MAX: Final = 40
_BASE: Final = url_of("Base")
"""The base of logical models, which has no elements; R4 names it without defining it."""


class Snapshot(NamedTuple):
    """The elements of a snapshot, to be read only: parts are shared; and what the differential may not say."""

    elements: list[Json]
    problems: list[Problem]


class _Generated(NamedTuple):
    root: Node | None
    problems: list[Problem]


def generate(structure: Resource, find: Find) -> Snapshot:
    """Generate the snapshot of one structure; ``find`` gives the ones it refers to."""
    return Generator(find).generate(structure)


class Generator:
    """Generates snapshots, each structure that others refer to once."""

    def __init__(self, find: Find) -> None:
        """Ask ``find`` for the structures that are referred to."""
        self._find = find
        self._found: dict[str, Resource | None] = {}
        self._trees: dict[str, Node | None] = {}
        self._lineages: dict[str, tuple[str, ...]] = {}
        self._under_way: list[str] = []

    def generate(self, structure: Resource) -> Snapshot:
        """Generate a snapshot from the differential; one without a differential has its own snapshot."""
        snapshot = _elements(structure, "snapshot")
        if snapshot and not _elements(structure, "differential"):
            return Snapshot(snapshot, [])
        try:
            root, problems = self._generated(structure)
            elements = [] if root is None else list(islice(flatten(root), ELEMENTS_MAX + 1))
        except RecursionError:
            return _nothing(structure, Rule.TOO_DEEP, "walks through too many profiles, one inside the other")
        if len(elements) > ELEMENTS_MAX:
            return _nothing(structure, Rule.TOO_LARGE, f"would have more than {ELEMENTS_MAX} elements")
        return Snapshot(elements, problems)

    def tree(self, canonical: str) -> Node | None:
        """Return the snapshot of a structure as a tree; None when it is unknown or is being generated."""
        if canonical in self._trees:
            return self._trees[canonical]
        structure = self._structure(canonical)
        if structure is None:
            self._trees[canonical] = None
            return None
        if _name(structure) in self._under_way:
            return None
        if len(self._under_way) > _LINEAGE_MAX:
            raise RecursionError
        found = self._tree_of(structure)
        self._trees[canonical] = found
        return found

    def lineage(self, canonical: str) -> tuple[str, ...]:
        """Return the urls of a structure and of all it derives from; only its own when it is unknown."""
        if canonical not in self._lineages:
            self._lineages[canonical] = self._lineage(canonical)
        return self._lineages[canonical]

    def is_under_way(self, canonical: str) -> bool:
        """Tell whether the snapshot of this structure is being generated."""
        structure = self._structure(canonical)
        return structure is not None and _name(structure) in self._under_way

    def _structure(self, canonical: str) -> Resource | None:
        if canonical not in self._found:
            found = self._find(canonical)
            self._found[canonical] = found if found and found.get("resourceType") == "StructureDefinition" else None
        return self._found[canonical]

    def _lineage(self, canonical: str) -> tuple[str, ...]:
        urls = [canonical.partition("|")[0]]
        structure = self._structure(canonical)
        while structure is not None and len(urls) < _LINEAGE_MAX:
            base = structure.get("baseDefinition")
            if not isinstance(base, str) or base.partition("|")[0] in urls:
                break
            urls.append(base.partition("|")[0])
            structure = self._structure(base)
        return (*urls, *self._type_url(canonical))

    def _type_url(self, canonical: str) -> tuple[str, ...]:
        """Tell the type by its name too: a base in between may be unknown."""
        code = (self._structure(canonical) or {}).get("type")
        return (url_of(code),) if isinstance(code, str) else ()

    def _tree_of(self, structure: Resource) -> Node | None:
        elements = _elements(structure, "snapshot")
        return grow(elements) if elements else self._generated(structure).root

    def _generated(self, structure: Resource) -> _Generated:
        name = _name(structure)
        self._under_way.append(name)
        try:
            return self._derived(structure, name)
        finally:
            self._under_way.pop()

    def _derived(self, structure: Resource, name: str) -> _Generated:
        change, problems = read_changes(_elements(structure, "differential"), name)
        base, missing = self._base(structure, name)
        problems += missing
        if change is None:
            problems.append(Problem(name, Rule.NO_ELEMENTS, f"`{name}` has no differential with elements."))
        if base is None or change is None:
            return _Generated(base, problems)
        return self._applied(structure, base, change, problems)

    def _applied(self, structure: Resource, base: Node, change: Change, problems: list[Problem]) -> _Generated:
        adds = _is_specialization(structure)
        if adds:
            base = _renamed(base, change.name)
        elif base.name != change.name:
            text = f"The paths of the differential start with `{change.name}`, those of the base with `{base.name}`."
            problems.append(Problem(change.identifier, Rule.PATH_UNKNOWN, text))
            return _Generated(base, problems)
        application = Application(base, str(structure.get("url", "")), self, adds=adds)
        application.carry(change, application.root)
        return _Generated(application.root, problems + application.problems)

    def _base(self, structure: Resource, name: str) -> tuple[Node | None, list[Problem]]:
        canonical = structure.get("baseDefinition")
        if not isinstance(canonical, str):
            return self._without_base(structure, name)
        found = self.tree(canonical)
        if found is None and canonical == _BASE:
            return Node("", None, {}), []
        if found is not None:
            return found, []
        circular = self.is_under_way(canonical)
        rule = Rule.BASE_CIRCULAR if circular else Rule.BASE_UNKNOWN
        said = "derives from itself" if circular else "is not known"
        text = f"The base `{canonical}` of `{name}` {said}; the elements are narrowed from those of its type."
        return self._type_of(structure), [Problem(name, rule, text)]

    def _without_base(self, structure: Resource, name: str) -> tuple[Node | None, list[Problem]]:
        if _is_specialization(structure):
            return Node("", None, {}), []
        text = f"`{name}` has no `baseDefinition`; the elements are narrowed from those of its type."
        return self._type_of(structure), [Problem(name, Rule.BASE_UNKNOWN, text)]

    def _type_of(self, structure: Resource) -> Node | None:
        code = structure.get("type")
        return self.tree(url_of(code)) if isinstance(code, str) and code else None


def _name(structure: Resource) -> str:
    return str(structure.get("url") or structure.get("id") or "the structure")


def _nothing(structure: Resource, rule: Rule, said: str) -> Snapshot:
    name = _name(structure)
    return Snapshot([], [Problem(name, rule, f"The snapshot of `{name}` {said}.")])


def _elements(structure: Resource, view: str) -> list[Json]:
    found = structure.get(view)
    elements = found.get("element") if isinstance(found, dict) else None
    return elements if isinstance(elements, list) else []


def _is_specialization(structure: Resource) -> bool:
    return structure.get("derivation") == "specialization" or "baseDefinition" not in structure


def _renamed(base: Node, name: str) -> Node:
    root = base.derived()
    root.name = name
    root.definition = {**base.definition, "min": 0, "max": "*", "base": {"path": name, "min": 0, "max": "*"}}
    return root
