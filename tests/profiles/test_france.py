"""Our French package: what it says is what FR Core 2.2.0 says, but for the defects that it mends.

FR Core is published at https://hl7.fr/ig/fhir/core; the documents framework (PDSm) and the care circles (CDS) at
https://interop.esante.gouv.fr/ig/fhir.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from fhirserver import assets
from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.snapshots.generator import Generator
from fhirserver.search.custom import collect_customs
from tests.definitions.snapshots.agreement import without_snapshot
from tests.profiles.compare import Difference, differences, published, structures
from tests.profiles.packages import OwnPackage

Json: TypeAlias = Any
CORE = "https://hl7.fr/ig/fhir/core"
OUTSIDE = (
    "https://mos.esante.gouv.fr/NOS/",
    "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/",
    "http://terminology.hl7.org/",
)
"""What the package refers to and other publishers own: known once their packages are installed."""


class Mended(NamedTuple):
    """A defect of a published definition, and what ours says instead."""

    profile: str
    element: str
    ours: str
    why: str


MENDED = (
    Mended(
        "fr-core-address-insee-code",
        "Extension.value[x]",
        "bound to towns and countries",
        "the published value set has towns only, and who was born abroad has the code of a country",
    ),
    Mended(
        "fr-core-encounter",
        "Encounter.hospitalization.preAdmissionIdentifier",
        "is not used; the number is an identifier with use `temp`",
        "its system is fixed to a placeholder, which no real number has",
    ),
    Mended(
        "fr-core-observation-bp",
        "Observation.bodySite",
        "bound to the places where blood pressure is measured",
        "it is bound, as an example, to those of oxygen saturation",
    ),
    Mended(
        "fr-core-observation-bp",
        "Observation.component:SystolicBP.value[x]",
        "is not sliced",
        "its slicing has neither slices nor discriminators, so that it says nothing",
    ),
    Mended(
        "fr-core-observation-bp",
        "Observation.component:DiastolicBP.value[x]",
        "is not sliced",
        "its slicing has neither slices nor discriminators, so that it says nothing",
    ),
)


@pytest.fixture(scope="module")
def france(definitions: Definitions) -> OwnPackage:
    return OwnPackage(assets.folder("profiles") / "fr", definitions)


@pytest.fixture(scope="module")
def official(corpora: Path) -> list[Json]:
    """FR Core 2.2.0 as published."""
    return published(corpora / "07-be-fr-profiles" / "fr-core-2.2.0.ndjson.gz")


def test_every_structure_of_fr_core_is_here(france: OwnPackage, official: list[Json]) -> None:
    ours, theirs = france.structures, structures(official)

    assert theirs.keys() - ours.keys() == set()
    assert {url: _head(ours[url]) for url in theirs} == {url: _head(one) for url, one in theirs.items()}


def _head(structure: Json) -> Json:
    base, contexts = structure["baseDefinition"].partition("|")[0], structure.get("context", ())
    names = ("version", "type", "kind", "abstract", "derivation")
    return [structure[name] for name in names], base, [(one["type"], one["expression"]) for one in contexts]


def test_differentials_are_generated_into_the_same_constraints(
    france: OwnPackage, official: list[Json], definitions: Definitions, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published differentials and ours, by one generator: only what is mended differs."""
    theirs = {url: without_snapshot(one) for url, one in structures(official).items()}
    generator = Generator(lambda url: theirs.get(url.partition("|")[0]) or definitions.resource(url.partition("|")[0]))
    found = []
    for url, one in theirs.items():
        published_one = {**one, "snapshot": {"element": generator.generate(one).elements}}
        found += differences(france.with_snapshot(url), published_one)

    with capsys.disabled():
        sys.stdout.write("\n".join(["", *map(str, found), ""]))
    assert [str(one) for one in found if not _mended(one)] == []
    assert {(one.profile, one.element) for one in MENDED} <= {(_name(one), one.element) for one in found}


def _name(difference: Difference) -> str:
    return difference.url.rpartition("/")[2]


def _mended(difference: Difference) -> bool:
    return any(one.profile == _name(difference) and difference.element.startswith(one.element) for one in MENDED)


