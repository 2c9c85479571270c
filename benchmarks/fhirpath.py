"""FHIRPath: search parameters and invariants of R4 on its examples, beside fhirpathpy in the same run.

Command: ``FHIRSERVER_CORPORA=... python benchmarks/fhirpath.py [--out FILE]``. Data: one example of each resource type
(under 20 kB); R4's own SearchParameters with expressions, those of the ancestors included; R4's own constraints of the
core package (``ElementDefinition.constraint``) on every element of the examples that they are about. What fhirpathpy
cannot run on an input is left out of both sides of the comparison, and counted. Both sides are compiled before, take
turns in each of 5 rounds without garbage collection, and start from decoded JSON; times are of the processor, the ratio
is of the medians. The last rows compile every (parameter, resource type) pair, definitions already read. A table is
printed; the same is written as JSON to ``--out``, by default ``benchmarks/results/fhirpath.local.json``.
"""

import argparse
import gc
import gzip
import json
import os
import platform
import statistics
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path

import fhirpathpy
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models

from fhirserver import assets
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Child, Definitions
from fhirserver.fhirpath import Environment, FhirPathError, compile_fhirpath, parse
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum, compile_essence

ROUNDS = 5
LARGEST = 20_000
CHECKOUT = Path(__file__).resolve().parents[1]
DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
SAMPLES = {"Patient": "example", "Observation": "f001"}
TARGETS = {"search parameters": 30.0, "invariants": 10.0}
Call = Callable[[], object]


@dataclass
class Workload:
    """The same expressions on the same inputs, for either side; ``alone`` is what only ours runs."""

    ours: list[Call] = field(default_factory=list)
    theirs: list[Call] = field(default_factory=list)
    alone: list[Call] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Markup:
    """Takes every narrative for safe: what checks them is not part of the language."""

    def is_safe(self, xhtml: str) -> bool:
        """Return true."""
        return True


def _examples() -> dict[str, dict[str, Json]]:
    """Read one example of each type: the one of ``SAMPLES``, else the first that is not large."""
    archive = Path(os.environ["FHIRSERVER_CORPORA"]) / "01-r4-examples" / "r4-examples.ndjson.gz"
    found: dict[str, dict[str, Json]] = {}
    with gzip.open(archive, "rt", encoding="utf-8") as lines:
        for line in lines:
            if len(line) > LARGEST:
                continue
            resource = json.loads(line, parse_float=Decimal)["resource"]
            wanted = SAMPLES.get(resource["resourceType"], resource.get("id"))
            if resource.get("id") == wanted:
                found.setdefault(resource["resourceType"], resource)
    return found


def _ignore(*shown: object) -> None:
    """Take no note of what `trace()` shows; printing it would take longer than the rest."""


class Elsewhere:
    """fhirpathpy, which parses each expression once here and changes its inputs."""

    def __init__(self) -> None:
        self._parsed: dict[str, Json] = {}

    def call(self, expression: str, base: str, value: Json, root: Json) -> Call | None:
        """Return a call that evaluates an expression; None where fhirpathpy cannot run it."""
        if expression not in self._parsed:
            try:
                self._parsed[expression] = fhirpathpy.parse(expression)
            except Exception:  # it raises many kinds
                self._parsed[expression] = None
        tree, model = self._parsed[expression], models["r4"]
        if tree is None:
            return None

        def run() -> object:
            node = value if value is root else ResourceNode.create_node(value, base)
            return fhirpathpy.apply_parsed_path(node, tree, {"resource": root}, model, {"traceFn": _ignore})

        try:
            run()
        except Exception:  # it raises many kinds
            return None
        return run


def _search_parameters(definitions: Definitions, resource: dict[str, Json]) -> Iterator[tuple[str, str, Json]]:
    resource_type = resource["resourceType"]
    for parameter in definitions.search_parameters(resource_type).values():
        if parameter.expression is not None:
            yield parameter.expression, resource_type, resource


def _invariants(definitions: Definitions, resource: dict[str, Json]) -> Iterator[tuple[str, str, Json]]:
    """Yield the constraints of every element of a resource, with the type and the value of the element."""
    yield from _constraints_of(definitions, resource["resourceType"], resource)


def _constraints_of(definitions: Definitions, name: str, value: Json) -> Iterator[tuple[str, str, Json]]:
    for expression in _own_constraints(definitions, name):
        yield expression, name, value
    if not isinstance(value, dict):
        return
    for child in definitions.children(name).values():
        found = value.get(child.json_name)
        for each in found if isinstance(found, list) else [found]:
            if each is not None:
                yield from _constraints_of(definitions, _type_of(child, each), each)


def _type_of(child: Child, value: Json) -> str:
    name = child.type_name
    return str(value.get("resourceType", name)) if isinstance(value, dict) and name == "Resource" else name


CONSTRAINTS: dict[str, list[str]] = {}


def _own_constraints(definitions: Definitions, name: str) -> list[str]:
    """List the constraints at the root of a type or at the path of a backbone element."""
    if name not in CONSTRAINTS:
        structure = definitions.resource(DEFINITIONS + name.partition(".")[0]) or {}
        elements = structure.get("snapshot", {}).get("element", [])
        own = [element for element in elements if element["path"] == name][:1]
        texts = [
            each["expression"] for element in own for each in element.get("constraint", ()) if "expression" in each
        ]
        CONSTRAINTS[name] = list(dict.fromkeys(texts))
    return CONSTRAINTS[name]


