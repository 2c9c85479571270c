"""Invariants of R4 that compare two values, and whose published expression cannot always tell.

A comparison gives nothing where one side is less precise than the other, or in a unit that cannot be compared with
it. By its expression such an invariant is not met then; by R4's text an end of a day includes what begins within it,
and R5 says the same rules so that what cannot be told is allowed.
Spec: http://hl7.org/fhir/R4/datatypes.html#Period, http://hl7.org/fhir/R5/datatypes-definitions.html#Period
"""

from typing import Final

COMPARING: Final = frozenset(
    {
        # per-1: from 2012-02-03T10:00:00 to 2012-02-03
        "start.hasValue().not() or end.hasValue().not() or (start <= end)",
        # inv-1 of Task: changed on the day that it was authored on
        "lastModified.exists().not() or authoredOn.exists().not() or lastModified >= authoredOn",
        # mdd-1: handed over on the day that it was prepared on
        "whenHandedOver.empty() or whenPrepared.empty() or whenHandedOver >= whenPrepared",
        # rng-2: from 11 months to 1 year, told without codes of UCUM
        "low.empty() or high.empty() or (low <= high)",
    }
)
"""Their expressions."""
