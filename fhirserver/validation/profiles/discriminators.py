"""Discriminators: what tells to which slice a value belongs.

Spec: http://hl7.org/fhir/R4/profiling.html#discriminator
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.profiles.bound import has_coded, has_string
from fhirserver.validation.profiles.contracts import Compiles
from fhirserver.validation.profiles.deep_walk import DeepWalk, Need
from fhirserver.validation.profiles.nodes import Node
from fhirserver.validation.profiles.sites import Item, children_of, collector
from fhirserver.validation.profiles.targets import type_named
from fhirserver.validation.profiles.values import equal_to, matching
from fhirserver.validation.walk import Walk

Membership: TypeAlias = Callable[[Item, Walk], bool | None]
"""Whether a value is in a slice; None: what would tell it, the codes of a value set, is not at hand."""


def _every(answers: Iterable[bool | None]) -> bool | None:
    """Return whether all hold; None where none is false, and one is not known."""
    found: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        found = None if answer is None else found
    return found


def _some(answers: Iterable[bool | None]) -> bool | None:
    """Return whether one holds; None where none is true, and one is not known."""
    found: bool | None = False
    for answer in answers:
        if answer:
            return True
        found = None if answer is None else found
    return found


class Step(NamedTuple):
    """One step of a path: ``child``, ``extension``, ``resolve`` or ``type``."""

    kind: str
    name: str = ""


_STEP: Final = re.compile(r"\s*(?:extension\('([^']*)'\)|(resolve)\(\)|ofType\(([\w.]+)\)|(\$this)|(\w+))\s*(?:\.|$)")


def read_path(path: str) -> tuple[Step, ...] | None:
    """Read the path of a discriminator; None: it is not in the subset of FHIRPath that is allowed there."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            return None
        extension, resolve, type_name, this, child = found.groups()
        if this is None:
            kinds = (("extension", extension), ("resolve", resolve), ("type", type_name), ("child", child))
            steps += [Step(kind, name) for kind, name in kinds if name is not None]
        at = found.end()
    return tuple(steps)


