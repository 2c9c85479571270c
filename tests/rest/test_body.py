"""Bodies within limits — https://www.rfc-editor.org/rfc/rfc9110#name-content-encoding"""

import gzip
from collections.abc import MutableMapping
from typing import Any

import pytest

from fhirserver.kernel.outcome import BadRequest, TooLong, UnsupportedMedia
from fhirserver.rest.body import ClientGone, Receive, read_body

GZIP = {b"content-encoding": b"gzip"}


def sent(*chunks: bytes, closes: bool = False) -> Receive:
    """A caller that sends ``chunks`` and then waits, or hangs up."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if closes:
        messages.append({"type": "http.disconnect"})
    elif messages:
        messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(waiting)

    return receive


async def test_chunks_are_joined() -> None:
    assert await read_body(sent(b"ab", b"", b"cd"), {}, 4) == b"abcd"


async def test_a_body_over_its_limit_is_refused_without_reading_on() -> None:
    receive = sent(b"ab", b"cd", b"never read")
    with pytest.raises(TooLong):
        await read_body(receive, {}, 3)
    assert (await receive())["body"] == b"never read"


async def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    receive = sent(b"never read")
    with pytest.raises(TooLong):
        await read_body(receive, {b"content-length": b"4"}, 3)
    assert (await receive())["body"] == b"never read"


@pytest.mark.parametrize("length", [b"-1", b"x", b"1 2", b"9" * 400])
async def test_an_unreadable_length_is_refused(length: bytes) -> None:
    with pytest.raises((BadRequest, TooLong)):
        await read_body(sent(b"a"), {b"content-length": length}, 3)


async def test_gzip_is_read() -> None:
    packed = gzip.compress(b"x" * 100_000, mtime=0)
    pieces = [packed[i : i + 7] for i in range(0, len(packed), 7)]
    assert await read_body(sent(*pieces), GZIP, 100_000) == b"x" * 100_000


async def test_gzip_of_several_members_is_read() -> None:
    assert await read_body(sent(gzip.compress(b"a", mtime=0) + gzip.compress(b"b")), GZIP, 100) == b"ab"


async def test_a_gzip_bomb_is_refused() -> None:
    with pytest.raises(TooLong):
        await read_body(sent(gzip.compress(b"\0" * 50_000_000, mtime=0)), GZIP, 1_000_000)


PACKED = gzip.compress(b"abc", mtime=0)


@pytest.mark.parametrize("damaged", [b"not gzip", PACKED[:-4], PACKED[:-9] + b"\xff" * 9])
async def test_damaged_gzip_is_refused(damaged: bytes) -> None:
    with pytest.raises(BadRequest):
        await read_body(sent(damaged), GZIP, 1000)


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"gzip, gzip", b"zstd"])
async def test_other_encodings_are_refused(encoding: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        await read_body(sent(b"x"), {b"content-encoding": encoding}, 10)


async def test_a_caller_that_hangs_up_is_noticed() -> None:
    with pytest.raises(ClientGone):
        await read_body(sent(b"ab", closes=True), {}, 10)
