"""One request behind the guard, against servers that run: pinned, bounded, never redirected."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fhirserver.outbound.client import Outbound
from fhirserver.outbound.guard import Allowed, Guard, Refused
from tests.certificates import certify

NAME = "keys.example.org"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def serving(answer: bytes, *, pause_s: float = 0, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve the same bytes to everybody; yields the port."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(pause_s)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def sized(body: bytes, more: bytes = b"") -> bytes:
    return OK + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def outbound(verify: ssl.SSLContext | bool = True, timeout_s: float = 5.0) -> Outbound:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    return Outbound(Guard(Allowed.parse(["127.0.0.0/8"]), resolve), verify=verify, timeout_s=timeout_s)


async def test_an_answer_comes_whole() -> None:
    async with serving(sized(b'{"keys":[]}', b"Cache-Control: max-age=60\r\n")) as port:
        answer = await outbound().send("GET", f"http://{NAME}:{port}/jwks")
    assert (answer.status, answer.content, answer.headers["cache-control"]) == (200, b'{"keys":[]}', "max-age=60")


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with serving(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as port:
        assert (await outbound().send("GET", f"http://{NAME}:{port}/")).status == 302


LONG = [
    pytest.param(sized(b"x" * 5000), "more than 4096 bytes", id="as it is"),
    pytest.param(OK + b"\r\n" + b"x" * 5000, "more than 4096 bytes", id="of unknown length"),
    pytest.param(
        sized(gzip.compress(b"\0" * 10_000_000), b"Content-Encoding: gzip\r\n"), "compresses its answer", id="a bomb"
    ),
]


@pytest.mark.parametrize(("answer", "says"), LONG)
async def test_a_body_beyond_its_bound_is_refused(answer: bytes, says: str) -> None:
    async with serving(answer) as port:
        with pytest.raises(Refused, match=says):
            await outbound().send("GET", f"http://{NAME}:{port}/", max_bytes=4096)


async def test_a_server_that_takes_long_is_left() -> None:
    async with serving(sized(b"{}"), pause_s=2) as port:
        with pytest.raises(Refused, match=r"more than 0\.2 s"):
            await outbound(timeout_s=0.2).send("GET", f"http://{NAME}:{port}/")


async def test_a_server_that_is_not_there_is_said_without_its_address() -> None:
    with pytest.raises(Refused) as refused:
        await outbound().send("GET", f"http://{NAME}:1/")
    assert "127.0.0.1" not in str(refused.value)


async def test_a_name_is_resolved_once() -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    client = Outbound(Guard(Allowed.parse(["127.0.0.0/8"]), rebinding))
    async with serving(sized(b"{}")) as port:
        assert (await client.send("GET", f"http://{NAME}:{port}/")).status == 200
        assert asked == [NAME]
        with pytest.raises(Refused):
            await client.send("GET", f"http://{NAME}:{port}/")


@pytest.mark.parametrize(("host", "fits"), [(NAME, True), ("other.example.org", False)])
async def test_the_certificate_must_be_of_the_name_and_not_of_the_address(
    tmp_path: Path, host: str, fits: bool
) -> None:
    certificate, key = certify(tmp_path, NAME)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    client = outbound(ssl.create_default_context(cafile=certificate))
    async with serving(sized(b"{}"), context=server) as port:
        if fits:
            assert (await client.send("GET", f"https://{host}:{port}/")).status == 200
        else:
            with pytest.raises(Refused):
                await client.send("GET", f"https://{host}:{port}/")
