"""XML and Turtle: a resource and a Bundle converted, as ratios to decoding their JSON in the same run.

Command: ``FHIRSERVER_CORPORA=... python benchmarks/formats.py``. Data: R4's example Patient and Observation, and a
searchset of 200 examples of some twenty types. ``json`` is the standard library's decoder, ``msgspec`` the server's
own. Median and range of 7 rounds; the ratio is of medians.
"""

import gzip
import json
import os
import statistics
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from fhirserver import assets
from fhirserver.codec.fhir_json import parse_resource
from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.codec.turtle import FhirTurtle
from fhirserver.codec.xml_patch import change_xml_resource, parse_xml_patch
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions

ROUNDS = 7
ENTRIES = 200
LARGEST = 6000
CHECKOUT = Path(__file__).resolve().parents[1]
PATCH = b'<diff xmlns="http://hl7.org/fhir"><replace sel="Patient/gender/@value">female</replace></diff>'


class Example(msgspec.Struct, frozen=True):
    """One line of the corpus."""

    file: str
    resource: msgspec.Raw


def _measure(call: Callable[[], object]) -> tuple[float, float, float]:
    number = max(1, timeit.Timer(call).autorange()[0] // 4)
    rounds = [seconds / number for seconds in timeit.repeat(call, number=number, repeat=ROUNDS)]
    return statistics.median(rounds), min(rounds), max(rounds)


def _row(name: str, call: Callable[[], object], base: float = 0) -> float:
    median, low, high = _measure(call)
    ratio = f"{median / base:8.1f}x" if base else f"{1:8.1f}x"
    print(f"{name:34} {median * 1e6:11.1f} µs  ({low * 1e6:.1f} to {high * 1e6:.1f}) {ratio}")
    return median


def _examples() -> list[Example]:
    archive = Path(os.environ["FHIRSERVER_CORPORA"]) / "01-r4-examples" / "r4-examples.ndjson.gz"
    with gzip.open(archive) as lines:
        return [msgspec.json.decode(line, type=Example) for line in lines]


def _samples(examples: list[Example]) -> dict[str, bytes]:
    by_name = {example.file: bytes(example.resource) for example in examples}
    small = [raw for raw in by_name.values() if len(raw) < LARGEST][:ENTRIES]
    entries = b",".join(b'{"resource":%b,"search":{"mode":"match"}}' % raw for raw in small)
    bundle = b'{"resourceType":"Bundle","type":"searchset","entry":[%b]}' % entries
    chosen = [by_name[name] for name in ("Patient-example.json", "Observation-f001.json") if name in by_name]
    named = {json.loads(raw)["resourceType"]: raw for raw in chosen}
    return {**named, f"Bundle of {len(small)}": msgspec.json.format(bundle, indent=-1)}


def main() -> None:
    """Print the table."""
    archive = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz")
    definitions = Definitions([compiled.load(archive, CHECKOUT / ".cache" / "compiled")])
    xml, turtle = FhirXml(definitions), FhirTurtle(definitions)
    for name, raw in _samples(_examples()).items():
        document = xml.from_json(raw)
        print(f"{name}: {len(raw)} bytes of JSON, {len(document)} of XML, {len(turtle.from_json(raw, 'x:'))} of Turtle")
        base = _row("  msgspec decode, as bodies are", partial(parse_resource, raw))
        _row("  json.loads", partial(json.loads, raw), base)
        _row("  XML in", partial(xml.to_json, document), base)
        _row("  XML out", partial(xml.from_json, raw), base)
        _row("  XML out, indented", partial(xml.from_json, raw, pretty=True), base)
        _row("  Turtle out", partial(turtle.from_json, raw, "http://x"), base)
        if name == "Patient":
            resource = parse_resource(raw).value
            operations = parse_xml_patch(PATCH)
            _row("  XML Patch", partial(change_xml_resource, operations, resource, xml), base)
    _row("compile the tables of Patient", lambda: FhirXml(definitions).from_json(b'{"resourceType":"Patient"}'))


if __name__ == "__main__":
    main()
