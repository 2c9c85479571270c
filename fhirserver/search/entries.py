"""The entries of a Bundle while it is indexed: the first one, and what ``resolve()`` reaches, nothing else stored.

Spec: http://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.resource import Resource

FIRST: Final = "Bundle.entry[0].resource"
"""What the parameters select that lead to what a document or message begins with."""

FIRST_TYPES: Final = frozenset({"Composition", "MessageHeader"})


def first_of(resource: Resource) -> Resource | None:
    """Return what a document or message begins with; None for all other resources."""
    if resource["resourceType"] != "Bundle" or "entry" not in resource:
        return None
    first: Resource | None = resource["entry"][0].get("resource")
    return first if first is not None and first["resourceType"] in FIRST_TYPES else None


class Entries:
    """Resolves references between the entries of a Bundle, which are read when first asked for."""

    def __init__(self, resource: Resource) -> None:
        """Look into the resource, which has entries if it is a Bundle."""
        self._resource = resource
        self._found: dict[str, Resource | None] | None = None

    def resolve(self, reference: str) -> Resource | None:
        """Return the only entry that has this url, or for a relative one ends with it."""
        if self._found is None:
            self._found = {}
            for url, resource in _addressed(self._resource):
                self._found[url] = None if url in self._found else resource
        return self._found.get(reference)


def _addressed(bundle: Resource) -> Iterator[tuple[str, Resource]]:
    if bundle["resourceType"] != "Bundle":
        return
    for entry in bundle.get("entry", ()):
        url, resource = entry.get("fullUrl"), entry.get("resource")
        if url is None or resource is None:
            continue
        yield url, resource
        address = f"{resource['resourceType']}/{url.rpartition('/')[2]}"
        if url.endswith(f"/{address}"):
            yield address, resource
