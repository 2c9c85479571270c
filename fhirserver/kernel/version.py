"""One stored version of an instance, as it moves between the store and HTTP.

Spec: http://hl7.org/fhir/R4/http.html#versions
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Method(StrEnum):
    """How a version came to be: ``Bundle.entry.request.method`` of a history."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class NativeContent:
    """The bytes of a Binary kept outside its JSON; ``chunks`` streams them anew at each call."""

    content_type: str
    length: int
    chunks: Callable[[], AsyncIterator[bytes]]


class Version(NamedTuple):
    """One version of an instance; ``content`` is its JSON exactly as served, None when it is a deletion.

    A tuple, because a page of a search makes hundreds of them.
    """

    resource_type: str
    logical_id: str
    version_id: int
    last_updated_us: int
    method: Method
    content: bytes | None
    native: NativeContent | None = None
    revives: bool = False
    """The version before it is a deletion."""

    @property
    def key(self) -> str:
        """``Type/id``."""
        return f"{self.resource_type}/{self.logical_id}"

    @property
    def is_creation(self) -> bool:
        """Whether there was no instance before it, or none any more."""
        return self.version_id == 1 or self.revives

    @property
    def etag(self) -> str:
        """The weak ETag R4 asks for: ``W/"3"``."""
        return f'W/"{self.version_id}"'
