"""Requests that are wrong below FHIR: HTTP itself — https://www.rfc-editor.org/rfc/rfc9112

What is no HTTP never reaches the FHIR lane: it is answered 400 all the same, or hung up on.
"""

import contextlib
import gzip
import socket
import time

import pytest

from tests.http.refusals import MARK, check_refused, patient
from tests.server_process import ServerProcess
from tests.wire import Answer, NoAnswer, Wire, send_raw

HEAD = b"Host: localhost\r\nContent-Type: application/fhir+json\r\n"
BODY = patient()

NO_HTTP = [
    pytest.param(b"GET /fhir/Patient\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", id="NUL in the path"),
    pytest.param(b"GET /fhir/Pat ient HTTP/1.1\r\n" + HEAD + b"\r\n", id="space in the path"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="a TLS greeting"),
    pytest.param(b"nonsense\r\n\r\n", id="nonsense"),
    pytest.param(b"FROB /fhir/Patient HTTP/1.1\r\n" + HEAD + b"\r\n", id="an invented method"),
    pytest.param(b"GET /fhir/Patient HTTP/9.9\r\n" + HEAD + b"\r\n", id="HTTP/9.9"),
    pytest.param(b"GET /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", id="NUL in a header"),
    pytest.param(
        b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Content-Length: x\r\n\r\n" + BODY, id="length no number"
    ),
    pytest.param(
        b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n" + BODY, id="negative length"
    ),
    pytest.param(
        b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n" + BODY,
        id="two lengths",
    ),
    pytest.param(
        b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        id="a chunk size that is no number",
    ),
    pytest.param(
        b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
        b"1e\r\n" + BODY + b"\r\n0\r\n\r\nGET /fhir/metadata HTTP/1.1\r\n\r\n",
        id="both a length and chunks",
    ),
]


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_is_400_or_hung_up_on(wire: Wire, empty_server: ServerProcess, sent: bytes) -> None:
    with contextlib.suppress(NoAnswer):
        answer = send_raw(empty_server.port, sent, half_close=True)
        assert (answer.status, answer.headers["Connection"]) == (400, "close")
        assert answer.json["issue"][0]["diagnostics"] == "The request is not HTTP/1.1."
    assert wire.get("metadata").status == 200


def post(length: int, body: bytes) -> bytes:
    return b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % length + body


def test_a_length_shorter_than_the_body_cuts_it(wire: Wire, empty_server: ServerProcess) -> None:
    assert send_raw(empty_server.port, post(len(BODY) - 1, BODY)).status == 400


def test_a_length_longer_than_the_body_stores_nothing(wire: Wire, empty_server: ServerProcess) -> None:
    with contextlib.suppress(NoAnswer):
        assert send_raw(empty_server.port, post(len(BODY) + 1, BODY), half_close=True).status >= 400


def test_a_length_over_the_limit_is_refused_before_anything_is_sent(wire: Wire, empty_server: ServerProcess) -> None:
    check_refused(send_raw(empty_server.port, post(10**12, b"")), 413, "larger")
    check_refused(send_raw(empty_server.port, post(10**15, b"")), 413, "larger")


CHUNKED = b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = [
    pytest.param(b"GET /fhir/Patient?x=", b"a" * 1000, id="a URL"),
    pytest.param(b"GET /fhir/Patient HTTP/1.1\r\n" + HEAD + b"X: ", b"a" * 1000, id="a header"),
    pytest.param(b"GET /fhir/Patient HTTP/1.1\r\n" + HEAD, b"X: y\r\n" * 200, id="headers"),
    pytest.param(CHUNKED + b"2;x=", b"a" * 1000, id="the extension of a chunk"),
    pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"a" * 1000, id="a trailer"),
    pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n" * 200, id="trailers"),
    pytest.param(b"", b"\r\n" * 500, id="line ends"),
]


@pytest.mark.parametrize(("begin", "more"), ENDLESS)
def test_what_never_ends_is_hung_up_on(wire: Wire, empty_server: ServerProcess, begin: bytes, more: bytes) -> None:
    before_mb = empty_server.memory_mb
    with socket.create_connection(("127.0.0.1", empty_server.port), timeout=10) as connection:
        connection.sendall(begin)
        with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012 - some more may go into buffers
            for _ in range(20_000):
                connection.sendall(more)
    assert empty_server.memory_mb - before_mb < 30
    assert wire.get("metadata").status == 200


@pytest.mark.parametrize("length", [64_000, 66_000, 100_000])
def test_a_long_url_is_413_however_long(wire: Wire, empty_server: ServerProcess, length: int) -> None:
    sent = b"GET /fhir/Patient?" + b"x" * length + b" HTTP/1.1\r\n" + HEAD + b"\r\n"
    answer = send_raw(empty_server.port, sent)
    assert (answer.status, answer.json["issue"][0]["code"]) == (413, "too-long")


def test_chunks_over_the_limit_are_refused_on_the_way(wire: Wire, empty_server: ServerProcess) -> None:
    head = b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % (1024 * 1024) + b" " * 1024 * 1024 + b"\r\n"
    check_refused(send_raw(empty_server.port, head + chunk * 66 + b"0\r\n\r\n"), 413, "larger")


def test_a_bomb_in_chunks_is_refused(wire: Wire, empty_server: ServerProcess) -> None:
    bomb = gzip.compress(b"0" * 100 * 1024 * 1024)
    head = b"POST /fhir/Patient HTTP/1.1\r\n" + HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    check_refused(send_raw(empty_server.port, head + b"%x\r\n" % len(bomb) + bomb + b"\r\n0\r\n\r\n"), 413, "larger")


HOSTS = [
    pytest.param(b"Host: evil.example\r\n", 421, id="another machine: DNS rebinding"),
    pytest.param(b"Host: localhost:80:80\r\n", 400, id="no host"),
    pytest.param(b"Host: localhost<script>\r\n", 421, id="markup"),
    pytest.param(b"Host: localhost\r\nOrigin: http://evil.example\r\n", 403, id="a page from elsewhere"),
]


@pytest.mark.parametrize(("headers", "status"), HOSTS)
def test_without_login_only_this_machine_may_call(
    wire: Wire, empty_server: ServerProcess, headers: bytes, status: int
) -> None:
    sent = b"POST /fhir/Patient HTTP/1.1\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    answer = send_raw(empty_server.port, sent)
    assert answer.status == status
    assert b"evil" not in answer.body
    assert b"script" not in answer.body


def test_a_caller_that_stops_in_the_middle_is_not_waited_for_by_others(wire: Wire, empty_server: ServerProcess) -> None:
    stuck = [socket.create_connection(("127.0.0.1", empty_server.port)) for _ in range(50)]
    try:
        for number, connection in enumerate(stuck):
            connection.sendall(post(1000, b"{")[: 40 + number])
        started = time.monotonic()
        assert wire.get("Patient").status == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in stuck:
            connection.close()


def test_a_header_no_log_may_hold_is_not_repeated(wire: Wire, empty_server: ServerProcess) -> None:
    sent = b"GET /fhir/Foo HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: %s{}\r\n\r\n" % MARK.encode()
    check_refused(send_raw(empty_server.port, sent), 404, "`Foo`")


@pytest.mark.parametrize("path", [b"http://localhost/fhir/metadata", b"/fhir//metadata", b"/fhir/metadata/", b"*"])
def test_other_forms_of_a_target_never_fail_the_server(wire: Wire, empty_server: ServerProcess, path: bytes) -> None:
    answer: Answer = send_raw(empty_server.port, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
    assert answer.status in (200, 400, 404)
