"""JSON Patch: change a decoded JSON document, leaving the original as it is.

A patch is read once into operations, then applied by copying only the objects and arrays on the way to
each change. Numbers keep their literals.
Spec: https://www.rfc-editor.org/rfc/rfc6902 and https://www.rfc-editor.org/rfc/rfc6901 (JSON Pointer),
http://hl7.org/fhir/R4/http.html#patch
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import decode_literal, parse_json
from fhirserver.kernel.outcome import BadRequest, BadStructure, TooLong, Unprocessable
from fhirserver.kernel.resource import Json, Resource

MAX_OPERATIONS: Final = 1000
MAX_COPIED_VALUES: Final = 100_000
"""JSON values that ``copy`` may add in one patch: what doubles sixteen times takes a second to be checked."""

_NAMES: Final = frozenset({"add", "remove", "replace", "move", "copy", "test"})
_WITH_VALUE: Final = frozenset({"add", "replace", "test"})
_WITH_FROM: Final = frozenset({"move", "copy"})
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")

Pointer: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; ``source`` is the ``from`` of a move or copy, ``value`` of add, replace and test."""

    index: int
    name: str
    path: Pointer
    source: Pointer = ()
    value: Json = None

    def refuse(self, reason: str) -> Unprocessable:
        """Say why the operation cannot be applied, naming it."""
        place = _render(self.path)
        return Unprocessable(
            f"Operation {self.index} (`{self.name}` `{place}`) cannot be applied: {reason}.",
            expression=[f"[{self.index}]"],
        )


class _Missing(LookupError):
    """A pointer leads nowhere; the message says where it broke."""


def parse_patch(body: bytes) -> tuple[Operation, ...]:
    """Read a JSON Patch document; raises BadStructure naming the operation, or TooLong."""
    parse_json(body)  # refuses duplicate keys and deep nesting
    document = decode_literal(body)
    if not isinstance(document, list):
        raise BadStructure("A JSON Patch is an array of operations.")
    if len(document) > MAX_OPERATIONS:
        raise TooLong(f"The patch has {len(document)} operations; at most {MAX_OPERATIONS} are accepted.")
    return tuple(_parse_operation(index, operation) for index, operation in enumerate(document))


def _parse_operation(index: int, operation: Json) -> Operation:
    if not isinstance(operation, dict):
        raise _malformed(index, "it is not an object")
    name = operation.get("op")
    if not isinstance(name, str) or name not in _NAMES:
        raise _malformed(index, "`op` must be one of " + ", ".join(f"`{known}`" for known in sorted(_NAMES)))
    if name in _WITH_VALUE and "value" not in operation:
        raise _malformed(index, f"`{name}` needs a `value`")
    path = _parse_pointer(index, "path", operation.get("path"))
    source = _parse_pointer(index, "from", operation.get("from")) if name in _WITH_FROM else ()
    if name == "move" and path[: len(source)] == source and path != source:
        raise _malformed(index, "a value cannot be moved into itself")
    return Operation(index, name, path, source, operation.get("value"))


def _parse_pointer(index: int, member: str, text: Json) -> Pointer:
    if not isinstance(text, str):
        raise _malformed(index, f"`{member}` must be a JSON Pointer")
    if text and not text.startswith("/"):
        raise _malformed(index, f"the JSON Pointer in `{member}` must be empty or start with `/`")
    if _BAD_ESCAPE.search(text):
        raise _malformed(index, f"`~` in `{member}` must be written `~0`, and `/` within a name `~1`")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _malformed(index: int, reason: str) -> BadStructure:
    return BadStructure(f"Operation {index} of the patch is malformed: {reason}.", expression=[f"[{index}]"])


def _render(path: Pointer) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)[:200]


def apply_patch(operations: tuple[Operation, ...], document: Json) -> Json:
    """Return the changed document; raises Unprocessable naming the first operation that fails."""
    budget = MAX_COPIED_VALUES
    for operation in operations:
        try:
            if operation.name == "copy":
                budget -= count_values(_find(document, operation.source), budget)
                if budget < 0:
                    raise TooLong("The patch copies too much.", expression=[f"[{operation.index}]"])
            document = _APPLY[operation.name](document, operation)
        except _Missing as missing:
            raise operation.refuse(str(missing)) from None
    return document


def change_resource(operations: tuple[Operation, ...], resource: Resource) -> Resource:
    """Apply a patch to a resource, whose identity it must leave alone.

    Raises Unprocessable, and what ``with_identity`` raises.
    """
    return with_identity(apply_patch(operations, resource), resource)


