"""Snapshots generated from the differentials of published profiles are those that were published.

Publishers differ among each other: each way in which they do is named here, and how often it occurs at most.
Spec: http://hl7.org/fhir/R4/profiling.html#snapshot
"""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.snapshots.generator import Generator
from fhirserver.kernel.resource import Resource
from tests.definitions.snapshots.agreement import Agreement, Difference, agreement, without_snapshot


class Reason(NamedTuple):
    """Why a published snapshot is not followed."""

    said: str
    explains: Callable[[Difference], bool]


FORM: Final = Reason(
    "before R4 settled it, naming one form (`valueQuantity`) ruled out the other types of a choice",
    lambda d: (
        d.element.endswith("[x]") and (d.kind == "type" or (d.kind == "slicing" and "closed" in str(d.published)))
    ),
)
PRESENT: Final = Reason(
    "a form of a choice that must be there makes the choice itself be there",
    lambda d: d.kind == "min" and d.element.endswith("[x]") and (d.published, d.generated) == (0, 1),
)
OF_PROFILE: Final = Reason(
    "the constraints of a profile of the type are repeated; they hold through the type anyway",
    lambda d: d.kind == "constraint" and set(d.generated or ()) < set(d.published or ()),  # type: ignore[call-overload]
)
UNASKED: Final = Reason(
    "an extension is unfolded though the differential does not walk into it",
    lambda d: d.kind == "missing" and "extension" in d.element,
)
LEFT_OUT: Final = Reason(
    "elements that the base has, or that the differential walks into before the slices, are left out",
    lambda d: d.kind == "added",
)
RENAMED: Final = Reason(
    "a reference to the content of an element was rewritten to one of its slices",
    lambda d: d.kind == "contentReference" and ":" in str(d.published),
)
TWICE: Final = Reason(
    "slices may occur where the element that is sliced must not",
    lambda d: d.structure == "codesystem-history" and d.kind == "max",
)
UNLIMITED: Final = Reason(
    "a slice of an extension may occur more often than the extension says",
    lambda d: d.structure == "clinicaldocument" and d.kind == "max",
)
UCUM: Final = Reason(
    "the publisher's copy of R4 binds the units of vital signs less strongly than the package of R4 does",
    lambda d: d.kind == "binding" and "ucum-vitals-common" in str(d.published),
)
WEAKENED: Final = Reason(
    "a binding is weaker than that of the base",
    lambda d: d.kind == "binding" and "preferred" in str(d.published) and "extensible" in str(d.generated),
)
UNCODED: Final = Reason(
    "the binding of an element without codes was dropped",
    lambda d: d.kind == "binding" and d.published is None and "extension" in d.element,
)
UNMERGED: Final = Reason(
    "a new slice does not have what the base says below the element that is sliced",
    lambda d: d.kind == "binding" and d.structure == "fr-core-patient-ins" and d.element.endswith(".type"),
)
NO_SLICES: Final = Reason(
    "a slicing that is said is dropped, because nothing is sliced",
    lambda d: d.kind == "slicing" and d.published is None,
)
OPENED: Final = Reason(
    "a slicing by type that the author closed was opened, because not every type has a slice",
    lambda d: d.kind == "slicing" and "open" in str(d.published) and "closed" in str(d.generated),
)

DROPPED: Final = Reason(
    "the profile that the base asks of a type is dropped, because the type is named again",
    lambda d: d.kind == "type" and "SimpleQuantity" in str(d.generated) and "SimpleQuantity" not in str(d.published),
)


def _unexplained(found: Agreement, budget: dict[Reason, int]) -> list[object]:
    """Return the differences for which there is no reason, and the reasons that occur more often than they may."""
    left = dict(budget)
    unexplained: list[object] = []
    for difference in found.differences:
        reason = next((r for r in left if r.explains(difference)), None)
        if reason is None:
            unexplained.append(difference)
        else:
            left[reason] -= 1
    return [*unexplained, *(f"{-count} more than expected: {r.said}" for r, count in left.items() if count < 0)]


def _definitions_of(*files: Path) -> list[Resource]:
    found: list[Resource] = []
    for file in files:
        with gzip.open(file, "rt") as lines:
            found += [json.loads(line)["resource"] for line in lines]
    return [resource for resource in found if resource["resourceType"] == "StructureDefinition"]


def _finder(definitions: Definitions, structures: Iterable[Resource]) -> Callable[[str], Resource | None]:
    """Find structures as authors write them: bases are generated as well."""
    written = {structure["url"]: without_snapshot(structure) for structure in structures}
    return lambda canonical: written.get(canonical.partition("|")[0]) or definitions.resource(canonical)


def _r4(definitions: Definitions) -> list[Resource]:
    found = (definitions.resource(url) for url in definitions.canonicals())
    structures = [s for s in found if s is not None and s["resourceType"] == "StructureDefinition"]
    return [s for s in structures if "snapshot" in s and "differential" in s]


