"""ISO 639: languages by the two letters of part 1 and the three of parts 2 and 3.

Part 2 has terminological and bibliographic codes, both valid. The tables are read as files: to import their library
takes a second.
Spec: https://www.iso.org/iso-639-language-code
"""

from collections.abc import Iterator
from csv import QUOTE_NONE, DictReader
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.registries import also, listing
from fhirserver.terminology.resource_systems import ResourceCodeSystem

_BASE: Final = "http://terminology.hl7.org/CodeSystem/iso639"
ISO_639: Final = tuple(f"{_BASE}-{part}" for part in (1, 2, 3))
_PARTS: Final = {f"{_BASE}-1": ("Part1",), f"{_BASE}-2": ("Part2t", "Part2b"), f"{_BASE}-3": ("Id",)}
_LIBRARY: Final = "python-iso639"


def languages(url: str) -> ResourceCodeSystem:
    """Return the code system of one part."""
    return listing(url, languages_version(), f"ISO_639_{url[-1]}", _languages(_PARTS[url]))


def languages_version() -> str:
    """Return the version of the tables, which is that of the library: a day."""
    return distribution(_LIBRARY).version


def shortest_codes() -> Iterator[str]:
    """Yield the languages of part 2, each by its code of part 1 where it has one."""
    for language in _table("iso-639-3.tab"):
        second = language["Part2t"] or language["Part2b"]
        if second:
            yield language["Part1"] or second


def _languages(parts: tuple[str, ...]) -> Iterator[Resource]:
    called: dict[str, list[str]] = {}
    for one in _table("iso-639-3_Name_Index.tab"):
        called.setdefault(one["Id"], []).append(one["Print_Name"])
    found = {one[part]: one for one in _table("iso-639-3.tab") for part in parts if one[part]}
    for code, language in sorted(found.items()):
        name = language["Ref_Name"]
        others = [other for other in called.get(language["Id"], ()) if other != name]
        yield {"code": code, "display": name} | also(*others)


def _table(name: str) -> Iterator[dict[str, str]]:
    path = Path(str(distribution(_LIBRARY).locate_file(f"iso639/_data/{name}")))
    with path.open(encoding="utf-8", newline="") as lines:
        yield from DictReader(lines, delimiter="\t", quoting=QUOTE_NONE)
