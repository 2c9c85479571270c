"""One Identifier as it is written: a form that its system does not have, check digits that are wrong.

A pseudonym is not looked at; wrong check digits may be kept by who says why, in an extension of the identifier.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from fhirserver.identifiers.kinds import Kind, kind_of
from fhirserver.kernel.resource import Json

PSEUDONYM: Final = "https://www.ehealth.fgov.be/standards/fhir/infsec/StructureDefinition/be-ext-pseudonymization"
KEPT_AS_IT_IS: Final = "/StructureDefinition/identifier-check-override"
"""How the url of the extension ends whose string says why a number with wrong check digits is kept."""


class Fault(Enum):
    """What is wrong with a number."""

    FORM = "form"
    CHECK = "check"
    """Its check digits are wrong, by a rule that is published."""
    DOUBTFUL_CHECK = "doubtful check"
    """They are by a rule that is learnt, or there is a reason to keep it."""


class Judgement(NamedTuple):
    """A fault and the kind whose rule it breaks."""

    fault: Fault
    kind: Kind


def judged(identifier: Mapping[str, Json]) -> Judgement | None:
    """Return what is wrong with an Identifier; None: nothing, or nothing is known of its system."""
    system, value = identifier.get("system"), identifier.get("value")
    if type(system) is not str or type(value) is not str:
        return None
    kind = kind_of(system)
    if kind is None or _has_extension(identifier.get("_value"), PSEUDONYM):
        return None
    if kind.form.fullmatch(value) is None:
        return Judgement(Fault.FORM, kind)
    if kind.check(value):
        return None
    is_error = kind.is_strict and not _has_extension(identifier, KEPT_AS_IT_IS)
    return Judgement(Fault.CHECK if is_error else Fault.DOUBTFUL_CHECK, kind)


def _has_extension(element: Json, url: str) -> bool:
    extensions = element.get("extension") if isinstance(element, dict) else None
    urls = (one.get("url") for one in extensions or () if isinstance(one, dict))
    return any(isinstance(one, str) and one.endswith(url) for one in urls)
