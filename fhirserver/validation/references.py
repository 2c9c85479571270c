"""References renamed without a walk through all of a resource: the common case of ``links``.

What entries of a transaction call each other begins with few heads (``urn:uuid:``, ``Patient/``). When as many
references begin with one as there are places in the bytes where one stands, then none stands anywhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Resource

_MANY: Final = 8
"""Heads beyond which counting them costs more than the walk."""
_UNCOUNTABLE: Final = (b"\\u", b"\\/", b"href", b"src")
"""Spellings and narrative links in which a name may hide from a search through the bytes."""

_PASSED_OVER: Final = frozenset({"Extension", "Resource"})

_Table: TypeAlias = dict[str, Any]
"""JSON property -> the table of its type; None: it is a Reference."""


@dataclass(frozen=True, slots=True)
class Renaming:
    """Old names of instances and their new ones."""

    names: Mapping[str, str]
    heads: tuple[str, ...]
    """With one of which every old name begins."""
    chains: bool
    """A new name is another's old one."""

    @classmethod
    def of(cls, names: Mapping[str, str]) -> "Renaming":
        """Prepare for many resources."""
        heads = {name[: max(name.rfind(":"), name.rfind("/")) + 1] for name in names}
        return cls(names, tuple(sorted(heads)), chains=not names.keys().isdisjoint(names.values()))


class ReferenceFinder:
    """Finds the references of resources, those in extensions and contained resources apart."""

    def __init__(self, definitions: Definitions) -> None:
        """Compile from ``definitions`` as types are needed."""
        self._definitions = definitions
        self._tables: dict[str, _Table] = {}

    def rename(self, raw: bytes, resource: Resource, renaming: Renaming) -> bytes | None:
        """Return the JSON ``raw``, which ``resource`` was decoded from, with its references renamed.

        None: a name may stand where only a walk through the whole resource can tell whether it is a link.
        """
        heads = renaming.heads
        if len(heads) > _MANY or "" in heads or renaming.chains:
            return None
        places = sum(raw.count(head.encode()) for head in heads)
        if not places and b"\\" not in raw:
            return raw
        if any(spelling in raw for spelling in _UNCOUNTABLE):
            return None
        found: list[str] = []
        _collect(resource, self._table(resource["resourceType"]), found)
        headed = [value for value in found if value.startswith(heads)]
        if len(headed) != places:
            return None
        for old in set(headed):
            new = renaming.names.get(old)
            if new is not None:
                raw = raw.replace(msgspec.json.encode(old), msgspec.json.encode(new))
        return raw

    def _table(self, type_name: str) -> _Table:
        table = self._tables.get(type_name)
        if table is None:
            table = self._tables[type_name] = {}  # known before it is filled: types may hold themselves
            table.update(self._members(type_name))
        return table

    def _members(self, type_name: str) -> _Table:
        members: _Table = {}
        for child in self._definitions.children(type_name).values():
            if child.type_name == "Reference":
                members[child.json_name] = None
            elif self._holds_references(child.type_name, set()):
                members[child.json_name] = self._table(child.type_name)
        return members

    def _holds_references(self, type_name: str, passed: set[str]) -> bool:
        if type_name in passed or type_name in _PASSED_OVER or self._is_primitive(type_name):
            return False
        passed.add(type_name)
        types = [child.type_name for child in self._definitions.children(type_name).values()]
        return "Reference" in types or any(self._holds_references(name, passed) for name in types)

    def _is_primitive(self, type_name: str) -> bool:
        return self._definitions.type(type_name).kind is Kind.PRIMITIVE


def _collect(value: Resource, table: _Table, into: list[str]) -> None:
    for name, item in value.items():
        if name not in table:
            continue
        inner = table[name]
        for one in item if type(item) is list else (item,):
            if type(one) is not dict:
                continue
            if inner is not None:
                _collect(one, inner, into)
            elif type(one.get("reference")) is str:
                into.append(one["reference"])
