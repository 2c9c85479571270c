"""What a ValueSet's compose selects — http://hl7.org/fhir/R4/valueset.html#compositions"""

from typing import Any

import pytest

from fhirserver.terminology.library import Library
from fhirserver.terminology.packaged import Packaged
from fhirserver.terminology.selected import codes_of
from fhirserver.terminology.sources import DefinitionSource, Undecidable

SYSTEM = "http://a.b/cs"
OTHER = "http://a.b/other"


class Definitions:
    """A handful of definitions by canonical."""

    def __init__(self, *resources: dict[str, Any]) -> None:
        self._known = {resource["url"]: resource for resource in resources}

    def canonicals(self) -> list[str]:
        return []

    def resource(self, canonical: str) -> dict[str, Any] | None:
        return self._known.get(canonical)


ANIMALS: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": SYSTEM,
    "content": "complete",
    "concept": [
        {
            "code": "animal",
            "display": "Animal",
            "concept": [
                {
                    "code": "dog",
                    "display": "Dog",
                    "property": [{"code": "legs", "valueInteger": 4}, {"code": "tame", "valueBoolean": True}],
                    "concept": [{"code": "poodle", "property": [{"code": "tame", "valueBoolean": True}]}],
                },
                {"code": "bird", "property": [{"code": "legs", "valueInteger": 2}]},
            ],
        },
        {"code": "robodog", "property": [{"code": "subsumedBy", "valueCode": "dog"}]},
        {"code": "plant", "property": [{"code": "child", "valueCode": "tree"}]},
        {"code": "tree", "property": [{"code": "near", "valueCoding": {"system": "http://x", "code": "plant"}}]},
    ],
}
COLOURS: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": OTHER,
    "content": "complete",
    "concept": [{"code": "red"}, {"code": "dog"}],
}
ALL = {"animal", "dog", "poodle", "bird", "robodog", "plant", "tree"}


def expand(source: DefinitionSource, canonical: str) -> set[tuple[str, str]]:
    return set(codes_of(Library((Packaged(source),)), canonical))


