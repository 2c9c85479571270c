"""Carry a differential into the tree of its base: walk both, unfold where only the differential goes on.

Spec: http://hl7.org/fhir/R4/profiling.html#snapshot
"""

from typing import Final

from fhirserver.definitions.snapshots.changes import Change
from fhirserver.definitions.snapshots.merge import merged
from fhirserver.definitions.snapshots.problems import Problem, Report, Rule
from fhirserver.definitions.snapshots.read import SYSTEM, codes_of, form_type, objects, types_of, url_of
from fhirserver.definitions.snapshots.segments import is_form_of
from fhirserver.definitions.snapshots.slices import (
    check_closed,
    check_sum,
    imply_slicing,
    is_choice,
    new_slice,
    settle_choice,
)
from fhirserver.definitions.snapshots.tree import Node, find_slice
from fhirserver.definitions.snapshots.types import Structures, narrowed
from fhirserver.definitions.snapshots.unfold import unfold
from fhirserver.kernel.resource import Json

_NOTHING: Final[Json] = {}
_WITHOUT_CONSTRAINTS: Final = ("Resource", "DomainResource")


class Application:
    """One differential on its way into the tree of its base."""

    def __init__(self, base: Node, source: str, structures: Structures, *, adds: bool) -> None:
        """Start from ``base``; ``adds``: the structure specializes it and may have elements of its own."""
        self.root = base.derived()
        self.problems: list[Problem] = []
        self._base = base
        self._source = source
        self._structures = structures
        self._adds = adds

    def carry(self, change: Change, node: Node, *, in_slice: bool = False) -> None:
        """Apply ``change`` to ``node`` and to what is below it.

        ``in_slice``: inside a slice and the elements it has of its base, where naming one form of a choice narrows
        the choice instead of slicing it.
        """
        if change.definition is not None:
            self._narrow(change, node)
        if change.children:
            self._below(change, node, in_slice=in_slice)
        for part in change.slices.values():
            self._slice(part, node)
        if change.slices:
            check_sum(node, self._report(change))

    def _report(self, change: Change) -> Report:
        def report(rule: Rule, text: str) -> None:
            self.problems.append(Problem(change.identifier, rule, text))

        return report

    def _narrow(self, change: Change, node: Node) -> None:
        report = self._report(change)
        definition = change.definition or _NOTHING
        types = narrowed(node.definition, definition, self._structures, report)
        node.definition = merged(node.definition, definition, self._source, report)
        if types is not None:
            node.definition["type"] = types

    def _below(self, change: Change, node: Node, *, in_slice: bool) -> None:
        had_children = bool(node.children)
        if not had_children:
            unfold(node, self._base, self._structures, self._report(change))
        if not node.children and not self._adds:
            self._without_children(change, node)
            return
        for child in change.children.values():
            self._child(change, child, node, in_slice=in_slice and had_children)

    def _child(self, parent: Change, change: Change, node: Node, *, in_slice: bool) -> None:
        exact, choice = node.child(change.name), node.choice(change.name)
        if exact is not None:
            self.carry(change, exact, in_slice=in_slice)
        elif choice is not None and (node.form(change.name) or not self._adds):
            self._form(parent, change, choice, in_slice=in_slice)
        elif self._adds:
            self._add(change, node)
        else:
            self._unknown(change, node)

    def _without_children(self, change: Change, node: Node) -> None:
        """Report an element with nothing below; what has a type was reported when it was looked for."""
        if not codes_of(node.definition) and "contentReference" not in node.definition:
            text = "The element has no type, so that nothing can be said of what is below it."
            self._report(change)(Rule.TYPE_UNKNOWN, text)

    def _unknown(self, change: Change, node: Node) -> None:
        codes = codes_of(node.definition)
        if len(codes) > 1:
            text = f"`{change.identifier}` needs one type above it, where the base allows {len(codes)}."
            self._report(change)(Rule.TYPE_AMBIGUOUS, text)
        else:
            text = f"`{change.identifier}` is not an element of the base, nor of a type it allows there."
            self._report(change)(Rule.PATH_UNKNOWN, text)

    def _form(self, parent: Change, change: Change, choice: Node, *, in_slice: bool) -> None:
        """Apply what is said of ``valueQuantity`` to the slice of ``value[x]``, or to the choice narrowed to it."""
        ref = form_type(change.name, choice.name, choice.definition)
        part = find_slice(choice, change.name)
        if part is not None:
            self.carry(change, part, in_slice=True)
        elif ref is None:
            text = f"`{change.name}` is not a form of `{choice.name}` with a type that the base allows."
            self._report(change)(Rule.TYPE_NOT_ALLOWED, text)
        elif "slicing" not in choice.definition and self._narrows(parent, choice, in_slice=in_slice):
            choice.definition = {**choice.definition, "type": [ref]}
            self.carry(change, choice, in_slice=in_slice)
        else:
            self._new_slice(change, choice, change.name)
            settle_choice(choice)

    def _narrows(self, parent: Change, choice: Node, *, in_slice: bool) -> bool:
        forms = [n for n in parent.children if n == choice.name or is_form_of(n, choice.name)]
        return len(types_of(choice.definition)) == 1 or (in_slice and len(forms) == 1)

    def _slice(self, change: Change, node: Node) -> None:
        name = change.place[-1].slice_name or ""
        found = find_slice(node, name)
        if found is not None:
            self.carry(change, found, in_slice=True)
            return
        check_closed(node, name, self._report(change))
        self._new_slice(change, node, name)
        if is_choice(node):
            settle_choice(node)

    def _new_slice(self, change: Change, node: Node, name: str) -> None:
        imply_slicing(node, name, self._report(change))
        part = new_slice(node, name, change.definition or _NOTHING, self._structures)
        self.carry(change, part, in_slice=True)

    def _add(self, change: Change, node: Node) -> None:
        """Add an element of its own to a type or a logical model."""
        definition = change.definition or _NOTHING
        path = ".".join(segment.name for segment in change.place)
        base = {"path": path, "min": definition.get("min", 0), "max": definition.get("max", "*")}
        child = Node(change.name, None, {"base": base, "constraint": self._constraints(definition)})
        node.children.append(child)
        self.carry(change, child)

    def _constraints(self, definition: Json) -> list[Json]:
        """Return what holds for every element, and for every extension."""
        codes = codes_of(definition)
        if any(code in _WITHOUT_CONSTRAINTS or code.startswith(SYSTEM) for code in codes):
            return []
        root = self._structures.tree(url_of("Extension" if codes == ["Extension"] else "Element"))
        return [] if root is None else objects(root.definition.get("constraint"))
