"""The types of an element, narrowed: which a profile may name, given those of the base.

Spec: http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type
"""

from collections.abc import Iterable
from typing import Final, Protocol

from fhirserver.definitions.snapshots.problems import Report, Rule
from fhirserver.definitions.snapshots.read import BASE_URL, SYSTEM, texts, types_of, url_of
from fhirserver.definitions.snapshots.tree import Node
from fhirserver.kernel.resource import Json

_NARROWING: Final = ("profile", "targetProfile")
_ANY: Final = ("*", "Resource", "Element")


class Structures(Protocol):
    """What generating asks of the other structures."""

    def tree(self, canonical: str) -> Node | None:
        """Return the snapshot of a structure as a tree; None when it is unknown or is being generated."""

    def lineage(self, canonical: str) -> tuple[str, ...]:
        """Return the urls of a structure and of all it derives from; only its own when it is unknown."""

    def is_under_way(self, canonical: str) -> bool:
        """Tell whether the snapshot of this structure is being generated."""


def narrowed(base: Json, change: Json, structures: Structures, report: Report) -> list[Json] | None:
    """Return the types that ``change`` leaves of those of ``base``; None when it leaves them as they are."""
    asked, allowed = types_of(change), types_of(base)
    if "type" in change and not asked:
        report(Rule.MALFORMED, "`type` is not a list of objects with a `code`.")
    if not asked or not allowed:
        return asked or None
    return [_still_narrow(t, allowed) for t in asked if _is_allowed(t, allowed, structures, report)] or None


def _still_narrow(asked: Json, allowed: list[Json]) -> Json:
    """Keep the profiles and targets of the base where a type is named without any: leaving them out allows no more."""
    same = [t for t in allowed if t["code"] == asked["code"]]
    kept = {key: same[0][key] for key in _NARROWING if len(same) == 1 and key in same[0]}
    return {**kept, **asked}


def _is_allowed(asked: Json, allowed: list[Json], structures: Structures, report: Report) -> bool:
    code = asked["code"]
    same = [t for t in allowed if _derives(code, t["code"], structures)]
    if not same:
        named = ", ".join(f"`{c}`" for c in dict.fromkeys(t["code"] for t in allowed))
        report(Rule.TYPE_NOT_ALLOWED, f"The type `{code}` is not one that the base allows: {named}.")
        return False
    _check_profiles(asked, structures, report)
    _check_targets(asked, same, structures, report)
    return True


def _derives(code: str, base: str, structures: Structures) -> bool:
    if code == base or base in _ANY or base.startswith(SYSTEM):
        return True
    return url_of(base) in structures.lineage(url_of(code))


def _check_profiles(asked: Json, structures: Structures, report: Report) -> None:
    for profile in texts(asked.get("profile")):
        lineage = structures.lineage(profile)
        if len(lineage) > 1 and url_of(asked["code"]) not in lineage:
            text = f"The profile `{profile}` is not one of the type `{asked['code']}`."
            report(Rule.TYPE_NOT_ALLOWED, text)


def _check_targets(asked: Json, same: list[Json], structures: Structures, report: Report) -> None:
    allowed = [url for t in same for url in texts(t.get("targetProfile"))]
    if not allowed or any("targetProfile" not in t for t in same):
        return
    for target in texts(asked.get("targetProfile")):
        if not _is_target(target, allowed, structures):
            named = ", ".join(f"`{url}`" for url in allowed)
            report(Rule.TARGET_NOT_ALLOWED, f"`{target}` is not one of the targets that the base allows: {named}.")


def _is_target(target: str, allowed: Iterable[str], structures: Structures) -> bool:
    lineage = structures.lineage(target)
    bare = {url.partition("|")[0] for url in allowed}
    unknown = len(lineage) == 1 and not target.startswith(BASE_URL)
    return unknown or BASE_URL + "Resource" in bare or not bare.isdisjoint(lineage)
