"""XML that attacks its reader: refused at once, with nothing expanded, fetched or remembered.

Spec: http://hl7.org/fhir/R4/security.html#narrative, http://hl7.org/fhir/R4/xml.html ("no DTD references")
"""

import time
from collections.abc import Callable

import pytest

from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.codec.xml_patch import parse_xml_patch
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import BadStructure, FhirError, TooLong

F = ' xmlns="http://hl7.org/fhir"'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'

ATTRIBUTES = " ".join(f'a{n}="1"' for n in range(50_000))


def documents(root: str, end: str) -> dict[str, bytes]:
    """Attacks in the shape of a document that begins with ``root``."""
    return {
        "DTD": f"<!DOCTYPE x>{root}{end}".encode(),
        "DTD to fetch": f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{root}{end}'.encode(),
        "billion laughs": f"{BILLION}{root}&l9;{end}".encode(),
        "quadratic": f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>{root}{"&a;" * 50_000}{end}'.encode(),
        "external entity": f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{root}&e;{end}'.encode(),
        "parameter entity": f'<!DOCTYPE x [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]>{root}{end}'.encode(),
        "entity without DTD": f"{root}&nbsp;{end}".encode(),
        "deep": (root + "<a>" * 200_000).encode(),
        "deep and closed": (root + "<name>" * 500 + "</name>" * 500 + end).encode(),
        "UTF-16": f"{root}{end}".encode("utf-16"),
        "UTF-7 declared": f'<?xml version="1.0" encoding="UTF-7"?>{root}{end}'.encode(),
        "Latin-1 declared": f'<?xml version="1.0" encoding="ISO-8859-1"?>{root}{end}'.encode(),
        "XML 1.1": f'<?xml version="1.1"?>{root}&#1;{end}'.encode(),
        "NUL": f"{root}\0{end}".encode(),
        "control character": f"{root}&#1;{end}".encode(),
        "not UTF-8": root.encode() + b"\xff" + end.encode(),
        "overlong UTF-8": root.encode() + b"\xc0\xbc" + end.encode(),
        "cut off": root.encode(),
        "two roots": f"{root}{end}{root}{end}".encode(),
        "nothing": b"",
        "white space": b" \n",
        "JSON": b'{"resourceType":"Patient"}',
        "duplicate attribute": f'{root}<a b="1" b="2"/>{end}'.encode(),
        "many attributes": f"{root}<a {ATTRIBUTES}/>{end}".encode(),
        "unbound prefix": f"{root}<p:a/>{end}".encode(),
        "huge name": f"{root}<{'a' * 1_000_000}/>{end}".encode(),
        "XInclude": f'{root}<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>{end}'.encode(),
        "stylesheet and nonsense": f'<?xml-stylesheet href="http://127.0.0.1:9/x"?>{root}<a/>{end}'.encode(),
    }


RESOURCES = documents(f"<Patient{F}>", "</Patient>")
PATCHES = documents("<diff>", "</diff>")


@pytest.fixture(scope="module")
def xml(definitions: Definitions) -> FhirXml:
    found = FhirXml(definitions)
    found.to_json(f"<Patient{F}/>".encode())
    return found


def refused_quickly(call: Callable[[], object]) -> FhirError:
    started = time.perf_counter()
    with pytest.raises(FhirError) as refused:
        call()
    assert time.perf_counter() - started < 10
    assert 400 <= refused.value.status < 500
    assert len(refused.value.diagnostics) < 400
    assert "root:" not in refused.value.diagnostics
    return refused.value


@pytest.mark.parametrize("name", RESOURCES)
def test_a_hostile_resource_is_refused(xml: FhirXml, name: str) -> None:
    assert isinstance(refused_quickly(lambda: xml.to_json(RESOURCES[name])), BadStructure)


@pytest.mark.parametrize("name", PATCHES)
def test_a_hostile_patch_is_refused(name: str) -> None:
    refused_quickly(lambda: parse_xml_patch(PATCHES[name]))


LARGE = [
    pytest.param('<name><text value="%s"/></name>' % ("a" * 10_000_000), id="an attribute of 10 MB"),
    pytest.param('<name><given value="a"/></name>' * 50_000, id="50,000 names"),
    pytest.param("<name>" + '<given id="a"/>' * 100_000 + "</name>", id="100,000 companions"),
    pytest.param("<!--" + "x" * 10_000_000 + "-->", id="a comment of 10 MB"),
]


@pytest.mark.parametrize("inside", LARGE)
def test_what_is_only_large_is_read_in_time_of_its_size(xml: FhirXml, inside: str) -> None:
    document = f"<Patient{F}>{inside}</Patient>".encode()
    started = time.perf_counter()
    assert xml.to_json(document).startswith(b'{"resourceType":"Patient"')
    assert time.perf_counter() - started < 30


OVER = [
    pytest.param('<name><text value="%s"/></name>' % ("a" * 60_000_000), id="an attribute of 60 MB"),
    pytest.param("<!--" + "<" * 60_000_000 + "-->", id="a comment of 60 MB"),
]


@pytest.mark.parametrize("inside", OVER)
def test_one_token_that_would_be_read_again_and_again_is_refused(xml: FhirXml, inside: str) -> None:
    document = f"<Patient{F}>{inside}</Patient>".encode()
    started = time.perf_counter()
    with pytest.raises(TooLong):
        xml.to_json(document)
    assert time.perf_counter() - started < 30


def test_numbers_that_no_one_can_read_are_refused(xml: FhirXml) -> None:
    for number in ("9" * 5000, "1e99999999999", "0." + "1" * 5000):
        document = f'<Observation{F}><valueQuantity><value value="{number}"/></valueQuantity></Observation>'
        refused_quickly(lambda document=document: xml.to_json(document.encode()))  # type: ignore[misc]


def test_no_text_of_the_caller_is_repeated_but_names(xml: FhirXml) -> None:
    document = f'<Patient{F}><active value="Jane Doe"/></Patient>'
    assert "Jane" not in refused_quickly(lambda: xml.to_json(document.encode())).diagnostics
    document = f"<Patient{F}>Jane Doe</Patient>"
    assert "Jane" not in refused_quickly(lambda: xml.to_json(document.encode())).diagnostics
