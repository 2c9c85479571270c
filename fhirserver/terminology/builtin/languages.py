"""ISO 639: languages by the two letters of part 1 and the three of parts 2 and 3.

Part 2 has terminological and bibliographic codes, both valid.
Spec: https://www.iso.org/iso-639-language-code
"""

from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.registries import also, library, listing
from fhirserver.terminology.resource_systems import ResourceCodeSystem

_BASE: Final = "http://terminology.hl7.org/CodeSystem/iso639"
ISO_639: Final = tuple(f"{_BASE}-{part}" for part in (1, 2, 3))
_PARTS: Final = {f"{_BASE}-1": ("part1",), f"{_BASE}-2": ("part2t", "part2b"), f"{_BASE}-3": ("part3",)}
_IN_USE: Final = "A"


def languages(url: str) -> ResourceCodeSystem:
    """Return the code system of one part."""
    updated = str(library("iso639").DATA_LAST_UPDATED)
    return listing(url, updated, f"ISO_639_{url[-1]}", _languages(_PARTS[url]))


def _languages(parts: tuple[str, ...]) -> Iterator[Resource]:
    found = {
        code: language
        for language in library("iso639").ALL_LANGUAGES
        for code in (getattr(language, part) for part in parts)
        if code and language.status == _IN_USE
    }
    for code, language in sorted(found.items()):
        others = dict.fromkeys(one.print for one in language.other_names or () if one.print != language.name)
        yield {"code": code, "display": language.name} | also(*others)
