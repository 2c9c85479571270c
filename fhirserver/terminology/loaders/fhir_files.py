"""A CodeSystem in FHIR JSON, alone or among others, one a line: for those that are too large to be a resource.

Spec: http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from fhirserver.kernel.outcome import BadStructure
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.brought import checked_definition
from fhirserver.terminology.loaders.framework import BadRelease, Made, Progress, Wanted
from fhirserver.terminology.loaders.listing import Entry, write_listing
from fhirserver.terminology.loaders.tree import File, Tree
from fhirserver.terminology.resource_systems import ResourceCodeSystem, head_of

_LINES: Final = ".ndjson"
_ENDS: Final = (".json", _LINES)
_MARK: Final = b'"CodeSystem"'
_LOOKED_AT: Final = 64 * 1024


class FhirLoader:
    """Loads a CodeSystem."""

    name = "FHIR CodeSystem"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether a file has a CodeSystem."""
        return any(_has_one(file) for file in tree if file.name.endswith(_ENDS))

    def load(self, tree: Tree, wanted: Wanted, path: Path, progress: Progress) -> Made:
        """Write the index at ``path``; raises BadRelease, and leaves nothing then."""
        resource = self._chosen(tree, wanted)
        try:
            system = ResourceCodeSystem(checked_definition(resource, "CodeSystem"))
        except BadStructure as problem:
            raise BadRelease(problem.diagnostics) from None
        head = head_of({**resource, "version": wanted.version or resource.get("version")})
        if not head.url or not head.version:
            missing = "--version" if head.url else "--url"
            raise BadRelease(f"The CodeSystem in {tree.shown} does not say which it is; name it by `{missing}`.")
        progress.begin(head.title or head.url, len(system))
        return write_listing(path, head, _entries(system), progress)

    def _chosen(self, tree: Tree, wanted: Wanted) -> Resource:
        found = [one for file in tree if file.name.endswith(_ENDS) for one in _code_systems(file)]
        named = [one for one in found if wanted.url in (None, one.get("url"))]
        if len(named) != 1:
            urls = ", ".join(f"`{one.get('url')}`" for one in found[:20])
            raise BadRelease(
                f"There are {len(named)} CodeSystems to load in {tree.shown}; name one by `--url`: {urls}."
            )
        return named[0]


def _has_one(file: File) -> bool:
    with file.open() as raw:
        return _MARK in raw.read(_LOOKED_AT)


def _code_systems(file: File) -> Iterator[Resource]:
    with file.open() as raw:
        texts = enumerate(raw, 1) if file.name.endswith(_LINES) else [(1, raw.read())]
        for line, text in texts:
            try:
                found = orjson.loads(text) if text.strip() else None
            except orjson.JSONDecodeError as problem:
                raise BadRelease(f"Line {line} of `{file.shown}` is no JSON: {problem.msg}.") from None
            if isinstance(found, dict) and found.get("resourceType") == "CodeSystem":
                yield found


def _entries(system: ResourceCodeSystem) -> Iterator[Entry]:
    for number in range(len(system)):
        concept = system.concept(number)
        yield Entry(
            code=concept.code,
            display=concept.display,
            definition=concept.definition,
            parents=tuple(system.code(parent) for parent in system.parents(number)),
            designations=concept.designations,
            properties=concept.properties,
            is_inactive=concept.is_inactive,
            is_abstract=concept.is_abstract,
            status=concept.status,
        )
