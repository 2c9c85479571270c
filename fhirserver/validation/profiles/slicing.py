"""Slices: each value of an element goes to the first slice it belongs to, and is checked as one of it.

Spec: http://hl7.org/fhir/R4/profiling.html#slicing
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.validation.findings import Finding, under
from fhirserver.validation.profiles import told
from fhirserver.validation.profiles.contracts import Above, Compiles
from fhirserver.validation.profiles.discriminators import Discriminators, Membership, read_path
from fhirserver.validation.profiles.nodes import Node, objects
from fhirserver.validation.profiles.sites import Item, ItemCheck
from fhirserver.validation.said import say
from fhirserver.validation.walk import Walk

Slicer: TypeAlias = Callable[[Sequence[Item], Walk], list[Finding] | None]
_DEFAULT: Final = "@default"
_UNSURE: Final = -1
"""In place of the number of a slice: it is not known whether a value is in one."""


def slicer(compiler: Compiles, node: Node, above: Above) -> Slicer:
    """Compile the slices of an element."""
    return _Slicing(compiler, node, above)


class _Slice:
    """One slice: what it holds, and how many."""

    def __init__(self, compiler: Compiles, sliced: Node, node: Node, above: Above) -> None:
        self.name = node.slice_name or ""
        self.least = node.min
        self.most = node.max
        rule, profile = compiler.rule(node), compiler.profile
        self.few = say(IssueType.REQUIRED, told.SLICE_MIN, sliced.name, self.name, str(self.least), profile, rule=rule)
        self.many = say(IssueType.STRUCTURE, told.SLICE_MAX, sliced.name, self.name, str(self.most), profile, rule=rule)
        self._compiler, self._node = compiler, node
        self._above = above._replace(node=sliced)
        self._checks: dict[str, ItemCheck | None] = {}
        self.inner = slicer(compiler, node, self._above) if node.slices else None

    def check(self, item: Item, walk: Walk) -> Sequence[Finding]:
        """Check a value as one of this slice."""
        name = item.type_name
        if name not in self._checks:
            self._checks[name] = self._compiler.item(self._node, name, self._above)
        compiled = self._checks[name]
        return () if compiled is None else compiled(item, walk) or ()


class _Slicing:
    """Checks the values of a sliced element."""

    def __init__(self, compiler: Compiles, node: Node, above: Above) -> None:
        slicing = node.definition.get("slicing")
        slicing = slicing if isinstance(slicing, dict) else {}
        self._rules = str(slicing.get("rules", "open"))
        self._is_ordered = slicing.get("ordered") is True
        discriminators = objects(slicing.get("discriminator")) or _implied(node)
        default = node.slices.get(_DEFAULT)
        self._default = None if default is None else _Slice(compiler, node, default, above)
        nodes = [one for one in node.slices.values() if one is not default]
        self._slices = [_Slice(compiler, node, one, above) for one in nodes]
        self._undecided: list[Finding] = []
        self._pick = self._picker(compiler, nodes, discriminators)
        names = ", ".join(f"`{one.name}`" for one in self._slices)
        rule = compiler.rule(node)
        self._closed = say(IssueType.STRUCTURE, told.SLICE_CLOSED, names, compiler.profile, rule=rule)
        self._order = say(IssueType.STRUCTURE, told.SLICE_ORDER, compiler.profile, rule=rule)
        self._unsure = say(
            IssueType.PROCESSING, told.SLICE_UNSURE, compiler.profile, severity=Severity.WARNING, rule=rule
        )
        self._needed = [one.few for one in self._slices if one.least > 0]

    def __call__(self, items: Sequence[Item], walk: Walk) -> list[Finding] | None:
        if not items:
            return [*self._needed] if self._needed else None
        found = [*self._undecided]
        groups: list[list[Item]] = [[] for _ in self._slices]
        last, is_past, is_unsure = -1, False, bool(self._undecided)
        for item in items:
            index = self._pick(item, walk)
            if index == _UNSURE:
                is_unsure = True
                found += under(item.segment, (self._unsure,))
                continue
            if index is None:
                is_past = True
                found += self._outside(item, walk)
                continue
            if (self._is_ordered and index < last) or (is_past and self._rules == "openAtEnd"):
                found += under(item.segment, (self._order,))
            last = index
            groups[index].append(item)
            found += under(item.segment, self._slices[index].check(item, walk))
        for one, group in zip(self._slices, groups, strict=True):
            found += self._counted(one, group, walk, is_unsure=is_unsure)
        return found or None

    def _outside(self, item: Item, walk: Walk) -> list[Finding]:
        if self._default is not None:
            return under(item.segment, self._default.check(item, walk))
        is_closed = self._rules == "closed" and not self._undecided
        return under(item.segment, (self._closed,)) if is_closed else []

    def _counted(self, one: _Slice, group: list[Item], walk: Walk, *, is_unsure: bool) -> list[Finding]:
        found = list(one.inner(group, walk) or ()) if one.inner is not None else []
        if len(group) < one.least and not is_unsure:
            found.append(one.few)
        if one.most is not None and len(group) > one.most:
            found.append(one.many)
        return found

    def _picker(
        self, compiler: Compiles, nodes: Sequence[Node], discriminators: Sequence[Resource]
    ) -> Callable[[Item, Walk], int | None]:
        finder = Discriminators(compiler)
        by_literal = _literals(finder, nodes, discriminators)
        if by_literal is not None:
            name, places = by_literal
            return lambda item, walk: _looked_up(item, name, places)
        tests: list[tuple[int, Membership]] = []
        for index, node in enumerate(nodes):
            test = finder.membership(node, discriminators)
            if test is None:
                self._note(compiler, node)
            else:
                tests.append((index, test))

        def pick(item: Item, walk: Walk) -> int | None:
            is_unsure = False
            for index, test in tests:
                is_in = test(item, walk)
                if is_in:
                    return index
                is_unsure = is_unsure or is_in is None
            return _UNSURE if is_unsure else None

        return pick

    def _note(self, compiler: Compiles, node: Node) -> None:
        self._undecided.append(
            say(
                IssueType.PROCESSING,
                told.NO_DISCRIMINATOR,
                str(node.slice_name),
                compiler.profile,
                severity=Severity.WARNING,
                rule=compiler.rule(node),
            )
        )


def _looked_up(item: Item, name: str, places: Mapping[str, int]) -> int | None:
    value = item.value.get(name) if type(item.value) is dict else None
    return places.get(value) if type(value) is str else None


def _literals(
    finder: Discriminators, nodes: Sequence[Node], discriminators: Sequence[Resource]
) -> tuple[str, Mapping[str, int]] | None:
    """Return the element and the slice of each of its values, where a single string tells the slices apart."""
    if len(discriminators) != 1 or discriminators[0].get("type") not in ("value", "pattern"):
        return None
    steps = read_path(str(discriminators[0].get("path")))
    if steps is None:
        return None
    places: dict[str, int] = {}
    for index, node in enumerate(nodes):
        literal = finder.literal(node, steps)
        if literal is None:
            return None
        places.setdefault(literal, index)
    return steps[0].name, places


def _implied(node: Node) -> list[Resource]:
    """Return the discriminator that choices and extensions have without saying so."""
    if node.name.endswith("[x]"):
        return [{"type": "type", "path": "$this"}]
    if node.name in ("extension", "modifierExtension"):
        return [{"type": "value", "path": "url"}]
    return []
