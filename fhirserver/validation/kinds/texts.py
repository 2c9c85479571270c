"""What texts and addresses must not hold where a site is strict: markup, and the domains of examples.

Spec: http://hl7.org/fhir/R4/security.html#narrative, RFC 2606
"""

import re
from collections.abc import Mapping
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.validation.findings import Check, Findings
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_MARKUP: Final = Text(
    "text-markup",
    en="{path} must not hold what looks like HTML.",
    fr="{path} ne doit rien contenir qui ressemble à du HTML.",
    nl="{path} mag niets bevatten dat op HTML lijkt.",
)
_EXAMPLE: Final = Text(
    "url-example",
    en="{path} must not lead to a domain that is reserved for examples.",
    fr="{path} ne doit pas mener à un domaine réservé aux exemples.",
    nl="{path} mag niet naar een domein voor voorbeelden leiden.",
)
_TAG: Final = re.compile(r"</?[A-Za-z][^>]*>")
_RESERVED: Final = re.compile(r"https?://(?:[^/]+\.)?example\.(?:org|com|net)(?:[:/]|$)")


def _without(pattern: re.Pattern[str], text: Text) -> Check:
    wrong = (say(IssueType.INVALID, text, rule=None),)

    def check(value: Json, walk: Walk) -> Findings | None:
        return wrong if type(value) is str and pattern.search(value) is not None else None

    return check


def strict_texts(*, markup: bool, examples: bool) -> Mapping[str, Check]:
    """Return the checks of primitives by type: texts without markup, addresses without domains of examples."""
    found: dict[str, Check] = {}
    if markup:
        found |= dict.fromkeys(("string", "markdown"), _without(_TAG, _MARKUP))
    if examples:
        found |= dict.fromkeys(("url",), _without(_RESERVED, _EXAMPLE))
    return found
