"""The succession of Belgian numbers: a BIS number gives way to a NISS, and is kept as an old one.

Whoever is not in the national register has a BIS number, and another number once it enters it; what was sent under the
first must still be found. A NISS that is replaced by a NISS without being kept was a mistake: that number is another
person's, and does not stay.
"""

from typing import Final

from fhirserver.identifiers.changes import Change, Happened, retired
from fhirserver.identifiers.kinds import SSIN, canonical_system
from fhirserver.kernel.identifiers import is_bis
from fhirserver.kernel.resource import Resource

_REPLACED: Final = Happened("niss-replaced", "The national number was replaced; the one before it is kept as old.")


def niss_succession(before: Resource, after: Resource, today: str) -> Change:
    """Keep the number before as an old one, where a new one has come."""
    earlier, numbers = _in_use(before), _in_use(after)
    new = [value for value in numbers if value not in earlier]
    if len(new) != 1 or not earlier:
        return Change(after)
    listed = [
        retired(one, today) if _is_among(one, numbers) and one["value"] in earlier else one
        for one in after["identifier"]
    ]
    known = {one.get("value") for one in listed if _is_national(one)}
    listed += [retired(one, today) for value, one in earlier.items() if value not in known and is_bis(value)]
    return Change(after) if listed == after["identifier"] else Change({**after, "identifier": listed}, (_REPLACED,))


def _in_use(patient: Resource) -> dict[str, Resource]:
    listed = patient.get("identifier", ())
    return {one["value"]: one for one in listed if "value" in one and one.get("use") != "old" and _is_national(one)}


def _is_national(identifier: Resource) -> bool:
    return canonical_system(identifier.get("system", "")) == SSIN.system


def _is_among(identifier: Resource, numbers: dict[str, Resource]) -> bool:
    return numbers.get(identifier.get("value", "")) is identifier