class Discriminators:
    """Compiles what tells the slices of one element apart."""

    def __init__(self, compiler: Compiles) -> None:
        """Compile for the nodes of ``compiler``'s profile."""
        self._compiler = compiler
        self._plans = compiler.plans
        self._collectors: dict[tuple[str, str], Callable[[Resource], Sequence[Item]] | None] = {}

    def membership(self, node: Node, discriminators: Sequence[Resource]) -> Membership | None:
        """Return the test of whether a value is in a slice; None: none of the discriminators tells."""
        tests = [self._test(node, one) for one in discriminators]
        decided = [test for test in tests if test is not None]
        if not decided:
            return None
        if len(decided) == 1:
            return decided[0]
        return lambda item, walk: _every(test(item, walk) for test in decided)

    def literal(self, node: Node, steps: tuple[Step, ...]) -> str | None:
        """Return the one string that the element at a path of one step has in a slice, where there is one."""
        if len(steps) != 1 or steps[0].kind != "child":
            return None
        found = self._below(node, steps)
        given = None if found is None else found.fixed or found.pattern
        if given is not None and isinstance(given[1], str):
            return given[1]
        return self._extension_url(node) if steps[0].name == "url" else None

    def _extension_url(self, node: Node) -> str | None:
        for one in node.types:
            if one.get("code") == "Extension" and one.get("profile"):
                return parse_canonical(str(one["profile"][0])).url
        return None

    def _test(self, node: Node, discriminator: Resource) -> Membership | None:
        steps = read_path(str(discriminator.get("path", "$this")))
        if steps is None:
            return None
        kind = discriminator.get("type")
        if kind == "exists":
            return self._exists(node, steps)
        if kind == "type":
            return self._of_type(node, steps)
        if kind == "profile":
            return self._of_profile(node, steps)
        return self._by_value(node, steps)

    def _by_value(self, node: Node, steps: tuple[Step, ...]) -> Membership | None:
        literal = self.literal(node, steps)
        if literal is not None:
            name = steps[0].name
            return lambda item, walk: type(item.value) is dict and item.value.get(name) == literal
        found = [self.identity(one) for one in self._through_slices(node, steps)]
        tests = [test for test in found if test is not None]
        if not tests:
            return None

        def test(item: Item, walk: Walk) -> bool | None:
            reached = self._reach(item, steps, walk)
            return _every(_some(each(one, walk) for one in reached) for each in tests)

        return test

    def _exists(self, node: Node, steps: tuple[Step, ...]) -> Membership | None:
        below = self._below(node, steps)
        if below is None or (below.max != 0 and below.min == 0):
            return None
        wanted = below.max != 0
        return lambda item, walk: bool(self._reach(item, steps, walk)) is wanted

    def _of_type(self, node: Node, steps: tuple[Step, ...]) -> Membership | None:
        if steps and steps[-1].kind == "resolve":
            return self._of_target(node, steps)
        below = self._below(node, steps)
        if below is None or not below.types:
            return None
        names = {str(one.get("code")) for one in below.types}
        return lambda item, walk: any(one.type_name in names for one in self._reach(item, steps, walk))

    def _of_target(self, node: Node, steps: tuple[Step, ...]) -> Membership | None:
        below = self._below(node, steps[:-1])
        if below is None:
            return None
        wanted = {self._plans.type_of(url) for one in below.types for url in one.get("targetProfile", ())}

        def test(item: Item, walk: Walk) -> bool:
            for one in self._reach(item, steps[:-1], walk):
                resolved = self._resolved(one.value, walk)
                name = resolved.get("resourceType") if resolved is not None else None
                if (name or (type_named(one.value) if type(one.value) is dict else None)) in wanted:
                    return True
            return False

        return test

    def _of_profile(self, node: Node, steps: tuple[Step, ...]) -> Membership | None:
        resolves = bool(steps) and steps[-1].kind == "resolve"
        below = self._below(node, steps[:-1] if resolves else steps)
        if below is None:
            return None
        key = "targetProfile" if resolves else "profile"
        profiles = [str(url) for one in below.types for url in one.get(key, ())]
        if not profiles:
            return None

        def test(item: Item, walk: Walk) -> bool:
            return any(
                type(one.value) is dict and self._plans.is_of(one, profiles, walk)
                for one in self._reach(item, steps, walk)
            )

        return test

    def identity(self, node: Node) -> Membership | None:
        """Return the test of the fixed values, patterns and required codes of an element and what is below it."""
        tests = [test for test in (self._own(node), *map(self._part, node.children.values())) if test is not None]
        if not tests:
            return self._profiled(node) or self._sliced(node)
        return lambda item, walk: _every(test(item, walk) for test in tests)

    def _sliced(self, node: Node) -> Membership | None:
        """Return the test of being in one of the slices of an element that allows no others."""
        slicing = node.definition.get("slicing")
        if not isinstance(slicing, dict) or slicing.get("rules") != "closed":
            return None
        tests = [test for test in map(self.identity, node.slices.values()) if test is not None]
        if not tests or len(tests) < len(node.slices):
            return None
        return lambda item, walk: _some(test(item, walk) for test in tests)

    def _own(self, node: Node) -> Membership | None:
        if node.fixed is not None:
            same = equal_to(node.fixed[1])
            return lambda item, walk: same(item.value)
        if node.pattern is not None:
            like = matching(node.pattern[1])
            return lambda item, walk: like(item.value)
        binding = node.definition.get("binding")
        if isinstance(binding, dict) and binding.get("strength") == "required" and "valueSet" in binding:
            return self._in_value_set(str(binding["valueSet"]))
        return None

    def _in_value_set(self, value_set: str) -> Membership:
        def test(item: Item, walk: Walk) -> bool | None:
            code_set = self._plans.codes.codes(value_set)
            if code_set is None:
                if isinstance(walk, DeepWalk):
                    walk.needs.add(Need("value set", value_set))
                return None
            return has_string(code_set, item.value) if type(item.value) is str else has_coded(code_set, item.value)

        return test

    def _part(self, child: Node) -> Membership | None:
        """Return the test of what a child must hold, where it must be there."""
        wanted = [one for one in child.slices.values() if one.min > 0]
        tests = [self.identity(one) for one in wanted] or [self.identity(child)]
        decided = [test for test in tests if test is not None]
        if not decided or (child.min == 0 and not wanted):
            return None
        steps = (Step("child", child.name),)

        def test(item: Item, walk: Walk) -> bool | None:
            found = self._reach(item, steps, walk)
            return _every(_some(each(one, walk) for one in found) for each in decided)

        return test

    def _profiled(self, node: Node) -> Membership | None:
        profiles = [url for one in node.types for url in one.get("profile", ()) if one.get("code") != "Extension"]
        if len(profiles) != 1:
            return None
        tree = self._plans.tree(profiles[0])
        if tree is None or tree is node or tree.element_id == node.element_id:
            return None
        tests = [test for test in (self._own(tree), *map(self._part, tree.children.values())) if test is not None]
        return (lambda item, walk: _every(test(item, walk) for test in tests)) if tests else None

    def _below(self, node: Node, steps: Sequence[Step]) -> Node | None:
        """Return the node at a path below a slice, in the profile of its type where it is not here."""
        current: Node | None = node
        for step in steps:
            if current is None:
                return None
            if step.kind == "child":
                current = self._child(current, step.name)
            elif step.kind == "extension":
                extensions = current.children.get("extension")
                inner = extensions.slices.values() if extensions is not None else ()
                current = next((one for one in inner if self._extension_url(one) == step.name), None)
        return current

    def _through_slices(self, node: Node, steps: tuple[Step, ...]) -> Iterator[Node]:
        """Yield the nodes at a path, also those of slices on the way that must be there: ``code.coding:a.code``."""
        if not steps:
            yield node
            return
        child = self._below(node, steps[:1])
        if child is not None:
            for one in (child, *(each for each in child.slices.values() if each.min > 0)):
                yield from self._through_slices(one, steps[1:])

    def _child(self, node: Node, name: str) -> Node | None:
        found = node.children.get(name) or node.children.get(name + "[x]")
        if found is None:
            for one in node.types:
                for url in one.get("profile", ()):
                    tree = self._plans.tree(url)
                    found = found or (
                        None if tree is None else tree.children.get(name) or tree.children.get(f"{name}[x]")
                    )
        if found is not None and len(found.slices) == 1 and not found.children and found.name.endswith("[x]"):
            return next(iter(found.slices.values()))
        return found

    def _reach(self, item: Item, steps: Sequence[Step], walk: Walk) -> Sequence[Item]:
        """Return the values at a path."""
        items: Sequence[Item] = (item,)
        for step in steps:
            items = [found for one in items for found in self._step(one, step, walk)]
        return items

    def _step(self, item: Item, step: Step, walk: Walk) -> Sequence[Item]:
        if step.kind == "type":
            return (item,) if item.type_name == step.name else ()
        if step.kind == "resolve":
            resolved = self._resolved(item.value, walk)
            return () if resolved is None else (Item("", str(resolved.get("resourceType")), resolved, None),)
        owner = item.shadow if item.type_name[:1].islower() else item.value
        if type(owner) is not dict:
            return ()
        if step.kind == "extension":
            found = self._collect(item.type_name, "extension", owner)
            return [one for one in found if one.value.get("url") == step.name]
        return self._collect(item.type_name, step.name, owner)

    def _collect(self, type_name: str, name: str, owner: Resource) -> Sequence[Item]:
        key = type_name, name
        if key not in self._collectors:
            children = children_of(self._plans.definitions, type_name, name)
            self._collectors[key] = collector(children, self._plans.definitions) if children else None
        collect = self._collectors[key]
        return collect(owner) if collect is not None else ()

    def _resolved(self, value: Json, walk: Walk) -> Resource | None:
        literal = value.get("reference") if type(value) is dict else value
        return walk.resolve(literal) if isinstance(walk, DeepWalk) and type(literal) is str else None
