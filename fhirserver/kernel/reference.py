"""References in the forms R4 allows, read without any definition at hand.

Spec: http://hl7.org/fhir/R4/references.html
"""

import re
from dataclasses import dataclass
from typing import Final

_LITERAL: Final = re.compile(
    r"(?P<base>(?:https?)://.*/)?(?P<type>[A-Z][A-Za-z]{2,63})/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RestReference:
    """``[base/]Type/id[/_history/version]``; ``base`` is empty for a relative one, else ends with ``/``."""

    base: str
    resource_type: str
    logical_id: str
    version_id: str | None = None

    @property
    def key(self) -> str:
        """``Type/id``."""
        return f"{self.resource_type}/{self.logical_id}"


def parse_rest_reference(text: str) -> RestReference | None:
    """Read a RESTful literal reference; None for fragments, urns, queries and other urls."""
    found = _LITERAL.fullmatch(text)
    if found is None:
        return None
    return RestReference(found["base"] or "", found["type"], found["id"], found["version"])
