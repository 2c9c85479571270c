"""Business versions of definitions: their order, and what a pattern (``1.x``) means.

Spec: http://hl7.org/fhir/R4/resource.html#canonical, https://hl7.org/fhir/packages.html
"""

import re
from typing import Final, TypeAlias

_PARTS: Final = re.compile(r"\d+|[^\d.\-_+/|]+")
_MAX_DIGITS: Final = 40
"""Of a number; what is longer is a text."""
_WILD: Final = frozenset({"x", "X", "*"})
SNOMED: Final = "http://snomed.info/"
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
    return wanted.startswith(SNOMED) and version.startswith(f"{wanted}/version/")


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
