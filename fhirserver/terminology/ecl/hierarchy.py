"""What is below, above, right below and right above a set of concepts.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, sections 6.1 and 6.12
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from fhirserver.terminology.concepts import Mask, Numbers
from fhirserver.terminology.ecl.ontology import Links, Ontology
from fhirserver.terminology.ecl.syntax import Relation

_FEW: Final = 8
"""Concepts of which each is asked for what is below it; with more, all are walked down from together."""


def related(ontology: Ontology, relation: Relation, mask: Mask) -> Mask:
    """Return what a constraint operator makes of a set of concepts."""
    return _RELATED[relation](ontology, mask)


def _below(ontology: Ontology, mask: Mask) -> Mask:
    return _all(mask, ontology.descendants, ontology.children_of)


def _above(ontology: Ontology, mask: Mask) -> Mask:
    return _all(mask, ontology.ancestors, ontology.parents_of)


def _all(mask: Mask, known: Callable[[int], Mask], links: Links) -> Mask:
    numbers = np.flatnonzero(mask)
    if len(numbers) > _FEW:
        return _walked(numbers, links, len(mask))
    found = np.zeros(len(mask), np.bool_)
    for number in numbers:
        found |= known(int(number))
    return found


def _walked(numbers: Numbers, links: Links, size: int) -> Mask:
    """Return what is reached from some concepts, level by level."""
    found = np.zeros(size, np.bool_)
    while len(numbers):
        reached = np.zeros(size, np.bool_)
        reached[_targets(links, numbers)] = True
        reached &= ~found
        found |= reached
        numbers = np.flatnonzero(reached)
    return found


def _next(links: Links, mask: Mask) -> Mask:
    found = np.zeros(len(mask), np.bool_)
    found[_targets(links, np.flatnonzero(mask))] = True
    return found


def _targets(links: Links, numbers: Numbers) -> Numbers:
    starts = links.offsets[numbers].astype(np.intp)
    counts = links.offsets[numbers + 1].astype(np.intp) - starts
    ends = np.cumsum(counts)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)
    found: Numbers = links.targets[places].astype(np.intp)
    return found


_RELATED: Final[Mapping[Relation, Callable[[Ontology, Mask], Mask]]] = MappingProxyType(
    {
        Relation.DESCENDANT: _below,
        Relation.DESCENDANT_OR_SELF: lambda ontology, mask: _below(ontology, mask) | mask,
        Relation.CHILD: lambda ontology, mask: _next(ontology.children_of, mask),
        Relation.CHILD_OR_SELF: lambda ontology, mask: _next(ontology.children_of, mask) | mask,
        Relation.ANCESTOR: _above,
        Relation.ANCESTOR_OR_SELF: lambda ontology, mask: _above(ontology, mask) | mask,
        Relation.PARENT: lambda ontology, mask: _next(ontology.parents_of, mask),
        Relation.PARENT_OR_SELF: lambda ontology, mask: _next(ontology.parents_of, mask) | mask,
        Relation.TOP: lambda ontology, mask: mask & ~_below(ontology, mask),
        Relation.BOTTOM: lambda ontology, mask: mask & ~_above(ontology, mask),
    }
)
