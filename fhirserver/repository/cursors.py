"""Page cursors: stateless, signed, bound to their query; no search ever writes one down.

A cursor is base64url of an HMAC-SHA256 and the msgpack ``[digest of the query, backward, position, total,
passed]`` it signs; Decimals in a position are ``["d", text]``.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from fhirserver.kernel.base64url import base64url
from fhirserver.kernel.outcome import BadSearchValue

_SIGNATURE: Final = 16
_REFUSED: Final = "`_cursor` does not belong to this request; follow the links of a page as they are."


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins."""

    position: tuple[Any, ...]
    backward: bool = False
    total: int | None = None
    passed: int = 0
    """How many matches there are up to its position."""


class Cursors:
    """Seals and opens cursors with the site's key."""

    def __init__(self, key: bytes) -> None:
        """Sign with ``key``, which every worker of the site shares."""
        self._key = key

    def seal(self, query: bytes, cursor: Cursor) -> str:
        """Return the opaque text of a cursor."""
        position = [["d", str(part)] if isinstance(part, Decimal) else part for part in cursor.position]
        content = msgspec.msgpack.encode([query, cursor.backward, position, cursor.total, cursor.passed])
        return base64url(self._signature(content) + content)

    def open(self, query: bytes, text: str) -> Cursor:
        """Read a cursor back. Raises BadSearchValue when it was altered or is another query's."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise BadSearchValue(_REFUSED, expression=["http._cursor"]) from None
        signature, content = sealed[:_SIGNATURE], sealed[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signature(content)):
            raise BadSearchValue(_REFUSED, expression=["http._cursor"])
        owner, backward, position, total, *rest = msgspec.msgpack.decode(content)
        if owner != query:
            raise BadSearchValue(_REFUSED, expression=["http._cursor"])
        return Cursor(tuple(_part(part) for part in position), backward, total, *rest)

    def _signature(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")[:_SIGNATURE]


def digest(parts: Iterable[str]) -> bytes:
    """Return what binds a cursor to its query."""
    return hashlib.sha256("\x00".join(parts).encode()).digest()[:12]


def _part(part: Any) -> Any:  # noqa: ANN401 - one of the few JSON types a position has
    return Decimal(part[1]) if isinstance(part, list) else part
