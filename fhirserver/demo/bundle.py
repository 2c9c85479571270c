"""Transaction Bundles and their JSON.

Spec: http://hl7.org/fhir/R4/http.html#transaction, http://hl7.org/fhir/R4/json.html
"""

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from fhirserver.kernel.resource import Json, Resource

BASE: Final = "https://record.example/fhir"
"""The base of the full urls; references stay relative to it."""

ENTRIES: Final = 150
"""A Bundle takes so many entries at most, unless one group alone is larger."""

_MARK: Final = "\ue000"
_MARKED: Final = re.compile(f'"{_MARK}([^"]*)"')


def transaction(resources: Iterable[Resource]) -> dict[str, Any]:
    """Return a Bundle that puts each resource under its own id: loaded twice, it changes nothing."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(resource) for resource in resources]}


def packed(groups: Iterable[list[Resource]]) -> Iterator[dict[str, Any]]:
    """Return transactions of whole groups, in order."""
    resources: list[Resource] = []
    for group in groups:
        if resources and len(resources) + len(group) > ENTRIES:
            yield transaction(resources)
            resources = []
        resources += group
    if resources:
        yield transaction(resources)


def render(bundle: dict[str, Any]) -> bytes:
    """Write a Bundle as JSON in UTF-8; each Decimal keeps its digits: ``37.50`` stays ``37.50``.

    Decimals leave the encoder as strings behind a private use character, and lose it and their quotes afterwards.
    """
    text = json.dumps(bundle, default=_marked, ensure_ascii=False, separators=(",", ":"))
    return _MARKED.sub(r"\1", text).encode()


def _marked(value: Json) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}"
    raise TypeError(f"`{type(value).__name__}` has no JSON form.")


def _entry(resource: Resource) -> dict[str, Any]:
    key = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": f"{BASE}/{key}", "resource": resource, "request": {"method": "PUT", "url": key}}
