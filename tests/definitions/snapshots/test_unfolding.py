"""Walking into types, profiles and references to content: http://hl7.org/fhir/R4/profiling.html#snapshot"""

from typing import Final

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.snapshots.generator import Generator
from fhirserver.kernel.resource import Json, Resource
from tests.definitions.snapshots.writing import (
    BASE,
    SELF,
    broken,
    by_id,
    element,
    extension,
    finder,
    profile,
    snapshot_of,
)

BETWEEN: Final = "http://example.org/StructureDefinition/between"
NAME: Final = "http://example.org/StructureDefinition/name"


WALKS = [
    pytest.param("Patient", "Patient.name.family", "Patient.name.given", id="into a datatype"),
    pytest.param("Patient", "Patient.contact.name.family", "Patient.contact.name.text", id="below a backbone element"),
    pytest.param(
        "Patient",
        "Patient.managingOrganization.identifier.system",
        "Patient.managingOrganization.identifier.value",
        id="into the identifier of a reference",
    ),
    pytest.param("Patient", "Patient.birthDate.extension", "Patient.birthDate.id", id="into a primitive"),
    pytest.param(
        "Questionnaire",
        "Questionnaire.item.item.linkId",
        "Questionnaire.item.item.answerOption.value[x]",
        id="into the content of another element",
    ),
    pytest.param(
        "Questionnaire",
        "Questionnaire.item.item.item.linkId",
        "Questionnaire.item.item.item.item",
        id="again and again",
    ),
    pytest.param("Patient", "Patient.meta.tag.system", "Patient.meta.tag.display", id="two types deep"),
    pytest.param(
        "Observation", "Observation.value[x].extension", "Observation.value[x].id", id="into any of many types"
    ),
]


@pytest.mark.parametrize(("kind", "walked", "beside"), WALKS)
def test_what_is_walked_into_has_all_its_elements(
    definitions: Definitions, kind: str, walked: str, beside: str
) -> None:
    snapshot = snapshot_of(definitions, profile(kind, element(walked, short="Mine")))

    elements = by_id(snapshot)
    assert broken(snapshot) == set()
    assert elements[walked]["short"] == "Mine"
    assert beside in elements


def test_what_is_not_walked_into_has_none(definitions: Definitions) -> None:
    elements = by_id(snapshot_of(definitions, profile("Questionnaire", element("Questionnaire.item.text", min=1))))

    assert "Questionnaire.item.item.linkId" not in elements
    assert elements["Questionnaire.item.item"]["contentReference"] == "#Questionnaire.item"


def test_an_element_with_content_of_another_gets_its_type_too(definitions: Definitions) -> None:
    item = by_id(snapshot_of(definitions, profile("Questionnaire", element("Questionnaire.item.item.text", min=1))))[
        "Questionnaire.item.item"
    ]

    assert (item.get("contentReference"), item["type"]) == (None, [{"code": "BackboneElement"}])


def test_the_elements_of_a_type_are_those_of_its_profile(definitions: Definitions) -> None:
    name = profile("HumanName", element("HumanName.family", min=1), url=NAME)
    mine = profile(
        "Patient",
        element("Patient.name", type=[{"code": "HumanName", "profile": [NAME]}]),
        element("Patient.name.given", min=1),
    )

    elements = by_id(snapshot_of(definitions, mine, name))

    assert (elements["Patient.name.family"]["min"], elements["Patient.name.given"]["min"]) == (1, 1)


def test_a_resource_in_an_entry_is_walked_into(definitions: Definitions) -> None:
    mine = profile(
        "Bundle",
        element("Bundle.entry", slicing={"discriminator": [{"type": "type", "path": "resource"}], "rules": "open"}),
        element("Bundle.entry:patient", min=1),
        element("Bundle.entry:patient.resource", min=1, type=[{"code": "Patient"}]),
        element("Bundle.entry:patient.resource.birthDate", min=1),
    )

    snapshot = snapshot_of(definitions, mine)

    assert broken(snapshot) == set()
    assert by_id(snapshot)["Bundle.entry:patient.resource.birthDate"]["base"]["path"] == "Patient.birthDate"


def test_profiles_of_profiles_without_snapshots_are_generated_down_to_the_type(definitions: Definitions) -> None:
    urls = [f"http://example.org/StructureDefinition/p{n}" for n in range(5)]
    chain = [
        profile("Patient", element(f"Patient.{name}", mustSupport=True), url=url, base=base)
        for name, url, base in zip(("active", "name", "gender", "photo", "link"), urls, [None, *urls], strict=False)
    ]

    elements = by_id(snapshot_of(definitions, chain[-1], *chain))

    supported = [identifier for identifier, e in elements.items() if e.get("mustSupport")]
    assert supported == ["Patient.active", "Patient.name", "Patient.gender", "Patient.photo", "Patient.link"]


def test_a_generator_asks_for_each_structure_once(definitions: Definitions) -> None:
    asked: list[str] = []
    find = finder(definitions)

    def counting(canonical: str) -> Resource | None:
        asked.append(canonical)
        return find(canonical)

    generator = Generator(counting)
    for _ in range(3):
        generator.generate(profile("Patient", element("Patient.name.family", min=1)))

    assert sorted(asked) == [BASE + "HumanName", BASE + "Patient"]


def test_what_one_profile_says_does_not_show_in_another(definitions: Definitions) -> None:
    generator = Generator(finder(definitions))
    generator.generate(profile("Patient", element("Patient.name.family", min=1), element("Patient.name", min=1)))

    second = by_id(generator.generate(profile("Patient", element("Patient.name.given", min=1))))

    assert (second["Patient.name"]["min"], second["Patient.name.family"]["min"]) == (0, 0)


