"""Where the facts of access come from: the record of a site, asked by plans. The repository implements it."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, Final, Protocol

from fhirserver.kernel.resource import Resource
from fhirserver.search.bind import Binder
from fhirserver.search.index import DATE_MAX, DATE_MIN
from fhirserver.search.plan import NONE, Plan
from fhirserver.search.values.date import parse_interval
from fhirserver.search.values.reference import resolved

MAX_FOUND: Final = 500
"""Resources of the directory that one question finds."""


class FactSource(Protocol):
    """The record of a site, now or as it was at an instant, asked for nobody in particular."""

    @property
    def binder(self) -> Binder:
        """The search parameters by which it is asked."""
        ...

    @property
    def now_us(self) -> int:
        """The moment that it answers of."""
        ...

    async def resources(self, resource_type: str, plan: Plan, limit: int) -> list[Resource] | None:
        """Return what a plan selects of a type; None when that is more than ``limit``."""
        ...

    async def terms(self, resource_type: str, plan: Plan, prefixes: Sequence[str], limit: int) -> list[str] | None:
        """Return the terms under some prefixes of what a plan selects; None when that is more than ``limit``."""
        ...


async def some(source: FactSource, resource_type: str, plan: Plan, limit: int = MAX_FOUND) -> list[Resource]:
    """Return what a plan selects of a type; nothing where that is too much: who cannot be told apart has no rights."""
    if plan == NONE:
        return []
    return await source.resources(resource_type, plan, limit) or []


def reference_in(binder: Binder, value: object) -> str | None:
    """Return ``Type/id`` of a Reference into this server."""
    text = value.get("reference") if isinstance(value, dict) else None
    return resolved(text, binder.rules.own_bases) if isinstance(text, str) else None


def lasts(period: Any, now: int, zone: tzinfo | None) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a Period contains a moment, in ticks; one that is absent always does."""
    if not isinstance(period, dict):
        return True
    return bound_of(period.get("start"), 0, DATE_MIN, zone) <= now < bound_of(period.get("end"), 1, DATE_MAX, zone)


def bound_of(value: object, end: int, otherwise: int, zone: tzinfo | None) -> int:
    """Return the beginning (0) or the end (1) of a date, in ticks."""
    interval = parse_interval(value, zone) if isinstance(value, str) else None
    return interval[end] if interval is not None else otherwise
