"""Rules between the elements of one type, by the names the specification gives them.

Each is called with an object of its type, whatever is in it: the elements themselves are judged elsewhere.
Spec: http://hl7.org/fhir/R4/extensibility.html, references.html, domainresource.html
"""

import re
from typing import Final

from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.texts import Text
from fhirserver.validation.findings import Check, Finding, Findings, one
from fhirserver.validation.walk import Walk

_EXT_1: Final = one(
    IssueType.INVARIANT,
    Text(
        "extension-value",
        en="{path} must have either extensions or a value, not both (ext-1).",
        fr="{path} doit avoir soit des extensions, soit une valeur, pas les deux (ext-1).",
        nl="{path} moet ofwel extensies ofwel een waarde hebben, niet allebei (ext-1).",
    ),
)


def check_extension(value: Resource, walk: Walk) -> Findings | None:
    """ext-1: an extension has a value or extensions, never both."""
    others = len(value) - ("url" in value) - ("id" in value)
    if others == 1:  # either an extension or a value, else an unknown element, which is told elsewhere
        return None
    has_value = any(name.startswith(("value", "_value")) for name in value)
    return None if has_value is not ("extension" in value) else _EXT_1


_URL: Final = (
    Finding(
        ".url",
        IssueType.EXTENSION,
        Text(
            "extension-url",
            en="{path} must be an absolute URL; only an extension inside an extension is named by a relative one.",
            fr="{path} doit être une URL absolue ; seule une extension dans une extension porte un nom relatif.",
            nl="{path} moet een absolute URL zijn; alleen een extensie binnen een extensie heeft een relatieve naam.",
        ),
    ),
)


def check_extension_url(value: Json, walk: Walk) -> Findings | None:
    """Check that an extension outside of others names its definition by an absolute URL."""
    url = value.get("url") if type(value) is dict else None
    return None if type(url) is not str or ":" in url else _URL


_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+", re.ASCII)
_RELATIVE: Final = re.compile(r"(?P<type>[A-Z][A-Za-z]*)(?:/(?P<id>[^/?]+)(?:/_history/(?P<version>[^/?]+))?|\?.+)")
_LITERAL: Final = (
    Finding(
        ".reference",
        IssueType.VALUE,
        Text(
            "reference-form",
            en="{path} must be `Type/id`, an absolute URL, a URN, or `#` and the id of a contained resource.",
            fr="{path} doit être `Type/id`, une URL absolue, un URN, ou `#` suivi de l'id d'une ressource contenue.",
            nl="{path} moet `Type/id`, een absolute URL, een URN, of `#` met de id van een ingesloten resource zijn.",
        ),
    ),
)
_REF_1: Final = (
    Finding(
        ".reference",
        IssueType.INVARIANT,
        Text(
            "reference-contained",
            en="{path} must name a contained resource that is there (ref-1).",
            fr="{path} doit désigner une ressource contenue qui est présente (ref-1).",
            nl="{path} moet een ingesloten resource noemen die aanwezig is (ref-1).",
        ),
    ),
)


def reference_check(resource_types: frozenset[str]) -> Check:
    """Return the check of a Reference's literal form; a fragment must resolve (ref-1)."""

    def check(value: Json, walk: Walk) -> Findings | None:
        literal = value.get("reference")
        if type(literal) is not str or not literal:
            return None
        if literal[0] == "#":
            walk.scope.refer(literal)
            return None if len(literal) == 1 or literal[1:] in walk.scope.contained_ids else _REF_1
        head, _, tail = literal.partition("/")
        if head in resource_types and is_id(tail):
            return None
        return None if _ABSOLUTE.fullmatch(literal) or _is_relative(literal) else _LITERAL

    def _is_relative(literal: str) -> bool:
        found = _RELATIVE.fullmatch(literal)
        if found is None or found["type"] not in resource_types:
            return False
        return all(part is None or is_id(part) for part in (found["id"], found["version"]))

    return check


_NO_ID: Final = Finding(
    "",
    IssueType.REQUIRED,
    Text(
        "contained-id",
        en="{path} must have an `id`, because it is contained.",
        fr="{path} doit avoir un `id`, car c'est une ressource contenue.",
        nl="{path} moet een `id` hebben, omdat het een ingesloten resource is.",
    ),
)
_DOM_4: Final = Finding(
    "",
    IssueType.INVARIANT,
    Text(
        "contained-version",
        en="{path} must not have `meta.versionId` or `meta.lastUpdated`, because it is contained (dom-4).",
        fr="{path} ne doit avoir ni `meta.versionId` ni `meta.lastUpdated`, car c'est une ressource contenue (dom-4).",
        nl=(
            "{path} mag geen `meta.versionId` of `meta.lastUpdated` hebben, omdat het een ingesloten resource is "
            "(dom-4)."
        ),
    ),
)
_DOM_5: Final = Finding(
    "",
    IssueType.INVARIANT,
    Text(
        "contained-security",
        en="{path} must not have `meta.security`, because it is contained (dom-5).",
        fr="{path} ne doit pas avoir de `meta.security`, car c'est une ressource contenue (dom-5).",
        nl="{path} mag geen `meta.security` hebben, omdat het een ingesloten resource is (dom-5).",
    ),
)
DOM_2: Final = one(
    IssueType.INVARIANT,
    Text(
        "contained-nested",
        en="{path} must not be there: a contained resource contains no other (dom-2).",
        fr="{path} ne doit pas être présent : une ressource contenue n'en contient pas d'autre (dom-2).",
        nl="{path} mag er niet zijn: een ingesloten resource bevat geen andere (dom-2).",
    ),
)


def check_contained(value: Resource, walk: Walk) -> Findings | None:
    """dom-4 and dom-5: a contained resource has an id and no version, time or security label of its own."""
    meta = value.get("meta")
    present = meta.keys() if isinstance(meta, dict) else set()
    found = []
    if "id" not in value:
        found.append(_NO_ID)
    if not present.isdisjoint(("versionId", "lastUpdated")):
        found.append(_DOM_4)
    if "security" in present:
        found.append(_DOM_5)
    return found or None


_DOM_3: Final = Text(
    "contained-unused",
    en="{path} must be referred to from elsewhere in the resource, or refer to it with `#` (dom-3).",
    fr="{path} doit être référencé ailleurs dans la ressource, ou la référencer par `#` (dom-3).",
    nl="Naar {path} moet elders in de resource worden verwezen, of het moet er met `#` naar verwijzen (dom-3).",
)
_SAME_ID: Final = Text(
    "contained-same-id",
    en="{path} must be an id that no other contained resource has.",
    fr="{path} doit être un id qu'aucune autre ressource contenue ne porte.",
    nl="{path} moet een id zijn die geen andere ingesloten resource heeft.",
)


def check_container(value: Resource, walk: Walk) -> Findings | None:
    """dom-3: each contained resource is referred to, or refers to its container; and their ids are unique."""
    contained = value.get("contained")
    if not isinstance(contained, list):
        return None
    found = []
    seen: set[str] = set()
    pointing_up = iter(walk.scope.pointing_up)
    for index, inner in enumerate(contained):
        if not isinstance(inner, dict):
            continue
        points_up = next(pointing_up, False)
        name = inner.get("id")
        if not isinstance(name, str):
            continue
        if name in seen:
            found.append(Finding(f".contained[{index}].id", IssueType.VALUE, _SAME_ID))
        seen.add(name)
        if not points_up and "#" + name not in walk.scope.fragments:
            found.append(Finding(f".contained[{index}]", IssueType.INVARIANT, _DOM_3))
    return found or None