def _workload(
    cases: Callable[[Definitions, dict[str, Json]], Iterator[tuple[str, str, Json]]],
    definitions: Definitions,
    resources: Sequence[dict[str, Json]],
    environment: Environment | None,
) -> Workload:
    workload, elsewhere = Workload(), Elsewhere()
    expressions: dict[tuple[str, str], Json] = {}
    for resource in resources:
        own = list(cases(definitions, resource))
        copied = deepcopy(own)
        root = next((value for _, name, value in copied if name == resource["resourceType"]), None)
        for (expression, name, value), (_, _, copy) in zip(own, copied, strict=True):
            if (expression, name) not in expressions:
                expressions[expression, name] = compile_fhirpath(expression, name, definitions).select
            ours = _ours(expressions[expression, name], value, resource, environment)
            theirs = elsewhere.call(expression, name, copy, root)
            if not _runs(ours):
                workload.failed.append(f"{name}: {expression}")
            elif theirs is None:
                workload.alone.append(ours)
            else:
                workload.ours.append(ours)
                workload.theirs.append(theirs)
    return workload


def _ours(select: Json, value: Json, resource: Json, environment: Environment | None) -> Call:
    if environment is None:
        return lambda: select(value)
    own = Environment(resource=resource, ucum=environment.ucum, markup=environment.markup)
    return lambda: select(value, own)


def _runs(call: Call) -> bool:
    try:
        call()
    except FhirPathError:
        return False
    return True


def _timed(calls: Sequence[Call], repeats: int) -> float:
    gc.collect()
    gc.disable()
    start = time.process_time()
    for _ in range(repeats):
        for call in calls:
            call()
    elapsed = time.process_time() - start
    gc.enable()
    return elapsed / repeats


def _compare(name: str, workload: Workload) -> dict[str, Json]:
    """Let both sides take turns; print a row and return the figures."""
    rounds = [(_timed(workload.ours, 10), _timed(workload.theirs, 1)) for _ in range(ROUNDS)]
    ours, theirs = ([one[side] * 1e3 for one in rounds] for side in (0, 1))
    ratio = statistics.median(theirs) / statistics.median(ours)
    row = {
        "name": name,
        "evaluations": len(workload.ours),
        "only ours": len(workload.alone),
        "failed": len(workload.failed),
        "ours ms": [round(figure, 3) for figure in (statistics.median(ours), min(ours), max(ours))],
        "fhirpathpy ms": [round(figure, 1) for figure in (statistics.median(theirs), min(theirs), max(theirs))],
        "ratio": round(ratio, 1),
        "least ratio of a round": round(min(b / a for a, b in zip(ours, theirs, strict=True)), 1),
    }
    target = TARGETS.get(name)
    verdict = "" if target is None else f"  target {target:g}x: {'met' if ratio >= target else 'missed'}"
    print(
        f"{name:44} {row['evaluations']:6} {row['only ours']:6} {row['failed']:4} "
        f"{row['ours ms'][0]:10.3f} {row['fhirpathpy ms'][0]:10.1f} {ratio:8.1f}x{verdict}"
    )
    return row


def _measure(call: Call, number: int = 0) -> tuple[float, float, float]:
    number = number or max(1, timeit.Timer(call).autorange()[0] // 4)
    rounds = [seconds / number for seconds in timeit.repeat(call, number=number, repeat=ROUNDS)]
    return statistics.median(rounds), min(rounds), max(rounds)


def _row(name: str, call: Call, number: int = 0) -> dict[str, Json]:
    figures = [figure * 1e6 for figure in _measure(call, number)]
    print(f"{name:44} {figures[0]:11.1f} µs  ({figures[1]:.1f} to {figures[2]:.1f})")
    return {"name": name, "µs": [round(figure, 1) for figure in figures]}


def _compilation(definitions: Definitions) -> list[dict[str, Json]]:
    pairs = [
        (parameter.expression, name)
        for name in definitions.resource_types
        for parameter in definitions.search_parameters(name).values()
        if parameter.expression is not None
    ]
    text = "Patient.telecom.where(system='phone')"
    return [
        _row(
            f"compile {len(pairs)} (parameter, type) pairs",
            lambda: [compile_fhirpath(*p, definitions) for p in pairs],
            1,
        ),
        _row(f"parse {text}", lambda: parse(text)),
        _row("  fhirpathpy", lambda: fhirpathpy.compile(text, models["r4"]), 20),
    ]


def _environment() -> Environment:
    essence = Path(str(distribution("ucumvert").locate_file("ucumvert/vendor/ucum-essence.xml")))
    return Environment(ucum=Ucum(compile_essence(essence.read_bytes())), markup=Markup())


def main() -> None:
    """Print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "benchmarks" / "results" / "fhirpath.local.json")
    out = parser.parse_args().out
    archive = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz")
    definitions = Definitions([compiled.load(archive, CHECKOUT / ".cache" / "compiled")])
    examples, environment = _examples(), _environment()
    print(f"{'ours | fhirpathpy, ms for all':44} {'both':>6} {'alone':>6} fail {'ours':>10} {'theirs':>10}    ratio")
    rows = []
    for name in SAMPLES:
        rows.append(_compare(f"search, {name}", _workload(_search_parameters, definitions, [examples[name]], None)))
    resources = list(examples.values())
    rows.append(_compare("search parameters", _workload(_search_parameters, definitions, resources, None)))
    invariants = _workload(_invariants, definitions, resources, environment)
    rows.append(_compare("invariants", invariants))
    for failed in sorted(set(invariants.failed)):
        print(f"  not run: {failed}")
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "examples": len(resources),
        "comparisons": rows,
        "compilation": _compilation(definitions),
    }
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
