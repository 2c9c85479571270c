"""What is selected of an object of some type: fields, with fragments spread and ``@skip`` and ``@include`` decided.

A field that is written twice in one selection is answered twice, as the FHIR rules of ``resource(type: …)`` need;
one that comes by fragments is merged, as GraphQL says.
Spec: https://spec.graphql.org/October2021/#CollectFields()
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    print_ast,
)

from fhirserver.kernel.outcome import TooCostly
from fhirserver.operations.graphql.document import Query, QueryError
from fhirserver.operations.graphql.fields import Fields
from fhirserver.operations.graphql.values import Arguments, Variables, arguments_of

_CONDITIONS: Final = frozenset({"skip", "include"})
_SHAPING: Final = frozenset({"flatten", "first", "singleton", "slice"})
_MAX_SPREADS: Final = 5000
_MAX_FIELDS: Final = 1000
"""Of one object."""
MAX_DEPTH: Final = 40
"""Levels of fields and fragments within each other."""


@dataclass(slots=True)
class Selected:
    """One field to answer."""

    node: FieldNode
    sets: list[SelectionSetNode]
    """What is selected of its value; none for a scalar."""
    is_spread: bool
    """It came by a fragment."""

    @property
    def name(self) -> str:
        """The field's name."""
        return self.node.name.value

    @property
    def key(self) -> str:
        """What it is called in the answer."""
        return self.node.alias.value if self.node.alias is not None else self.node.name.value

    def directive(self, name: str) -> DirectiveNode | None:
        """Return a directive on the field."""
        return next((each for each in self.node.directives or () if each.name.value == name), None)


class Selector:
    """Collects fields for one execution."""

    def __init__(self, query: Query, variables: Variables, fields: Fields) -> None:
        """Spread the fragments of ``query``."""
        self._query = query
        self._variables = variables
        self._fields = fields
        self._collected: dict[tuple[str, tuple[int, ...]], list[Selected]] = {}
        self._spreads = 0

    def collect(self, sets: list[SelectionSetNode], type_name: str, depth: int = 0) -> list[Selected]:
        """Return the fields that are selected of an object, in their order. Raises QueryError."""
        key = (type_name, tuple(id(each) for each in sets))
        found = self._collected.get(key) if depth == 0 else None
        if found is not None:
            return found
        found = []
        for one in sets:
            for selection in one.selections:
                for selected in self._of(selection, type_name, depth):
                    _add(found, selected)
        if depth == 0:
            self._collected[key] = found
        return found

    def arguments(self, node: FieldNode | DirectiveNode) -> Arguments:
        """Return the arguments of a field or directive."""
        return arguments_of(node, self._variables)

    def _of(self, selection: SelectionNode, type_name: str, depth: int) -> Iterator[Selected]:
        if depth > MAX_DEPTH:
            raise QueryError(f"Fragments are spread more than {MAX_DEPTH} levels deep, or in a circle.", selection)
        if not self._is_included(selection):
            return
        match selection:
            case FieldNode():
                yield Selected(selection, [selection.selection_set] if selection.selection_set else [], False)
            case InlineFragmentNode():
                wanted = selection.type_condition.name.value if selection.type_condition else None
                yield from self._spread(selection.selection_set, wanted, type_name, depth)
            case FragmentSpreadNode():
                fragment = self._query.fragments.get(selection.name.value)
                if fragment is None:
                    raise QueryError(f"There is no fragment `{selection.name.value[:64]}`.", selection)
                wanted = fragment.type_condition.name.value
                yield from self._spread(fragment.selection_set, wanted, type_name, depth)
            case _:
                raise QueryError("A selection of an unknown form.", selection)

    def _spread(self, inner: SelectionSetNode, wanted: str | None, type_name: str, depth: int) -> Iterator[Selected]:
        if wanted is not None and not self._fields.is_a(type_name, wanted):
            if not self._fields.knows(wanted):
                raise QueryError(f"`{wanted[:64]}` is not a type.", inner)
            return
        self._spreads += 1
        if self._spreads > _MAX_SPREADS:
            raise TooCostly(f"The query spreads more than {_MAX_SPREADS} fragments.")
        for selected in self.collect([inner], type_name, depth + 1):
            selected.is_spread = True
            yield selected

    def _is_included(self, selection: SelectionNode) -> bool:
        included = True
        for directive in selection.directives or ():
            name = directive.name.value
            if name in _CONDITIONS:
                condition = self.arguments(directive).get("if")
                if not isinstance(condition, bool):
                    raise QueryError(f"`@{name}` takes `if: true` or `if: false`.", directive)
                included = included and condition is (name == "include")
            elif name not in _SHAPING or not isinstance(selection, FieldNode):
                raise QueryError(f"`@{name[:64]}` is not a directive that may stand here.", directive)
        return included


def _add(found: list[Selected], selected: Selected) -> None:
    for other in found:
        may_merge = other.is_spread or selected.is_spread or not selected.sets
        if other.key == selected.key and may_merge and _is_same(other.node, selected.node):
            other.sets += selected.sets
            return
    if len(found) >= _MAX_FIELDS:
        raise TooCostly(f"The query selects more than {_MAX_FIELDS} fields of one object.")
    found.append(selected)


def _is_same(one: FieldNode, other: FieldNode) -> bool:
    """Tell whether two fields are the same but for what is selected of them."""
    return one.name.value == other.name.value and _parts(one) == _parts(other)


def _parts(node: FieldNode) -> list[str]:
    return [print_ast(each) for each in (*(node.arguments or ()), *(node.directives or ()))]