def _value_set(
    include: list[dict[str, Any]], url: str = "http://a.b/vs", exclude: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": include, "exclude": exclude or []}}


def _codes(*include: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> set[tuple[str, str]]:
    pets = _value_set([{"system": SYSTEM, "concept": [{"code": "dog"}, {"code": "bird"}]}], "http://a.b/pets")
    plants = _value_set([{"system": SYSTEM, "concept": [{"code": "tree"}]}], "http://a.b/plants")
    source = Definitions(ANIMALS, COLOURS, pets, plants, _value_set(list(include), exclude=exclude))
    return expand(source, "http://a.b/vs")


def _of_system(codes: set[str]) -> set[tuple[str, str]]:
    return {(SYSTEM, code) for code in codes}


FILTERS = [
    pytest.param("concept", "is-a", "dog", {"dog", "poodle", "robodog"}, id="is-a: includes the concept itself"),
    pytest.param("concept", "descendent-of", "dog", {"poodle", "robodog"}, id="descendent-of: excludes it"),
    pytest.param("concept", "is-not-a", "dog", ALL - {"dog", "poodle", "robodog"}, id="is-not-a"),
    pytest.param("concept", "generalizes", "poodle", {"poodle", "dog", "animal"}, id="generalizes: ancestors and self"),
    pytest.param("concept", "is-a", "plant", {"plant", "tree"}, id="is-a: along the child property"),
    pytest.param("concept", "is-a", "unknown", set(), id="is-a: of a code that is not there"),
    pytest.param("legs", "=", "4", {"dog"}, id="=: a property of the code equals the value"),
    pytest.param("tame", "=", "true", {"dog", "poodle"}, id="=: a boolean"),
    pytest.param("near", "=", "plant", {"tree"}, id="=: a Coding is compared by its code"),
    pytest.param("parent", "=", "dog", {"poodle", "robodog"}, id="=: the parent"),
    pytest.param("code", "=", "dog", {"dog"}, id="=: the code"),
    pytest.param("display", "=", "Dog", {"dog"}, id="=: the display"),
    pytest.param("code", "regex", ".*dog", {"dog", "robodog"}, id="regex: matches the whole value"),
    pytest.param("code", "regex", "do", set(), id="regex: not a part of it"),
    pytest.param("concept", "in", "dog, tree,x", {"dog", "tree"}, id="in: a comma separated list"),
    pytest.param("concept", "not-in", "dog,tree", ALL - {"dog", "tree"}, id="not-in"),
    pytest.param("legs", "exists", "true", {"dog", "bird"}, id="exists: at least one value"),
    pytest.param("legs", "exists", "false", ALL - {"dog", "bird"}, id="exists: no values"),
]


@pytest.mark.parametrize(("name", "operator", "value", "expected"), FILTERS)
def test_filter(name: str, operator: str, value: str, expected: set[str]) -> None:
    found = _codes({"system": SYSTEM, "filter": [{"property": name, "op": operator, "value": value}]})
    assert found == _of_system(expected)


IS_DOG = {"property": "concept", "op": "is-a", "value": "dog"}
IS_TAME = {"property": "tame", "op": "=", "value": "true"}


def test_an_include_of_a_system_alone_selects_all_its_codes() -> None:
    assert _codes({"system": SYSTEM}) == _of_system(ALL)


def test_includes_are_united() -> None:
    found = _codes({"system": SYSTEM, "concept": [{"code": "dog"}]}, {"system": OTHER})
    assert found == {(SYSTEM, "dog"), (OTHER, "red"), (OTHER, "dog")}


def test_all_filters_of_an_include_must_hold() -> None:
    assert _codes({"system": SYSTEM, "filter": [IS_DOG, IS_TAME]}) == _of_system({"dog", "poodle"})


def test_excludes_are_taken_away() -> None:
    found = _codes({"system": SYSTEM}, exclude=[{"system": SYSTEM, "filter": [IS_DOG]}])
    assert found == _of_system(ALL - {"dog", "poodle", "robodog"})


def test_codes_must_be_in_all_value_sets_of_an_include() -> None:
    assert _codes({"valueSet": ["http://a.b/pets", "http://a.b/plants"]}) == set()
    assert _codes({"valueSet": ["http://a.b/pets", "http://a.b/pets"]}) == _of_system({"dog", "bird"})


def test_a_system_and_a_value_set_of_an_include_must_both_have_the_code() -> None:
    assert _codes({"system": SYSTEM, "filter": [IS_DOG], "valueSet": ["http://a.b/pets"]}) == _of_system({"dog"})


def test_listed_concepts_need_no_code_system() -> None:
    assert _codes({"system": "http://loinc.org", "concept": [{"code": "1-8"}]}) == {("http://loinc.org", "1-8")}


UNDECIDABLE = [
    pytest.param({"system": "http://loinc.org"}, id="a code system that is not installed"),
    pytest.param({"valueSet": ["http://a.b/unknown"]}, id="a value set that is not installed"),
    pytest.param({"valueSet": ["http://a.b/vs"]}, id="a value set that imports itself"),
    pytest.param({"valueSet": [SYSTEM]}, id="a canonical of something else"),
    pytest.param({"system": "http://a.b/pets"}, id="a system that is something else"),
    pytest.param({"system": SYSTEM, "version": "9"}, id="a version that is not installed"),
    pytest.param({"system": SYSTEM, "filter": [{**IS_DOG, "op": "unlike"}]}, id="an operator that nobody knows"),
    pytest.param({"system": SYSTEM, "filter": [{**IS_DOG, "op": "regex", "value": "("}]}, id="a broken regex"),
]


@pytest.mark.parametrize("include", UNDECIDABLE)
def test_undecidable(include: dict[str, Any]) -> None:
    with pytest.raises(Undecidable):
        _codes(include)


@pytest.mark.parametrize("content", ["not-present", "supplement"])
def test_a_code_system_without_its_codes_is_undecidable(content: str) -> None:
    system = {**ANIMALS, "content": content}
    with pytest.raises(Undecidable):
        expand(Definitions(system, _value_set([{"system": SYSTEM}])), "http://a.b/vs")


def test_a_value_set_without_compose_is_undecidable() -> None:
    with pytest.raises(Undecidable):
        expand(Definitions({"resourceType": "ValueSet", "url": "http://a.b/vs"}), "http://a.b/vs")
