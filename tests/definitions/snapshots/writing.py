"""Write small profiles, and generate their snapshots over R4."""

from collections.abc import Callable
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.snapshots.generator import Snapshot, generate
from fhirserver.kernel.resource import Json, Resource

SELF: Final = "http://example.org/StructureDefinition/self"
BASE: Final = "http://hl7.org/fhir/StructureDefinition/"


def profile(kind: str, *elements: Json, url: str = SELF, base: str | None = None) -> Resource:
    """Return a profile on ``kind``; the elements are its differential."""
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": kind,
        "kind": "resource",
        "derivation": "constraint",
        "baseDefinition": base or BASE + kind,
        "differential": {"element": list(elements)},
    }


def element(identifier: str, **said: Json) -> Json:
    """Return an element of a differential as authoring tools write it: with its id, path and slice name."""
    path = ".".join(segment.partition(":")[0] for segment in identifier.split("."))
    slice_name = identifier.rpartition(".")[2].partition(":")[2]
    return {"id": identifier, "path": path, **({"sliceName": slice_name} if slice_name else {}), **said}


def finder(definitions: Definitions, *others: Resource) -> Callable[[str], Resource | None]:
    """Find ``others`` before what R4 defines."""
    own = {structure["url"]: structure for structure in others}
    return lambda canonical: own.get(canonical.partition("|")[0]) or definitions.resource(canonical)


def snapshot_of(definitions: Definitions, structure: Resource, *others: Resource) -> Snapshot:
    """Generate a snapshot; ``others`` can be referred to."""
    return generate(structure, finder(definitions, structure, *others))


def by_id(snapshot: Snapshot) -> dict[str, Json]:
    """Return the elements by id."""
    return {e["id"]: e for e in snapshot.elements}


def broken(snapshot: Snapshot) -> set[tuple[str, str]]:
    """Return the elements and the rules they break."""
    return {(problem.element, problem.rule.value) for problem in snapshot.problems}


def extension(url: str, *elements: Json) -> Resource:
    """Return the definition of an extension."""
    return profile("Extension", *elements, element("Extension.url", fixedUri=url), url=url)
