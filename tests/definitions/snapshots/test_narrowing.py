"""What a profile may narrow, add and override, and may not: http://hl7.org/fhir/R4/profiling.html#cardinality"""

from typing import Final

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Json
from tests.definitions.snapshots.writing import BASE, SELF, broken, by_id, element, profile, snapshot_of

BETWEEN: Final = "http://example.org/StructureDefinition/between"
RANGES: Final = ("0..0", "0..1", "0..*", "1..1", "1..*")
ALLOWED: Final = {
    "0..1": ("0..0", "0..1", "1..1"),
    "0..*": ("0..0", "0..1", "0..*", "1..1", "1..*"),
    "1..1": ("1..1",),
    "1..*": ("1..1", "1..*"),
}
STRENGTHS: Final = ("example", "preferred", "extensible", "required")
LOINC: Final = {"system": "http://loinc.org", "code": "8480-6"}


def _range(text: str) -> Json:
    least, most = text.split("..")
    return {"min": int(least), "max": most}


@pytest.mark.parametrize(
    ("base", "derived"),
    [pytest.param(b, d, id=f"base {b}, derived {d}") for b in ALLOWED for d in RANGES],
)
def test_the_table_of_cardinalities(definitions: Definitions, base: str, derived: str) -> None:
    between = profile("Patient", element("Patient.name", **_range(base)), url=BETWEEN)
    mine = profile("Patient", element("Patient.name", **_range(derived)), base=BETWEEN)

    snapshot = snapshot_of(definitions, mine, between)

    name = by_id(snapshot)["Patient.name"]
    if derived in ALLOWED[base]:
        assert broken(snapshot) == set()
        assert {"min": name["min"], "max": name["max"]} == _range(derived)
    else:
        assert ("Patient.name", "cardinality-widened") in broken(snapshot)
        assert name["min"] >= _range(base)["min"]
        assert base.endswith("*") or name["max"] in ("0", "1")


@pytest.mark.parametrize("base", STRENGTHS)
@pytest.mark.parametrize("derived", STRENGTHS)
def test_the_table_of_binding_strengths(definitions: Definitions, base: str, derived: str) -> None:
    def bound(strength: str) -> Json:
        return element("Condition.bodySite", binding={"strength": strength, "valueSet": "http://example.org/sites"})

    between = profile("Condition", bound(base), url=BETWEEN)

    snapshot = snapshot_of(definitions, profile("Condition", bound(derived), base=BETWEEN), between)

    weaker = STRENGTHS.index(derived) < STRENGTHS.index(base)
    assert broken(snapshot) == ({("Condition.bodySite", "binding-weakened")} if weaker else set())
    assert by_id(snapshot)["Condition.bodySite"]["binding"]["strength"] == (base if weaker else derived)


NARROWED = [
    pytest.param(
        {"short": "The one who is ill"}, {"short": "The one who is ill"}, id="refined descriptions take the place"
    ),
    pytest.param(
        {"definition": "...and more"},
        {"definition": "A name associated with the individual.\nand more"},
        id="three dots append to the text of the base",
    ),
    pytest.param({"mustSupport": True}, {"mustSupport": True}, id="an element may have to be supported"),
    pytest.param({"maxLength": 40}, {"maxLength": 40}, id="a length may be limited"),
    pytest.param(
        {"patternHumanName": {"use": "official"}}, {"patternHumanName": {"use": "official"}}, id="a value may be fixed"
    ),
    pytest.param(
        {"type": [{"code": "HumanName", "profile": ["http://example.org/name"]}]},
        {"type": [{"code": "HumanName", "profile": ["http://example.org/name"]}]},
        id="a typed element may have to conform to a profile",
    ),
]


@pytest.mark.parametrize(("said", "expected"), NARROWED)
def test_what_is_said_is_in_the_snapshot(definitions: Definitions, said: Json, expected: Json) -> None:
    snapshot = snapshot_of(definitions, profile("Patient", element("Patient.name", **said)))

    name = by_id(snapshot)["Patient.name"]
    assert {key: name[key] for key in expected} == expected
    assert broken(snapshot) == set()


def test_what_is_not_said_stays_as_the_base_has_it(definitions: Definitions) -> None:
    patient = definitions.resource(BASE + "Patient")
    assert patient is not None

    snapshot = snapshot_of(definitions, profile("Patient", element("Patient", short="Mine")))

    assert snapshot.elements[1:] == patient["snapshot"]["element"][1:]
    assert snapshot.elements[0] == {**patient["snapshot"]["element"][0], "short": "Mine"}


def test_constraints_accumulate_and_name_their_source(definitions: Definitions) -> None:
    rule = {"key": "me-1", "severity": "error", "human": "Mine", "expression": "family.exists()"}
    second = {**rule, "key": "me-2", "source": "http://example.org/else"}

    snapshot = snapshot_of(definitions, profile("Patient", element("Patient.name", constraint=[rule, second])))

    keys = {c["key"]: c["source"] for c in by_id(snapshot)["Patient.name"]["constraint"]}
    assert keys == {"ele-1": BASE + "Element", "me-1": SELF, "me-2": "http://example.org/else"}


