"""The small release as a version of a code system, all in memory."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from string import Template
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import Concept, Designation, Filter, Head, Mask, Numbers
from fhirserver.terminology.ecl import filters
from fhirserver.terminology.ecl.ontology import Bools, Column, Ints, Links, Members, Relationships, Rows, Value
from fhirserver.terminology.words import asked_words, fold, rank, words
from tests.terminology.ecl.small_release import CONCEPTS, DESCRIPTIONS, IDENTIFIERS, REFSETS, RELATIONSHIPS

SNOMED: Final = "http://snomed.info/sct"
VERSION: Final = "http://snomed.info/sct/11000172109/version/20261115"
_YEAR: Final = re.compile(r"20\d\d")
_CELLS: Final = re.compile(r'(\w+)=("[^"]*"|\S+)|(\S+)')


class Release:
    """The lines of the release, split."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self.marks: dict[str, set[str]] = {}
        self.parents: dict[str, list[str]] = {}
        above: list[tuple[int, str]] = []
        for line in filter(None, CONCEPTS.splitlines()):
            depth, (name, *rest) = len(line) - len(line.lstrip()), line.split()
            above = [one for one in above if one[0] < depth]
            if rest:
                self.codes[name], self.marks[name], self.parents[name] = rest[0], set(rest[1:]), []
            if above:
                self.parents[name].append(above[-1][1])
            above.append((depth, name))
        self.names = {code: name for name, code in self.codes.items()}
        self.relationships = [
            (source, int(group), attribute, value)
            for source, group, attribute, value in (line.split(" ", 3) for line in RELATIONSHIPS.split("\n") if line)
        ]
        self.descriptions = [_description(line) for line in filter(None, DESCRIPTIONS.splitlines())]
        self.members = [_member(line) for line in filter(None, REFSETS.splitlines())]

    def text(self, template: str) -> str:
        """Return a constraint with the codes of the concepts that it names as ``$name``."""
        return Template(template).substitute(self.codes)

    def value(self, text: str) -> str | Value:
        """Return a value, or the name of a concept as ``$name``."""
        if text.startswith('"'):
            return text[1:-1]
        if text.startswith("#"):
            return float(text[1:])
        return text == "true" if text in ("true", "false") else f"${text}"


def _description(line: str) -> dict[str, Any]:
    head, term, more = (part.strip() for part in line.split("|"))
    concept, kind, language, id_ = head.split()
    marks = [one for one in more.split() if "=" not in one]
    accepted = dict(one.split("=") for one in more.split() if "=" in one)
    return {"concept": concept, "type": kind, "language": language, "id": int(id_), "term": term} | {
        "accepted": {name: int(how) for name, how in accepted.items()},
        "marks": set(marks),
    }


def _member(line: str) -> dict[str, Any]:
    refset, component, *more = (part.strip() for part in line.split("|"))
    fields, marks = {"referencedComponentId": component}, set()
    for name, value, mark in _CELLS.findall(" ".join(more)):
        fields.update({name: value} if name else {})
        marks.update({mark} if mark else ())
    return {"refset": refset, "fields": fields, "marks": marks}


RELEASE: Final = Release()


