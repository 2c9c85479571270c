"""The hierarchy of a CodeSystem — http://hl7.org/fhir/R4/codesystem.html#hierarchy"""

from typing import Any

from fhirserver.terminology.code_systems import CodeSystem


def _system(concepts: list[dict[str, Any]]) -> CodeSystem:
    return CodeSystem({"resourceType": "CodeSystem", "url": "http://a.b", "content": "complete", "concept": concepts})


def test_a_code_declared_under_two_parents_has_both() -> None:
    system = _system([{"code": "a", "concept": [{"code": "c"}]}, {"code": "b", "concept": [{"code": "c"}]}])
    assert system.concepts["c"].parents == ("a", "b")
    assert system.descendants("a") == system.descendants("b") == {"c"}
    assert system.ancestors("c") == {"a", "b"}


def test_a_circle_ends() -> None:
    circle = [
        {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
        {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
    ]
    assert _system(circle).descendants("a") == {"b"}
    assert _system(circle).ancestors("a") == {"b"}


def test_a_deep_hierarchy_needs_no_stack() -> None:
    concept: dict[str, Any] = {"code": "0"}
    for n in range(1, 5000):
        concept = {"code": str(n), "concept": [concept]}
    assert len(_system([concept]).descendants("4999")) == 4999


def test_concepts_stand_in_the_order_of_the_code_system() -> None:
    system = _system([{"code": "b", "concept": [{"code": "d"}, {"code": "c"}]}, {"code": "a"}])
    assert list(system.concepts) == ["b", "d", "c", "a"]
