"""Media types: what a response is written as and what a body is read as.

Spec: http://hl7.org/fhir/R4/http.html#mime-type, #parameters (_format), #version-parameter
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from fhirserver.kernel.exchange import FHIR_JSON, FHIR_NDJSON
from fhirserver.kernel.outcome import NotAcceptable, UnsupportedMedia

FORM: Final = "application/x-www-form-urlencoded"
FHIR_XML: Final = "application/fhir+xml"
TURTLE: Final = "text/turtle"


class Form(Enum):
    """A format of resources; the value is its short name in ``_format``."""

    JSON = "json"
    XML = "xml"
    TURTLE = "ttl"


_MEDIA_TYPES: Final[Mapping[str, tuple[Form, str]]] = {
    FHIR_JSON: (Form.JSON, FHIR_JSON),
    "application/json": (Form.JSON, "application/json"),
    "text/json": (Form.JSON, "text/json"),
    "application/json+fhir": (Form.JSON, FHIR_JSON),  # as it was before STU3, which R4 still lets servers read
    FHIR_XML: (Form.XML, FHIR_XML),
    "application/xml": (Form.XML, "application/xml"),
    "text/xml": (Form.XML, "text/xml"),
    "application/xml+fhir": (Form.XML, FHIR_XML),
    TURTLE: (Form.TURTLE, TURTLE),
    "application/fhir+turtle": (Form.TURTLE, "application/fhir+turtle"),
    "application/x-turtle": (Form.TURTLE, TURTLE),
}
"""What a media type stands for, and what a caller who names it is answered with."""
_SHORT_NAMES: Final = {"json": FHIR_JSON, "xml": FHIR_XML, "ttl": TURTLE, "turtle": TURTLE}
FORMATS: Final = (FHIR_JSON, FHIR_XML, TURTLE, *(form.value for form in Form))
"""What resources are written as, as ``CapabilityStatement.format`` lists it."""

_LINES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ndjson", FHIR_NDJSON, "application/ndjson", "application/x-ndjson"), FHIR_NDJSON),
    **dict.fromkeys(("csv", "text/csv"), "text/csv"),
}
"""What searches are also written as, by all their names."""
_LINE_WORDS: Final = (b"ndjson", b"csv")
_WILDCARDS: Final = frozenset({"*/*", "application/*"})
_FHIR_TYPES: Final = frozenset(
    {FHIR_JSON, "application/json+fhir", FHIR_XML, "application/xml+fhir", "application/fhir+turtle"}
)
_HABITUAL: Final = frozenset({"application/xml", "text/xml"})
"""What every web browser accepts beside HTML, without preferring it to JSON."""
_FHIR_VERSION: Final = "4.0"
_PART: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_READ: Final = f"`{FHIR_JSON}`, `{FHIR_XML}`, `application/json`, `application/xml`"


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
    def form(self) -> Form | None:
        """The format of resources that it names."""
        known = _MEDIA_TYPES.get(self.name)
        return known[0] if known is not None else None

    @property
    def quality(self) -> float:
        """The ``q`` of an ``Accept``; what is no number counts as 1."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 1.0


@dataclass(frozen=True, slots=True)
class Representation:
    """How to answer: in which media type (None: in none), and whether a Binary goes out in its own."""

    content_type: bytes | None
    wants_native: bool
    form: Form = Form.JSON
    streamed_as: str | None = None
    """The media type of lines, NDJSON or CSV, in which a search is wanted; what is wrong with it is said in JSON."""


def parse_media_type(text: str) -> MediaType:
    """Read one media type with its parameters."""
    name, *parameters = text.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return MediaType(
        name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs if key.strip()}
    )


