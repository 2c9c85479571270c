"""Links inside a narrative lead to an element of the narrative, or to one of the resource.

Spec: http://hl7.org/fhir/R4/narrative.html#linking
"""

import re
from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json
from fhirserver.validation.findings import Findings
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_DANGLING: Final = Text(
    "narrative-link",
    en="{path} must link to places that are there: a link with `#` leads nowhere.",
    fr="{path} doit mener à des endroits qui existent : un lien avec `#` ne mène nulle part.",
    nl="{path} moet verwijzen naar plaatsen die er zijn: een link met `#` leidt nergens heen.",
)
_WRONG: Final = (say(IssueType.INVALID, _DANGLING, path=".div", rule=None),)
_WARNED: Final = tuple(one._replace(severity=Severity.WARNING) for one in _WRONG)
"""Inside a Bundle, whose narratives may be read as one."""
_LINK: Final = re.compile(r"""<a\s[^>]*?href\s*=\s*["']#([^"']*)["']""")
_EACH: Final = re.compile(r"""\s(?:id|name)\s*=\s*["']([^"']*)["']""")


def check_narrative(value: Json, walk: Walk) -> Findings | None:
    """Look for the places that the links of a narrative lead to."""
    text = value.get("div")
    if type(text) is not str or "#" not in text or not isinstance(walk, DeepWalk):
        return None
    wanted = {found for found in _LINK.findall(text) if found}
    if not wanted:
        return None
    wanted -= {*_EACH.findall(text)}
    if wanted:
        wanted -= {*_ids(walk.scope.container)}
    if not wanted:
        return None
    return _WARNED if walk.bundles else _WRONG


def _ids(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for one in value.values():
            yield from _ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one)
