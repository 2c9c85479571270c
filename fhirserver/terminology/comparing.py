"""``$related``: how the codes of one value set are to those of another; decided by the definitions where they tell.

Spec: http://hl7.org/fhir/6.0.0-ballot3/valueset-operation-related.html
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.composing import Composer
from fhirserver.terminology.concepts import Filter, ListedCodeSystem, Mask, UnknownFilter, is_listed
from fhirserver.terminology.issues import BadDefinition, issue
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import Options
from fhirserver.terminology.value_sets import Part, ValueSet

Codes: TypeAlias = Mapping[Hashable, str]
"""Codes by what tells them apart, in order."""
MAX_COMPARED: Final = 200_000
"""Concepts of one value set that are compared."""
_HIERARCHICAL: Final = frozenset({"concept", "code"})
_MESSAGES: Final = MappingProxyType(
    {
        "same": "The value sets {this} and {other} contain the same codes",
        "subset": "The valueSet {this} is a sub-set of the valueSet {other}",
        "superset": "The valueSet {this} is a super-set of the valueSet {other}",
        "overlapping": (
            "Both value sets {this} and {other} contain the codes the other doesn't, but there is some overlap"
        ),
        "disjoint": "No shared codes between the value sets {this} and {other}",
        "empty": "Both the value sets {this} and {other} are empty",
        "indeterminate": "The codes of the value sets {this} and {other} cannot all be listed",
    }
)
_SAME_SYSTEM: Final = "The value sets  {this} and {other} contain the same codes"
"""With two spaces, as HL7's own server has it for one whole code system."""

_NAMES: Final = MappingProxyType(
    {
        (True, False, False): "same",
        (True, True, False): "superset",
        (True, False, True): "subset",
        (True, True, True): "overlapping",
        (False, True, True): "disjoint",
        (False, True, False): "superset",
        (False, False, True): "subset",
        (False, False, False): "empty",
    }
)
"""By whether there are codes in both, in the first only, in the second only."""


@dataclass(frozen=True, slots=True)
class Relation:
    """How one value set is to another; ``mine`` and ``theirs`` are the codes, where they were compared."""

    result: str
    was_expanded: bool = False
    mine: Codes | None = None
    theirs: Codes | None = None
    message: str | None = None


class Comparer:
    """Compares value sets with the definitions of one library."""

    def __init__(self, library: Library, options: Options) -> None:
        """Use the definitions of ``library`` as ``options`` say."""
        self._library = library
        self._options = options

    def compare(self, this: ValueSet, other: ValueSet) -> Relation:
        """Return how ``this`` is to ``other``; raises TermError, BadDefinition."""
        if _has_definition(this) and _has_definition(other):
            if self._essence(this) == self._essence(other):
                whole = len(this.includes) == 1 and _is_whole(this.includes[0])
                return Relation("same", message=_SAME_SYSTEM if whole else None)
            if _is_plain(this) and _is_plain(other):
                found = self._by_definition(this, other)
                if found is not None:
                    return found
        return self._by_expansion(this, other)

    def _by_definition(self, this: ValueSet, other: ValueSet) -> Relation | None:
        """Compare value sets without imports and exclusions by what they state; None: that does not tell."""
        parts = (*this.includes, *other.includes)
        if any(len(self._versions(one.system, parts)) > 1 for one in parts):
            return None
        if all(one.concepts is not None and not one.filters for one in parts):
            mine, theirs = _stated(this), _stated(other)
            return Relation(_result(mine.keys(), theirs.keys()), mine=mine, theirs=theirs)
        ours, others = ({one.system for one in each.includes} for each in (this, other))
        if ours.isdisjoint(others):
            return Relation("disjoint")
        if all(_is_whole(one) for one in parts):
            return Relation(_result(ours, others))
        if len(this.includes) == len(other.includes) == 1:
            return self._by_hierarchy(this.includes[0], other.includes[0])
        return None

    def _by_hierarchy(self, mine: Part, theirs: Part) -> Relation | None:
        """Compare what is below two concepts of one code system."""
        system = self._library.code_system(str(mine.system), self._version(mine))
        if system is None or not is_listed(system) or not all(_is_below(one) for one in (mine, theirs)):
            return None
        try:
            ours, others = (_mask(system, one.filters[0]) for one in (mine, theirs))
        except UnknownFilter:
            return None
        return Relation(_result_of_masks(ours, others)) if ours.any() and others.any() else None

    def _by_expansion(self, this: ValueSet, other: ValueSet) -> Relation:
        mine, theirs = self._codes(this), self._codes(other)
        if mine is None or theirs is None:
            return Relation("indeterminate", was_expanded=True)
        return Relation(_result(mine.keys(), theirs.keys()), was_expanded=True, mine=mine, theirs=theirs)

    def _codes(self, value_set: ValueSet) -> Codes | None:
        composer = Composer(self._library, self._options)
        found = composer.compose(value_set)
        if len(found) > MAX_COMPARED:
            named = value_set.canonical or "(without url)"
            raise BadDefinition(issue("VALUESET_TOO_COSTLY", Severity.ERROR, value_set=named, limit=MAX_COMPARED))
        if composer.used.unlisted:
            return None
        return {(one.system.head.url, one.concept.code): one.concept.code for one in found.members()}

    def _essence(self, value_set: ValueSet) -> Hashable:
        sides = (value_set.includes, value_set.excludes)
        counted = (frozenset(Counter(self._key(one) for one in side).items()) for side in sides)
        return (*counted, value_set.excludes_inactive)

    def _key(self, part: Part) -> Hashable:
        concepts = None if part.concepts is None else frozenset(part.concepts)
        return part.system, self._version(part), concepts, frozenset(part.filters), frozenset(part.value_sets)

    def _version(self, part: Part) -> str | None:
        return self._options.rules.choose(str(part.system), part.version)

    def _versions(self, system: str | None, parts: Iterable[Part]) -> set[str | None]:
        return {self._version(one) for one in parts if one.system == system}


