"""What every package of ours must be, whatever the country: well-formed, complete in itself, and understood."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.snapshots.generator import Generator
from fhirserver.fhirpath import compile_fhirpath
from fhirserver.fhirpath.errors import FhirPathError
from tests.profiles.compare import codes_of, own_package, structures

Json: TypeAlias = Any
_CANONICALS = ("valueSet", "baseDefinition", "profile", "targetProfile", "supportedProfile", "instantiates")


class OwnPackage:
    """One unpacked package of ours, beside the core."""

    def __init__(self, folder: Path, definitions: Definitions) -> None:
        """Read the package."""
        self.files = own_package(folder)
        self.resources = {name: one for name, one in self.files.items() if not name.startswith("example/")}
        self.examples = {name: one for name, one in self.files.items() if name.startswith("example/")}
        self.structures = structures(list(self.resources.values()))
        self.by_url = {one["url"]: one for one in self.resources.values() if "url" in one}
        self._definitions = definitions
        self._generator = Generator(self.find)

    def find(self, canonical: str) -> Json:
        """Return a definition of the package or of the core by its canonical."""
        url = canonical.partition("|")[0]
        return self.by_url.get(url) or self._definitions.resource(url)

    def content(self, canonical: str) -> Json:
        """Return the elements of the snapshot of a structure; None when it is unknown."""
        found = self.find(canonical)
        return self._generator.generate(found).elements if found else None

    def with_snapshot(self, url: str) -> Json:
        """Return a structure with its snapshot."""
        return {**self.structures[url], "snapshot": {"element": self.content(url)}}

    def snapshot_problems(self) -> list[str]:
        """Say what the differentials may not say."""
        generated = ((url, self._generator.generate(one)) for url, one in self.structures.items())
        return [f"{url}: {problem}" for url, snapshot in generated for problem in snapshot.problems]

    def misnamed(self) -> Iterator[str]:
        """Say which files do not have the name of their resource, and which urls do not end with the id."""
        for name, one in self.files.items():
            if Path(name).name != f"{one['resourceType']}-{one['id']}.json":
                yield name
            if "url" in one and not _is_identified(one["url"].split("/"), one["id"]):
                yield f"{name}: {one['url']}"

    def repeated(self) -> list[str]:
        """Name the ids of a type and the urls that are used more than once."""
        ids = [f"{one['resourceType']}/{one['id']}" for one in self.files.values()]
        urls = [one["url"] for one in self.resources.values() if "url" in one]
        return sorted(name for name in {*ids, *urls} if (ids + urls).count(name) > 1)

    def unknown_canonicals(self, outside: frozenset[str] = frozenset()) -> set[str]:
        """Name the definitions that are referred to and are neither here, in the core nor in ``outside``."""
        named = {url.partition("|")[0] for one in self.resources.values() for url in _canonicals(one)}
        return {url for url in named if url not in outside and self.find(url) is None}

    def unknown_codes(self) -> Iterator[str]:
        """Say which codes value sets list that the code systems of the package, where they are whole, do not have."""
        whole = {url: codes_of(one) for url, one in self.by_url.items() if one.get("content") == "complete"}
        for url, one in self.by_url.items():
            for part in one.get("compose", {}).get("include", ()):
                listed = {concept["code"] for concept in part.get("concept", ())}
                yield from (f"{url}: {code}" for code in listed - whole.get(part.get("system"), listed))

    def invariants(self, url: str) -> Iterator[tuple[Json, str]]:
        """Give the invariants that a structure adds, each with the type that its expression is evaluated on."""
        elements = {element["id"]: element for element in self.content(url)}
        for element in self.structures[url]["differential"]["element"]:
            yield from ((one, _context(elements[element["id"]])) for one in element.get("constraint", ()))

    def invariant(self, url: str, key: str) -> tuple[str, str]:
        """Return the expression of an invariant and the type that it is evaluated on."""
        return next((one["expression"], context) for one, context in self.invariants(url) if one["key"] == key)

    def misunderstood_invariants(self) -> Iterator[str]:
        """Say which invariants do not compile for the element that they are on."""
        for url in self.structures:
            for constraint, context in self.invariants(url):
                yield from self._misunderstood(url, constraint, context)

    def _misunderstood(self, url: str, constraint: Json, context: str) -> Iterator[str]:
        try:
            compile_fhirpath(constraint["expression"], context, self._definitions)
        except FhirPathError as error:
            yield f"{url} {constraint['key']}: {error}"


def _is_identified(url: list[str], logical_id: str) -> bool:
    """Tell whether a url ends with the id; where two urls of a type end alike, one id is ``PACKAGE-tail``."""
    return logical_id in (url[-1], f"{url[-3]}-{url[-1]}")


def _context(element: Mapping[str, Json]) -> str:
    types = [one["code"] for one in element.get("type", ())]
    if not types:
        return str(element["path"])
    return str(element["path"]) if types[0] in ("BackboneElement", "Element") else str(types[0])


def _canonicals(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _canonicals(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            listed = item if isinstance(item, list) else [item]
            if name in _CANONICALS:
                yield from (one for one in listed if isinstance(one, str))
            yield from _canonicals(item)
