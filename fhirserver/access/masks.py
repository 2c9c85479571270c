"""Masks: elements of a type that a caller never sees, nor finds, sorts or follows resources by.

A mask names elements by their path below the type: ``telecom``, ``contact.telecom``; choice elements by their stem,
``value`` for ``value[x]``. The narrative, which may say the same in words, goes with them. What is left is tagged
SUBSETTED, always: the tag does not tell whether something was there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Forbidden
from fhirserver.kernel.resource import SUBSETTED, Json, Resource
from fhirserver.search.parameters import Indexed, SearchParameters
from fhirserver.search.presence import path_read

_NARRATIVE: Final = "text"
_HOLDERS: Final = ("contained", "entry", "parameter")
"""Elements with resources inside, of other types perhaps."""
_MARKS: Final = tuple(f'"{name}":'.encode() for name in _HOLDERS)
_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class Mask:
    """What a caller does not see of the resources of one type."""

    resource_type: str
    elements: frozenset[str]

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The elements as paths, the narrative among them."""
        return ((_NARRATIVE,), *(tuple(element.split(".")) for element in sorted(self.elements)))


MaskOf: TypeAlias = Callable[[str], Mask | None]
"""The mask of a type, for one caller."""


def masked(content: bytes, resource_type: str, mask_of: MaskOf, definitions: Definitions) -> bytes:
    """Return a resource without what its mask, and the masks of resources inside it, hide."""
    mask = mask_of(resource_type)
    if mask is None and not any([mark in content for mark in _MARKS]):
        return content
    resource = decode_literal(content)
    shown = without(resource, mask_of, definitions)
    if mask is not None:
        _mark(shown)
    return content if shown == resource else encode_literal(shown)


def without(resource: Resource, mask_of: MaskOf, definitions: Definitions) -> Resource:
    """Return a decoded resource without what is masked of it and of what is inside it."""
    mask = mask_of(resource["resourceType"])
    shown = dict(resource)
    for path in mask.paths if mask is not None else ():
        shown = _cut(shown, resource["resourceType"], path, definitions)
    for name in _HOLDERS:
        if name in shown:
            shown[name] = _within(shown[name], mask_of, definitions)
    return shown


def restored(after: Resource, original: Resource, mask_of: MaskOf, definitions: Definitions) -> Resource:
    """Give what a patch made of a masked resource its masked elements back. Raises Forbidden where it touched them."""
    before = without(original, mask_of, definitions)
    if before == original:
        return after
    hidden = [name for name in {**original, **after} if before.get(name) != original.get(name)]
    touched = {name for name in hidden if after.get(name) != before.get(name)}
    touched |= {name for name in _masked_names(original, mask_of, definitions) if name in after and name not in before}
    if touched:
        raise Forbidden(
            f"The patch changes `{sorted(touched)[0]}`, of which this caller does not see everything.",
            expression=[f"{original['resourceType']}.{sorted(touched)[0].removeprefix('_')}"],
        )
    names = [*(name for name in original if name in after or name in hidden), *(n for n in after if n not in original)]
    return {name: original[name] if name in hidden else after[name] for name in names}


def _masked_names(resource: Resource, mask_of: MaskOf, definitions: Definitions) -> Iterator[str]:
    """Yield the JSON properties that are masked as a whole."""
    mask = mask_of(resource["resourceType"])
    for path in mask.paths if mask is not None else ():
        if len(path) == 1:
            for name in _json_names(resource["resourceType"], path[0], definitions):
                yield from (name, f"_{name}")


def _within(value: Json, mask_of: MaskOf, definitions: Definitions) -> Json:
    """Mask the resources inside a value."""
    if isinstance(value, list):
        return [_within(item, mask_of, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("resourceType"), str):
        return without(value, mask_of, definitions)
    return {name: _within(inner, mask_of, definitions) for name, inner in value.items()}


def _cut(value: Resource, type_name: str, path: tuple[str, ...], definitions: Definitions) -> Resource:
    """Return an object without what a path leads to."""
    names = _json_names(type_name, path[0], definitions)
    if len(path) == 1:
        return {name: inner for name, inner in value.items() if name.removeprefix("_") not in names}
    shown = dict(value)
    for name in names & value.keys():
        inner_type = definitions.children(type_name)[name].type_name
        cut = _cut_all(value[name], inner_type, path[1:], definitions)
        if cut:
            shown[name] = cut
        else:
            del shown[name]
    return shown


def _cut_all(value: Json, type_name: str, path: tuple[str, ...], definitions: Definitions) -> Json:
    if isinstance(value, list):
        return [cut for item in value if (cut := _cut_all(item, type_name, path, definitions))]
    return _cut(value, type_name, path, definitions) if isinstance(value, dict) else value


def _json_names(type_name: str, element: str, definitions: Definitions) -> set[str]:
    children = definitions.children(type_name).values()
    return {child.json_name for child in children if child.element.name == element}


def _mark(resource: Resource) -> None:
    meta = resource.get("meta", {})
    tags = meta.get("tag", [])
    if SUBSETTED not in tags:
        resource["meta"] = {**meta, "tag": [*tags, SUBSETTED]}


@lru_cache(_REMEMBERED)
def hidden_keys(mask: Mask, parameters: SearchParameters, definitions: Definitions) -> frozenset[str]:
    """Return the keys of the index whose values are of masked elements, or may be."""
    indexed = parameters.of(mask.resource_type).indexed
    return frozenset(one.key for one in indexed if any(hides(mask, path) for path in _paths(mask, one, definitions)))


def hides(mask: Mask, path: tuple[str, ...]) -> bool:
    """Tell whether a path leads to masked elements, through them or to what they are part of."""
    return any(path[: len(masked_path)] == masked_path[: len(path)] for masked_path in mask.paths)


def _paths(mask: Mask, indexed: Indexed, definitions: Definitions) -> Iterator[tuple[str, ...]]:
    own = [path_read(mask.resource_type, each.source, definitions) for each in indexed.expressions]
    if not indexed.parts:
        yield from own
    for part in indexed.parts:
        for context, expressions in part.expressions.items():
            for expression in expressions:
                yield from (path + path_read(context, expression.source, definitions) for path in own)
