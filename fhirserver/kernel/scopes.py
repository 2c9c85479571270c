"""Scopes of FHIR resources, v1 and v2: ``patient/Observation.rs?category=laboratory``.

Those of a launch, of OpenID Connect and of offline access are the authorization server's own business.
Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

ANY_TYPE: Final = "*"
_V1_RIGHTS: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE: Final = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]{1,63})"
    r"\.(?:(?P<v1>read|write|\*)|(?P<v2>(?=[cruds])c?r?u?d?s?)(?:\?(?P<criteria>[^\s?#]+))?)",
    re.ASCII,
)


class Context(StrEnum):
    """Whose data a scope is about."""

    PATIENT = "patient"
    """The patient of the launch context."""
    USER = "user"
    """What the user may see."""
    SYSTEM = "system"
    """What the client may see by itself."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one scope allows, beside the rights that its user has."""

    context: Context
    resource_type: str
    """A type, or ``*``."""
    rights: str
    """Letters of ``cruds``, in this order."""
    criteria: tuple[tuple[str, str], ...] = ()
    """Search parameters that a resource must match: granular scopes have them."""
    text: str = ""
    """As it was written."""

    def covers(self, resource_type: str, right: str) -> bool:
        """Tell whether it allows one of the rights on some resources of a type."""
        return self.resource_type in (ANY_TYPE, resource_type) and right in self.rights


def parse_scope(text: str, is_resource_type: Callable[[str], bool]) -> Scope | None:
    """Read a scope; None for what is not one of FHIR resources, or of a type that is unknown."""
    found = _SCOPE.fullmatch(text)
    if found is None or not (found["type"] == ANY_TYPE or is_resource_type(found["type"])):
        return None
    rights = _V1_RIGHTS[found["v1"]] if found["v1"] else found["v2"]
    criteria = _criteria(found["criteria"])
    return None if criteria is None else Scope(Context(found["context"]), found["type"], rights, criteria, text)


def _criteria(text: str | None) -> tuple[tuple[str, str], ...] | None:
    """Read ``name=value&…``; None when a part is not a name and a value."""
    found = []
    for part in (text or "").split("&") if text else ():
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            return None
        try:
            found.append((unquote(name, errors="strict"), unquote(value, errors="strict")))
        except UnicodeDecodeError:
            return None
    return tuple(found)
