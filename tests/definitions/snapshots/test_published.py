"""Snapshots generated from the differentials of published profiles are those that were published.

Spec: http://hl7.org/fhir/R4/profiling.html#snapshot
"""

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Resource
from tests.definitions.snapshots.agreement import agreement, without_snapshot


def _profiles(definitions: Definitions) -> dict[str, Resource]:
    """The profiles and extensions of R4 itself that have both views."""
    found = (definitions.resource(url) for url in definitions.canonicals())
    structures = [s for s in found if s is not None and s["resourceType"] == "StructureDefinition"]
    return {s["url"]: s for s in structures if s.get("derivation") == "constraint" and "snapshot" in s}


def test_the_profiles_and_extensions_of_r4(definitions: Definitions) -> None:
    published = _profiles(definitions)
    written = {url: without_snapshot(structure) for url, structure in published.items()}

    def find(canonical: str) -> Resource | None:
        return written.get(canonical) or definitions.resource(canonical)

    found = agreement(published.values(), find)

    assert len(published) > 400
    assert found.share > 0.97, found.kinds()
