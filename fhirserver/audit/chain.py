"""The chain: each event is authenticated together with its predecessor's code, under a key that the database has not.

Who changes, removes, adds or moves an event without the key breaks the chain at that place. The head is sealed too, so
that the end cannot be cut off by hand; who puts an older state of the whole database back is found out by a head that
was noted elsewhere.
"""

import hmac
from typing import Final, Protocol

from fhirserver.store.audit import Head, Link

GENESIS: Final = Link(0, bytes(32))
"""What the first event follows."""
_SHA256: Final = "sha256"
_PURPOSE: Final = b"audit chain"


class Event(Protocol):
    """What of an event is authenticated."""

    @property
    def key(self) -> str:
        """``AuditEvent/1``."""
        ...

    @property
    def content(self) -> bytes | None:
        """Its JSON."""
        ...


class Chain:
    """Makes and checks the links of one site."""

    def __init__(self, secret: bytes, site: str) -> None:
        """Derive the key of the site's chain from the secret of the server."""
        self._key = hmac.digest(secret, b"%b\0%b" % (_PURPOSE, site.encode()), _SHA256)

    def follow(self, before: Link, event: Event, place: int) -> Link:
        """Return the link of the event that follows another one."""
        number = before.number + 1
        text = b"%d\0%b\0%b\0%d\0%b" % (number, before.mac, event.key.encode(), place, event.content or b"")
        return Link(number, hmac.digest(self._key, text, _SHA256))

    def head(self, link: Link, place: int) -> Head:
        """Return the head of a chain that ends in a link."""
        return Head(link, place, self._seal(link, place))

    def is_sealed(self, head: Head) -> bool:
        """Tell whether a head is one that this key made."""
        return hmac.compare_digest(head.seal, self._seal(head.link, head.place))

    def _seal(self, link: Link, place: int) -> bytes:
        return hmac.digest(self._key, b"head\0%d\0%b\0%d" % (link.number, link.mac, place), _SHA256)
