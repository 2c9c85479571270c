"""What two definitions of one profile say, element by element, and where they differ.

A fact is what changes which resources are valid, or what must be supported: texts, mappings and examples are none.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = Any
Facts: TypeAlias = Mapping[str, str]
Content: TypeAlias = Callable[[str], Sequence[Json] | None]
"""The elements of the snapshot of a profile, by url."""

_PROFILED = re.compile(r"(?P<type>\w+)<(?P<profile>[^,<>]+)>")
_VALUES = ("fixed", "pattern", "minValue", "maxValue")
_CORE = "http://hl7.org/fhir/StructureDefinition/"


class Difference(NamedTuple):
    """One fact on which two definitions do not agree; an absent one is the empty string."""

    url: str
    element: str
    fact: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        """Say it on one line."""
        return f"{self.url} | {self.element} | {self.fact}: ours {self.ours or '-'}, official {self.theirs or '-'}"


def own_package(folder: Path) -> dict[str, Json]:
    """Read an unpacked package: file name to resource, examples as ``example/NAME``."""
    files = sorted(folder.glob("package/*.json")) + sorted(folder.glob("package/example/*.json"))
    names = {path: str(path.relative_to(folder / "package")) for path in files if path.name != "package.json"}
    return {name: json.loads(path.read_bytes()) for path, name in names.items()}


def published(file: Path, role: str = "definition") -> list[Json]:
    """Read the resources of one file of the corpora that play ``role``."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [entry["resource"] for entry in entries if entry["role"] == role]


def structures(resources: Sequence[Json]) -> dict[str, Json]:
    """Keep the StructureDefinitions, by url."""
    return {one["url"]: one for one in resources if one["resourceType"] == "StructureDefinition"}


def differences(ours: Json, theirs: Json, content: Content = lambda url: None) -> Iterator[Difference]:
    """Compare the snapshots of two StructureDefinitions.

    One generator writes out the content of a profiled type where another leaves it to the profile: an element that
    is only on one side is looked up in the profile that the other side names, by ``content``.
    """
    url, sides = theirs["url"], [facts_of(one["snapshot"]["element"]) for one in (ours, theirs)]
    absent: tuple[str, ...] = ()
    for element in sorted(_in_order(*sides), key=len):
        mine, other = (_of(element, side, content) for side in sides)
        if mine is not None and other is not None:
            yield from (Difference(url, element, *fact) for fact in _unlike(mine, other))
        elif not element.startswith(absent):
            absent = (*absent, element + ".")
            yield Difference(url, element, "element", "" if mine is None else "there", "" if other is None else "there")


def _unlike(ours: Facts, theirs: Facts) -> Iterator[tuple[str, str, str]]:
    for fact in _in_order(ours, theirs):
        if ours.get(fact) != theirs.get(fact):
            yield fact, ours.get(fact, ""), theirs.get(fact, "")


def _of(element: str, side: Mapping[str, Facts], content: Content) -> Facts | None:
    return side[element] if element in side else _inherited(element, side, content)


def _inherited(element: str, side: Mapping[str, Facts], content: Content) -> Facts | None:
    """Return what an element that is not written out has from the profile of the nearest element above it."""
    above = element
    while "." in above:
        above = above.rpartition(".")[0]
        named = _PROFILED.fullmatch(side.get(above, {}).get("type", ""))
        if named:
            written = content(named["profile"] if ":" in named["profile"] else _CORE + named["profile"])
            return written and _within(element, named["type"] + element.removeprefix(above), written, content)
    return None


def _within(element: str, place: str, written: Sequence[Json], content: Content) -> Facts | None:
    return _of(place, facts_of(written), content) if place != element else None


def facts_of(elements: Sequence[Json]) -> dict[str, Facts]:
    """Read what each element of a view constrains, by element id."""
    return {element["id"]: dict(_facts(element)) for element in elements}


def _facts(element: Json) -> Iterator[tuple[str, str]]:
    for name in ("min", "max", "maxLength", "contentReference", "sliceName"):
        if name in element:
            yield name, str(element[name])
    for name in ("mustSupport", "isModifier", "isSummary"):
        if element.get(name):
            yield name, "true"
    yield from ((key, _text(value)) for key, value in element.items() if key.startswith(_VALUES))
    if "type" in element:
        yield "type", " ".join(sorted(_type(one) for one in element["type"]))
    if "slicing" in element:
        yield "slicing", _slicing(element["slicing"])
    if "binding" in element:
        yield "binding", _binding(element["binding"])
    for one in element.get("constraint", ()):
        yield f"invariant {one['key']}", one["severity"]


def _type(one: Json) -> str:
    profiles, targets = _canonicals(one, "profile"), _canonicals(one, "targetProfile")
    aggregation = ",".join(sorted(one.get("aggregation", ())))
    return one["code"] + (f"<{profiles}>" if profiles else "") + (f"({targets})" if targets else "") + aggregation


def _canonicals(one: Json, name: str) -> str:
    return ",".join(sorted(url.removeprefix(_CORE).partition("|")[0] for url in one.get(name, ())))


def _slicing(slicing: Json) -> str:
    paths = sorted(f"{one['type']}:{one['path']}" for one in slicing.get("discriminator", ()))
    return f"{','.join(paths)} {slicing['rules']}" + (" ordered" if slicing.get("ordered") else "")


def _binding(binding: Json) -> str:
    return f"{binding['strength']} {binding.get('valueSet', '').partition('|')[0]}"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _in_order(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return [*first, *(name for name in second if name not in first)]


def codes_of(terminology: Json) -> set[str]:
    """Say what a ValueSet includes and excludes, or which codes a CodeSystem has; displays are no fact."""
    if terminology["resourceType"] == "CodeSystem":
        kind = (terminology["content"], str(terminology.get("caseSensitive", False)))
        return {*kind, *(one["code"] for one in _concepts(terminology.get("concept", ())))}
    compose = terminology.get("compose", {})
    return {f"{way} {what}" for way in ("include", "exclude") for one in compose.get(way, ()) for what in _part(one)}


def _concepts(concepts: Sequence[Json]) -> Iterator[Json]:
    for one in concepts:
        yield one
        yield from _concepts(one.get("concept", ()))


def _part(one: Json) -> Iterator[str]:
    whole = {key: one[key] for key in ("system", "filter", "valueSet") if key in one}
    codes = [concept["code"] for concept in one.get("concept", ())]
    yield from (f"{one['system']}|{code}" for code in codes)
    if not codes:
        yield _text(whole)
