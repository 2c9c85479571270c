"""Versions of code systems and value sets: which says more than another, what a request pins.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html (system-version and its siblings);
http://hl7.org/fhir/R4/resource.html#canonical
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fhirserver.kernel.version_order import SNOMED, is_pattern, matches, order_key


def is_more_detailed(general: str, exact: str | None) -> bool:
    """Tell whether a version says more than another and agrees with it (``1.2.3`` with ``1.2``)."""
    if exact is None or general == exact:
        return False
    if is_pattern(general) or general.startswith(SNOMED):
        return matches(general, exact)
    return "." in general and exact.startswith((f"{general}.", f"{general}-"))


def latest(versions: Iterable[str | None]) -> str | None:
    """Return the last of some versions."""
    return max(versions, key=order_key, default=None)


def listed(versions: Iterable[str]) -> str:
    """Return versions in order as a sentence has them; those that are urls in the order of their letters."""
    *first, last = sorted(set(versions), key=lambda one: ((), one) if "://" in one else (order_key(one), "")) or [""]
    if not first:
        return last
    return f"{first[0]} or {last}" if len(first) == 1 else f"{', '.join(first)} and {last}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request says of versions, by url: which to take by default, to accept only, to take whatever is asked."""

    default: Mapping[str, str] = field(default_factory=dict)
    check: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)

    def choose(self, url: str, asked: str | None) -> str | None:
        """Return the version to take where one is asked for, or none."""
        forced = self.force.get(url)
        if forced is not None:
            return forced
        return asked or self.default.get(url) or self.check.get(url)

    def followed(self, url: str, asked: str | None) -> str | None:
        """Return the name of the parameter that decides which version is taken."""
        if url in self.force:
            return "force-system-version"
        if asked or (url not in self.default and url not in self.check):
            return None
        return "system-version" if url in self.default else "check-system-version"

    def required(self, url: str, version: str | None) -> str | None:
        """Return the version that a check demands instead of one; None if it is accepted."""
        wanted = self.check.get(url)
        return None if wanted is None or matches(wanted, version) else wanted