def with_identity(changed: Json, resource: Resource) -> Resource:
    """Return what a patch made of a resource.

    Raises Unprocessable when it is none any more, BadRequest when ``resourceType``, ``id``, ``meta.versionId`` or
    ``meta.lastUpdated`` would be another.
    """
    if not isinstance(changed, dict):
        raise Unprocessable("After the patch the document is no resource any more.")
    for name in ("resourceType", "id"):
        if changed.get(name) != resource.get(name):
            raise BadRequest(f"A patch cannot change `{name}`.", expression=[name])
    meta = changed.get("meta")
    if isinstance(meta, dict):
        _keep_version(meta, resource.get("meta") or {})
    return changed


def _keep_version(meta: Resource, original: Resource) -> None:
    for name in ("versionId", "lastUpdated"):
        if name in meta and meta[name] != original.get(name):
            raise BadRequest(
                f"A patch cannot change `meta.{name}`: the server assigns it.", expression=[f"meta.{name}"]
            )


def count_values(value: Json, limit: int) -> int:
    """Count the JSON values in ``value``, itself included; stop soon after ``limit``."""
    count, waiting = 0, [value]
    while waiting and count <= limit:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return count


def equal_values(one: Json, other: Json) -> bool:
    """Tell whether two JSON values are equal as RFC 6902 §4.6 has it: numbers numerically, objects in any order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal_values(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal_values, one, other))
    if _kind(one) is not _kind(other):
        return False
    return bool(one == other)


def _kind(value: Json) -> type:
    return Decimal if isinstance(value, int | Decimal) and not isinstance(value, bool) else type(value)


def _find(document: Json, path: Pointer) -> Json:
    for depth, part in enumerate(path):
        document = _child(document, part, path[: depth + 1])
    return document


def _child(container: Json, part: str, place: Pointer) -> Json:
    if isinstance(container, dict) and part in container:
        return container[part]
    if isinstance(container, list):
        return container[_index(container, part, place)]
    raise _Missing(f"there is nothing at `{_render(place)}`")


def _index(array: list[Json], part: str, place: Pointer, *, beyond: int = 0) -> int:
    """Read an array index; ``beyond`` 1 allows the place after the last element."""
    if not _INDEX.fullmatch(part) or int(part) >= len(array) + beyond:
        raise _Missing(f"`{_render(place)}` is not an element of its array")
    return int(part)


def _edit(document: Json, path: Pointer, change: Callable[[Json, str], None]) -> Json:
    """Copy the containers on the way to ``path`` and change the last one."""
    root = copied = _copy(document, ())
    for depth, part in enumerate(path[:-1]):
        inner = _copy(_child(copied, part, path[: depth + 1]), path[: depth + 1])
        copied[part if isinstance(copied, dict) else int(part)] = inner
        copied = inner
    change(copied, path[-1])
    return root


def _copy(container: Json, place: Pointer) -> Json:
    if not isinstance(container, dict | list):
        raise _Missing(f"`{_render(place)}` is neither an object nor an array")
    return container.copy()


def _put(document: Json, path: Pointer, value: Json) -> Json:
    if not path:
        return value

    def change(container: Json, part: str) -> None:
        if isinstance(container, dict):
            container[part] = value
        else:
            container.insert(len(container) if part == "-" else _index(container, part, path, beyond=1), value)

    return _edit(document, path, change)


def _take(document: Json, path: Pointer) -> Json:
    if not path:
        raise _Missing("the whole document cannot be removed")

    def change(container: Json, part: str) -> None:
        _child(container, part, path)
        del container[part if isinstance(container, dict) else int(part)]

    return _edit(document, path, change)


def _add(document: Json, operation: Operation) -> Json:
    return _put(document, operation.path, operation.value)


def _remove(document: Json, operation: Operation) -> Json:
    return _take(document, operation.path)


def _replace(document: Json, operation: Operation) -> Json:
    if not operation.path:
        return operation.value

    def change(container: Json, part: str) -> None:
        _child(container, part, operation.path)
        container[part if isinstance(container, dict) else int(part)] = operation.value

    return _edit(document, operation.path, change)


def _move(document: Json, operation: Operation) -> Json:
    value = _find(document, operation.source)
    if operation.source == operation.path:
        return document
    return _put(_take(document, operation.source), operation.path, value)


def _copy_value(document: Json, operation: Operation) -> Json:
    return _put(document, operation.path, _find(document, operation.source))


def _test(document: Json, operation: Operation) -> Json:
    if not equal_values(_find(document, operation.path), operation.value):
        raise _Missing("the value is another")
    return document


_APPLY: Final[dict[str, Callable[[Json, Operation], Json]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy_value,
    "test": _test,
}
