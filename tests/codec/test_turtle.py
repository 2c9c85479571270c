"""Turtle — http://hl7.org/fhir/R4/rdf.html; what is written is read by rdflib"""

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rdflib
from rdflib import RDF, XSD, Graph, Literal, URIRef
from rdflib.compare import isomorphic

from fhirserver.codec.fhir_json import encode
from fhirserver.codec.turtle import FhirTurtle
from fhirserver.definitions.registry import Definitions

BASE = "http://example.org/fhir"
FHIR = "http://hl7.org/fhir/"
PREFIXES = """
@prefix fhir: <http://hl7.org/fhir/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix sct: <http://snomed.info/id/> . @prefix loinc: <http://loinc.org/rdf#> .
"""


@pytest.fixture(scope="module")
def turtle(definitions: Definitions) -> FhirTurtle:
    return FhirTurtle(definitions)


def graph_of(text: bytes | str) -> Graph:
    graph = Graph()
    graph.parse(data=text, format="turtle", publicID="http://document/")
    return graph


CASES = [
    pytest.param(
        {"id": "p", "active": True, "birthDate": "1974-12-25"},
        """<http://example.org/fhir/Patient/p> a fhir:Patient; fhir:nodeRole fhir:treeRoot;
             fhir:Resource.id [fhir:value "p"]; fhir:Patient.active [fhir:value "true"^^xsd:boolean];
             fhir:Patient.birthDate [fhir:value "1974-12-25"^^xsd:date].""",
        id="a resource is known by its URL, primitives have a value",
    ),
    pytest.param({}, "<> a fhir:Patient; fhir:nodeRole fhir:treeRoot.", id="without identity it is the document"),
    pytest.param(
        {"name": [{"given": ["a", "b"], "family": "c"}]},
        """<> a fhir:Patient; fhir:nodeRole fhir:treeRoot; fhir:Patient.name [ fhir:index 0;
             fhir:HumanName.given [fhir:index 0; fhir:value "a"], [fhir:index 1; fhir:value "b"];
             fhir:HumanName.family [fhir:value "c"]].""",
        id="repeating elements have an index",
    ),
    pytest.param(
        {
            "birthDate": "1974",
            "_birthDate": {"id": "x", "extension": [{"url": "http://e", "valueDateTime": "1974-12"}]},
        },
        """<> a fhir:Patient; fhir:nodeRole fhir:treeRoot; fhir:Patient.birthDate [ fhir:value "1974"^^xsd:gYear;
             fhir:Element.id [fhir:value "x"]; fhir:Element.extension [ fhir:index 0;
               fhir:Extension.url [fhir:value "http://e"];
               fhir:Extension.valueDateTime [fhir:value "1974-12"^^xsd:gYearMonth]]].""",
        id="primitives are nodes, for their extensions; dates are typed by their precision",
    ),
    pytest.param(
        {
            "managingOrganization": {"reference": "Organization/1"},
            "link": [{"other": {"reference": "http://x/Patient/2"}}],
        },
        """<> a fhir:Patient; fhir:nodeRole fhir:treeRoot;
             fhir:Patient.managingOrganization [ fhir:link <http://example.org/fhir/Organization/1>;
               fhir:Reference.reference [fhir:value "Organization/1"]];
             fhir:Patient.link [ fhir:index 0; fhir:Patient.link.other [ fhir:link <http://x/Patient/2>;
               fhir:Reference.reference [fhir:value "http://x/Patient/2"]]].""",
        id="references are linked",
    ),
    pytest.param(
        {"generalPractitioner": [{"reference": "#p"}], "contained": [{"resourceType": "Practitioner", "id": "p"}]},
        """<> a fhir:Patient; fhir:nodeRole fhir:treeRoot;
             fhir:Patient.generalPractitioner [ fhir:index 0; fhir:Reference.reference [fhir:value "#p"]];
             fhir:DomainResource.contained [ a fhir:Practitioner; fhir:index 0; fhir:Resource.id [fhir:value "p"]].""",
        id="inline resources are nodes without a name",
    ),
    pytest.param(
        {
            "maritalStatus": {
                "coding": [
                    {"system": "http://snomed.info/sct", "code": "27113001"},
                    {"system": "http://loinc.org", "code": "29463-7"},
                    {"code": "29463-7"},
                ]
            }
        },
        """<> a fhir:Patient; fhir:nodeRole fhir:treeRoot; fhir:Patient.maritalStatus [ fhir:CodeableConcept.coding
             [ a sct:27113001; fhir:index 0; fhir:Coding.system [fhir:value "http://snomed.info/sct"];
               fhir:Coding.code [fhir:value "27113001"]],
             [ a loinc:29463-7; fhir:index 1; fhir:Coding.system [fhir:value "http://loinc.org"];
               fhir:Coding.code [fhir:value "29463-7"]],
             [ fhir:index 2; fhir:Coding.code [fhir:value "29463-7"]]].""",
        id="concepts are named where their system has names",
    ),
    pytest.param(
        {"text": {"status": "empty", "div": '<div xmlns="x">a\nb\\</div>'}},
        r"""<> a fhir:Patient; fhir:nodeRole fhir:treeRoot; fhir:DomainResource.text [
             fhir:Narrative.status [fhir:value "empty"]; fhir:Narrative.div "<div xmlns=\"x\">a\nb\\</div>"].""",
        id="the narrative is a string",
    ),
]


