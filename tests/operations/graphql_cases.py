"""The official GraphQL tests, and the resources that they are about."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient

Json = dict[str, Any]
ABOUT = (
    *("Patient/example", "Patient/glossy", "Condition/example", "MedicationDispense/meddisp008"),
    *("Observation/example", "Observation/20minute-apgar-score", "List/long"),
)
_RENAMED = {"long": "example-long"}
"""What the tests call by another id than the published example has."""


@dataclass(frozen=True)
class Case:
    """One test: a query on a context, and the data expected; None: an error is."""

    name: str
    context: str
    query: str
    expected: Json | None
    operation: str | None


def cases(corpora: Path) -> Iterator[Case]:
    for test in json.loads((corpora / "10-graphql-r4" / "graphql-tests.json").read_text())["tests"]:
        expected = json.loads(test["expected_text"]) if "expected_text" in test else None
        yield Case(test["name"], test["context"], test["query_text"], expected, test.get("operation"))


def examples(corpora: Path, names: Iterable[str]) -> Iterator[Json]:
    wanted = set(names)
    with gzip.open(corpora / "01-r4-examples" / "r4-examples.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            resource = json.loads(line)["resource"]
            if f"{resource['resourceType']}/{resource.get('id')}" in wanted:
                yield {**resource, "id": _RENAMED.get(resource["id"], resource["id"])}


async def store(client: AsyncClient, resources: Iterable[Json]) -> None:
    for resource in resources:
        response = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
        assert response.status_code in (200, 201), response.text
