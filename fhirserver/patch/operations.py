"""A FHIRPath Patch, read from its Parameters resource: one value for each operation.

Spec: http://hl7.org/fhir/R4/fhirpatch.html#format
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.outcome import BadStructure, TooLong, Unprocessable
from fhirserver.kernel.resource import Json, Resource

MAX_OPERATIONS: Final = 1000
MAX_PATH: Final = 2000
"""Characters of one path."""

_PARTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "add": frozenset({"name", "value"}),
        "insert": frozenset({"value", "index"}),
        "delete": frozenset(),
        "replace": frozenset({"value"}),
        "move": frozenset({"source", "destination"}),
    }
)
"""What each type of operation needs beside ``type`` and ``path``."""
_TYPES_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "type": ("valueCode", "valueString"),
        "path": ("valueString",),
        "name": ("valueString", "valueCode"),
        "index": ("valueInteger", "valueUnsignedInt", "valuePositiveInt"),
        "source": ("valueInteger", "valueUnsignedInt", "valuePositiveInt"),
        "destination": ("valueInteger", "valueUnsignedInt", "valuePositiveInt"),
    }
)
_PARAMETERS: Final = frozenset({"resourceType", "id", "meta", "implicitRules", "language", "parameter"})
_INTEGERS: Final = frozenset({"index", "source", "destination"})
_NAMES: Final = frozenset({*_TYPES_OF, "value", "previousValue"})
"""What parts are named; ``previousValue`` is what the diffs of some servers tell their readers."""
_TEXT: Final = re.compile(r"'(?:[^'\\]|\\.)*'")
_SHOWN: Final = re.compile(r"[\w.\[\]()=<>|$%'… -]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation; parts that its type does not have stay as they are here."""

    number: int
    type: str
    path: str
    name: str = ""
    value: Json = None
    """The part itself, of which ``values`` makes an element."""
    index: int = 0
    source: int = 0
    destination: int = 0

    def refuse(self, reason: str) -> Unprocessable:
        """Say why the operation cannot be applied, naming it and its path."""
        return Unprocessable(
            f"Operation {self.number} (`{self.type}` at `{shown_path(self.path)}`) cannot be applied: {reason}.",
            expression=[_place(self.number)],
        )


def shown_path(path: str) -> str:
    """Return a path as an error may show it: without the text it looks for."""
    bare = _TEXT.sub("'…'", path)
    return bare if _SHOWN.fullmatch(bare) else "(a path)"


def parse_operations(parameters: Resource) -> tuple[Operation, ...]:
    """Read the operations of a Parameters resource; raises BadStructure naming the operation, TooLong."""
    if parameters.get("resourceType") != "Parameters":
        raise BadStructure("A FHIRPath Patch is a `Parameters` resource.", expression=["resourceType"])
    if unknown := parameters.keys() - _PARAMETERS:
        name = min(unknown)
        known = name if name.isalnum() and name.isascii() else "A member"
        raise BadStructure(f"`{known}` is not an element of `Parameters`.", expression=["Parameters"])
    given = parameters.get("parameter", [])
    if not isinstance(given, list):
        raise BadStructure("`parameter` must be an array.", expression=["Parameters.parameter"])
    if len(given) > MAX_OPERATIONS:
        raise TooLong(f"The patch has {len(given)} operations; at most {MAX_OPERATIONS} are accepted.")
    return tuple(_operation(number, parameter) for number, parameter in enumerate(given))


def _operation(number: int, parameter: Json) -> Operation:
    if not isinstance(parameter, dict) or parameter.get("name") != "operation":
        raise _malformed(number, "its `name` must be `operation`")
    if parameter.keys() - {"name", "id", "extension"} != {"part"}:
        raise _malformed(number, "it must have a `part` and nothing else")
    parts = _parts(number, parameter["part"])
    kind = _simple(number, parts, "type")
    if kind not in _PARTS:
        raise _malformed(number, "`type` must be one of " + ", ".join(f"`{known}`" for known in _PARTS))
    needed = _PARTS[kind]
    missing = sorted((needed | {"path"}) - parts.keys())
    if missing:
        raise _malformed(number, f"`{kind}` needs " + " and ".join(f"`{name}`" for name in missing))
    for name in sorted((_INTEGERS & parts.keys()) - needed):
        raise _malformed(number, f"`{kind}` has no `{name}`")
    path = _simple(number, parts, "path")
    if len(path) > MAX_PATH:
        raise TooLong(f"The path of operation {number} has more than {MAX_PATH} characters.")
    simple = {name: _simple(number, parts, name) for name in sorted(needed - {"value"})}
    return Operation(number=number, type=kind, path=path, value=parts.get("value"), **simple)


def _parts(number: int, given: Json) -> dict[str, Resource]:
    """Return the parts by name; each may stand there once, and none that no operation has."""
    if not isinstance(given, list):
        raise _malformed(number, "`part` must be an array")
    found: dict[str, Resource] = {}
    for part in given:
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str) or name not in _NAMES:
            known = ", ".join(f"`{each}`" for each in (*_TYPES_OF, "value"))
            raise _malformed(number, f"its parts are named {known}")
        if name in found:
            raise _malformed(number, f"`{name}` occurs more than once")
        found[name] = part
    return found


def _simple(number: int, parts: Mapping[str, Resource], name: str) -> Json:
    """Return the string or the index that a part holds."""
    part = parts.get(name, {})
    keys = part.keys() - {"name", "id", "extension"}
    value: Json = part[min(keys)] if len(keys) == 1 and keys <= set(_TYPES_OF[name]) else None
    is_index = name in _INTEGERS
    fits = type(value) is int and value >= 0 if is_index else type(value) is str
    if not fits:
        sort = "an integer, 0 or more" if is_index else "a string"
        raise _malformed(number, f"`{name}` must have a `{_TYPES_OF[name][0]}`, {sort}")
    return value


def _malformed(number: int, reason: str) -> BadStructure:
    return BadStructure(f"Operation {number} of the patch is malformed: {reason}.", expression=[_place(number)])


def _place(number: int) -> str:
    return f"Parameters.parameter[{number}]"