def related(relation: Relation, this: ValueSet, other: ValueSet, *, has_codes: bool) -> Resource:
    """Return the Parameters that say a relation; with ``has_codes`` also which codes make the difference."""
    facts = {"this": this.canonical or "(without url)", "other": other.canonical or "(without url)"}
    text = (relation.message or _MESSAGES[relation.result]).format_map(facts)
    found: list[Resource] = [
        {"name": "result", "valueCode": relation.result},
        {"name": "message", "valueString": text},
        {"name": "performed-expansion", "valueBoolean": relation.was_expanded},
    ]
    mine, theirs = relation.mine, relation.theirs
    if has_codes and mine is not None and theirs is not None and relation.result != "same":
        lists = {
            "common-codes": [code for key, code in mine.items() if key in theirs],
            "missing-codes": [code for key, code in mine.items() if key not in theirs],
            "extra-codes": [code for key, code in theirs.items() if key not in mine],
        }
        ordered = {name: codes if relation.was_expanded else sorted(codes) for name, codes in lists.items()}
        found += [{"name": name, "valueString": ",".join(codes)} for name, codes in ordered.items() if codes]
    return {"resourceType": "Parameters", "parameter": found}


def _has_definition(value_set: ValueSet) -> bool:
    return value_set.compose is not None


def _is_plain(value_set: ValueSet) -> bool:
    return (
        not value_set.excludes
        and not value_set.excludes_inactive
        and all(one.system is not None and not one.value_sets for one in value_set.includes)
    )


def _is_whole(part: Part) -> bool:
    return part.system is not None and part.concepts is None and not part.filters and not part.value_sets


def _is_below(part: Part) -> bool:
    return len(part.filters) == 1 and part.filters[0].op == "is-a" and part.filters[0].property in _HIERARCHICAL


def _mask(system: ListedCodeSystem, wanted: Filter) -> Mask:
    return system.select(wanted)


def _stated(value_set: ValueSet) -> Codes:
    return {(part.system, code): code for part in value_set.includes for code in part.concepts or ()}


def _result(mine: Iterable[Hashable], theirs: Iterable[Hashable]) -> str:
    ours, others = set(mine), set(theirs)
    return _named(bool(ours & others), bool(ours - others), bool(others - ours))


def _result_of_masks(ours: Mask, others: Mask) -> str:
    return _named(*(bool(np.any(one)) for one in (ours & others, ours & ~others, others & ~ours)))


def _named(has_common: bool, has_mine: bool, has_theirs: bool) -> str:
    """Return the name of a relation by whether there is something in both, in the first only, in the second only."""
    return _NAMES[has_common, has_mine, has_theirs]