def test_mappings_conditions_and_aliases_cannot_be_taken_away(definitions: Definitions) -> None:
    patient = definitions.resource(BASE + "Patient")
    assert patient is not None
    before = next(e for e in patient["snapshot"]["element"] if e["id"] == "Patient.name")
    mapping = {"identity": "mine", "map": "NAME"}

    snapshot = snapshot_of(
        definitions,
        profile("Patient", element("Patient.name", mapping=[mapping, before["mapping"][0]], condition=["me-1"])),
    )

    name = by_id(snapshot)["Patient.name"]
    assert name["mapping"] == [*before["mapping"], mapping]
    assert name["condition"] == [*before.get("condition", []), "me-1"]


REFUSED = [
    pytest.param(
        element("Patient.gender", type=[{"code": "string"}]), "type-not-allowed", id="a type the base does not allow"
    ),
    pytest.param(
        element("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [BASE + "Patient"]}]),
        "target-not-allowed",
        id="a target the base does not allow",
    ),
    pytest.param(
        element("Patient.contact.name", type=[{"code": "HumanName", "profile": [BASE + "SimpleQuantity"]}]),
        "type-not-allowed",
        id="a profile of another type",
    ),
    pytest.param(element("Patient.name", min=3, max="2"), "cardinality-impossible", id="more required than allowed"),
    pytest.param(element("Patient.name", min="1"), "malformed", id="a minimum that is not a number"),
    pytest.param(element("Patient.name", max="many"), "malformed", id="a maximum that is not a number"),
    pytest.param(element("Patient.gender", binding="required"), "malformed", id="a binding that is not an object"),
    pytest.param(element("Patient.name", type="HumanName"), "malformed", id="types that are not a list"),
    pytest.param(element("Patient.name", constraint=[{"human": "x"}]), "malformed", id="a constraint without a key"),
    pytest.param(element("Patient.name", alias="x"), "malformed", id="an alias that is not a list"),
    pytest.param(element("Patient.name", slicing=True), "malformed", id="a slicing that is not an object"),
    pytest.param(
        element("Patient.name", constraint=[{"key": "ele-1", "expression": "true"}]),
        "constraint-changed",
        id="the expression of a constraint of the base",
    ),
]


@pytest.mark.parametrize(("said", "rule"), REFUSED)
def test_what_is_not_allowed_is_a_problem_of_the_element(definitions: Definitions, said: Json, rule: str) -> None:
    snapshot = snapshot_of(definitions, profile("Patient", said))

    assert broken(snapshot) == {(said["id"], rule)}
    assert all(p.text.endswith(".") for p in snapshot.problems)


KEPT = [
    pytest.param("mustSupport", True, False, "must-support-removed", id="must support cannot become false"),
    pytest.param("fixedCode", "male", "female", "fixed-changed", id="a fixed value cannot become another"),
]


@pytest.mark.parametrize(("key", "before", "after", "rule"), KEPT)
def test_what_the_base_profile_says_holds(
    definitions: Definitions, key: str, before: Json, after: Json, rule: str
) -> None:
    between = profile("Patient", element("Patient.gender", **{key: before}), url=BETWEEN)

    snapshot = snapshot_of(
        definitions, profile("Patient", element("Patient.gender", **{key: after}), base=BETWEEN), between
    )

    assert broken(snapshot) == {("Patient.gender", rule)}
    assert by_id(snapshot)["Patient.gender"][key] == before


def test_a_pattern_of_another_type_takes_the_place_of_the_one_before(definitions: Definitions) -> None:
    between = profile("Observation", element("Observation.value[x]", patternString="a"), url=BETWEEN)
    mine = profile("Observation", element("Observation.value[x]", patternCode="b"), base=BETWEEN)

    value = by_id(snapshot_of(definitions, mine, between))["Observation.value[x]"]

    assert (value.get("patternString"), value["patternCode"]) == (None, "b")


TARGETS = [
    pytest.param(BASE + "Organization", set(), id="the type itself"),
    pytest.param("http://example.org/organization", set(), id="a profile of the type"),
    pytest.param("http://example.org/unknown", set(), id="an unknown profile may be one"),
    pytest.param(
        "http://example.org/patient|2.0", {("Patient.managingOrganization", "target-not-allowed")}, id="other"
    ),
]


@pytest.mark.parametrize(("target", "expected"), TARGETS)
def test_a_target_is_a_type_of_the_base_or_a_profile_of_it(
    definitions: Definitions, target: str, expected: set[tuple[str, str]]
) -> None:
    said = element("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [target]}])
    others = [profile(kind, url=f"http://example.org/{kind.lower()}") for kind in ("Organization", "Patient")]

    assert broken(snapshot_of(definitions, profile("Patient", said), *others)) == expected


def test_the_base_of_an_element_is_where_it_was_defined(definitions: Definitions) -> None:
    elements = by_id(snapshot_of(definitions, profile("Patient", element("Patient.name.given", min=1))))

    assert elements["Patient.name"]["base"] == {"path": "Patient.name", "min": 0, "max": "*"}
    assert elements["Patient.name.given"]["base"] == {"path": "HumanName.given", "min": 0, "max": "*"}
    assert elements["Patient.id"]["base"]["path"] == "Resource.id"


def test_a_type_named_without_targets_or_profiles_keeps_those_of_the_base(definitions: Definitions) -> None:
    mine = profile(
        "Observation",
        element("Observation.subject", type=[{"code": "Reference"}]),
        element("Observation.referenceRange.low", type=[{"code": "Quantity"}]),
    )

    elements = by_id(snapshot_of(definitions, mine))

    assert BASE + "Patient" in elements["Observation.subject"]["type"][0]["targetProfile"]
    assert elements["Observation.referenceRange.low"]["type"][0]["profile"] == [BASE + "SimpleQuantity"]
