"""FHIRPath: extracting the search parameters of one resource, beside fhirpathpy in the same run.

Command: ``FHIRSERVER_CORPORA=... python benchmarks/fhirpath.py``. Data: R4's own SearchParameters (those with
expressions, for the type and its ancestors) on an example Patient and Observation; expressions that fhirpathpy cannot
run are left out of both sides of the comparison. Median and range of 7 rounds; the ratio is of medians. The last rows
compile every (parameter, resource type) pair, definitions already read.
"""

import gzip
import json
import os
import statistics
import timeit
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

from fhirserver import assets
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import compile_fhirpath, parse

ROUNDS = 7
CHECKOUT = Path(__file__).resolve().parents[1]
SAMPLES = {"Patient": "example", "Observation": "f001"}


def _measure(call: Callable[[], object], number: int = 0) -> tuple[float, float, float]:
    number = number or max(1, timeit.Timer(call).autorange()[0] // 4)
    rounds = [seconds / number for seconds in timeit.repeat(call, number=number, repeat=ROUNDS)]
    return statistics.median(rounds), min(rounds), max(rounds)


def _row(name: str, figures: tuple[float, float, float], base: float = 0) -> None:
    median, low, high = (figure * 1e6 for figure in figures)
    ratio = f"{figures[0] / base:8.1f}x" if base else ""
    print(f"{name:46} {median:11.1f} µs  ({low:.1f} to {high:.1f}) {ratio}")


def _samples() -> dict[str, dict[str, Any]]:
    archive = Path(os.environ["FHIRSERVER_CORPORA"]) / "01-r4-examples" / "r4-examples.ndjson.gz"
    found: dict[str, dict[str, Any]] = {}
    with gzip.open(archive, "rt", encoding="utf-8") as lines:
        for line in lines:
            resource = json.loads(line, parse_float=Decimal)["resource"]
            if SAMPLES.get(resource["resourceType"], "") == resource.get("id"):
                found[resource["resourceType"]] = resource
    return found


def _expressions(definitions: Definitions, resource_type: str, base: str | None = None) -> list[str]:
    """List the expressions of a type, or only those of the parameters that are declared for it by name."""
    return [
        parameter.expression
        for parameter in definitions.search_parameters(resource_type).values()
        if parameter.expression is not None and base in (None, *parameter.base)
    ]


def _runs_elsewhere(expression: str, resource: dict[str, Any]) -> bool:
    try:
        fhirpathpy.compile(expression, models["r4"])(resource)
    except Exception:  # it raises many kinds
        return False
    return True


def _compare(definitions: Definitions, resource: dict[str, Any]) -> None:
    resource_type = resource["resourceType"]
    expressions = _expressions(definitions, resource_type)
    ours = [compile_fhirpath(expression, resource_type, definitions).select for expression in expressions]
    size = len(json.dumps(resource, default=str))
    figures = _measure(lambda: [select(resource) for select in ours])
    _row(f"{resource_type} ({size} bytes): all {len(ours)} expressions", figures)
    own = _expressions(definitions, resource_type, base=resource_type)
    ours = [compile_fhirpath(expression, resource_type, definitions).select for expression in own]
    _row(f"  without those of every resource: {len(ours)}", _measure(lambda: [select(resource) for select in ours]))
    shared = [expression for expression in expressions if _runs_elsewhere(expression, resource)]
    theirs = [fhirpathpy.compile(expression, models["r4"]) for expression in shared]
    ours = [compile_fhirpath(expression, resource_type, definitions).select for expression in shared]
    base = _measure(lambda: [select(resource) for select in ours])
    _row(f"  {len(shared)} shared, ours", base, base[0])
    _row(f"  {len(shared)} shared, fhirpathpy", _measure(lambda: [run(resource) for run in theirs], 5), base[0])


def main() -> None:
    """Print the table."""
    archive = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz")
    definitions = Definitions([compiled.load(archive, CHECKOUT / ".cache" / "compiled")])
    for resource in _samples().values():
        _compare(definitions, resource)
    pairs = [(e, name) for name in definitions.resource_types for e in _expressions(definitions, name)]
    everything = _measure(lambda: [compile_fhirpath(e, name, definitions) for e, name in pairs], 1)
    _row(f"compile {len(pairs)} (parameter, type) pairs", everything)
    expression = "Patient.telecom.where(system='phone')"
    parsing = _measure(lambda: parse(expression))
    _row(f"parse {expression}", parsing, parsing[0])
    _row("  fhirpathpy", _measure(lambda: fhirpathpy.compile(expression, models["r4"]), 20), parsing[0])


if __name__ == "__main__":
    main()