def test_a_profile_that_walks_into_itself_ends(definitions: Definitions) -> None:
    own = {"type": [{"code": "Extension", "profile": [SELF]}]}
    mine = profile("Extension", element("Extension.extension:again", **own), element("Extension.extension:again.url"))

    snapshot = snapshot_of(definitions, mine)

    assert broken(snapshot) == {("Extension.extension:again", "profile-circular")}
    assert "Extension.extension:again.url" in by_id(snapshot)


def test_profiles_that_unfold_each_other_twice_at_every_level_end(definitions: Definitions) -> None:
    def level(number: int) -> Resource:
        type_ = [{"code": "Extension", "profile": [f"http://example.org/e{number - 1}"]}]
        said: list[Json] = []
        for name in "abcd":
            said += [
                element(f"Extension.extension:{name}", type=type_),
                element(f"Extension.extension:{name}.url", min=1),
            ]
        return extension(f"http://example.org/e{number}", *(said if number else ()))

    levels = [level(number) for number in range(14)]

    snapshot = snapshot_of(definitions, levels[-1], *levels)

    assert {p.rule.value for p in snapshot.problems} == {"too-large"}
    assert snapshot.elements == []


def test_a_differential_in_any_order_says_the_same(definitions: Definitions) -> None:
    said = [
        element("Patient", short="Mine"),
        element(
            "Patient.identifier", slicing={"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
        ),
        element("Patient.identifier.value", min=1),
        element("Patient.identifier:a", max="1"),
        element("Patient.identifier:a.system", fixedUri="http://example.org/a"),
        element("Patient.name.family", min=1),
        element("Patient.contact.name", mustSupport=True),
    ]

    forwards = snapshot_of(definitions, profile("Patient", *said))

    assert snapshot_of(definitions, profile("Patient", *reversed(said))) == forwards


def test_ids_and_paths_say_the_same(definitions: Definitions) -> None:
    said = [
        element(
            "Patient.identifier", slicing={"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
        ),
        element("Patient.identifier:a", max="1"),
        element("Patient.identifier:a.system", fixedUri="http://example.org/a"),
        element("Patient.identifier:b", max="1"),
        element("Patient.identifier:b.type.coding.code", fixedCode="B"),
        element("Patient.name", min=1),
    ]
    by_both = snapshot_of(definitions, profile("Patient", *said))
    by_path = [{key: value for key, value in e.items() if key != "id"} for e in said]
    by_identifier = [{key: value for key, value in e.items() if key not in ("path", "sliceName")} for e in said]
    by_other = [{**e, "id": f"e{n}"} for n, e in enumerate(said)]

    assert snapshot_of(definitions, profile("Patient", *by_path)) == by_both
    assert snapshot_of(definitions, profile("Patient", *by_identifier)) == by_both
    assert snapshot_of(definitions, profile("Patient", *by_other)) == by_both


@pytest.mark.parametrize(
    ("base", "inherited"),
    [
        pytest.param(BASE + "Element", ["id", "extension"], id="derived from Element"),
        pytest.param(BASE + "Base", [], id="derived from Base, which R4 names without defining it"),
        pytest.param(None, [], id="derived from nothing"),
    ],
)
def test_a_logical_model_has_its_own_elements(definitions: Definitions, base: str | None, inherited: list[str]) -> None:
    model = {
        "resourceType": "StructureDefinition",
        "url": "http://example.org/StructureDefinition/Model",
        "type": "http://example.org/StructureDefinition/Model",
        "kind": "logical",
        "derivation": "specialization",
        **({} if base is None else {"baseDefinition": base}),
        "differential": {
            "element": [
                element("Model", short="A model"),
                element("Model.part", min=0, max="*", type=[{"code": "BackboneElement"}]),
                element("Model.part.name", min=1, max="1", type=[{"code": "HumanName"}]),
                element("Model.part.name.family", min=1),
            ]
        },
    }

    snapshot = snapshot_of(definitions, model)

    elements = by_id(snapshot)
    assert broken(snapshot) == set()
    first = ["Model", *(f"Model.{name}" for name in inherited), "Model.part", "Model.part.id"]
    assert list(elements)[: len(first)] == first
    assert (elements["Model"]["min"], elements["Model"]["max"]) == (0, "*")
    assert elements["Model.part.name"]["base"] == {"path": "Model.part.name", "min": 1, "max": "1"}
    assert elements["Model.part.name.family"]["min"] == 1
    assert [c["key"] for c in elements["Model.part.name"]["constraint"]] == ["ele-1"]


def test_a_base_that_renamed_a_choice_with_one_type_is_understood(definitions: Definitions) -> None:
    renamed = profile("Observation", url=BETWEEN)
    base = {"path": "Observation.value[x]", "min": 0, "max": "1"}
    renamed["snapshot"] = {
        "element": [
            {"id": "Observation", "path": "Observation", "min": 0, "max": "*"},
            {
                "id": "e1",
                "path": "Observation.valueQuantity",
                "min": 0,
                "max": "1",
                "base": base,
                "type": [{"code": "Quantity"}],
            },
            {"id": "e2", "path": "Observation.valueQuantity.code", "min": 1, "max": "1", "type": [{"code": "code"}]},
        ]
    }
    mine = [
        element("Observation.value[x]", mustSupport=True),
        element("Observation.valueQuantity.code", fixedCode="mg"),
    ]

    elements = by_id(snapshot_of(definitions, profile("Observation", *mine, base=BETWEEN), renamed))

    assert list(elements) == ["Observation", "Observation.value[x]", "Observation.value[x].code"]
    assert elements["Observation.value[x].code"]["fixedCode"] == "mg"