def negotiate(accept: bytes | None, wanted_format: str | None, *, with_turtle: bool = True) -> Representation:
    """Choose how to answer; ``_format`` overrides ``Accept``. Raises NotAcceptable for a ``_format`` not written.

    Turtle is written ``with_turtle`` only: for what is read, not for what is changed.
    """
    if wanted_format is not None:
        return _represent(_format(wanted_format, with_turtle=with_turtle), wants_native=False)
    if accept is None or accept == b"*/*":
        return _represent(MediaType(FHIR_JSON, {}), wants_native=True)
    ranges = [range_ for range_ in _ranges(accept.decode("latin-1")) if range_.quality > 0]
    names = {range_.name for range_ in ranges}
    unwritten = _HABITUAL if "text/html" in names else frozenset()
    by_preference = sorted(ranges, key=lambda range_: -range_.quality)
    best = next((r for r in by_preference if _is_written(r, with_turtle=with_turtle) and r.name not in unwritten), None)
    return _represent(best, wants_native=names.isdisjoint(_FHIR_TYPES))


def in_lines(accept: bytes | None, wanted_format: str | None) -> str | None:
    """Return the media type of lines that is wanted most; None for resources. ``_format`` overrides ``Accept``."""
    if wanted_format is not None:
        return _LINES.get(parse_media_type(wanted_format.replace(" ", "+")).name)
    if accept is None or not any(word in accept for word in _LINE_WORDS):
        return None
    best = max(_ranges(accept.decode("latin-1")), key=lambda range_: range_.quality, default=None)
    return _LINES.get(best.name) if best is not None and best.quality > 0 else None


def _ranges(accept: str) -> Iterator[MediaType]:
    return (parse_media_type(part) for part in _PART.findall(accept) if part.strip())


def _is_written(media_type: MediaType, *, with_turtle: bool) -> bool:
    form = Form.JSON if media_type.name in _WILDCARDS else media_type.form
    return form is not None and media_type.is_readable and (with_turtle or form is not Form.TURTLE)


def _format(wanted: str, *, with_turtle: bool) -> MediaType:
    name, semicolon, parameters = wanted.partition(";")
    name = name.strip().replace(" ", "+")  # a `+` that was not escaped in the URL
    media_type = parse_media_type(name + semicolon + parameters)
    media_type = MediaType(_SHORT_NAMES.get(media_type.name, media_type.name), media_type.parameters)
    if media_type.form is None or not _is_written(media_type, with_turtle=with_turtle):
        raise not_acceptable("_format")
    return media_type


def _represent(media_type: MediaType | None, *, wants_native: bool) -> Representation:
    if media_type is None:
        return Representation(None, wants_native)
    return Representation(_content_type(media_type), wants_native, media_type.form or Form.JSON)


def _content_type(media_type: MediaType) -> bytes:
    """Write the ``Content-Type`` for what was asked for; the FHIR version is said to who named it."""
    version = f"; fhirVersion={_FHIR_VERSION}" if "fhirversion" in media_type.parameters else ""
    _, name = _MEDIA_TYPES.get(media_type.name, (Form.JSON, FHIR_JSON))
    return f"{name}{version}; charset=utf-8".encode()


def not_acceptable(asked_by: str = "Accept") -> NotAcceptable:
    """Say what this server writes to who asked for something else, in ``Accept`` or ``_format``."""
    return NotAcceptable(
        f"Resources are written as {_READ} with `fhirVersion={_FHIR_VERSION}`; what is read also as `{TURTLE}`.",
        expression=[f"http.{asked_by}"],
    )


def check_readable(media_type: MediaType) -> None:
    """Refuse a body that is not FHIR JSON or XML of our version in UTF-8; raises UnsupportedMedia."""
    if media_type.form not in (Form.JSON, Form.XML) or not media_type.is_readable:
        raise UnsupportedMedia(
            f"Resources are read as {_READ} with `fhirVersion={_FHIR_VERSION}` in UTF-8.",
            expression=["http.Content-Type"],
        )


def is_fhir(media_type: MediaType) -> bool:
    """Tell whether a body says by name that it is FHIR, rather than any other content of a Binary."""
    return media_type.name in _FHIR_TYPES


def is_generic(media_type: MediaType, form: Form) -> bool:
    """Tell whether a body is JSON or XML that may be a resource or not."""
    return media_type.form is form and not is_fhir(media_type)
