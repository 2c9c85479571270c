"""Nodes of a profile become checks of what they add to the base type, and to what stands above a slice.

Spec: http://hl7.org/fhir/R4/profiling.html, elementdefinition.html
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from fhirserver.definitions.elements import UNBOUNDED, Element
from fhirserver.definitions.registry import Child
from fhirserver.fhirpath.items import Extended
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Check, Finding, Findings, Rule, under
from fhirserver.validation.invariants import read_invariants
from fhirserver.validation.profiles import told
from fhirserver.validation.profiles.bound import bound_check
from fhirserver.validation.profiles.contracts import Above, Profiles
from fhirserver.validation.profiles.nodes import Node, objects
from fhirserver.validation.profiles.sites import Collect, Item, ItemCheck, children_of, collector
from fhirserver.validation.profiles.slicing import Slicer, slicer
from fhirserver.validation.profiles.sources import BASE
from fhirserver.validation.profiles.targets import target_check
from fhirserver.validation.profiles.values import Test, at_least, at_most, equal_to, matching
from fhirserver.validation.said import say
from fhirserver.validation.walk import Walk

Member = Callable[[Resource, Walk], list[Finding] | None]
_NOTHING: Final[Resource] = {}


class NodeCompiler:
    """Compiles the nodes of one profile."""

    def __init__(self, plans: Profiles, profile: str) -> None:
        """Compile for ``profile``, a canonical url, and ask ``plans`` for others."""
        self.plans: Profiles = plans
        self.profile = profile

    def rule(self, node: Node) -> Rule:
        """Return where a node is written."""
        return Rule(self.profile, node.element_id)

    def item(self, node: Node, type_name: str, above: Above = Above()) -> ItemCheck | None:  # noqa: B008 - a constant
        """Compile the check of one value of an element; None: the node adds nothing."""
        found = (
            self._given(node, type_name, above),
            self._limits(node, above),
            bound_check(self, node, type_name, above),
            self.type_profiles(node, type_name, above),
            target_check(self, node, type_name, above),
            self._invariants(node, type_name, above),
            self._members(node, type_name, above),
        )
        return joined([check for check in found if check is not None])

    def _given(self, node: Node, type_name: str, above: Above) -> ItemCheck | None:
        """Compile a fixed value or a pattern."""
        for given, same, text in ((node.fixed, equal_to, told.FIXED), (node.pattern, matching, told.PATTERN)):
            if given is None or (above.node is not None and given in (above.node.fixed, above.node.pattern)):
                continue
            if given[0].lower() != type_name.lower() and len(node.types) > 1:
                continue
            return self._tested(same(given[1]), say(IssueType.VALUE, text, self.profile, rule=self.rule(node)))
        return None

    def _tested(self, test: Test, wrong: Finding) -> ItemCheck:
        problems = (wrong,)
        return lambda item, walk: None if test(item.value) else problems

    def _limits(self, node: Node, above: Above) -> ItemCheck | None:
        checks: list[ItemCheck] = []
        for prefix, test_of, text in (("minValue", at_least, told.TOO_LOW), ("maxValue", at_most, told.TOO_HIGH)):
            for name, limit in node.definition.items():
                if name.startswith(prefix) and not above.says(node, name):
                    wrong = say(IssueType.VALUE, text, self.profile, rule=self.rule(node))
                    checks.append(self._tested(test_of(limit), wrong))
        longest = node.definition.get("maxLength")
        if type(longest) is int and not above.says(node, "maxLength"):
            wrong = say(IssueType.TOO_LONG, told.TOO_LONG, str(longest), self.profile, rule=self.rule(node))
            checks.append(self._tested(lambda value: type(value) is not str or len(value) <= longest, wrong))
        return joined(checks)

    def type_profiles(self, node: Node, type_name: str, above: Above) -> ItemCheck | None:
        """Compile the profiles that the type of an element must meet; those of extensions are found by their url."""
        if type_name == "Extension" or "." not in node.element_id or above.says(node, "type"):
            return None
        profiles = [
            url
            for one in node.types
            if one.get("code") == type_name or self.plans.is_resource(type_name)
            for url in one.get("profile", ())
            if self.plans.type_of(url) in (type_name, None)
        ]
        if above.written is not None and above.written.get("type") == node.definition.get("type"):
            return None
        return self.plans.any_of(profiles, self.rule(node)) if profiles else None

    def _invariants(self, node: Node, type_name: str, above: Above) -> ItemCheck | None:
        known = set(self.plans.invariants.keys_of(type_name)) if type_name[:1].isupper() else set()
        known |= {str(one.get("key")) for one in objects(node.definition.get("constraint")) if self._is_base(one)}
        if above.node is not None:
            known |= {str(one.get("key")) for one in objects(above.node.definition.get("constraint"))}
        check = self.plans.invariants.check(read_invariants(node.definition, self.profile, known), type_name)
        return None if check is None else _on_value(check)

    def _is_base(self, constraint: Resource) -> bool:
        source = str(constraint.get("source", ""))
        return source.startswith(BASE) and self.plans.definitions.has_type(source.removeprefix(BASE))

    def _members(self, node: Node, type_name: str, above: Above) -> ItemCheck | None:
        members = [
            made for child in node.children.values() if (made := self.member(child, type_name, above)) is not None
        ]
        if not members:
            return None
        is_primitive = type_name[:1].islower()

        def check(item: Item, walk: Walk) -> Findings | None:
            owner = item.shadow if is_primitive else item.value
            if type(owner) is not dict:
                owner = _NOTHING
            found: list[Finding] | None = None
            for member in members:
                problems = member(owner, walk)
                if problems is not None:
                    found = problems if found is None else found + problems
            return found

        return check

    def member(self, node: Node, owner: str, above: Above) -> Member | None:
        """Compile the check of one element in an object of its owner's type; None: the node adds nothing."""
        if owner[:1].islower() and node.name in ("id", "value"):
            return None
        children = children_of(self.plans.definitions, owner, node.name)
        if not children:
            return self._unknown(node)
        element = children[0].element
        outer = above.child(node.name, element, self.plans.written(owner, element.name))
        parts = _Parts(
            self._counts(node, element, outer),
            self._allowed(node, children),
            self._item_checks(node, children, outer),
            slicer(self, node, outer) if node.slices else None,
        )
        if not any(part is not None for part in parts):
            return None
        return _member(collector(children, self.plans.definitions), parts)

    def _unknown(self, node: Node) -> Member:
        problem = say(IssueType.PROCESSING, told.UNKNOWN_ELEMENT, node.element_id, self.profile,
                      severity=Severity.WARNING, rule=self.rule(node))  # fmt: skip
        return lambda owner, walk: [problem]

    def _counts(self, node: Node, element: Element, above: Above) -> Callable[[int], Finding | None] | None:
        """Compile the cardinality where it is narrower than that of the base."""
        least, most = node.min, node.max
        if above.node is not None:
            least = 0 if least <= above.node.min else least
            most = None if most == above.node.max else most
        least = least if least > element.min else 0
        most = most if most is not None and (element.max == UNBOUNDED or most < element.max) else None
        if not least and most is None:
            return None
        few = say(IssueType.REQUIRED, told.TOO_FEW, node.name, str(least), self.profile, rule=self.rule(node))
        many = say(IssueType.STRUCTURE, told.TOO_MANY, node.name, str(most), self.profile, rule=self.rule(node))

        def check(count: int) -> Finding | None:
            if count < least:
                return few
            return many if most is not None and count > most else None

        return check

    def _allowed(self, node: Node, children: Sequence[Child]) -> tuple[frozenset[str], Findings] | None:
        """Compile the types of a choice where they are fewer than those of the base."""
        allowed = frozenset(str(one.get("code")) for one in node.types)
        if len(children) < 2 or not allowed or all(child.type_name in allowed for child in children):
            return None
        shown = ", ".join(f"`{name}`" for name in sorted(allowed))
        return allowed, (say(IssueType.STRUCTURE, told.WRONG_TYPE, shown, self.profile, rule=self.rule(node)),)

    def _item_checks(
        self, node: Node, children: Sequence[Child], above: Above
    ) -> Callable[[str], ItemCheck | None] | None:
        """Return what gives the check of a value by its type; those of many types are compiled when one is met."""
        names = {child.type_name for child in children}
        is_open = bool(names & {"Resource", "DomainResource"})
        if len(names) == 1 and not is_open:
            check = self.item(node, names.pop(), above)
            return None if check is None else lambda type_name: check
        known: dict[str, ItemCheck | None] = {}

        def of_type(type_name: str) -> ItemCheck | None:
            if type_name not in known:
                if not self.plans.definitions.has_type(type_name):
                    return None
                known[type_name] = self.item(node, type_name, above)
            return known[type_name]

        return of_type


