"""What ``/metadata?mode=terminology`` says: code systems, and what their operations can do.

Code systems that are stored in the record are not listed: who may see them differs, and this is answered to everybody.
Spec: http://hl7.org/fhir/R4/terminologycapabilities.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.options import NAMES, PROTOCOL

CodeSystemsNow: TypeAlias = Callable[[], Mapping[str, Sequence[str]]]
"""Returns versions by url, the one that is taken by default first; an empty version is none."""
_FILTER: Final = "Words begun in any order, without case and accents, in the languages of displayLanguage; best first."
_OF_VALIDATION: Final = frozenset(
    {"abstract", "inferSystem", "lenient-display-validation", "valueset-membership-only", "default-to-latest-version"}
)
_EXPANSION: Final = sorted({*NAMES, "tx-resource"} - (set(PROTOCOL) - {"tx-resource"}) - _OF_VALIDATION)


def terminology_capabilities(introduction: Resource, code_systems: Mapping[str, Sequence[str]]) -> Resource:
    """Return the statement."""
    listed = [_code_system(url, versions) for url, versions in sorted(code_systems.items())]
    return {
        "resourceType": "TerminologyCapabilities",
        **introduction,
        "lockedDate": False,
        **({"codeSystem": listed} if listed else {}),
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in _EXPANSION],
            "textFilter": _FILTER,
        },
        "codeSearch": "all",
        "validateCode": {"translations": True},
        "translation": {"needsMap": False},
        "closure": {"translation": False},
    }


def _code_system(url: str, versions: Sequence[str]) -> Resource:
    found: Resource = {"uri": url}
    stated = [one for one in versions if one]
    if stated:
        found["version"] = [{"code": one, "isDefault": place == 0} for place, one in enumerate(stated)]
    found["subsumption"] = True
    return found
