"""What the modules of registries share: data of libraries, read late, as a code system whose concepts are listed.

Spec: http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.resources import files
from typing import Any

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.resource_systems import ResourceCodeSystem


def library(name: str) -> Any:  # noqa: ANN401 - modules without types
    """Return a library that nothing else needs, imported when it is asked for."""
    return import_module(name)


def data(package: str, *path: str) -> bytes:
    """Return a file of a library."""
    return files(package).joinpath(*path).read_bytes()


def listing(url: str, version: str | None, name: str, concepts: Iterable[Resource]) -> ResourceCodeSystem:
    """Return the code system of a registry."""
    head = {"resourceType": "CodeSystem", "url": url, "name": name, "status": "active", "content": "complete"}
    stated = {} if version is None else {"version": version}
    return ResourceCodeSystem({**head, **stated, "language": "en", "caseSensitive": True, "concept": [*concepts]})


def also(*names: str) -> Resource:
    """Return the part of a concept that says what else it is called, if anything."""
    return {"designation": [{"language": "en", "value": name} for name in names]} if names else {}
