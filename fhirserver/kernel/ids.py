"""Logical ids and version ids. Spec: http://hl7.org/fhir/R4/datatypes.html#id"""

import re
from typing import Final, Protocol
from uuid import uuid4

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_DOT_SEGMENTS: Final = frozenset({".", ".."})
"""Which clients and proxies take out of a URL (RFC 3986 §5.2.4): an instance so named could not be addressed."""


def is_id(text: str) -> bool:
    """Tell whether ``text`` is an R4 ``id``, 1 to 64 of ``A-Z a-z 0-9 - .``, that a URL can hold."""
    return ID_PATTERN.fullmatch(text) is not None and text not in _DOT_SEGMENTS


class IdSource(Protocol):
    """Gives logical ids to created resources."""

    def __call__(self) -> str:
        """Return an id never given before."""
        ...


def random_id() -> str:
    """Return a random UUID: no one can guess an id from another."""
    return str(uuid4())
