"""Media types: what a response is written as and what a body is read as.

Spec: http://hl7.org/fhir/R4/http.html#mime-type, #version-parameter
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fhirserver.kernel.exchange import FHIR_JSON
from fhirserver.kernel.outcome import NotAcceptable, UnsupportedMedia

FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = {
    FHIR_JSON: FHIR_JSON,
    "application/json": "application/json",
    "text/json": "text/json",
    "application/json+fhir": FHIR_JSON,  # as it was before STU3, which R4 still lets servers read
}
"""JSON media types and what a caller who names one is answered with."""
_WILDCARDS: Final = frozenset({"*/*", "application/*"})
_FHIR_TYPES: Final = frozenset({FHIR_JSON, "application/json+fhir", "application/fhir+xml", "application/xml+fhir"})
_FHIR_VERSION: Final = "4.0"
_PART: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_READ: Final = f"`{FHIR_JSON}`, `application/json`"


@dataclass(frozen=True, slots=True)
class MediaType:
    """``type/subtype;name=value``, all lower case but the values."""

    name: str
    parameters: Mapping[str, str]

    @property
    def is_readable(self) -> bool:
        """Whether its parameters name our version of FHIR and UTF-8, as far as they say anything."""
        version = self.parameters.get("fhirversion", _FHIR_VERSION)
        charset = self.parameters.get("charset", "utf-8").lower()
        return version == _FHIR_VERSION and charset in ("utf-8", "utf8")

    @property
    def quality(self) -> float:
        """The ``q`` of an ``Accept``; what is no number counts as 1."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 1.0


@dataclass(frozen=True, slots=True)
class Representation:
    """How to answer: in which JSON media type (None: in none), and whether a Binary goes out in its own."""

    content_type: bytes | None
    wants_native: bool


def parse_media_type(text: str) -> MediaType:
    """Read one media type with its parameters."""
    name, *parameters = text.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return MediaType(
        name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs if key.strip()}
    )


def negotiate(accept: bytes | None, wanted_format: str | None) -> Representation:
    """Choose how to answer; ``_format`` overrides ``Accept``. Raises NotAcceptable for a ``_format`` not written."""
    if wanted_format is not None:
        return Representation(_format(wanted_format), wants_native=False)
    if accept is None or accept == b"*/*":
        return Representation(_content_type(MediaType(FHIR_JSON, {})), wants_native=True)
    ranges = [range_ for range_ in _ranges(accept.decode("latin-1")) if range_.quality > 0]
    by_preference = sorted(ranges, key=lambda range_: -range_.quality)
    readable = (r for r in by_preference if r.is_readable and (r.name in _JSON or r.name in _WILDCARDS))
    best = next(readable, None)
    return Representation(
        _content_type(best) if best is not None else None,
        wants_native=all(range_.name not in _FHIR_TYPES for range_ in ranges),
    )


def _ranges(accept: str) -> Iterator[MediaType]:
    return (parse_media_type(part) for part in _PART.findall(accept) if part.strip())


def _format(wanted: str) -> bytes:
    name, semicolon, parameters = wanted.partition(";")
    name = name.strip().replace(" ", "+")  # a `+` that was not escaped in the URL
    media_type = parse_media_type(name + semicolon + parameters)
    if media_type.name == "json":
        media_type = MediaType(FHIR_JSON, media_type.parameters)
    if media_type.name not in _JSON or not media_type.is_readable:
        raise not_acceptable("_format")
    return _content_type(media_type)


def _content_type(media_type: MediaType) -> bytes:
    """Write the ``Content-Type`` for what was asked for; the FHIR version is said to who named it."""
    version = f"; fhirVersion={_FHIR_VERSION}" if "fhirversion" in media_type.parameters else ""
    return f"{_JSON.get(media_type.name, FHIR_JSON)}{version}; charset=utf-8".encode()


def not_acceptable(asked_by: str = "Accept") -> NotAcceptable:
    """Say what this server writes to who asked for something else, in ``Accept`` or ``_format``."""
    return NotAcceptable(
        f"Resources are written as {_READ} with `fhirVersion={_FHIR_VERSION}`.", expression=[f"http.{asked_by}"]
    )


def check_readable(media_type: MediaType) -> None:
    """Refuse a body that is not FHIR JSON of our version in UTF-8; raises UnsupportedMedia."""
    if media_type.name not in _JSON or not media_type.is_readable:
        raise UnsupportedMedia(
            f"Resources are read as {_READ} with `fhirVersion={_FHIR_VERSION}` in UTF-8.",
            expression=["http.Content-Type"],
        )


def is_fhir(media_type: MediaType) -> bool:
    """Tell whether a body says by name that it is FHIR, rather than any other content of a Binary."""
    return media_type.name in _FHIR_TYPES


def is_generic_json(media_type: MediaType) -> bool:
    """Tell whether a body is JSON that may be a resource or not."""
    return media_type.name in _JSON and not is_fhir(media_type)
