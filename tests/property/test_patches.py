"""Patches against a reference: edits of plain Python, the same as JSON Patch and as FHIRPath Patch; and ``$diff``.

Spec: http://hl7.org/fhir/R4/fhirpatch.html, https://www.rfc-editor.org/rfc/rfc6902
"""

import copy
import json
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.codec.json_patch import apply_patch, parse_patch
from fhirserver.codec.merge_patch import merge
from fhirserver.definitions.registry import Definitions
from fhirserver.patch.apply import apply_operations
from fhirserver.patch.diff import difference
from fhirserver.patch.operations import MAX_OPERATIONS, parse_operations

Json = Any

RESOURCES = [
    {
        "resourceType": "Patient",
        "active": True,
        "name": [{"use": "official", "family": "A", "given": ["B", "C"], "period": {"start": "2020"}}, {"text": "D"}],
        "telecom": [{"system": "phone", "value": "1", "rank": 1}],
        "deceasedDateTime": "2021-01-01",
        "contact": [{"name": {"text": "E"}, "telecom": [{"value": "2"}]}, {"gender": "male"}],
        "contained": [{"resourceType": "Observation", "status": "final", "valueQuantity": {"value": 7, "unit": "g"}}],
        "extension": [{"url": "http://x", "valueCodeableConcept": {"coding": [{"code": "c"}], "text": "t"}}],
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://s", "code": "1"}, {"code": "2"}], "text": "x"},
        "valueQuantity": {"value": 1, "unit": "kg", "comparator": "<"},
        "component": [{"code": {"text": "a"}, "valueString": "b"}, {"code": {"text": "c"}, "valueInteger": 3}],
        "referenceRange": [{"low": {"value": 1}, "appliesTo": [{"text": "y"}], "text": "z"}],
    },
    {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [
            {"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string", "maxLength": 3}]},
            {"linkId": "2", "type": "choice", "answerOption": [{"valueCoding": {"code": "x"}}, {"valueString": "y"}]},
        ],
    },
]
VALUES: dict[str, list[Json]] = {
    "string": ["s", "t"],
    "code": ["en", "fr"],
    "uri": ["http://u", "urn:v"],
    "boolean": [True, False],
    "integer": [0, 12],
    "positiveInt": [1],
    "decimal": [Decimal("1.50"), 2],
    "dateTime": ["2019", "2020-02-02"],
    "date": ["1999"],
    "HumanName": [{"text": "new"}, {"given": ["x", "y"]}],
    "Identifier": [{"system": "http://i", "value": "v"}],
    "ContactPoint": [{"value": "v", "rank": 2}],
    "CodeableConcept": [{"text": "new"}, {"coding": [{"code": "n"}]}],
    "Coding": [{"code": "n", "display": "N"}],
    "Quantity": [{"value": Decimal("0.10"), "unit": "u"}],
    "Period": [{"start": "2020", "end": "2021"}],
}


class Spot(NamedTuple):
    """An element: where JSON has it, the path to it, what it is, and where its parent is."""

    keys: tuple[str | int, ...]
    path: str
    type_name: str
    name: str
    owner: str


def spots(definitions: Definitions, value: Json, type_name: str, keys: tuple[str | int, ...], path: str) -> list[Spot]:
    found = []
    for key, member in value.items():
        child = definitions.children(type_name).get(key)
        if child is None:
            continue
        step = f"{path}.`{child.element.name}`" if child.element.name == "div" else f"{path}.{child.element.name}"
        entries = enumerate(member) if isinstance(member, list) else [(None, member)]
        for index, entry in entries:
            here = (*keys, key) if index is None else (*keys, key, index)
            place = step if index is None else f"{step}[{index}]"
            kind = entry.get("resourceType", child.type_name) if isinstance(entry, dict) else child.type_name
            found.append(Spot(here, place, kind, child.element.name, step))
            if isinstance(entry, dict):
                found += spots(definitions, entry, kind, here, place)
    return found


def find(document: Json, keys: tuple[str | int, ...]) -> Json:
    for key in keys:
        document = document[key]
    return document