def test_the_profiles_and_extensions_of_r4(definitions: Definitions) -> None:
    published = [s for s in _r4(definitions) if s.get("derivation") == "constraint"]

    found = agreement(published, _finder(definitions, published))

    assert len(published) > 400
    assert found.share > 0.994, found.kinds()
    budget = {FORM: 24, PRESENT: 2, OF_PROFILE: 3, UNASKED: 8, LEFT_OUT: 15, RENAMED: 1, TWICE: 4, UNLIMITED: 1}
    assert _unexplained(found, budget) == []


def test_the_types_of_r4_from_what_they_add_to_their_bases(definitions: Definitions) -> None:
    """Published resource types do not say that extensions are sliced by url, nor that derived numbers have limits."""
    apart = {"Element", "BackboneElement", "Extension", "Resource", "DomainResource", "MetadataResource"}
    published = [s for s in _r4(definitions) if s.get("derivation") == "specialization" and s["id"] not in apart]

    found = agreement(published, _finder(definitions, published))

    assert len(published) > 190
    assert found.kinds().keys() <= {"slicing", "minValueInteger", "maxValueInteger", "maxLength"}, found.kinds()
    assert {d.published for d in found.differences if d.kind == "slicing"} == {None}
    assert len(found.differences) - found.kinds()["slicing"] == 7


class Package(NamedTuple):
    """Published profiles: their file, the files they refer to, how much is the same, how the others differ."""

    file: str
    others: tuple[str, ...]
    share: float
    budget: dict[Reason, int]
    problems: tuple[tuple[str, str], ...] = ()


_BE_FR: Final = "07-be-fr-profiles/"
_US_IPS: Final = "11-profiles-us-ips/"
_FR_CORE: Final = _BE_FR + "fr-core-2.2.0.ndjson.gz"
_FR_OTHERS: Final = _BE_FR + "fr-core-2.2.0-dependencies.ndjson.gz"
_UNITS: Final = ("Observation.component.value[x]", "binding-weakened")
_CATEGORY: Final = ("Condition.category", "binding-weakened")
PACKAGES: Final = [
    pytest.param(
        Package(
            _FR_CORE,
            (_FR_OTHERS,),
            0.993,
            {UCUM: 12, UNMERGED: 4, NO_SLICES: 2, LEFT_OUT: 8},
        ),
        id="FR Core 2.2.0",
    ),
    pytest.param(
        Package(
            _US_IPS + "us-core-3.1.1.ndjson.gz", (), 0.98, {FORM: 8, UNASKED: 24, LEFT_OUT: 0, UNCODED: 1, RENAMED: 1}
        ),
        id="US Core 3.1.1",
    ),
    pytest.param(
        Package(_US_IPS + "us-core-6.1.0.ndjson.gz", (), 0.992, {UCUM: 17, LEFT_OUT: 32, DROPPED: 3}, (_UNITS,)),
        id="US Core 6.1.0",
    ),
    pytest.param(
        Package(_US_IPS + "ips-1.1.0.ndjson.gz", (), 0.984, {OF_PROFILE: 39, WEAKENED: 1, OPENED: 2}, (_CATEGORY,)),
        id="IPS 1.1.0",
    ),
    pytest.param(
        Package(_BE_FR + "fr-ans-annuaire.ndjson.gz", (_FR_CORE, _FR_OTHERS), 0.983, {UNASKED: 51, LEFT_OUT: 476}),
        id="Annuaire santé",
    ),
    pytest.param(
        Package(
            _BE_FR + "fr-ans-agendas.ndjson.gz", (_FR_CORE, _FR_OTHERS, _BE_FR + "fr-ans-annuaire.ndjson.gz"), 1.0, {}
        ),
        id="Gestion d'agendas partagés",
    ),
]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_published_package(definitions: Definitions, corpora: Path, package: Package) -> None:
    published = _definitions_of(corpora / package.file)
    others = _definitions_of(*(corpora / file for file in package.others))
    find = _finder(definitions, [*others, *published])

    found = agreement((s for s in published if find(s["baseDefinition"]) is not None), find)

    assert found.share >= package.share, found.kinds()
    assert _unexplained(found, package.budget) == []
    assert found.problems == list(package.problems)


def test_profiles_that_were_never_published_with_a_snapshot_have_one(definitions: Definitions, corpora: Path) -> None:
    structures = _definitions_of(*sorted((corpora / "07-be-fr-profiles").glob("be-*.ndjson.gz")))
    generator = Generator(_finder(definitions, structures))

    snapshots = [generator.generate(without_snapshot(structure)) for structure in structures]

    assert len(structures) > 60
    assert [
        (s["url"], snapshot.problems) for s, snapshot in zip(structures, snapshots, strict=True) if snapshot.problems
    ] == []
    assert all(len(snapshot.elements) > 4 for snapshot in snapshots)
