"""The demo record, generated once for all tests of this folder."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fhirserver.demo import bundles
from fhirserver.kernel.resource import Json, Resource

Bundles = list[dict[str, Any]]


@pytest.fixture(scope="session")
def record() -> Bundles:
    """All transaction Bundles."""
    return list(bundles())


@pytest.fixture(scope="session")
def resources(record: Bundles) -> list[Resource]:
    """All resources, in the order in which they are loaded."""
    return [entry["resource"] for bundle in record for entry in bundle["entry"]]


@pytest.fixture(scope="session")
def by_key(resources: list[Resource]) -> dict[str, Resource]:
    """All resources by ``Type/id``."""
    return {f"{resource['resourceType']}/{resource['id']}": resource for resource in resources}


@pytest.fixture(scope="session")
def of_type(resources: list[Resource]) -> Callable[[str], list[Resource]]:
    """Return the resources of a type."""
    found: dict[str, list[Resource]] = {}
    for resource in resources:
        found.setdefault(resource["resourceType"], []).append(resource)
    return lambda resource_type: found.get(resource_type, [])


@pytest.fixture(scope="session")
def references_in() -> Callable[[Json], Iterator[str]]:
    """Return all literal references inside a value, and the urls of attachments."""

    def walk(value: Json) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name == "reference" and isinstance(inner, str):
                    yield inner
                elif name == "attachment" and "url" in inner:
                    yield inner["url"]
                else:
                    yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    return walk
