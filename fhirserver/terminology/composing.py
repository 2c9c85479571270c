"""The content logical definition of a value set, worked out to the concepts that it selects.

Spec: http://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.checking import circular, imported, not_understood
from fhirserver.terminology.concepts import (
    CodeSystem,
    Concept,
    Head,
    ListedCodeSystem,
    Numbers,
    UnknownFilter,
    is_listed,
)
from fhirserver.terminology.expressions.concepts import found_in
from fhirserver.terminology.filters import Test, test_of
from fhirserver.terminology.issues import BadDefinition, issue, refusal
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import Options
from fhirserver.terminology.selection import Member, Selection
from fhirserver.terminology.value_sets import Part, ValueSet
from fhirserver.terminology.versions import listed

_COMPLETE: Final = "complete"
_NOT_PRESENT: Final = "not-present"


@dataclass(slots=True)
class Used:
    """What an expansion was made from."""

    code_systems: dict[str, CodeSystem] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    rules: dict[tuple[str, str], None] = field(default_factory=dict)
    """What the request says of versions that was followed: name and canonical of a parameter."""
    has_versions_taken_away: bool = False
    unlisted: dict[str, CodeSystem] = field(default_factory=dict)
    """Code systems of which all was wanted, and that do not list their concepts."""
    samples: dict[str, ValueSet] = field(default_factory=dict)
    """Value sets that stand for these."""


class Composer:
    """Works out value sets with the definitions of one library."""

    def __init__(self, library: Library, options: Options) -> None:
        """Use the definitions of ``library`` as ``options`` say."""
        self._library = library
        self._options = options
        self._supplements = frozenset(options.supplements)
        self.used = Used()

    def compose(self, value_set: ValueSet) -> Selection:
        """Return the concepts of a value set; raises TermError, BadDefinition."""
        self._supplements |= value_set.supplements
        found = self._compose(value_set, ())
        self._check_supplements()
        return found

    def _compose(self, value_set: ValueSet, within: tuple[str, ...]) -> Selection:
        if value_set.place in within:
            raise circular(value_set.place, within)
        within = (*within, value_set.place)
        if value_set.compose is None:
            return self._stated(value_set)
        found = Selection()
        for part in value_set.includes:
            found.unite(self._part(part, value_set, within))
        for part in value_set.excludes:
            self._exclude(part, value_set, found, within)
        if value_set.excludes_inactive or self._options.active_only:
            _drop_inactive(found)
        return found

    def _exclude(self, part: Part, value_set: ValueSet, found: Selection, within: tuple[str, ...]) -> None:
        by_grammar = None if part.value_sets else self._by_grammar(part, value_set)
        if by_grammar is not None:
            found.named = {key: one for key, one in found.named.items() if not by_grammar(one)}
            return
        merges = self._options.merges_versions is not False
        excluded = self._part(part, value_set, within)
        self.used.has_versions_taken_away |= merges and _has_other_versions(found, excluded)
        found.take_away(excluded, any_version=merges)

    def _part(self, part: Part, value_set: ValueSet, within: tuple[str, ...]) -> Selection:
        """Return what one include or exclude selects: what all its conditions have."""
        by_grammar = self._by_grammar(part, value_set) if part.value_sets else None
        found = None if part.system is None or by_grammar is not None else self._of_system(part, value_set)
        for reference in part.value_sets:
            other_set = imported(self._library, value_set, reference, self._options)
            if not reference.startswith("#"):
                self.used.value_sets.setdefault(other_set.canonical, other_set)
            other = self._compose(other_set, within)
            if found is None:
                found = other
            else:
                found.narrow(other)
        if by_grammar is not None and found is not None:
            found.segments = []
            found.named = {key: one for key, one in found.named.items() if by_grammar(one)}
        return Selection() if found is None else found

    def _by_grammar(self, part: Part, value_set: ValueSet) -> Callable[[Member], bool] | None:
        """Return what tells whether a concept is one of a part of which not all can be listed; None: all can."""
        if part.system is None or part.concepts is not None:
            return None
        system = self._system(part)
        if is_listed(system):
            return None
        tests = [_test(system, part, value_set, number) for number in range(len(part.filters))]
        return lambda one: one.system.head.url == system.head.url and all(test(one.concept) for test in tests)

    def _of_system(self, part: Part, value_set: ValueSet) -> Selection:
        found = Selection()
        if part.concepts is not None:
            _add_listed(found, self._system_of_list(part), part.concepts)
            return found
        system = self._system(part)
        if is_listed(system):
            found.add_numbers(system, self._numbers(system, part, value_set))
            return found
        tests = [_test(system, part, value_set, number) for number in range(len(part.filters))]
        self.used.unlisted[system.head.canonical] = system
        for concept in self._sampled(system, is_whole=not tests):
            if all(test(concept) for test in tests):
                found.add_named(Member(system, concept))
        return found

    def _sampled(self, system: CodeSystem, *, is_whole: bool) -> Iterator[Concept]:
        """Yield the concepts that stand for all those that a grammar makes."""
        url = system.head.sample
        sample = None if url is None else self._library.value_set(url)
        if sample is None:
            return
        if is_whole:
            self.used.samples[sample.canonical] = sample
        codes = (code for part in sample.includes if part.system == system.head.url for code in part.concepts or ())
        yield from (concept for concept in map(system.find, codes) if concept is not None)

    def _system(self, part: Part) -> CodeSystem:
        url = str(part.system)
        version = self._options.rules.choose(url, part.version)
        followed = self._options.rules.followed(url, part.version)
        if followed is not None:
            self.used.rules[followed, f"{url}|{version}"] = None
        system = self._library.code_system(url, version, self._supplements)
        if system is None:
            raise self._unknown(url, version)
        required = self._options.rules.required(url, system.head.version)
        if required is not None:
            facts: dict[str, object] = {"system": url, "version": system.head.version, "required": required}
            raise BadDefinition(issue("VALUESET_VERSION_CHECK", Severity.ERROR, "", **facts))
        self.used.code_systems.setdefault(system.head.canonical, system)
        return system

    def _system_of_list(self, part: Part) -> CodeSystem:
        """Return the system of an include that lists its concepts, which are known by this list if nothing else."""
        url = str(part.system)
        version = self._options.rules.choose(url, part.version)
        if version != part.version or self._library.code_systems(url):
            return self._system(part)
        return _ByName(Head(url=url, version=part.version, content=_NOT_PRESENT, is_listed=False))

    def _unknown(self, url: str, version: str | None) -> Exception:
        known = self._library.versions(url)
        if not version:
            return refusal("UNKNOWN_CODESYSTEM_EXP", system=url)
        if not known:
            return refusal("UNKNOWN_CODESYSTEM_VERSION_EXP_NONE", system=url, version=version)
        return refusal("UNKNOWN_CODESYSTEM_VERSION_EXP", system=url, version=version, versions=listed(known))

    def _numbers(self, system: ListedCodeSystem, part: Part, value_set: ValueSet) -> Numbers:
        if not part.filters:
            return np.arange(len(system))
        mask = np.ones(len(system), np.bool_)
        for number, wanted in enumerate(part.filters):
            try:
                mask &= system.select(wanted)
            except UnknownFilter:
                raise not_understood(part, value_set, number) from None
        return np.flatnonzero(mask)

    def _stated(self, value_set: ValueSet) -> Selection:
        """Return the concepts of an expansion that is all a value set has."""
        found = Selection()
        for one in value_set.stated():
            if "code" in one and not one.get("abstract", False):
                part = Part("", one.get("system", ""), one.get("version"), {one["code"]: one}, (), ())
                _add_listed(found, self._system_of_list(part), {one["code"]: one})
        return found

    def _check_supplements(self) -> None:
        used = {one for system in self.used.code_systems.values() for one in system.head.supplements}
        needed = self._supplements.union(*(one.supplements for one in self.used.value_sets.values()))
        missing = sorted(needed - used - {one.partition("|")[0] for one in used})
        if missing:
            raise BadDefinition(issue("VALUESET_SUPPLEMENT_MISSING", Severity.ERROR, supplement=",".join(missing)))


def _test(system: CodeSystem, part: Part, value_set: ValueSet, number: int) -> Test:
    try:
        return test_of(system, part.filters[number])
    except UnknownFilter:
        raise not_understood(part, value_set, number) from None


@dataclass(frozen=True, slots=True)
class _ByName:
    """A code system of which nothing is known but what a value set names."""

    head: Head

    def find(self, code: str) -> Concept | None:
        """Return nothing: nobody has its concepts."""
        return None


def _add_listed(found: Selection, system: CodeSystem, concepts: Mapping[str, Resource]) -> None:
    """Add the concepts that a value set lists: those that its code system has, and those that it may well have."""
    numbers: list[int] = []
    for code, declared in concepts.items():
        number = system.number(code) if is_listed(system) else None
        if number is not None:
            numbers.append(number)
            found.declared[system.head.canonical, number] = declared
        else:
            concept = found_in(system, code)
            if concept is None and system.head.content != _COMPLETE:
                concept = Concept(code=code, display=declared.get("display"))
            if concept is not None:
                found.add_named(Member(system, concept, None, declared))
    if is_listed(system):
        found.add_numbers(system, np.array(numbers, np.intp))


def _drop_inactive(found: Selection) -> None:
    found.keep_where({key: ~found.listing(key).inactive() for key, _ in found.segments})
    found.named = {key: one for key, one in found.named.items() if not one.concept.is_inactive}


def _has_other_versions(found: Selection, excluded: Selection) -> bool:
    ours = {system.head.url: key for key, system in found.systems.items()}
    return any(ours.get(system.head.url, key) != key for key, system in excluded.systems.items())