class Script:
    """The same edits done three ways."""

    def __init__(self, definitions: Definitions, resource: Json) -> None:
        self.definitions = definitions
        self.reference = copy.deepcopy(resource)
        self.json_patch: list[Json] = []
        self.fhirpath: list[Json] = []

    def say(self, kind: str, path: str, pointer: tuple[str | int, ...], json_kind: str, **more: Json) -> None:
        parts: list[Json] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
        step: Json = {"op": json_kind, "path": "".join(f"/{key}" for key in pointer)}
        if "value" in more:
            type_name, value = more["value"]
            parts.append({"name": "value", f"value{type_name[0].upper()}{type_name[1:]}": value})
            step["value"] = value
        if "source" in more:
            step["from"] = "".join(f"/{key}" for key in more["source"])
            parts.append({"name": "source", "valueInteger": more["source"][-1]})
            parts.append({"name": "destination", "valueInteger": pointer[-1]})
        parts += [{"name": "index", "valueInteger": more["index"]}] if "index" in more else []
        parts += [{"name": "name", "valueString": more["name"]}] if "name" in more else []
        self.fhirpath.append({"name": "operation", "part": parts})
        self.json_patch.append(step)

    def edit(self, data: st.DataObject) -> None:
        root = self.reference["resourceType"]
        found = spots(self.definitions, self.reference, root, (), root)
        if not found:
            return
        spot = data.draw(st.sampled_from(found), label="spot")
        kinds = ["delete", *(["replace"] if spot.type_name in VALUES else []), "add"]
        if isinstance(spot.keys[-1], int):
            kinds += ["move", *(["insert"] if spot.type_name in VALUES else [])]
        getattr(self, data.draw(st.sampled_from(kinds), label="kind"))(data, spot)

    def delete(self, _: st.DataObject, spot: Spot) -> None:
        keys = spot.keys
        if len(find(self.reference, keys[:-1])) == 1 and isinstance(keys[-1], int):  # the list goes with its last entry
            keys = keys[:-1]
        if len(find(self.reference, keys[:-1])) == 1:  # and what would be empty then: not in one step of JSON Patch
            return
        self.say("delete", spot.path, keys, "remove")
        del find(self.reference, keys[:-1])[keys[-1]]

    def replace(self, data: st.DataObject, spot: Spot) -> None:
        value = data.draw(st.sampled_from(VALUES[spot.type_name]))
        self.say("replace", spot.path, spot.keys, "replace", value=(spot.type_name, value))
        find(self.reference, spot.keys[:-1])[spot.keys[-1]] = copy.deepcopy(value)

    def insert(self, data: st.DataObject, spot: Spot) -> None:
        entries = find(self.reference, spot.keys[:-1])
        index = data.draw(st.integers(0, len(entries)))
        value = data.draw(st.sampled_from(VALUES[spot.type_name]))
        self.say("insert", spot.owner, (*spot.keys[:-1], index), "add", value=(spot.type_name, value), index=index)
        entries.insert(index, copy.deepcopy(value))

    def move(self, data: st.DataObject, spot: Spot) -> None:
        entries = find(self.reference, spot.keys[:-1])
        index = data.draw(st.integers(0, len(entries) - 1))
        self.say("move", spot.owner, (*spot.keys[:-1], index), "move", source=spot.keys)
        entries.insert(index, entries.pop(spot.keys[-1]))

    def add(self, data: st.DataObject, spot: Spot) -> None:
        owner = find(self.reference, spot.keys)
        if not isinstance(owner, dict):
            return
        taken = {self.definitions.children(spot.type_name)[key].element.name for key in owner if key != "resourceType"}
        free = [
            child
            for child in self.definitions.children(spot.type_name).values()
            if child.type_name in VALUES and (child.json_name in owner or child.element.name not in taken)
            and (child.element.repeats or child.json_name not in owner)
        ]  # fmt: skip
        if not free:
            return
        child = data.draw(st.sampled_from(free))
        value = data.draw(st.sampled_from(VALUES[child.type_name]))
        key, name = child.json_name, child.element.name
        if not child.element.repeats:
            self.say("add", spot.path, (*spot.keys, key), "add", value=(child.type_name, value), name=name)
            owner[key] = copy.deepcopy(value)
        elif key in owner:
            self.say("add", spot.path, (*spot.keys, key, "-"), "add", value=(child.type_name, value), name=name)
            owner[key].append(copy.deepcopy(value))


@settings(max_examples=150)
@given(data=st.data(), resource=st.sampled_from(RESOURCES))
def test_both_patches_do_what_the_reference_does(definitions: Definitions, data: st.DataObject, resource: Json) -> None:
    script = Script(definitions, resource)
    for _ in range(data.draw(st.integers(1, 5))):
        script.edit(data)
    before = json.dumps(resource)
    operations = parse_operations({"resourceType": "Parameters", "parameter": script.fhirpath})
    assert apply_operations(operations, resource, definitions) == script.reference
    assert apply_patch(parse_patch(encode_literal(script.json_patch)), resource) == script.reference
    assert json.dumps(resource) == before


@settings(max_examples=150)
@given(data=st.data(), resource=st.sampled_from(RESOURCES))
def test_a_diff_turns_the_first_into_the_second(definitions: Definitions, data: st.DataObject, resource: Json) -> None:
    one, other = Script(definitions, resource), Script(definitions, resource)
    for _ in range(data.draw(st.integers(0, 4))):
        one.edit(data)
    for _ in range(data.draw(st.integers(0, 8))):
        other.edit(data)
    sides = [decode_literal(encode_literal(side)) for side in (one.reference, other.reference)]
    assert_difference(definitions, *sides)
    assert_difference(definitions, *reversed(sides))


def assert_difference(definitions: Definitions, one: Json, other: Json) -> Json:
    found = decode_literal(encode_literal(difference(one, other, definitions)))
    assert len(found.get("parameter", ())) <= MAX_OPERATIONS
    assert sorted_text(apply_operations(parse_operations(found), one, definitions)) == sorted_text(other)
    return found


def sorted_text(value: Json) -> str:
    """Write JSON so that what is equal reads equal, every digit of a number included."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{sorted_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(sorted_text, value)) + "]"
    return encode_literal(value).decode()


MERGED = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(document=MERGED, patch=MERGED)
def test_merge_does_what_the_pseudocode_of_rfc_7396_does(document: Json, patch: Json) -> None:
    before = json.dumps([document, patch])
    found = merge(document, patch)
    assert json.dumps([document, patch]) == before
    assert found == merged(copy.deepcopy(document), copy.deepcopy(patch))


def merged(target: Json, patch: Json) -> Json:
    """The pseudocode of section 2, as it stands there."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = merged(target.get(name), value)
        return target
    return patch
