"""When care took place: the search parameters that say so, of any type."""

from typing import Final

CARE: Final = (
    *("date", "period", "effective-time", "effective", "occurrence", "onset-date", "authoredon", "whenhandedover"),
    *("sent", "started", "collected", "identified", "event-date", "start-date", "datetime", "datewritten", "when"),
    *("recorded-date", "whenprepared", "received", "authored", "authored-on", "created", "recorded"),
)
"""Codes of the search parameters that say when care took place."""
NO_CARE: Final = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "Group"})
"""Types that are about persons, not about care: their dates are of no care."""