@pytest.mark.parametrize(("members", "expected"), CASES)
def test_the_graph_of_a_resource(turtle: FhirTurtle, members: dict[str, Any], expected: str) -> None:
    found = graph_of(turtle.from_json(encode({"resourceType": "Patient", **members}), BASE))
    assert isomorphic(found, graph_of(PREFIXES + expected)), found.serialize()


def test_numbers_keep_their_text(turtle: FhirTurtle) -> None:
    raw = b'{"resourceType":"Observation","valueQuantity":{"value":1.50},"component":[{"valueQuantity":{"value":1e3}}]}'
    found = turtle.from_json(raw, BASE).decode()
    assert 'fhir:value "1.50"^^xsd:decimal' in found
    assert 'fhir:value "1e3"^^xsd:double' in found


HOSTILE = ['"', "\\", '" . <http://evil> a <http://evil> . "', "\x07", "\ud7ff", "\x7f", "a>b", "http://x/> <y"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_its_literal(turtle: FhirTurtle, text: str) -> None:
    resource = {"resourceType": "Patient", "managingOrganization": {"reference": text, "display": text}}
    graph = graph_of(turtle.from_json(encode(resource), BASE))
    values = [value for value in graph.objects(None, URIRef(FHIR + "value"))]
    assert values == [Literal(text), Literal(text)]
    assert len(list(graph.subjects(RDF.type, None))) == 1
    assert not list(graph.triples((None, URIRef(FHIR + "link"), None)))


DECODER = msgspec.json.Decoder(float_hook=str)


class Example(msgspec.Struct, frozen=True):
    """One line of the corpus."""

    file: str
    resource: msgspec.Raw


def test_examples_are_turtle_with_every_value(
    corpora: Path, turtle: FhirTurtle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rdflib, "NORMALIZE_LITERALS", False)
    with gzip.open(corpora / "01-r4-examples" / "r4-examples.ndjson.gz") as lines:
        examples = [msgspec.json.decode(line, type=Example) for line in lines]
    for example in [one for one in examples if len(one.resource) < 6000][::12]:
        graph = graph_of(turtle.from_json(bytes(example.resource), BASE))
        roots = list(graph.subjects(URIRef(FHIR + "nodeRole"), URIRef(FHIR + "treeRoot")))
        assert len(roots) == 1, example.file
        found = sorted(str(value) for value in graph.objects(None, URIRef(FHIR + "value")))
        assert found == sorted(values_of(DECODER.decode(bytes(example.resource)))), example.file


def values_of(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        inner = (child for name, child in value.items() if name not in ("resourceType", "div"))
        return [text for child in inner for text in values_of(child)]
    if isinstance(value, list):
        return [text for child in value for text in values_of(child)]
    if value is None:
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def test_literals_of_xml_schema_are_valid(turtle: FhirTurtle) -> None:
    raw = b'{"resourceType":"Observation","issued":"2020-01-01T00:00:00.000Z","valueTime":"10:00:00","valueInteger":3}'
    graph = graph_of(turtle.from_json(raw, BASE))
    types = {value.datatype for value in graph.objects(None, URIRef(FHIR + "value")) if isinstance(value, Literal)}
    assert types == {XSD.dateTime, XSD.time, XSD.integer}
