"""Reference parameters: by type and id, by url, by identifier, by canonical.

Spec: http://hl7.org/fhir/R4/search.html#reference
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fhirserver.identifiers.kinds import canonical_system, key_of
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.memory import SHORT
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Json
from fhirserver.search.index import SEPARATOR
from fhirserver.search.plan import NONE, HasTerm, HasTermPrefix, Plan, any_of
from fhirserver.search.values.text import split_unescaped, unescape

_REMEMBERED: Final = 4096
"""What is written together refers to the same person."""


def extract_reference(key: str, type_name: str, value: Json, own_bases: tuple[str, ...]) -> Iterator[str]:
    """Yield the terms of one value of a reference parameter; those of fragments are for what is inside."""
    if type_name == "Reference" and isinstance(value, dict):
        reference, identifier = value.get("reference"), value.get("identifier")
        if isinstance(reference, str) and reference and not reference.startswith("#"):
            yield f"{key}={resolved(reference, own_bases)}"
        elif isinstance(reference, str) and len(reference) > 1:
            yield f"{key}#={reference[1:]}"
        if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
            system, number = key_of(identifier)
            yield f"{key}:identifier={number}{SEPARATOR}{system}"
            if system:
                yield f"{key}:identifier|={system}"
    elif type_name == "canonical" and isinstance(value, str):
        url, _, version = value.partition("|")
        yield f"{key}={url}|{version}"
    elif isinstance(value, str):
        yield f"{key}={resolved(value, own_bases)}"
    elif isinstance(value, dict) and "resourceType" in value:
        yield f"{key}={value['resourceType']}/{value.get('id', '')}"


def resolved(reference: str, own_bases: tuple[str, ...]) -> str:
    """Return ``Type/id`` for a reference into this server, versioned or not; any other stays as it is."""
    return _kept(reference, own_bases) if len(reference) <= SHORT else _resolved(reference, own_bases)


def _resolved(reference: str, own_bases: tuple[str, ...]) -> str:
    found = parse_rest_reference(reference)
    if found is None or (found.base and found.base not in own_bases):
        return reference
    return found.key


_kept: Final = lru_cache(_REMEMBERED)(_resolved)


@dataclass(frozen=True, slots=True)
class ReferenceForm:
    """What a reference parameter points to."""

    targets: tuple[str, ...]
    """Resource types."""
    restricted: bool = False
    """Its keys hold references to other types too, which it does not find."""
    canonical: bool = False
    """Its elements are canonical urls, at least some."""


def plan_reference(
    keys: tuple[str, ...], text: str, modifier: str | None, form: ReferenceForm, own_bases: tuple[str, ...]
) -> Plan:
    """Read ``id``, ``Type/id``, an absolute url or a canonical; ``modifier`` is a type, ``identifier`` or ``below``.

    Raises BadSearchValue.
    """
    if modifier == "identifier":
        return _plan_identifier(keys, text)
    value = unescape(text)
    if not value:
        raise BadSearchValue("It is empty; expected `id`, `Type/id` or a url.")
    if modifier == "below":
        return _plan_below(keys, value)
    if is_id(value):
        types = (modifier,) if modifier else form.targets
        ends = ("", "|") if form.canonical else ("",)
        return HasTerm(tuple(f"{key}={target}/{value}{end}" for key in keys for target in types for end in ends))
    return _plan_address(keys, value, modifier, form, own_bases)


def _plan_address(
    keys: tuple[str, ...], value: str, modifier: str | None, form: ReferenceForm, own_bases: tuple[str, ...]
) -> Plan:
    target = resolved(value, own_bases)
    rest = parse_rest_reference(target)
    if modifier and (rest is None or rest.resource_type != modifier):
        raise BadSearchValue(f"It does not name a `{modifier}`, as the modifier asks.")
    if form.restricted and rest is not None and rest.resource_type not in form.targets:
        return NONE
    exact = HasTerm(tuple(f"{key}={target}" for key in keys))
    if not form.canonical:
        return exact
    if "|" in value:
        return any_of(exact, HasTerm(tuple(f"{key}={value}" for key in keys)))
    return any_of(exact, *(HasTermPrefix(f"{key}={value}|") for key in keys))


def _plan_below(keys: tuple[str, ...], value: str) -> Plan:
    """Find every version of a canonical url, or those below a version: ``|1`` finds ``|1``, ``|1.0`` and ``|1.1``."""
    if "|" not in value:
        return any_of(*(HasTermPrefix(f"{key}={value}|") for key in keys))
    exact = HasTerm(tuple(f"{key}={value}" for key in keys))
    return any_of(exact, *(HasTermPrefix(f"{key}={value}.") for key in keys))


def _plan_identifier(keys: tuple[str, ...], text: str) -> Plan:
    parts = [unescape(part) for part in split_unescaped(text, "|")]
    if len(parts) == 1 and parts[0]:
        return any_of(*(HasTermPrefix(f"{key}:identifier={parts[0]}{SEPARATOR}") for key in keys))
    system, value = parts[0], "|".join(parts[1:])
    if not (system or value):
        raise BadSearchValue("It is not an identifier; expected `value`, `system|value`, `|value` or `system|`.")
    system = canonical_system(system)
    if not value:
        return HasTerm(tuple(f"{key}:identifier|={system}" for key in keys))
    return HasTerm(tuple(f"{key}:identifier={value}{SEPARATOR}{system}" for key in keys))