class SmallOntology:
    """The release in columns."""

    def __init__(self, version: str = VERSION) -> None:
        self.head = Head(url=SNOMED, version=version, name="Small", language="en", filters=filters.FILTERS)
        self._names = list(RELEASE.codes)
        self._number = {name: number for number, name in enumerate(self._names)}
        self._parents = [[self._number[one] for one in RELEASE.parents[name]] for name in self._names]
        self._children: list[list[int]] = [[] for _ in self._names]
        for number, parents in enumerate(self._parents):
            for parent in parents:
                self._children[parent].append(number)

    def __len__(self) -> int:
        return len(self._names)

    def number(self, code: str) -> int | None:
        return self._number.get(RELEASE.names.get(code, ""))

    def code(self, number: int) -> str:
        return RELEASE.codes[self._names[number]]

    def find(self, code: str) -> Concept | None:
        number = self.number(code)
        return None if number is None else self.concept(number)

    def concept(self, number: int) -> Concept:
        name = self._names[number]
        said = [one for one in RELEASE.descriptions if one["concept"] == name]
        display = next((one["term"] for one in said if one["type"] == "synonym"), name)
        return Concept(
            code=self.code(number),
            display=display,
            designations=tuple(Designation(one["term"], one["language"]) for one in said),
            is_inactive="inactive" in RELEASE.marks[name],
        )

    def parents(self, number: int) -> Sequence[int]:
        return self._parents[number]

    def children(self, number: int) -> Sequence[int]:
        return self._children[number]

    def subsumes(self, above: int, below: int) -> bool:
        return above == below or bool(self.descendants(above)[below])

    def descendants(self, number: int) -> Mask:
        return self._reached(number, self._children)

    def ancestors(self, number: int) -> Mask:
        return self._reached(number, self._parents)

    def _reached(self, number: int, following: list[list[int]]) -> Mask:
        found, pending = np.zeros(len(self), np.bool_), list(following[number])
        while pending:
            one = pending.pop()
            found[one] = True
            pending.extend(following[one])
        return found

    def select(self, wanted: Filter) -> Mask:
        return filters.select(self, wanted)

    def holds(self, wanted: Filter) -> Callable[[int], bool]:
        return filters.holds(self, wanted)

    def inactive(self) -> Mask:
        return ~self.rows.active

    def abstract(self) -> Mask:
        return np.zeros(len(self), np.bool_)

    def matching(self, text: str, languages: Sequence[str], within: Mask) -> Numbers:
        asked, typed = asked_words(text), fold(text)
        found = {}
        for one in RELEASE.descriptions:
            number, place = self._number[one["concept"]], rank(asked, typed, one["term"])
            if within[number] and place is not None:
                found[number] = min(place, found.get(number, place))
        return np.array(sorted(found, key=lambda one: found[one]), np.intp)

    @cached_property
    def parents_of(self) -> Links:
        return _links(self._parents)

    @cached_property
    def children_of(self) -> Links:
        return _links(self._children)

    @cached_property
    def rows(self) -> Rows:
        return self._rows([RELEASE.marks[name] for name in self._names])

    @cached_property
    def defined(self) -> Mask:
        return np.array(["defined" in RELEASE.marks[name] for name in self._names])

    @cached_property
    def relationships(self) -> Relationships:
        found = sorted(RELEASE.relationships, key=lambda one: (self._number[one[0]], one[1]))
        sources, groups, attributes, values = zip(*found, strict=True)
        return Relationships(
            self._numbers(sources), np.array(groups, np.int32), self._numbers(attributes), self._column(values)
        )

    @cached_property
    def descriptions(self) -> "SmallDescriptions":
        return SmallDescriptions(self)

    def refsets(self) -> Sequence[int]:
        return [self._number[name] for name in dict.fromkeys(one["refset"] for one in RELEASE.members)]

    def members(self, refset: int) -> Members | None:
        own = [one for one in RELEASE.members if one["refset"] == self._names[refset]]
        if not own:
            return None
        names = dict.fromkeys(name for one in own for name in one["fields"])
        fields = {name: self._column([one["fields"].get(name, '""') for one in own]) for name in names}
        return Members(self._rows([one["marks"] for one in own]), fields)

    def identified(self, scheme: int, code: str) -> Sequence[int]:
        named = ((self._number[one], key, self._number[concept]) for one, key, concept in IDENTIFIERS)
        return [concept for one, key, concept in named if (one, key) == (scheme, code)]

    def _rows(self, marks: Sequence[set[str]]) -> Rows:
        years = [next((int(one) for one in each if _YEAR.fullmatch(one)), 2020) for each in marks]
        return Rows(
            np.array(["inactive" not in each for each in marks]),
            self._numbers(["be_module" if "be" in each else "core" for each in marks]),
            np.array([year * 10_000 + 131 for year in years], np.int32),
        )

    def _numbers(self, names: Sequence[str]) -> Ints:
        return np.array([self._number[name] for name in names], np.int32)

    def _column(self, texts: Sequence[str]) -> Column:
        cells, values = [], list[Value]()
        for value in map(RELEASE.value, texts):
            if isinstance(value, str) and value.startswith("$"):
                cells.append(self._number[value[1:]])
                continue
            same = [place for place, one in enumerate(values) if one == value and type(one) is type(value)]
            if not same:
                values.append(value)
            cells.append(-1 - (same[0] if same else len(values) - 1))
        return Column(np.array(cells, np.int32), values)

    def codes(self, mask: Mask) -> set[str]:
        """Return the names of some concepts."""
        return {self._names[number] for number in np.flatnonzero(mask)}


class SmallDescriptions:
    """The descriptions in columns."""

    languages = ("en", "fr", "nl")

    def __init__(self, ontology: SmallOntology) -> None:
        self._number = ontology._number
        self.rows = ontology._rows([one["marks"] for one in RELEASE.descriptions])
        self.concept = ontology._numbers([one["concept"] for one in RELEASE.descriptions])
        self.type = ontology._numbers([one["type"] for one in RELEASE.descriptions])
        self.language = np.array([self.languages.index(one["language"]) for one in RELEASE.descriptions], np.uint8)
        self.id = np.array([one["id"] for one in RELEASE.descriptions], np.int64)

    def term(self, row: int) -> str:
        return str(RELEASE.descriptions[row]["term"])

    def with_word(self, beginning: str) -> Bools:
        return np.array(
            [any(word.startswith(beginning) for word in words(one["term"])) for one in RELEASE.descriptions]
        )

    def with_part(self, part: str) -> Bools:
        return np.array([any(part in word for word in words(one["term"])) for one in RELEASE.descriptions])

    def acceptability(self, refset: int) -> npt.NDArray[np.uint8] | None:
        if refset not in self.dialects():
            return None
        name = next(name for name, number in self._number.items() if number == refset)
        return np.array([one["accepted"].get(name, 0) for one in RELEASE.descriptions], np.uint8)

    def dialects(self) -> Sequence[int]:
        return [self._number[name] for name in ("en_gb", "en_us", "fr_be", "nl_be")]


def _links(lists: Sequence[Sequence[int]]) -> Links:
    offsets = np.cumsum([0, *map(len, lists)])
    return Links(offsets, np.array([one for each in lists for one in each], np.int32))
