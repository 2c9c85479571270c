"""Versions of code systems and value sets: their order, what a pattern (``1.x``) means, what a request pins.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html (system-version and its siblings);
http://hl7.org/fhir/R4/resource.html#canonical
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_PARTS: Final = re.compile(r"\d+|[^\d.\-_+/|]+")
_MAX_DIGITS: Final = 40
"""Of a number; what is longer is a text."""
_WILD: Final = frozenset({"x", "X", "*"})
_SNOMED: Final = "http://snomed.info/"
_EDITION: Final = re.compile(r"http://snomed\.info/x?sct/(?P<module>\d{1,18})/version/(?P<time>\d{1,8})", re.ASCII)
_INTERNATIONAL: Final = "900000000000207008"

Key: TypeAlias = tuple[tuple[int, int, str], ...]


def order_key(version: str | None) -> Key:
    """Return what sorts versions: numbers as numbers; a pre-release (``1.0.0-draft``) before its release.

    Of SNOMED CT the editions of extensions are after the international one, which they have within them; else their
    dates count.
    """
    if version is None:
        return ()
    edition = _EDITION.fullmatch(version)
    if edition is not None:
        is_extension = edition["module"] != _INTERNATIONAL
        return (1, is_extension, ""), (1, int(edition["time"]), ""), (1, int(edition["module"]), "")
    release, dash, _ = version.partition("-")
    is_semantic = dash and "." in release
    parts = [_part(p) for p in _PARTS.findall(version if not is_semantic else release)]
    return (*parts, (-1, 0, "")) if is_semantic else (*parts, (0, -1, ""))


def _part(text: str) -> tuple[int, int, str]:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return (1, int(text), "") if is_number else (0, 0, text)


def matches(wanted: str, version: str | None) -> bool:
    """Tell whether a version is one that is wanted: itself, or one of a pattern as ``1.x``, ``1.2.*`` or ``1.0.?``."""
    if version is None:
        return False
    if wanted == version:
        return True
    if is_pattern(wanted):
        return _fits(wanted.split("."), version.split("."))
    return wanted.startswith(_SNOMED) and version.startswith(f"{wanted}/version/")


def is_pattern(version: str) -> bool:
    """Tell whether a version has parts that stand for any."""
    return any(part in _WILD for part in version.split(".")) or version.endswith("?")


def _fits(pattern: list[str], version: list[str]) -> bool:
    if len(pattern) > len(version):
        return False
    for place, part in enumerate(pattern):
        if part.endswith("?") and version[place].startswith(part[:-1]):
            return True
        if part not in _WILD and part != version[place]:
            return False
    return len(pattern) == len(version) or pattern[-1] in _WILD


def is_more_detailed(general: str, exact: str | None) -> bool:
    """Tell whether a version says more than another and agrees with it (``1.2.3`` with ``1.2``)."""
    if exact is None or general == exact:
        return False
    if is_pattern(general) or general.startswith(_SNOMED):
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
