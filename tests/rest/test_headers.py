"""Request headers — http://hl7.org/fhir/R4/http.html#custom, https://www.rfc-editor.org/rfc/rfc7240"""

import pytest

from fhirserver.kernel.exchange import Handling, Prefer, Return
from fhirserver.kernel.outcome import BadRequest
from fhirserver.rest.headers import accepts_gzip, header_text, parse_prefer, request_id_of, scan_headers

PREFER = [
    pytest.param("return=minimal", Prefer(Return.MINIMAL), id="minimal"),
    pytest.param("return=representation", Prefer(Return.REPRESENTATION), id="representation"),
    pytest.param("return=OperationOutcome", Prefer(Return.OPERATION_OUTCOME), id="OperationOutcome"),
    pytest.param("handling=lenient", Prefer(handling=Handling.LENIENT), id="lenient"),
    pytest.param("handling=strict, return=minimal", Prefer(Return.MINIMAL, Handling.STRICT), id="two, by comma"),
    pytest.param("return=minimal; handling=strict", Prefer(Return.MINIMAL, Handling.STRICT), id="two, by semicolon"),
    pytest.param("respond-async", Prefer(respond_async=True), id="asynchronous"),
    pytest.param('Return="minimal"', Prefer(Return.MINIMAL), id="quotes, and a name in capitals"),
    pytest.param("return=minimal, return=representation", Prefer(Return.MINIMAL), id="the first counts"),
    pytest.param("return=everything, wait=5", Prefer(), id="the unknown is ignored"),
    pytest.param("", Prefer(), id="nothing"),
]


@pytest.mark.parametrize(("text", "expected"), PREFER)
def test_prefer(text: str, expected: Prefer) -> None:
    assert parse_prefer(text) == expected


def test_a_header_sent_twice_is_one_list() -> None:
    headers = scan_headers([(b"prefer", b"return=minimal"), (b"accept", b"a/b"), (b"prefer", b"handling=strict")])
    assert headers == {b"prefer": b"return=minimal, handling=strict", b"accept": b"a/b"}


def test_header_text_is_utf8() -> None:
    assert header_text({b"if-match": 'W/"é"'.encode()}, b"if-match") == 'W/"é"'
    assert header_text({}, b"if-match") is None
    with pytest.raises(BadRequest):
        header_text({b"if-match": b"\xff"}, b"if-match")


REQUEST_IDS = [
    (b"abc-1.2_3", "abc-1.2_3"),
    (b"a" * 65, None),
    (b"a b", None),
    (b"", None),
    (b"a\r\nx", None),
    (b"\xc3\xa9", None),
]


@pytest.mark.parametrize(("sent", "expected"), REQUEST_IDS)
def test_a_request_id_is_taken_when_it_is_safe(sent: bytes, expected: str | None) -> None:
    assert request_id_of({b"x-request-id": sent}) == expected


ENCODINGS = [
    (b"gzip", True),
    (b"deflate, gzip;q=0.5", True),
    (b"gzip;q=0", False),
    (b"gzip; q=0.0, br", False),
    (b"br", False),
    (b"", False),
]


@pytest.mark.parametrize(("accept", "expected"), ENCODINGS)
def test_accepts_gzip(accept: bytes, expected: bool) -> None:
    assert accepts_gzip(accept) is expected
