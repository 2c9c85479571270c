"""BCP 13: media types. Any that is well-formed may be registered tomorrow, so the syntax decides.

FHIR's short names of its formats count, and values of parameters need no quotes: R4's own examples have both
(`json`, `application/dicom; variant=DICOM WADO-RS`).
Spec: RFC 6838 §4.2 (names), RFC 2045 §5.1 (parameters); http://hl7.org/fhir/R4/http.html#mime-type
"""

import re
from collections.abc import Sequence
from typing import Final

from fhirserver.terminology.concepts import Concept, Head, UnknownFilter

MEDIA_TYPES: Final = "urn:ietf:bcp:13"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_VALUE: Final = r'(?:[^;"\x00-\x1f\x7f]+|"(?:[^"\\\x00-\x1f]|\\.)*")'
_TYPE: Final = re.compile(rf"{_NAME}/{_NAME}(?:\s?;\s?{_NAME}={_VALUE})*", re.ASCII)
_SHORT: Final = frozenset({"json", "ttl", "xml"})


class MediaTypes:
    """The media types that can be."""

    head: Final = Head(url=MEDIA_TYPES, name="MimeTypes", title="BCP 13 media types", is_listed=False, is_grammar=True)

    def find(self, code: str) -> Concept | None:
        """Return a media type, with its parameters."""
        return Concept(code=code, display=code) if code in _SHORT or _TYPE.fullmatch(code) else None

    def values(self, concept: Concept, name: str) -> Sequence[str]:
        """Return nothing: media types have no properties."""
        raise UnknownFilter(f"`{MEDIA_TYPES}` has no property `{name}`.")
