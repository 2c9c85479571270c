"""The answer as it grows: each key collects values, and becomes one of them or a list of them.

Spec: http://hl7.org/fhir/R4/graphql.html#flattening
"""

from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode

from fhirserver.kernel.resource import Json
from fhirserver.operations.graphql.document import QueryError


@dataclass(slots=True)
class _Slot:
    node: FieldNode
    type_name: str
    values: list[Json] = field(default_factory=list)
    is_list: bool = False
    is_single: bool = False

    def render(self) -> Json:
        if self.is_single and len(self.values) > 1:
            raise QueryError(f"`{self.node.name.value}` has several values; `@singleton` allows one.", self.node)
        if self.is_single or not (self.is_list or len(self.values) > 1):
            return self.values[0]
        return self.values


class Output:
    """One object of the answer."""

    def __init__(self) -> None:
        """Start empty."""
        self._slots: dict[str, _Slot] = {}

    def add(self, key: str, values: list[Json], kind: "Shape") -> None:
        """Add the values of a field under its key; none at all leave no trace."""
        if not values:
            return
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot(kind.node, kind.type_name)
        slot.values += values
        slot.is_list |= kind.is_list
        slot.is_single |= kind.is_single

    def flatten(self, inner: "Output") -> None:
        """Take over the fields of an object that is not to be seen itself. Raises QueryError when types differ."""
        for key, slot in inner._slots.items():
            own = self._slots.get(key)
            if own is not None and own.type_name != slot.type_name:
                raise QueryError(f"`@flatten` would mix values of different types in `{key[:64]}`.", slot.node)
            self.add(key, slot.values, Shape(slot.node, slot.type_name, slot.is_list, slot.is_single))

    def render(self) -> dict[str, Any]:
        """Return the JSON object. Raises QueryError for a ``@singleton`` of several."""
        return {key: slot.render() for key, slot in self._slots.items()}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field yields: the type of its values, and whether they stand in a list."""

    node: FieldNode
    type_name: str
    is_list: bool
    is_single: bool
