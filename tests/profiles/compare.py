"""What two definitions of one profile say, element by element, and where they differ.

A fact is what changes which resources are valid, or what must be supported: texts, mappings and examples are none.
"""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = Any
Facts: TypeAlias = Mapping[str, str]
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


def differences(ours: Json, theirs: Json, view: str = "snapshot") -> Iterator[Difference]:
    """Compare two StructureDefinitions by one of their views."""
    url = theirs["url"]
    left, right = facts_of(ours[view]["element"]), facts_of(theirs[view]["element"])
    for element in _in_order(right, left):
        if element not in left or element not in right:
            yield Difference(url, element, "element", _there(element in left), _there(element in right))
            continue
        for fact in _in_order(right[element], left[element]):
            mine, other = left[element].get(fact, ""), right[element].get(fact, "")
            if mine != other:
                yield Difference(url, element, fact, mine, other)


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


def _there(is_there: bool) -> str:
    return "there" if is_there else ""