class _Parts(NamedTuple):
    """What there is to check of one element."""

    counts: Callable[[int], Finding | None] | None
    types: tuple[frozenset[str], Findings] | None
    checks: Callable[[str], ItemCheck | None] | None
    slices: Slicer | None


def _member(collect: Collect, parts: _Parts) -> Member:
    counts, types, checks, slices = parts

    def check(owner: Resource, walk: Walk) -> list[Finding] | None:
        items = collect(owner)
        found: list[Finding] | None = None
        if counts is not None and (problem := counts(len(items))) is not None:
            found = [problem]
        for item in items:
            problems = _one(item, walk)
            if problems is not None:
                found = [*(found or ()), *under(item.segment, problems)]
        if slices is not None and (sliced := slices(items, walk)) is not None:
            found = [*(found or ()), *sliced]
        return found

    def _one(item: Item, walk: Walk) -> Findings | None:
        if types is not None and item.type_name not in types[0]:
            return types[1]
        inner = checks(item.type_name) if checks is not None else None
        return None if inner is None else inner(item, walk)

    return check


def _on_value(check: Check) -> ItemCheck:
    def on_item(item: Item, walk: Walk) -> Findings | None:
        value: Json = item.value
        if type(item.shadow) is dict:
            value = Extended(value, item.shadow)
        return None if value is None else check(value, walk)

    return on_item


def joined(checks: Sequence[ItemCheck]) -> ItemCheck | None:
    """Return one check that gives the findings of all."""
    if len(checks) < 2:
        return checks[0] if checks else None

    def check(item: Item, walk: Walk) -> Findings | None:
        found: list[Finding] | None = None
        for each in checks:
            problems = each(item, walk)
            if problems is not None:
                found = [*problems] if found is None else [*found, *problems]
        return found

    return check
