"""Which edition and version of SNOMED CT a release is.

Spec: http://hl7.org/fhir/R4/snomedct.html (versions), https://docs.snomed.org/snomed-ct-specifications/snomed-ct-uri-standard
"""

import re
from collections import Counter
from typing import Final

from fhirserver.terminology.loaders.framework import BadRelease
from fhirserver.terminology.loaders.rf2_refsets import MODULE_DEPENDENCIES
from fhirserver.terminology.loaders.rf2_release import Release
from fhirserver.terminology.loaders.rf2_tables import ints, longs

SNOMED: Final = "http://snomed.info/sct"
_CORE: Final = 900000000000207008
_INTERNATIONAL: Final = frozenset({_CORE, 900000000000012004, 449080006, 1204363008})
"""The modules of the International Edition: core, model, maps to ICD-10 and ICD-O."""
_VERSION: Final = re.compile(r"http://snomed\.info/x?sct/\d{6,18}/version/\d{8}")
_KINDS: Final = "ss"


def version_of(release: Release, wanted: str | None) -> str:
    """Return the version of a release, as ``wanted`` or as it says itself; raises BadRelease."""
    if wanted is not None:
        if not _VERSION.fullmatch(wanted):
            raise BadRelease(f"A version of SNOMED CT is `{SNOMED}/MODULE/version/YYYYMMDD`, not `{wanted}`.")
        return wanted
    times, depend = _dependencies(release)
    module = _module(release, depend)
    return f"{SNOMED}/{module}/version/{times.get(module) or _latest(release)}"


def _dependencies(release: Release) -> tuple[dict[int, int], dict[int, set[int]]]:
    """Return the time of the version of each module, and which it depends on."""
    times: dict[int, int] = {}
    depend: dict[int, set[int]] = {}
    for (kinds, _), rows in release.refsets.items():
        if kinds != _KINDS:
            continue
        values = list(rows.values[0])
        for place in rows.last(only_active=True).tolist():
            if rows.refsets[place] == MODULE_DEPENDENCIES:
                module, time = rows.modules[place], values[-1 - rows.cells[0][place]]
                times[module] = max(times.get(module, 0), int(time) if time.isdigit() else 0)
                depend.setdefault(module, set()).add(rows.components[place])
    return times, depend


def _module(release: Release, depend: dict[int, set[int]]) -> int:
    """Return the module that says which edition it is: the one that no other one of an extension builds on."""
    own = set(depend) - _INTERNATIONAL
    if not own:
        own = set(longs(release.concepts.modules).tolist()) - _INTERNATIONAL
    if not own:
        return _CORE
    below = {other for module in own for other in depend.get(module, ())}
    last = own - below or own
    sizes = Counter(longs(release.descriptions.modules).tolist())
    return max(last, key=lambda one: (len(depend.get(one, ())), sizes[one], one))


def _latest(release: Release) -> int:
    return int(max(ints(release.concepts.times).max(), ints(release.descriptions.times).max(initial=0)))
