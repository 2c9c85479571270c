"""``$find-matches``: the concepts that have some properties, all of them or as many as there are.

Spec: http://hl7.org/fhir/R4/codesystem-operation-find-matches.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.asked import ways_to_say
from fhirserver.terminology.concepts import Filter, ListedCodeSystem, Mask
from fhirserver.terminology.options import Options
from fhirserver.terminology.words import fold

_TEXTS: Final = frozenset({"display", "designation"})
MAX_MATCHES: Final = 100
"""Concepts that one answer has when the request does not say how many."""


@dataclass(frozen=True, slots=True)
class Sought:
    """One property that is sought: ``key`` is the name of its value in JSON."""

    code: str
    key: str
    value: Json

    @property
    def text(self) -> str:
        """The value as filters compare it."""
        if isinstance(self.value, dict):
            return str(self.value.get("code", ""))
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


def find_matches(system: ListedCodeSystem, sought: Sequence[Sought], options: Options, *, is_exact: bool) -> Resource:
    """Return the Parameters with the concepts found, the best first; raises UnknownFilter."""
    masks = [_mask(system, one, is_exact=is_exact) for one in sought]
    counts = np.sum(masks, axis=0)
    wanted = np.flatnonzero(counts == len(masks) if is_exact else counts > 0)
    ranked = wanted[np.argsort(-counts[wanted], kind="stable")]
    limit = MAX_MATCHES if options.count is None else min(options.count, MAX_MATCHES)
    found = [_match(system, int(number), sought, masks) for number in ranked[options.offset : options.offset + limit]]
    return {"resourceType": "Parameters", "parameter": found}


def _mask(system: ListedCodeSystem, one: Sought, *, is_exact: bool) -> Mask:
    """Return which concepts have a property; a text is found by its words, or to be exact as a whole."""
    if one.code not in _TEXTS:
        return system.select(Filter(one.code, "=", one.text))
    found = np.zeros(len(system), np.bool_)
    numbers = system.matching(one.text, (), np.ones(len(system), np.bool_))
    found[numbers] = True
    if is_exact:
        for number in numbers:
            found[number] = _is_called(system, int(number), one)
    return found


def _is_called(system: ListedCodeSystem, number: int, one: Sought) -> bool:
    concept = system.concept(number)
    said = [concept.display] if one.code == "display" else [each.value for each in ways_to_say(system.head, concept)]
    return any(text is not None and fold(text) == fold(one.text) for text in said)


def _match(system: ListedCodeSystem, number: int, sought: Sequence[Sought], masks: Sequence[Mask]) -> Resource:
    return {"name": "match", "part": list(_parts(system, number, sought, masks))}


def _parts(
    system: ListedCodeSystem, number: int, sought: Sequence[Sought], masks: Sequence[Mask]
) -> Iterator[Resource]:
    concept, head = system.concept(number), system.head
    coding = {"system": head.url, "version": head.version, "code": concept.code, "display": concept.display}
    yield {"name": "code", "valueCoding": {name: value for name, value in coding.items() if value is not None}}
    for one, mask in zip(sought, masks, strict=True):
        if not mask[number]:
            parts = [{"name": "code", "valueCode": one.code}, {"name": "value", one.key: one.value}]
            yield {"name": "unmatched", "part": parts}
