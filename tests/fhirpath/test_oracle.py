"""The search expressions on R4's own examples, beside another implementation (fhirpathpy).

One small example of each type. It knows no ``resolve()``, takes no leading ``Resource``, refuses ``as`` on collections,
selects a canonical as a uri, and leaves duplicates in; what differs in these is not compared.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import compile_fhirpath

LARGEST = 4_000
"""Bytes; the other implementation takes about a millisecond for each expression."""
NOT_COMPARED = ("resolve()", "Resource.", "hasExtension", "as uri", "as canonical")


def test_search_expressions_agree_with_another_implementation(corpora: Path, definitions: Definitions) -> None:
    compared, different = 0, []
    for resource in _examples(corpora):
        for expression in _expressions(resource["resourceType"], definitions):
            theirs = _evaluate_elsewhere(expression, resource)
            if theirs is None:
                continue
            ours = compile_fhirpath(expression, resource["resourceType"], definitions).select(resource)
            compared += 1
            if _canonical([value for _, value in ours]) != _canonical(theirs):
                different.append((resource["resourceType"], resource.get("id"), expression))
    assert different == []
    assert compared > 800


def _examples(corpora: Path) -> Iterator[dict[str, Any]]:
    seen = set()
    with gzip.open(corpora / "01-r4-examples" / "r4-examples.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            # decimals are left as text: nothing computes with them here, and the two write them differently
            resource = json.loads(line, parse_float=str)["resource"] if len(line) < LARGEST else {}
            if resource and resource["resourceType"] not in seen:
                seen.add(resource["resourceType"])
                yield resource


def _expressions(resource_type: str, definitions: Definitions) -> Iterator[str]:
    """Yield the parts of each parameter's union that are about this type."""
    for parameter in definitions.search_parameters(resource_type).values():
        parts = (parameter.expression or "").split(" | ")
        own = [part for part in parts if part.lstrip("(").startswith(resource_type + ".")]
        if own and not any(word in parameter.expression or "" for word in NOT_COMPARED):
            yield " | ".join(own)


def _evaluate_elsewhere(expression: str, resource: dict[str, Any]) -> list[Any] | None:
    try:
        found = fhirpathpy.evaluate(json.loads(json.dumps(resource)), expression, model=models["r4"])
    except Exception:
        return None
    return list(found)


def _canonical(values: list[Any]) -> list[str]:
    return sorted({json.dumps(json.loads(json.dumps(value, default=str)), sort_keys=True) for value in values})
