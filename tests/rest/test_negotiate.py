"""Content types — http://hl7.org/fhir/R4/http.html#mime-type, http://hl7.org/fhir/R4/binary.html#rest"""

import pytest

from fhirserver.kernel.outcome import NotAcceptable, UnsupportedMedia
from fhirserver.rest.negotiate import FORMATS, Form, Representation, check_readable, negotiate, parse_media_type

FHIR = b"application/fhir+json; charset=utf-8"
JSON = b"application/json; charset=utf-8"
VERSIONED = b"application/fhir+json; fhirVersion=4.0; charset=utf-8"
XML = b"application/fhir+xml; charset=utf-8"
TURTLE = b"text/turtle; charset=utf-8"
BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

ACCEPT = [
    pytest.param(None, FHIR, True, id="no Accept: the server chooses"),
    pytest.param(b"*/*", FHIR, True, id="anything"),
    pytest.param(b"application/*", FHIR, True, id="any application type"),
    pytest.param(b"application/fhir+json", FHIR, False, id="the FHIR media type"),
    pytest.param(b"application/json", JSON, True, id="generic JSON is answered as asked"),
    pytest.param(b"text/json", b"text/json; charset=utf-8", True, id="text/json is answered as asked"),
    pytest.param(b"application/json+fhir", FHIR, False, id="the older FHIR media type"),
    pytest.param(BROWSER, FHIR, True, id="a browser takes anything in the end"),
    pytest.param(b"application/fhir+rdf, application/fhir+json;q=0.5", FHIR, False, id="the best of what we write"),
    pytest.param(b"application/xhtml+xml, application/json;q=0.5", JSON, True, id="XHTML is not XML"),
    pytest.param(b"application/json;q=0.2, application/fhir+json;q=0.9", FHIR, False, id="the highest q"),
    pytest.param(b"application/fhir+json;q=0, */*", FHIR, True, id="q=0 is refused, the rest accepted"),
    pytest.param(b"application/fhir+json;q=0", None, True, id="nothing left"),
    pytest.param(b"application/pdf", None, True, id="a Binary's own type, for whatever else nothing"),
    pytest.param(b"application/fhir+json; fhirVersion=4.0", VERSIONED, False, id="fhirVersion is answered"),
    pytest.param(b"application/fhir+json; fhirVersion=3.0", None, False, id="another version of FHIR"),
    pytest.param(b"application/fhir+json; charset=UTF-8", FHIR, False, id="UTF-8"),
    pytest.param(b"application/fhir+json; charset=latin1", None, False, id="no other charset"),
    pytest.param(b"APPLICATION/FHIR+JSON", FHIR, False, id="media types know no case"),
    pytest.param(b'text/plain; x=", application/fhir+json"', None, True, id="a quoted comma separates nothing"),
    pytest.param(b"application/fhir+json;q=high", FHIR, False, id="an unreadable q counts as 1"),
    pytest.param(b",;=,", None, True, id="nonsense"),
]


@pytest.mark.parametrize(("accept", "content_type", "wants_native"), ACCEPT)
def test_accept(accept: bytes | None, content_type: bytes | None, wants_native: bool) -> None:
    assert negotiate(accept, None) == Representation(content_type, wants_native)


XML_ACCEPT = [
    pytest.param(b"application/fhir+xml", XML, False, id="the FHIR media type"),
    pytest.param(b"application/xml", b"application/xml; charset=utf-8", True, id="generic XML is answered as asked"),
    pytest.param(b"text/xml", b"text/xml; charset=utf-8", True, id="so is text/xml"),
    pytest.param(b"application/xml+fhir", XML, False, id="the older FHIR media type"),
    pytest.param(b"application/fhir+json;q=0.5, application/fhir+xml", XML, False, id="the highest q"),
    pytest.param(b"application/fhir+xml, application/fhir+json", XML, False, id="of equals the first"),
    pytest.param(b"*/*;q=0.1, application/fhir+xml;q=0.2", XML, False, id="rather than anything"),
    pytest.param(b"application/fhir+xml; fhirVersion=4.0", VERSIONED.replace(b"json", b"xml"), False, id="fhirVersion"),
]


@pytest.mark.parametrize(("accept", "content_type", "wants_native"), XML_ACCEPT)
def test_accept_xml(accept: bytes, content_type: bytes, wants_native: bool) -> None:
    assert negotiate(accept, None) == Representation(content_type, wants_native, Form.XML)


def test_turtle_is_written_for_what_is_read_only() -> None:
    assert negotiate(b"text/turtle", None) == Representation(TURTLE, wants_native=True, form=Form.TURTLE)
    assert negotiate(b"text/turtle", None, with_turtle=False).content_type is None
    assert negotiate(b"text/turtle, application/fhir+xml;q=0.1", None, with_turtle=False).form is Form.XML
    with pytest.raises(NotAcceptable):
        negotiate(None, "ttl", with_turtle=False)


NAMES = [
    ("json", FHIR),
    ("application/fhir+json", FHIR),
    ("application/fhir json", FHIR),
    ("application/json", JSON),
    ("text/json", b"text/json; charset=utf-8"),
    ("application/fhir+json; fhirVersion=4.0", VERSIONED),
]


@pytest.mark.parametrize(("wanted", "content_type"), NAMES)
def test_format_overrides_accept(wanted: str, content_type: bytes) -> None:
    assert negotiate(b"application/fhir+xml", wanted) == Representation(content_type, wants_native=False)


OTHER_NAMES = [
    ("xml", XML, Form.XML),
    ("application/fhir+xml", XML, Form.XML),
    ("application/fhir xml", XML, Form.XML),
    ("application/xml", b"application/xml; charset=utf-8", Form.XML),
    ("text/xml", b"text/xml; charset=utf-8", Form.XML),
    ("ttl", TURTLE, Form.TURTLE),
    ("turtle", TURTLE, Form.TURTLE),
    ("text/turtle", TURTLE, Form.TURTLE),
    ("application/x-turtle", TURTLE, Form.TURTLE),
    ("application/fhir+turtle", b"application/fhir+turtle; charset=utf-8", Form.TURTLE),
]


@pytest.mark.parametrize(("wanted", "content_type", "form"), OTHER_NAMES)
def test_every_name_of_a_format(wanted: str, content_type: bytes, form: Form) -> None:
    assert negotiate(b"application/fhir+json", wanted) == Representation(content_type, wants_native=False, form=form)


@pytest.mark.parametrize("wanted", FORMATS)
def test_what_the_capability_statement_lists_is_written(wanted: str) -> None:
    assert negotiate(None, wanted).content_type is not None


@pytest.mark.parametrize("wanted", ["html", "rdf", "application/rdf+xml", "", "xml;charset=latin1", "{}"])
def test_a_format_that_is_not_written_is_refused(wanted: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(None, wanted)


@pytest.mark.parametrize(
    "sent",
    [
        "application/fhir+json",
        "application/json; charset=utf-8",
        'text/json;charset="UTF-8"',
        "application/fhir+xml",
        "application/xml; charset=UTF-8",
        "text/xml",
        "application/xml+fhir",
    ],
)
def test_bodies_that_are_read(sent: str) -> None:
    check_readable(parse_media_type(sent))


UNREADABLE = [
    "application/fhir+xml; charset=iso-8859-1",
    "text/turtle",
    "text/plain",
    "application/fhir+json; fhirVersion=5.0",
    "application/json; charset=x",
]


@pytest.mark.parametrize("sent", UNREADABLE)
def test_bodies_that_are_not_read(sent: str) -> None:
    with pytest.raises(UnsupportedMedia):
        check_readable(parse_media_type(sent))