def test_snapshots_agree_with_those_that_were_published(france: OwnPackage, official: list[Json]) -> None:
    """Beside what is mended, only what generators of snapshots do differently differs."""
    theirs = structures(official)
    found = [
        each for url, one in theirs.items() for each in differences(france.with_snapshot(url), one, france.content)
    ]
    left = [each for each in found if not _mended(each) and _generated(each) is None]

    assert [str(one) for one in left] == []
    assert sum(len(one["snapshot"]["element"]) for one in theirs.values()) == 2583
    assert Counter(_generated(each) for each in found if not _mended(each)) == {
        _FULL_URL: 12,
        _REQUIRED: 10,
        _NEW_SLICE: 4,
        _LOST: 8,
    }


_FULL_URL = "the published reference to an element of the base names its structure too"
_REQUIRED = "R4 itself binds the values of components as required, the published snapshot as extensible"
_LOST = "the published snapshot loses the content of `identifier`, which the parent of the profile constrains"
_NEW_SLICE = "a slice has the binding of the element that it is a slice of, which is tested beside it anyway"


def _generated(difference: Difference) -> str | None:
    """Say why a generated snapshot differs from the published one though the differentials do not."""
    match difference.fact:
        case "contentReference" if difference.theirs.endswith(difference.ours):
            return _FULL_URL
        case "binding" if difference.element.startswith("Observation.component"):
            return _REQUIRED
        case "binding" if difference.element.startswith("Patient.identifier:INS-"):
            return _NEW_SLICE
        case "element" if difference.url.endswith("/fr-core-patient-ins") and not difference.theirs:
            return _LOST
    return None


def test_value_sets_and_code_systems_have_the_same_codes(france: OwnPackage, official: list[Json]) -> None:
    theirs = [one for one in official if one["resourceType"] in ("ValueSet", "CodeSystem")]

    assert len(theirs) == 77
    assert {one["url"]: _codes(france.by_url[one["url"]]) for one in theirs} == {
        one["url"]: _codes(one) for one in theirs
    }


def _codes(resource: Json) -> set[Json]:
    if resource["resourceType"] == "CodeSystem":
        return {concept["code"] for concept in resource["concept"]}
    return {
        each
        for kind in ("include", "exclude")
        for one in resource["compose"].get(kind, ())
        for each in _part(kind, one)
    }


def _part(kind: str, one: Json) -> Iterator[Json]:
    sets = tuple(url.partition("|")[0] for url in one.get("valueSet", ()))
    filters = tuple((each["property"], each["op"], each["value"]) for each in one.get("filter", ()))
    codes = [concept["code"] for concept in one.get("concept", ())] or [None]
    yield from ((kind, one.get("system"), sets, filters, code) for code in codes)


def test_the_package_is_whole(france: OwnPackage) -> None:
    assert list(france.misnamed()) == []
    assert france.repeated() == []
    assert france.snapshot_problems() == []
    assert list(france.misunderstood_invariants()) == []
    assert {url for url in france.unknown_canonicals() if not url.startswith(OUTSIDE)} == set()


def test_the_guide_names_every_resource(france: OwnPackage) -> None:
    guide = next(one for one in france.resources.values() if one["resourceType"] == "ImplementationGuide")
    named = [one["reference"]["reference"] for one in guide["definition"]["resource"]]

    assert sorted(named) == sorted(
        f"{one['resourceType']}/{one['id']}" for one in france.files.values() if one is not guide
    )


def test_search_parameters_can_be_indexed(france: OwnPackage, definitions: Definitions) -> None:
    parameters = [one for one in france.resources.values() if one["resourceType"] == "SearchParameter"]
    refused: list[tuple[str, str]] = []
    customs = collect_customs(definitions, parameters, refused)

    assert refused == []
    assert {one.code for one in customs.of("CareTeam")} == {
        "start",
        "end",
        "participant-start",
        "participant-end",
        "managingOrganization",
    }
    assert {one.code for one in customs.of("DocumentReference")} == {
        "isArchived",
        "period-start",
        "period-end",
        "creation",
    }
    assert {one.code for one in customs.of("List")} == {"isArchived", "authorOrg", "designationType", "sourceId"}


def test_examples_claim_a_profile_of_the_package(france: OwnPackage) -> None:
    claimed = {name: one.get("meta", {}).get("profile", []) for name, one in france.examples.items()}
    known = {f"{url}|{one['version']}" for url, one in france.structures.items()} | france.structures.keys()

    assert {url for urls in claimed.values() for url in urls} <= known
    assert [name for name, urls in claimed.items() if not urls] == ["example/Bundle-fr-admission.json"]
    profiles = {url for url, one in france.structures.items() if one["kind"] == "resource"}
    assert profiles - {url.partition("|")[0] for urls in claimed.values() for url in urls} == set()
