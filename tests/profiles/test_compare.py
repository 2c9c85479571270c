"""The comparison finds every change of a fact and no change of a text."""

import pytest

from tests.profiles.compare import Json, codes_of, differences

TYPE = {"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"]}
NAME = {"id": "Basic.name", "path": "Basic.name", "min": 0, "max": "*", "type": [TYPE], "short": "a"}


def structure(*elements: Json) -> Json:
    return {"url": "urn:s", "snapshot": {"element": [{"id": "Basic", "path": "Basic"}, *elements]}}


def found(ours: Json, theirs: Json) -> list[tuple[str, str]]:
    return [(one.element, one.fact) for one in differences(structure(ours), structure(theirs))]


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"min": 1}, "min"),
        ({"max": "1"}, "max"),
        ({"maxLength": 5}, "maxLength"),
        ({"type": [{"code": "Reference"}]}, "type"),
        ({"type": [TYPE, {"code": "string"}]}, "type"),
        ({"type": [{**TYPE, "profile": ["urn:p"]}]}, "type"),
        ({"mustSupport": True}, "mustSupport"),
        ({"fixedUri": "urn:a"}, "fixedUri"),
        ({"patternCoding": {"code": "a"}}, "patternCoding"),
        ({"minValueDate": "2000-01-01"}, "minValueDate"),
        ({"slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}}, "slicing"),
        ({"binding": {"strength": "required", "valueSet": "urn:v"}}, "binding"),
        ({"constraint": [{"key": "k-1", "severity": "error"}]}, "invariant k-1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_fact_is_found(change: Json, fact: str) -> None:
    assert found({**NAME, **change}, NAME) == [("Basic.name", fact)]
    assert found(NAME, {**NAME, **change}) == [("Basic.name", fact)]


@pytest.mark.parametrize(
    "change",
    [
        {"short": "b"},
        {"definition": "b"},
        {"mustSupport": False},
        {"type": [{**TYPE, "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient|4.0.1"]}]},
    ],
    ids=["short", "definition", "absent flag", "version"],
)
def test_a_changed_text_is_none(change: Json) -> None:
    assert found({**NAME, **change}, NAME) == []


def test_an_element_that_is_missing_is_told_once() -> None:
    below = [{"id": "Basic.name.id", "path": "Basic.name.id"}, {"id": "Basic.name.id.x", "path": "Basic.name.id.x"}]
    both = differences(structure(), structure(NAME, *below))
    assert [(one.element, one.ours, one.theirs) for one in both] == [("Basic.name", "", "there")]


def test_an_element_that_a_profile_has_is_there() -> None:
    profiled = {**NAME, "type": [{"code": "Address", "profile": ["urn:p"]}]}
    below = {"id": "Basic.name.city", "path": "Basic.name.city", "min": 1}
    content = [{"id": "Address", "path": "Address"}, {"id": "Address.city", "path": "Address.city", "min": 0}]
    one = differences(structure(profiled), structure(profiled, below), {"urn:p": content}.get)
    assert [(d.element, d.fact, d.ours, d.theirs) for d in one] == [("Basic.name.city", "min", "0", "1")]


def test_codes_are_compared_by_system_and_depth() -> None:
    system = {"resourceType": "CodeSystem", "content": "complete"}
    assert codes_of({**system, "concept": [{"code": "a", "concept": [{"code": "b"}]}]}) >= {"a", "b"}
    include = {"system": "urn:s", "concept": [{"code": "a", "display": "A"}]}
    assert codes_of({"resourceType": "ValueSet", "compose": {"include": [include]}}) == {"include urn:s|a"}
