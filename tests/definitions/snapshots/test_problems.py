"""What is wrong with a structure is said, never raised: http://hl7.org/fhir/R4/structuredefinition.html"""

import json
import random
from typing import Final

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Json, Resource
from tests.definitions.snapshots.writing import BASE, SELF, broken, by_id, element, extension, profile, snapshot_of

OTHER: Final = "http://example.org/StructureDefinition/other"
MINE: Final = profile("Patient", element("Patient.name", min=1))


def _changed(**changes: Json) -> Resource:
    return {key: value for key, value in {**MINE, **changes}.items() if value is not None}


STRUCTURES = [
    pytest.param(_changed(baseDefinition=OTHER), (SELF, "base-unknown"), 1, id="an unknown base: the type is"),
    pytest.param(_changed(baseDefinition=SELF), (SELF, "base-circular"), 1, id="a base that is the profile itself"),
    pytest.param(_changed(baseDefinition=7), (SELF, "base-unknown"), 1, id="a base that is not a text"),
    pytest.param(_changed(baseDefinition=OTHER, type=None), (SELF, "base-unknown"), None, id="neither base nor type"),
    pytest.param(_changed(differential=None), (SELF, "no-elements"), 0, id="no differential"),
    pytest.param(_changed(differential={}), (SELF, "no-elements"), 0, id="a differential without elements"),
    pytest.param(_changed(differential=[]), (SELF, "no-elements"), 0, id="a differential that is not an object"),
    pytest.param(
        _changed(differential={"element": ["Patient.name", element("Patient.name", min=1)]}),
        (SELF, "malformed"),
        1,
        id="an element that is not an object",
    ),
    pytest.param(
        _changed(differential={"element": [{"min": 1}, element("Patient.name", min=1)]}),
        (SELF, "malformed"),
        1,
        id="an element without path and id",
    ),
    pytest.param(
        _changed(differential={"element": [element("Person.name", min=1)]}),
        ("Person", "path-unknown"),
        0,
        id="paths of another type",
    ),
    pytest.param(
        _changed(differential={"element": [element("Patient.name", min=1), element("Person.name", min=1)]}),
        ("Person.name", "path-unknown"),
        1,
        id="paths of two types",
    ),
    pytest.param(
        _changed(differential={"element": [element("Patient.name", min=1), element("Patient.nom.given", min=1)]}),
        ("Patient.nom", "path-unknown"),
        1,
        id="an element that does not exist",
    ),
    pytest.param(
        _changed(differential={"element": [element("Patient.name", min=1), element("Patient.name.nom", min=1)]}),
        ("Patient.name.nom", "path-unknown"),
        1,
        id="an element that the type does not have",
    ),
    pytest.param(
        _changed(differential={"element": [element("Patient.name", min=1), element("Patient.deceased[x].x", min=1)]}),
        ("Patient.deceased[x].x", "type-ambiguous"),
        1,
        id="an element below a choice of types",
    ),
    pytest.param(
        _changed(
            differential={"element": [element("Patient.name", min=1), element("Patient.name" + ".extension" * 40)]}
        ),
        (SELF, "too-deep"),
        1,
        id="an element too deep",
    ),
]


@pytest.mark.parametrize(("structure", "problem", "least"), STRUCTURES)
def test_a_structure_that_is_wrong_has_a_problem_and_what_can_be_said(
    definitions: Definitions, structure: Resource, problem: tuple[str, str], least: int | None
) -> None:
    snapshot = snapshot_of(definitions, structure)

    name = by_id(snapshot).get("Patient.name")
    assert broken(snapshot) == {problem}
    assert (None if name is None else name["min"]) == least


def test_profiles_that_derive_from_each_other_are_a_problem(definitions: Definitions) -> None:
    other = profile("Patient", element("Patient.active", min=1), url=OTHER, base=SELF)

    snapshot = snapshot_of(definitions, _changed(baseDefinition=OTHER), other)

    assert {p.rule.value for p in snapshot.problems} <= {"base-circular"}
    assert by_id(snapshot)["Patient.name"]["min"] == 1


def test_a_profile_of_a_type_that_is_unknown_leaves_the_type(definitions: Definitions) -> None:
    said = element("Patient.name", type=[{"code": "HumanName", "profile": [OTHER]}])

    snapshot = snapshot_of(definitions, profile("Patient", said, element("Patient.name.family", min=1)))

    assert broken(snapshot) == {("Patient.name", "type-unknown")}
    assert by_id(snapshot)["Patient.name.family"]["min"] == 1


def test_what_a_base_leaves_open_is_a_problem_of_the_element_that_is_walked_into(definitions: Definitions) -> None:
    base = profile("Thing", url=OTHER)
    loose = [
        {"path": "Thing"},
        "Thing.text",
        element("Thing.bare"),
        element("Thing.odd", type=[{"code": "Oddity"}]),
        element("Thing.same", contentReference="#Thing.none"),
    ]
    base["snapshot"] = {"element": loose}
    walks = [element(f"Thing.{name}.below", min=1) for name in ("bare", "odd", "same")]

    snapshot = snapshot_of(definitions, profile("Thing", *walks, base=OTHER), base)

    assert list(by_id(snapshot)) == ["Thing", "Thing.bare", "Thing.odd", "Thing.same"]
    assert broken(snapshot) == {
        ("Thing.bare", "type-unknown"),
        ("Thing.odd", "type-unknown"),
        ("Thing.same", "path-unknown"),
    }


def test_a_structure_with_a_snapshot_only_has_that(definitions: Definitions) -> None:
    patient = definitions.resource(BASE + "Patient")
    assert patient is not None

    snapshot = snapshot_of(definitions, {key: patient[key] for key in patient if key != "differential"})

    assert (snapshot.elements, snapshot.problems) == (patient["snapshot"]["element"], [])


def test_a_hundred_profiles_one_inside_the_other_end(definitions: Definitions) -> None:
    def level(number: int) -> Resource:
        type_ = [{"code": "Extension", "profile": [f"http://example.org/e{min(number + 1, 99)}"]}]
        said = (element("Extension.extension:a", type=type_), element("Extension.extension:a.extension:b.url", min=1))
        return extension(f"http://example.org/e{number}", *said)

    levels = [level(number) for number in range(100)]

    assert broken(snapshot_of(definitions, levels[0], *levels)) == {("http://example.org/e0", "too-deep")}
    assert broken(snapshot_of(definitions, levels[80], *levels)) == set()


JUNK: Final = (
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [None],
    {"key": None},
    ["a"],
    [{"code": 3}],
    "Patient..name:",
    ":/",
)


def _spoilt(value: Json, chance: random.Random) -> Json:
    """Change something somewhere inside a JSON value."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        return {**value, key: _spoilt(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], _spoilt(value[place], chance), *value[place + 1 :]]
    return chance.choice(JUNK)


def test_no_structure_raises(definitions: Definitions) -> None:
    chance = random.Random(6)
    published = [
        definitions.resource(BASE + name) for name in ("bp", "vitalsigns", "patient-nationality", "cqf-questionnaire")
    ]
    for number in range(300):
        structure: Resource = json.loads(json.dumps(published[number % len(published)]))
        structure.pop("snapshot", None)
        for _ in range(1 + number % 4):
            structure = _spoilt(structure, chance)
            structure = structure if isinstance(structure, dict) else {}
        other = {**structure, "url": OTHER}
        snapshot = snapshot_of(
            definitions, {**MINE, "baseDefinition": OTHER}, {"resourceType": "StructureDefinition", **other}
        )
        assert snapshot.elements or snapshot.problems
