"""Names for the JSON values the server moves: a resource is plain JSON with a ``resourceType``.

Decimals are ``decimal.Decimal`` subclasses that keep their literal, never ``float``.
Spec: http://hl7.org/fhir/R4/json.html
"""

from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""One decoded JSON value: dict, list, str, int, Decimal, bool or None."""

Resource: TypeAlias = dict[str, Any]
"""A decoded resource; ``resource["resourceType"]`` names its type."""

SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
"""The tag of a resource of which parts are left out: http://hl7.org/fhir/R4/resource.html#simple-tags"""
