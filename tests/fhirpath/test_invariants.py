"""R4's own constraints (``ElementDefinition.constraint`` of the core package) on R4's own examples.

Spec: http://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import CompiledExpression, Environment, compile_fhirpath
from fhirserver.kernel.resource import Json, Resource
from fhirserver.ucum import Ucum

DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
LARGEST = 12_000
NOT_HELD: dict[tuple[str, str], str] = {}
"""Constraints that examples of R4 do not meet -> why."""


class Markup:
    """Takes every narrative for safe."""

    def is_safe(self, xhtml: str) -> bool:
        """Return true."""
        return True


def test_the_constraints_of_r4_hold_on_its_examples(corpora: Path, definitions: Definitions, ucum: Ucum) -> None:
    broken, keys, markup = set(), set(), Markup()
    constraints = _constraints(definitions)
    for resource in _examples(corpora):
        environment = Environment(resource=resource, ucum=ucum, markup=markup)
        for key, compiled, value in _checks(definitions, constraints, resource["resourceType"], resource):
            keys.add(key)
            if compiled.select(value, environment) not in ([("boolean", True)], []):
                broken.add((resource["resourceType"], key))
    assert broken == NOT_HELD.keys()
    assert len(keys) > 100


def test_every_constraint_of_r4_compiles_without_warning(definitions: Definitions) -> None:
    constraints = _constraints(definitions)
    count = 0
    for name in definitions.resource_types:
        for _, compiled in constraints(name):
            count += 1
            assert compiled.warnings == (), compiled.source
    assert count > 500


def _constraints(definitions: Definitions) -> Json:
    @cache
    def of(name: str) -> list[tuple[str, CompiledExpression]]:
        structure = definitions.resource(DEFINITIONS + name.partition(".")[0]) or {}
        own = [one for one in structure.get("snapshot", {}).get("element", ()) if one["path"] == name][:1]
        given = [one for element in own for one in element.get("constraint", ()) if one.get("severity") == "error"]
        return [
            (one["key"], compile_fhirpath(one["expression"], name, definitions)) for one in given if "expression" in one
        ]

    return of


def _checks(
    definitions: Definitions, constraints: Json, name: str, value: Json
) -> Iterator[tuple[str, CompiledExpression, Json]]:
    """Yield the constraints of each element below a value, with the element."""
    for key, compiled in constraints(name):
        yield key, compiled, value
    if not isinstance(value, dict):
        return
    for child in definitions.children(name).values():
        found = value.get(child.json_name)
        for each in found if isinstance(found, list) else [found]:
            if each is not None:
                own = each.get("resourceType") if isinstance(each, dict) and child.type_name == "Resource" else None
                yield from _checks(definitions, constraints, own or child.type_name, each)


def _examples(corpora: Path) -> Iterator[Resource]:
    seen = set()
    with gzip.open(corpora / "01-r4-examples" / "r4-examples.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            resource = json.loads(line, parse_float=Decimal)["resource"] if len(line) < LARGEST else {}
            if resource and resource["resourceType"] not in seen:
                seen.add(resource["resourceType"])
                yield resource
