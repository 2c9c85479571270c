"""``_filter`` to plan: names become parameters or elements, tests what the index is asked.

What R4 leaves open: a token's code is looked for as it is written, in lower and in upper case; of two numbers no
precision is stored, so that ``co`` is not asked of them; ``ss`` is ``:below``, ``sb`` is ``:above``.
Spec: http://hl7.org/fhir/R4/search_filter.html#ops
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.fhirpath import FhirPathError, compile_fhirpath
from fhirserver.kernel.outcome import BadSearchValue, UnknownParameter
from fhirserver.search.custom import split_union
from fhirserver.search.extract import IndexingRules
from fhirserver.search.filter import Condition, Every, Negated, Some, Step, Test, misread, parse_filter
from fhirserver.search.filter_tests import plan_test, presence_under
from fhirserver.search.items import kinds_of
from fhirserver.search.parameters import Bound, SearchParameters
from fhirserver.search.plan import And, Chain, HasItem, HasTerm, ItemPart, Not, Or, Plan, all_of, any_of, none_of
from fhirserver.search.query import Criterion, Simple
from fhirserver.search.readers import Target, target_of
from fhirserver.search.values.token import TokenForm

_COMPUTED: Final = frozenset({"_id", "_lastUpdated"})
_NEEDS_NONE: Final = frozenset({"pr", "ni"})
"""Tests that hold of what is not there."""


class CriterionBinder(Protocol):
    """Binds ordinary criteria: the parameters whose values the index does not hold."""

    def criterion(self, resource_type: str, criterion: Criterion) -> Plan:
        """Return the plan of one criterion."""
        ...


class _UnknownName(BadSearchValue):
    """A path starts with what the type does not have; another type may."""


@dataclass(frozen=True, slots=True)
class FilterPlanner:
    """Plans filters by the parameters of a type."""

    binder: CriterionBinder
    definitions: Definitions
    parameters: SearchParameters
    rules: IndexingRules

    def plan(self, resource_type: str, text: str) -> Plan:
        """Return what a filter selects of a type. Raises BadSearchValue, with the place."""
        return self._condition(resource_type, parse_filter(text))

    def _condition(self, resource_type: str, condition: Condition) -> Plan:
        match condition:
            case Every(conditions):
                return all_of(*(self._condition(resource_type, each) for each in conditions))
            case Some(conditions):
                return any_of(*(self._condition(resource_type, each) for each in conditions))
            case Negated(inner):
                return none_of(self._condition(resource_type, inner))
            case Test():
                return self._test(resource_type, condition, condition.path)

    def _test(self, resource_type: str, test: Test, path: tuple[Step, ...]) -> Plan:
        first, rest = path[0], path[1:]
        bound = self.parameters.of(resource_type).bound.get(first.name)
        if not rest:
            return self._leaf(resource_type, test, first, bound)
        if bound is not None and bound.definition.type is SearchType.REFERENCE:
            return self._chain(bound, test, path)
        return _Items(self, resource_type, first).plan(test, rest, bound)

    def _leaf(self, resource_type: str, test: Test, step: Step, bound: Bound | None) -> Plan:
        if bound is None:
            raise _UnknownName(_unknown(step, resource_type).diagnostics)
        try:
            if step.name in _COMPUTED:
                return self._computed(resource_type, step.name, test)
            return plan_test(bound.definition.type, replace(target_of(bound), code=""), test, self.rules)
        except (BadSearchValue, UnknownParameter) as error:
            raise misread(test.position, error.diagnostics) from None

    def _computed(self, resource_type: str, name: str, test: Test) -> Plan:
        if name == "_lastUpdated" and test.operator in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"):
            return self.binder.criterion(resource_type, Simple(name, None, (test.operator + test.value,)))
        if name == "_id" and test.operator in ("eq", "ne"):
            modifier = "not" if test.operator == "ne" else None
            return self.binder.criterion(resource_type, Simple(name, modifier, (test.value,)))
        if test.operator == "pr":
            return self.binder.criterion(resource_type, Simple(name, "missing", (_opposite(test.value),)))
        raise BadSearchValue(f"`{test.operator}` cannot be asked of `{name}`.")

    def _chain(self, bound: Bound, test: Test, path: tuple[Step, ...]) -> Plan:
        """Follow a reference; what stands in its brackets is asked of the same resource as the rest."""
        plans, unknown = [], None
        for target in bound.targets:
            try:
                plan = self._test(target, test, path[1:])
                if path[0].inside is not None:
                    plan = all_of(self._condition(target, path[0].inside), plan)
                if bound.inline and _reads_items(plan):
                    raise misread(test.position, "Items of what a Bundle begins with are not tested one by one.")
                plans.append(Chain(bound.keys, target, plan, bound.inline))
            except _UnknownName as error:
                unknown = error
        if not plans and unknown is not None:
            raise unknown
        return any_of(*plans)


def _reads_items(plan: Plan) -> bool:
    match plan:
        case And(plans) | Or(plans):
            return any(map(_reads_items, plans))
        case Not(inner) | Chain(plan=inner):
            return _reads_items(inner)
        case _:
            return isinstance(plan, HasItem)


def _opposite(value: str) -> str:
    return {"true": "false", "false": "true"}.get(value.lower(), value)


def _unknown(step: Step, resource_type: str) -> BadSearchValue:
    return misread(step.position, f"`{resource_type}` has no search parameter `{step.name}`.")


@dataclass(slots=True)
class _Items:
    """What is asked of one item of a resource, which need not be a parameter's value: ``name[use eq x].family``."""

    planner: FilterPlanner
    resource_type: str
    step: Step
    parts: list[ItemPart] = field(default_factory=list)

    def plan(self, test: Test, rest: tuple[Step, ...], bound: Bound | None) -> Plan:
        path = self._path(bound)
        asked = self._leaf(path, test, rest)
        near = [self._near(path, test, rest)]
        if self.step.inside is not None:
            asked = all_of(self._condition(path, self.step.inside), asked)
            near += [self._near(path, t, t.path) for t in _always(self.step.inside)]
        return HasItem(self.resource_type, path, tuple(self.parts), asked, all_of(*near, self._presence(path, bound)))

    def _path(self, bound: Bound | None) -> str:
        """Return the path to the items: the element of this name, or what the parameter of this name selects."""
        children = self.planner.definitions.children(self.resource_type).values()
        if any(child.element.name == self.step.name for child in children):
            return f"{self.resource_type}.{self.step.name}"
        if bound is None:
            raise _UnknownName(_unknown(self.step, self.resource_type).diagnostics)
        return " | ".join(self._own_paths(bound))

    def _own_paths(self, bound: Bound) -> list[str]:
        texts = split_union(bound.definition.expression or "")
        return [text for text in texts if text.startswith(f"{self.resource_type}.")]

    def _presence(self, path: str, bound: Bound | None) -> Plan:
        if bound is None or self._own_paths(bound) != [path]:
            return HasTerm((self.resource_type,))
        return any_of(*(presence_under(key, bound.definition.type) for key in bound.keys))

    def _condition(self, path: str, condition: Condition) -> Plan:
        match condition:
            case Every(conditions):
                return all_of(*(self._condition(path, each) for each in conditions))
            case Some(conditions):
                return any_of(*(self._condition(path, each) for each in conditions))
            case Negated(inner):
                return none_of(self._condition(path, inner))
            case Test():
                return self._leaf(path, condition, condition.path)

    def _leaf(self, path: str, test: Test, steps: tuple[Step, ...]) -> Plan:
        """Plan a test of what lies below an item, as each type of value that it may have."""
        below = self._below(path, steps)
        plans, refused = [], misread(test.position, f"`{steps[-1].name}` has no values that could be tested.")
        types = compile_fhirpath(f"({path}).{below}", self.resource_type, self.planner.definitions).types
        for kind in kinds_of(types):
            key = str(len(self.parts) + 1)
            try:
                plans.append(plan_test(kind, Target((key,), TokenForm(types)), test, self.planner.rules))
            except (BadSearchValue, UnknownParameter) as error:
                refused = misread(test.position, error.diagnostics)
            else:
                self.parts.append(ItemPart(key, below, kind.value))
        if not plans:
            raise refused
        return any_of(*plans)

    def _below(self, path: str, steps: tuple[Step, ...]) -> str:
        """Return a path relative to an item; every name in it must be an element's."""
        names: list[str] = []
        for step in steps:
            if step.inside is not None:
                raise misread(step.position, f"`{step.name}` lies in an item already, where no `[` may follow.")
            names.append(f"`{step.name}`")
            if not self._leads_somewhere(f"({path}).{'.'.join(names)}"):
                raise misread(step.position, f"`{step.name}` is no element there.")
        return ".".join(names)

    def _leads_somewhere(self, path: str) -> bool:
        try:
            return bool(compile_fhirpath(path, self.resource_type, self.planner.definitions).types)
        except FhirPathError:
            return False

    def _near(self, path: str, test: Test, steps: tuple[Step, ...]) -> Plan:
        """Return what a parameter of the same element says of every resource with such an item."""
        wanted = f"{path}.{'.'.join(step.name for step in steps)}"
        for bound in self.planner.parameters.of(self.resource_type).bound.values():
            if test.operator not in _NEEDS_NONE and self._own_paths(bound) == [wanted]:
                with suppress(BadSearchValue):
                    return plan_test(bound.definition.type, target_of(bound), test, self.planner.rules)
        return all_of()


def _always(condition: Condition) -> Iterable[Test]:
    """Yield the tests without which a condition never holds."""
    match condition:
        case Test():
            yield condition
        case Every(conditions):
            for each in conditions:
                yield from _always(each)
        case _:
            return
