"""Slices, reslices, slices of extensions and of choices: http://hl7.org/fhir/R4/profiling.html#slicing"""

import time
from typing import Final

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Json
from tests.definitions.snapshots.writing import broken, by_id, element, extension, profile, snapshot_of

BY_SYSTEM: Final = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
BY_USE: Final = {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"}
BETWEEN: Final = "http://example.org/StructureDefinition/between"
MARK: Final = "http://example.org/StructureDefinition/mark"
SLICED: Final = (
    element("Patient.identifier", slicing=BY_SYSTEM),
    element("Patient.identifier:nir", max="1"),
    element("Patient.identifier:nir.system", min=1, fixedUri="http://example.org/nir"),
)


def _ids(elements: dict[str, Json], start: str) -> list[str]:
    return [identifier for identifier in elements if identifier.startswith(start)]


def test_slices_come_after_their_element_and_its_children_in_the_order_of_the_differential(
    definitions: Definitions,
) -> None:
    snapshot = snapshot_of(
        definitions,
        profile(
            "Patient",
            element("Patient.identifier", slicing=BY_SYSTEM),
            element("Patient.identifier.value", min=1),
            element("Patient.identifier:b"),
            element("Patient.identifier:b.system", min=1),
            element("Patient.identifier:a"),
        ),
    )

    ids = _ids(by_id(snapshot), "Patient.identifier")
    children = ["id", "extension", "use", "type", "system", "value", "period", "assigner"]
    assert ids == [
        f"Patient.identifier{part}{child}"
        for part in ("", ":b", ":a")
        for child in ("", *(f".{name}" for name in children))
    ]
    assert by_id(snapshot)["Patient.identifier:b.system"]["path"] == "Patient.identifier.system"
    assert by_id(snapshot)["Patient.identifier:a"]["sliceName"] == "a"


def test_a_slice_may_be_absent_unless_it_says_more(definitions: Definitions) -> None:
    snapshot = snapshot_of(
        definitions,
        profile(
            "Patient",
            element("Patient.identifier", slicing=BY_SYSTEM, min=2, max="3"),
            element("Patient.identifier:a"),
            element("Patient.identifier:b", min=1, max="1"),
        ),
    )

    elements = by_id(snapshot)
    assert [
        (elements[f"Patient.identifier{s}"]["min"], elements[f"Patient.identifier{s}"]["max"]) for s in ("", ":a", ":b")
    ] == [
        (2, "3"),
        (0, "3"),
        (1, "1"),
    ]
    assert "slicing" not in elements["Patient.identifier:a"]


def test_a_slice_starts_from_the_element_as_the_base_has_it(definitions: Definitions) -> None:
    elements = by_id(
        snapshot_of(
            definitions,
            profile(
                "Observation",
                element("Observation.component", slicing=BY_SYSTEM, mustSupport=True),
                element("Observation.component.interpretation", max="0"),
                element("Observation.component:a", short="A"),
            ),
        )
    )

    assert "mustSupport" not in elements["Observation.component:a"]
    assert elements["Observation.component:a.interpretation"]["max"] == "*"
    assert elements["Observation.component:a.code"]["min"] == 1


SECOND = [
    pytest.param("Patient.identifier", {"mustSupport": True}, "Patient.identifier:nir", id="no name: all appearances"),
    pytest.param("Patient.identifier:ipp", {"max": "1"}, "Patient.identifier:ipp", id="another name: a new slice"),
    pytest.param("Patient.identifier:nir", {"min": 1}, "Patient.identifier:nir", id="the same name: that slice again"),
]


@pytest.mark.parametrize(("place", "said", "slice_there"), SECOND)
def test_a_profile_of_a_sliced_profile(definitions: Definitions, place: str, said: Json, slice_there: str) -> None:
    between = profile("Patient", *SLICED, url=BETWEEN)

    snapshot = snapshot_of(definitions, profile("Patient", element(place, **said), base=BETWEEN), between)

    elements = by_id(snapshot)
    assert broken(snapshot) == set()
    assert said.items() <= elements[place].items()
    assert elements["Patient.identifier"]["slicing"] == BY_SYSTEM
    assert elements["Patient.identifier:nir.system"]["fixedUri"] == "http://example.org/nir"
    assert slice_there in elements


def test_a_slice_of_a_slice_has_the_names_of_both(definitions: Definitions) -> None:
    between = profile("Patient", *SLICED, url=BETWEEN)
    mine = profile(
        "Patient",
        element("Patient.identifier:nir", slicing=BY_USE),
        element("Patient.identifier:nir/old", max="1"),
        element("Patient.identifier:nir/old.use", fixedCode="old"),
        element("Patient.identifier:nir/old/older", short="Older"),
        element("Patient.identifier:other"),
        base=BETWEEN,
    )

    snapshot = snapshot_of(definitions, mine, between)

    elements = by_id(snapshot)
    slices = [e["sliceName"] for e in snapshot.elements if e["path"] == "Patient.identifier" and "sliceName" in e]
    assert slices == ["nir", "nir/old", "nir/old/older", "other"]
    assert elements["Patient.identifier:nir/old.system"]["fixedUri"] == "http://example.org/nir"
    assert elements["Patient.identifier:nir/old/older.use"]["fixedCode"] == "old"
    assert broken(snapshot) == {("Patient.identifier:nir/old/older", "slicing-missing")}


def test_discriminators_are_added_to_those_of_the_base(definitions: Definitions) -> None:
    between = profile("Patient", *SLICED, url=BETWEEN)
    mine = profile("Patient", element("Patient.identifier", slicing={**BY_USE, "rules": "closed"}), base=BETWEEN)

    slicing = by_id(snapshot_of(definitions, mine, between))["Patient.identifier"]["slicing"]

    assert [d["path"] for d in slicing["discriminator"]] == ["system", "use"]
    assert slicing["rules"] == "closed"


REFUSED = [
    pytest.param([element("Patient.identifier:x", max="1")], "Patient.identifier:x", "slicing-missing", id="unsliced"),
    pytest.param(
        [element("Patient.name", slicing={**BY_USE, "rules": "open"})], "Patient.name", "slicing-changed", id="opened"
    ),
    pytest.param([element("Patient.name:x")], "Patient.name:x", "slice-not-allowed", id="added to a closed slicing"),
    pytest.param(
        [
            element("Patient.telecom", slicing=BY_SYSTEM, max="1"),
            element("Patient.telecom:a", min=1),
            element("Patient.telecom:b", min=1),
        ],
        "Patient.telecom",
        "slices-exceed",
        id="slices that need more items than there may be",
    ),
]


@pytest.mark.parametrize(("said", "place", "rule"), REFUSED)
def test_slices_that_are_not_allowed(definitions: Definitions, said: list[Json], place: str, rule: str) -> None:
    closed = element("Patient.name", slicing={**BY_USE, "rules": "closed"})
    between = profile("Patient", closed, element("Patient.name:usual"), url=BETWEEN)

    assert broken(snapshot_of(definitions, profile("Patient", *said, base=BETWEEN), between)) == {(place, rule)}


def test_extensions_are_sliced_by_url_whether_or_not_it_is_said(definitions: Definitions) -> None:
    mark = extension(MARK, element("Extension", short="A mark", min=0, max="1"), element("Extension.valueString"))
    said = element("Patient.extension:mark", type=[{"code": "Extension", "profile": [MARK]}])

    elements = by_id(snapshot_of(definitions, profile("Patient", said), mark))

    assert elements["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]
    slice_ = elements["Patient.extension:mark"]
    assert (slice_["short"], slice_["min"], slice_["max"]) == ("A mark", 0, "1")
    assert [c["key"] for c in slice_["constraint"]] == ["ele-1", "ext-1"]
    assert "Patient.extension:mark.value[x]" not in elements


def test_an_extension_that_is_walked_into_has_the_elements_of_its_definition(definitions: Definitions) -> None:
    mark = extension(MARK, element("Extension.valueString", maxLength=9))
    said = element("Patient.extension:mark", type=[{"code": "Extension", "profile": [f"{MARK}|1.0"]}])

    elements = by_id(
        snapshot_of(
            definitions, profile("Patient", said, element("Patient.extension:mark.value[x]", mustSupport=True)), mark
        )
    )

    value = elements["Patient.extension:mark.value[x]"]
    assert [t["code"] for t in value["type"]] == ["string"]
    assert value["mustSupport"] is True
    assert elements["Patient.extension:mark.url"]["fixedUri"] == MARK
    assert elements["Patient.extension:mark.value[x]:valueString"]["maxLength"] == 9


CHOICES = [
    pytest.param(
        [element("Observation.valueQuantity", mustSupport=True)],
        {"Observation.value[x]": (11, "open"), "Observation.value[x]:valueQuantity": (1, None)},
        id="naming one form slices by type and leaves the others allowed",
    ),
    pytest.param(
        [{"id": "x1", "path": "Observation.valueQuantity", "mustSupport": True}],
        {"Observation.value[x]": (11, "open"), "Observation.value[x]:valueQuantity": (1, None)},
        id="the path alone says so as well",
    ),
    pytest.param(
        [element("Observation.value[x]", type=[{"code": "Quantity"}]), element("Observation.valueQuantity")],
        {"Observation.value[x]": (1, None)},
        id="the form of the only type is the choice itself",
    ),
    pytest.param(
        [element("Observation.valueQuantity", min=1)],
        {"Observation.value[x]": (1, "closed"), "Observation.value[x]:valueQuantity": (1, None)},
        id="a form that must be there leaves no other",
    ),
    pytest.param(
        [
            element("Observation.value[x]", type=[{"code": "Quantity"}, {"code": "string"}]),
            element("Observation.valueQuantity"),
            element("Observation.valueString"),
        ],
        {"Observation.value[x]": (2, "closed"), "Observation.value[x]:valueString": (1, None)},
        id="with a slice for each type the slicing is closed",
    ),
    pytest.param(
        [
            element("Observation.component", slicing=BY_SYSTEM),
            element("Observation.component:a"),
            element("Observation.component:a.valueQuantity", mustSupport=True),
        ],
        {"Observation.component:a.value[x]": (1, None)},
        id="in a slice, naming one form narrows the choice",
    ),
    pytest.param(
        [
            element(
                "Observation.value[x]", slicing={"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}
            ),
            element("Observation.value[x]:valueString", maxLength=3),
        ],
        {"Observation.value[x]": (11, "open"), "Observation.value[x]:valueString": (1, None)},
        id="a slice is named after its type",
    ),
]


@pytest.mark.parametrize(("said", "expected"), CHOICES)
def test_choices_of_types(
    definitions: Definitions, said: list[Json], expected: dict[str, tuple[int, str | None]]
) -> None:
    snapshot = snapshot_of(definitions, profile("Observation", *said))

    elements = by_id(snapshot)
    assert broken(snapshot) == set()
    assert {i: (len(elements[i]["type"]), elements[i].get("slicing", {}).get("rules")) for i in expected} == expected
    assert all(not e["path"].endswith(("valueQuantity", "valueString")) for e in snapshot.elements)


def test_a_form_of_a_type_that_is_not_allowed_is_a_problem(definitions: Definitions) -> None:
    snapshot = snapshot_of(definitions, profile("Observation", element("Observation.valueAddress")))

    assert broken(snapshot) == {("Observation.valueAddress", "type-not-allowed")}


def test_a_slice_of_a_choice_can_be_walked_into(definitions: Definitions) -> None:
    elements = by_id(snapshot_of(definitions, profile("Observation", element("Observation.valueQuantity.code", min=1))))

    assert elements["Observation.value[x]:valueQuantity.code"]["min"] == 1
    assert elements["Observation.value[x]:valueQuantity.code"]["path"] == "Observation.value[x].code"


def test_a_slice_of_resources_is_described_by_the_profile_it_asks_for(definitions: Definitions) -> None:
    text = profile("Patient", element("Patient", short="The one cared for"), url=MARK)
    said = element(
        "Bundle.entry.resource", slicing={"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}
    )
    mine = element("Bundle.entry.resource:patient", type=[{"code": "Patient", "profile": [MARK]}])

    slice_ = by_id(snapshot_of(definitions, profile("Bundle", said, mine), text))["Bundle.entry.resource:patient"]

    assert (slice_["short"], slice_["max"], slice_.get("constraint")) == ("The one cared for", "1", None)


def test_a_form_that_has_its_slice_in_the_base_is_that_slice(definitions: Definitions) -> None:
    between = profile("Observation", element("Observation.valueQuantity", mustSupport=True), url=BETWEEN)
    mine = profile("Observation", element("Observation.valueQuantity.code", min=1), base=BETWEEN)

    elements = by_id(snapshot_of(definitions, mine, between))

    assert elements["Observation.value[x]:valueQuantity"]["mustSupport"] is True
    assert elements["Observation.value[x]:valueQuantity.code"]["min"] == 1


def test_two_hundred_slices_are_made_at_once(definitions: Definitions) -> None:
    by_resource = {"discriminator": [{"type": "type", "path": "resource"}], "rules": "open"}
    said = [element("Bundle.entry", slicing=by_resource)]
    for number in range(200):
        said.append(element(f"Bundle.entry:e{number}", max="1"))
        said.append(element(f"Bundle.entry:e{number}.resource", type=[{"code": "Patient"}]))
        said.append(element(f"Bundle.entry:e{number}.request.url", min=1))
    before = time.process_time()

    snapshot = snapshot_of(definitions, profile("Bundle", *said))

    assert time.process_time() - before < 20
    assert broken(snapshot) == set()
    assert len(snapshot.elements) > 200 * 20
