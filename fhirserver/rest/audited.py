"""An answer that streams: nothing of it goes out before what it tells is recorded."""

from collections.abc import AsyncIterator
from typing import Final

from fhirserver.audit.auditor import Auditor
from fhirserver.audit.record import Answer

_HELD_BYTES: Final = 256 * 1024
"""More is not held back for a record to become worth its while."""


async def audited_stream(audit: Auditor, answer: Answer, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass chunks on, joined, each after the record of what it tells."""
    held: list[bytes] = []
    size = part = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if audit.streamed(answer, part + 1, ended=size >= _HELD_BYTES):
            part += 1
            yield b"".join(held)
            held, size = [], 0
    audit.streamed(answer, part + 1, ended=True)
    yield b"".join(held)
