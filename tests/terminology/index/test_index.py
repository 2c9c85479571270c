"""An index answers as the CodeSystem resource with the same concepts does."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fhirserver.kernel.outcome import TooCostly
from fhirserver.terminology.concepts import Designation, Filter, Head, ListedCodeSystem, Mask, Property, UnknownFilter
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.index.sections import BadIndex
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.index.writer import BadConcepts, IndexWriter
from fhirserver.terminology.resource_systems import ResourceCodeSystem

HEAD = Head(url="http://a.b/cs", version="1", language="en", properties={"size": {"code": "size", "type": "integer"}})
CONCEPTS: list[dict[str, Any]] = [
    {"code": "animal", "display": "Animal", "abstract": True},
    {"code": "dog", "display": "Dog", "parents": ["animal"], "size": 3, "fr": "Chien"},
    {"code": "pet", "display": "Pet", "parents": ["animal"], "fr": "Animal de compagnie"},
    {"code": "lap-dog", "display": "Lap dog", "parents": ["pet", "dog"], "size": 1, "fr": "Chien de compagnie élevé"},
    {"code": "wolf", "display": "Wolf-dog", "parents": ["dog"], "size": 4, "inactive": True},
    {"code": "éléphant", "display": "Elephant", "parents": ["animal"], "size": 90, "definition": "Large"},
]


def _properties(one: dict[str, Any]) -> list[Property]:
    found = [Property("size", "valueInteger", one["size"])] if "size" in one else []
    return [*found, Property("notSelectable", "valueBoolean", True)] if one.get("abstract") else found


def _written(path: Path, concepts: Iterable[dict[str, Any]] = CONCEPTS, head: Head = HEAD) -> IndexedCodeSystem:
    writer = IndexWriter(path, head)
    with writer:
        for one in concepts:
            writer.add(
                one["code"],
                display=one.get("display"),
                definition=one.get("definition"),
                parents=one.get("parents", ()),
                designations=[Designation(one["fr"], "fr")] if "fr" in one else (),
                properties=_properties(one),
                is_inactive=one.get("inactive", False),
                is_abstract=one.get("abstract", False),
            )
        writer.finish()
    return open_index(path)


def _resource() -> ResourceCodeSystem:
    concepts = []
    for one in CONCEPTS:
        properties = [{"code": "parent", "valueCode": parent} for parent in one.get("parents", ())]
        properties += [{"code": p.code, p.key: p.value} for p in _properties(one)]
        properties += [{"code": "inactive", "valueBoolean": True}] if "inactive" in one else []
        known = {name: one[name] for name in ("code", "display", "definition") if name in one}
        said = [{"language": "fr", "value": one["fr"]}] if "fr" in one else []
        concepts.append({**known, "property": properties, "designation": said})
    declared = {"resourceType": "CodeSystem", "url": HEAD.url, "version": "1", "content": "complete"}
    return ResourceCodeSystem({**declared, "concept": concepts, "property": [{"code": "size", "type": "integer"}]})


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> IndexedCodeSystem:
    return _written(tmp_path_factory.mktemp("index") / "one")


def _codes(system: ListedCodeSystem, mask: Mask) -> list[str]:
    return [system.code(int(number)) for number in np.flatnonzero(mask)]


def _found(system: ListedCodeSystem, text: str, *languages: str) -> list[str]:
    return [system.code(int(n)) for n in system.matching(text, languages, np.ones(len(system), np.bool_))]


def test_concepts_are_what_was_written(indexed: IndexedCodeSystem) -> None:
    resource = _resource()
    assert len(indexed) == len(resource)
    for number in range(len(resource)):
        ours, theirs = indexed.concept(number), resource.concept(number)
        assert (ours.code, ours.display, ours.definition) == (theirs.code, theirs.display, theirs.definition)
        assert (ours.designations, ours.is_abstract) == (theirs.designations, theirs.is_abstract)
        assert ours.is_inactive == theirs.is_inactive
        assert indexed.number(ours.code) == number
    assert indexed.find("cat") is None


def test_the_hierarchy_is_the_same(indexed: IndexedCodeSystem) -> None:
    resource = _resource()
    for number in range(len(resource)):
        assert sorted(indexed.parents(number)) == sorted(resource.parents(number))
        assert sorted(indexed.children(number)) == sorted(resource.children(number))
        assert np.array_equal(indexed.descendants(number), resource.descendants(number))
        assert np.array_equal(indexed.ancestors(number), resource.ancestors(number))
        for other in range(len(resource)):
            assert indexed.subsumes(number, other) is resource.subsumes(number, other)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter("concept", "is-a", "dog"),
        Filter("concept", "descendent-of", "animal"),
        Filter("concept", "is-not-a", "pet"),
        Filter("concept", "generalizes", "lap-dog"),
        Filter("concept", "child-of", "dog"),
        Filter("concept", "descendent-leaf", "animal"),
        Filter("concept", "is-a", "nothing"),
        Filter("concept", "=", "wolf"),
        Filter("code", "in", "wolf, dog,cat"),
        Filter("code", "not-in", "wolf,dog"),
        Filter("code", "regex", ".*dog"),
        Filter("size", "=", "3"),
        Filter("size", "in", "1,4,7"),
        Filter("size", "not-in", "1,4"),
        Filter("size", "exists", "true"),
        Filter("size", "exists", "false"),
        Filter("size", "regex", "[0-9]"),
        Filter("parent", "=", "dog"),
        Filter("child", "=", "lap-dog"),
        Filter("inactive", "=", "true"),
        Filter("inactive", "=", "false"),
        Filter("notSelectable", "=", "true"),
        Filter("display", "regex", ".*[Dd]og"),
        Filter("definition", "=", "Large"),
    ],
    ids=str,
)
def test_a_filter_selects_the_same(indexed: IndexedCodeSystem, wanted: Filter) -> None:
    resource = _resource()
    selected = indexed.select(wanted)
    assert _codes(indexed, selected) == _codes(resource, resource.select(wanted))
    holds = indexed.holds(wanted)
    assert [holds(number) for number in range(len(indexed))] == selected.tolist()


@pytest.mark.parametrize(
    ("text", "languages", "codes"),
    [
        ("dog", (), ["dog", "lap-dog", "wolf"]),
        ("LAP DOG", (), ["lap-dog"]),
        ("do la", (), ["lap-dog"]),
        ("animal", (), ["animal", "pet"]),
        ("animal", ("en",), ["animal"]),
        ("eleve", ("fr",), ["lap-dog"]),
        ("chien", ("fr-BE",), ["dog", "lap-dog"]),
        ("dog", ("fr",), ["dog", "lap-dog", "wolf"]),
        ("dog", ("nl",), ["dog", "lap-dog", "wolf"]),
        ("elephant", ("fr",), ["éléphant"]),
        ("lap-dog", ("fr",), ["lap-dog"]),
        ("cat", (), []),
        ("dog cat", (), []),
        ("-", (), ["animal", "dog", "pet", "lap-dog", "wolf", "éléphant"]),
    ],
)
def test_what_is_typed_finds(
    indexed: IndexedCodeSystem, text: str, languages: tuple[str, ...], codes: list[str]
) -> None:
    assert _found(indexed, text, *languages) == codes


def test_codes_in_any_case_where_the_code_system_does_not_mind(tmp_path: Path) -> None:
    head = Head(url="http://a.b", is_case_sensitive=False)
    system = _written(tmp_path / "one", [{"code": "A1"}, {"code": "B", "parents": ["a1"]}], head)
    assert system.number("a1") == 0
    assert system.code(0) == "A1"
    assert system.subsumes(0, 1)


def test_a_circle_ends(tmp_path: Path) -> None:
    circle = [{"code": "a", "parents": ["b"]}, {"code": "b", "parents": ["a"]}, {"code": "c", "parents": ["b"]}]
    system = _written(tmp_path / "one", circle)
    assert _codes(system, system.descendants(0)) == ["b", "c"]
    assert _codes(system, system.ancestors(2)) == ["a", "b"]


@pytest.mark.parametrize(
    ("concepts", "problem"),
    [
        ([{"code": "a"}, {"code": "a"}], "The code `a` is there twice."),
        ([{"code": "a", "parents": ["b"]}], "The parent `b` is not there."),
    ],
    ids=["a code twice", "an unknown parent"],
)
def test_bad_concepts_leave_nothing(tmp_path: Path, concepts: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(BadConcepts, match=problem):
        _written(tmp_path / "one", concepts)
    assert list(tmp_path.iterdir()) == []


def test_a_code_system_without_concepts(tmp_path: Path) -> None:
    system = _written(tmp_path / "one", [])
    assert len(system) == 0
    assert _found(system, "a") == []
    assert system.number("a") is None


@pytest.mark.parametrize("cut", [0, 5, 200], ids=["empty", "a few bytes", "a part"])
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, cut: int) -> None:
    _written(tmp_path / "one")
    (tmp_path / "cut").write_bytes((tmp_path / "one").read_bytes()[:cut])
    with pytest.raises(BadIndex):
        open_index(tmp_path / "cut")


@pytest.mark.parametrize("name", ["display", "definition"])
def test_what_would_have_to_be_read_concept_by_concept_is_too_costly(
    indexed: IndexedCodeSystem, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("fhirserver.terminology.index.selecting.MAX_WALKED", 3)
    with pytest.raises(TooCostly, match=f"A filter on `{name}` would have to read all 6 concepts"):
        indexed.select(Filter(name, "regex", ".*a.*"))
    assert indexed.select(Filter("size", "regex", ".*")).sum() == 4
    with pytest.raises(UnknownFilter):
        indexed.select(Filter("colour", "=", "red"))
