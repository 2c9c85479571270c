"""Every official example to XML and back without losing anything — http://hl7.org/fhir/R4/xml.html

What is written is read by another parser too (lxml) and compared without any definitions: the same values at the same
paths in the same order.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import BadStructure

FHIR = "{http://hl7.org/fhir}"
XHTML = "{http://www.w3.org/1999/xhtml}"


class Example(msgspec.Struct, frozen=True):
    """One line of the corpus."""

    file: str
    resource: msgspec.Raw


@pytest.fixture(scope="module")
def examples(corpora: Path) -> list[Example]:
    with gzip.open(corpora / "01-r4-examples" / "r4-examples.ndjson.gz") as lines:
        return [msgspec.json.decode(line, type=Example) for line in lines]


@pytest.fixture(scope="module")
def xml(definitions: Definitions) -> FhirXml:
    return FhirXml(definitions)


def literal(text: str) -> tuple[str, str]:
    return ("number", text)


def tokens(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    """Decode JSON, numbers as the text they were."""
    return json.loads(raw, parse_int=literal, parse_float=literal)


def aligned(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Drop what says nothing: nulls at the end of an array, arrays of nulls, carriage returns of a narrative."""
    if isinstance(value, dict):
        inner = {name: aligned(child) for name, child in value.items()}
        if isinstance(inner.get("div"), str):
            inner["div"] = inner["div"].strip().replace("\r\n", "\n")
        return {name: child for name, child in inner.items() if child != []}
    if isinstance(value, list):
        items = [aligned(item) for item in value]
        while items and items[-1] is None:
            items.pop()
        return items
    return value


def test_every_example_comes_back_to_the_digit(examples: list[Example], xml: FhirXml) -> None:
    different = []
    for example in examples:
        raw = bytes(example.resource)
        again = xml.to_json(xml.from_json(raw))
        if aligned(tokens(again)) != aligned(tokens(raw)):
            different.append(example.file)
    assert different == []
    assert len(examples) > 800


def test_indented_xml_says_the_same(examples: list[Example], xml: FhirXml) -> None:
    for example in examples[::10]:
        raw = bytes(example.resource)
        assert xml.to_json(xml.from_json(raw, pretty=True)) == xml.to_json(xml.from_json(raw)), example.file


def test_what_is_written_in_order_comes_back_in_order(examples: list[Example], xml: FhirXml) -> None:
    """The second way round changes no byte: the first has put elements into the order of R4."""
    for example in examples[::5]:
        document = xml.from_json(bytes(example.resource))
        assert xml.from_json(xml.to_json(document)) == document.replace(b"\r\n", b"\n"), example.file


def test_another_parser_finds_the_same_values(examples: list[Example], xml: FhirXml) -> None:
    for example in examples[::3]:
        raw = bytes(example.resource)
        root = etree.fromstring(xml.from_json(raw))
        expected, found = by_path(json_values(tokens(raw))), by_path(xml_values(root, ""))
        assert found == expected, example.file


def by_path(values: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, value in values:
        found.setdefault(path, []).append(value)
    return found


def json_values(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Yield every value of a resource, with the path that XML gives it."""
    if isinstance(value, dict):
        is_resource = not path or (path.endswith(("/contained", "/resource", "/outcome")) and "resourceType" in value)
        path += "/" + value["resourceType"] if is_resource else ""
        for name, child in value.items():
            if name == "div":
                yield path + "/div", canonical(etree.fromstring(child))
            elif not (is_resource and name == "resourceType"):
                yield from json_values(child, path + "/" + name.removeprefix("_"))
    elif isinstance(value, list):
        for item in value:
            yield from json_values(item, path)
    elif value is not None:
        yield path, text_of(value)


def text_of(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, tuple):
        return str(value[1])
    return value if isinstance(value, str) else json.dumps(value)


def xml_values(element: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - lxml
    path += "/" + etree.QName(element).localname
    if element.tag == XHTML + "div":
        yield path, canonical(element)
        return
    assert element.tag.startswith(FHIR), element.tag
    assert not (element.text or "").strip()
    for name, value in element.attrib.items():
        yield (path, value) if name == "value" else (f"{path}/{name}", value)
    for child in element:
        yield from xml_values(child, path)


def canonical(element: Any) -> str:  # noqa: ANN401 - lxml
    return etree.canonicalize(etree.tostring(element, encoding="unicode", with_tail=False))


def test_the_elements_stand_in_the_order_of_their_definitions(
    examples: list[Example], xml: FhirXml, definitions: Definitions
) -> None:
    """Checked at the top level, from the definitions' own order."""
    for example in examples[::7]:
        root = etree.fromstring(xml.from_json(bytes(example.resource)))
        name = etree.QName(root).localname
        order = list(definitions.children(name))
        places = [order.index(etree.QName(child).localname) for child in root]
        assert places == sorted(places), example.file


class Case(msgspec.Struct, frozen=True):
    """A case of the official validator tests."""

    file: str
    format: str = ""
    resource_text: str = ""


@pytest.fixture(scope="module")
def xml_cases(corpora: Path) -> list[Case]:
    with gzip.open(corpora / "02-validator-cases" / "r4-other-format-cases.ndjson.gz") as lines:
        cases = [msgspec.json.decode(line, type=Case) for line in lines]
    return [case for case in cases if case.format == "xml"]


def test_resources_written_by_others_are_read_or_refused_with_their_line(xml_cases: list[Case], xml: FhirXml) -> None:
    outcomes: Counter[str] = Counter()
    for case in xml_cases:
        try:
            document = xml.to_json(case.resource_text.encode())
        except BadStructure as error:
            outcomes["refused with a line" if "ine " in error.diagnostics else "refused"] += 1
            continue
        assert xml.to_json(xml.from_json(document)) == document, case.file
        outcomes["read"] += 1
    assert outcomes["refused"] == 0
    assert outcomes["read"] > 5 * outcomes["refused with a line"], outcomes


TWINS = ["codesystem-example", "observation-example", "parameters-example-types", "patient-example"]


@pytest.mark.parametrize(
    "name", [*TWINS, "questionnaire-example", "valueset-example-expansion", "patient-example-period"]
)
def test_official_xml_is_its_json_twin(corpora: Path, xml: FhirXml, name: str) -> None:
    folder = corpora / "03-fhirpath-r4" / "inputs"
    found = tokens(xml.to_json((folder / f"{name}.xml").read_bytes()))
    expected = tokens((folder / f"{name}.json").read_bytes())
    assert without_narrative(found) == without_narrative(expected)


def without_narrative(resource: dict[str, Any]) -> dict[str, Any]:
    """The twins' narratives were indented by other hands."""
    return {name: value for name, value in resource.items() if name != "text"}
