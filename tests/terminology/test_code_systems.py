"""The hierarchy of a CodeSystem — http://hl7.org/fhir/R4/codesystem.html#hierarchy"""

from typing import Any

import numpy as np

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.resource_systems import ResourceCodeSystem


class System(ResourceCodeSystem):
    """A code system, asked by codes."""

    def below(self, code: str) -> set[str]:
        return self._codes(self.descendants(self.number(code) or 0))

    def above(self, code: str) -> set[str]:
        return self._codes(self.ancestors(self.number(code) or 0))

    def _codes(self, mask: Mask) -> set[str]:
        return {self.code(int(number)) for number in np.flatnonzero(mask)}


def _system(concepts: list[dict[str, Any]]) -> System:
    return System({"resourceType": "CodeSystem", "url": "http://a.b", "content": "complete", "concept": concepts})


def test_a_code_declared_under_two_parents_has_both() -> None:
    system = _system([{"code": "a", "concept": [{"code": "c"}]}, {"code": "b", "concept": [{"code": "c"}]}])
    assert [system.code(parent) for parent in system.parents(system.number("c") or 0)] == ["a", "b"]
    assert system.below("a") == system.below("b") == {"c"}
    assert system.above("c") == {"a", "b"}


def test_a_circle_ends() -> None:
    circle = [
        {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
        {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
    ]
    assert _system(circle).below("a") == {"b"}
    assert _system(circle).above("a") == {"b"}


def test_a_deep_hierarchy_needs_no_stack() -> None:
    concept: dict[str, Any] = {"code": "0"}
    for n in range(1, 5000):
        concept = {"code": str(n), "concept": [concept]}
    assert len(_system([concept]).below("4999")) == 4999


def test_concepts_stand_in_the_order_of_the_code_system() -> None:
    system = _system([{"code": "b", "concept": [{"code": "d"}, {"code": "c"}]}, {"code": "a"}])
    assert [system.code(number) for number in range(len(system))] == ["b", "d", "c", "a"]
