"""Compare a generated snapshot with the published one, element by element, on what a validator reads."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fhirserver.definitions.snapshots.generator import Generator
from fhirserver.kernel.resource import Json, Resource

_VALUES = ("fixed", "pattern", "minValue", "maxValue", "maxLength", "contentReference")


class Difference(NamedTuple):
    """One way in which a generated element is not the published one."""

    structure: str
    element: str
    kind: str
    published: object
    generated: object


@dataclass
class Agreement:
    """How many elements are the same in everything compared, and how the others differ."""

    elements: int = 0
    same: int = 0
    differences: list[Difference] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    """The elements that break a rule, and the rules."""

    @property
    def share(self) -> float:
        """The share of the published elements that are the same."""
        return self.same / self.elements

    def kinds(self) -> Counter[str]:
        """Count the differences by what differs."""
        return Counter(difference.kind for difference in self.differences)


def without_snapshot(structure: Resource) -> Resource:
    """Return the structure as an author writes it."""
    return {key: value for key, value in structure.items() if key != "snapshot"}


def agreement(published: Iterable[Resource], find: Callable[[str], Resource | None]) -> Agreement:
    """Generate each structure from its differential and compare."""
    generator, result = Generator(find), Agreement()
    for structure in published:
        snapshot = generator.generate(without_snapshot(structure))
        generated = {e["id"]: e for e in snapshot.elements}
        result.problems += [(problem.element, problem.rule.value) for problem in snapshot.problems]
        wanted = {e["id"]: e for e in structure["snapshot"]["element"]}
        found = list(_differences(wanted, generated))
        result.elements += len(wanted)
        result.same += len(wanted) - len({place for place, kind, _, _ in found if kind not in ("added", "order")})
        result.differences += [Difference(structure["url"].rpartition("/")[2], *difference) for difference in found]
    return result


def _differences(wanted: dict[str, Json], generated: dict[str, Json]) -> Iterator[tuple[str, str, object, object]]:
    for place, element in wanted.items():
        if place not in generated:
            yield place, "missing", None, None
        else:
            for kind, (mine, theirs) in _compared(facts(element), facts(generated[place])).items():
                yield place, kind, mine, theirs
    yield from ((place, "added", None, None) for place in generated if place not in wanted)
    orders = [[p for p in wanted if p in generated], [p for p in generated if p in wanted]]
    yield from ((mine, "order", mine, theirs) for mine, theirs in zip(*orders, strict=True) if mine != theirs)


def _compared(mine: dict[str, object], theirs: dict[str, object]) -> dict[str, tuple[object, object]]:
    keys = mine.keys() | theirs.keys()
    return {key: (mine.get(key), theirs.get(key)) for key in keys if mine.get(key) != theirs.get(key)}


def facts(element: Json) -> dict[str, object]:
    """Return what is compared of an element; the versions that a publisher pins references to are left out."""
    values = {key: value for key, value in element.items() if key.startswith(_VALUES)}
    if "contentReference" in values:
        values["contentReference"] = values["contentReference"].rpartition("#")[2]
    return {
        **values,
        "path": element["path"],
        "sliceName": element.get("sliceName"),
        "min": element.get("min"),
        "max": element.get("max"),
        "type": [_type(t) for t in element.get("type", [])],
        "slicing": _slicing(element.get("slicing")),
        "binding": _binding(element.get("binding")),
        "mustSupport": element.get("mustSupport", False),
        "constraint": sorted({c["key"] for c in element.get("constraint", [])}),
        "base": sorted(map(str, element.get("base", {}).values())),
    }


def _bare(canonicals: Iterable[str]) -> list[str]:
    return sorted(canonical.partition("|")[0] for canonical in canonicals)


def _type(ref: Json) -> object:
    return ref["code"], _bare(ref.get("profile", [])), _bare(ref.get("targetProfile", []))


def _slicing(slicing: Json) -> object:
    if slicing is None:
        return None
    discriminators = sorted((d["type"], d["path"]) for d in slicing.get("discriminator", []))
    return discriminators, slicing.get("rules"), slicing.get("ordered", False)


def _binding(binding: Json) -> object:
    return binding and (binding.get("strength"), _bare([binding.get("valueSet", "")]))
