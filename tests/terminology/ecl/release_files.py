"""The small release as the files that a release has."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.terminology.ecl.small_ontology import RELEASE
from tests.terminology.ecl.small_release import IDENTIFIERS

_IS_A, _INFERRED, _SOME = "116680003", "900000000000011006", "900000000000451002"
_STATUS: Final = {True: "900000000000073002", False: "900000000000074008"}
_ACCEPTABILITY: Final = {1: "900000000000549004", 2: "900000000000548007"}
_MEMBER: Final = "id effectiveTime active moduleId refsetId referencedComponentId"
_YEAR: Final = re.compile(r"20\d\d")
_REFSETS: Final = {
    "targetComponentId": ("c", "Association", ("targetComponentId",)),
    "mapTarget": ("iisss", "Example", ("mapGroup", "mapPriority", "mapTarget", "advised", "validUntil")),
}
_SIMPLE: Final = ("", "Simple", ())


def write(folder: Path) -> Path:
    """Write the files; return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _file(folder, "sct2_Concept_", "id effectiveTime active moduleId definitionStatusId", _concepts())
    relationship = (
        "id effectiveTime active moduleId sourceId {} relationshipGroup typeId characteristicTypeId modifierId"
    )
    _file(folder, "sct2_Relationship_", relationship.format("destinationId"), _relationships(has_values=False))
    _file(folder, "sct2_RelationshipConcreteValues_", relationship.format("value"), _relationships(has_values=True))
    _file(
        folder,
        "sct2_Identifier_",
        "alternateIdentifier effectiveTime active moduleId identifierSchemeId referencedComponentId",
        [(key, *_row(set()), RELEASE.codes[scheme], RELEASE.codes[concept]) for scheme, key, concept in IDENTIFIERS],
    )
    columns = "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId"
    for language in ("en", "fr", "nl"):
        _file(folder, "sct2_Description_", columns, _descriptions(language, is_definition=False), f"-{language}")
        _file(folder, "der2_cRefset_Language", f"{_MEMBER} acceptabilityId", _accepted(language), f"-{language}")
    _file(folder, "sct2_TextDefinition_", columns, _descriptions("en", is_definition=True), "-en")
    for kind in (_SIMPLE, *_REFSETS.values()):
        pattern, name, fields = kind
        _file(folder, f"der2_{pattern}Refset_{name}", " ".join((_MEMBER, *fields)), _members(kind))
    return folder


def _file(folder: Path, name: str, columns: str, rows: Iterable[Iterable[object]], language: str = "") -> None:
    text = "\r\n".join("\t".join(map(str, row)) for row in [columns.split(), *rows])
    (folder / f"{name}Snapshot{language}_INT_20260131.txt").write_text(text + "\r\n", newline="", encoding="utf-8")


def _row(marks: set[str]) -> tuple[object, ...]:
    year = next((mark for mark in marks if _YEAR.fullmatch(mark)), "2020")
    module = RELEASE.codes["be_module" if "be" in marks else "core"]
    return f"{year}0131", int("inactive" not in marks), module


def _concepts() -> Iterator[tuple[object, ...]]:
    for name, code in RELEASE.codes.items():
        marks = RELEASE.marks[name]
        yield code, *_row(marks), _STATUS["defined" in marks]


def _relationships(*, has_values: bool) -> Iterator[tuple[object, ...]]:
    is_a = [(name, 0, "", parent) for name, parents in RELEASE.parents.items() for parent in parents]
    for number, (source, group, attribute, value) in enumerate([*is_a, *RELEASE.relationships]):
        if (value in RELEASE.codes) is not has_values:
            written = RELEASE.codes.get(value, value)
            kind = RELEASE.codes.get(attribute, _IS_A)
            yield 300_001 + number, *_row(set()), RELEASE.codes[source], written, group, kind, _INFERRED, _SOME


def _descriptions(language: str, *, is_definition: bool) -> Iterator[tuple[object, ...]]:
    for one in RELEASE.descriptions:
        if one["language"] == language and (one["type"] == "text_definition") is is_definition:
            codes = RELEASE.codes[one["concept"]], language, RELEASE.codes[one["type"]]
            yield one["id"], *_row(one["marks"]), *codes, one["term"], 0


def _accepted(language: str) -> Iterator[tuple[object, ...]]:
    for one in RELEASE.descriptions:
        for place, (refset, how) in enumerate(one["accepted"].items() if one["language"] == language else ()):
            key = UUID(int=(one["id"] << 96) + (place << 64))
            yield key, *_row(set()), RELEASE.codes[refset], one["id"], _ACCEPTABILITY[how]


def _members(kind: tuple[str, str, tuple[str, ...]]) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(RELEASE.members):
        fields = one["fields"]
        if next((of for name, of in _REFSETS.items() if name in fields), _SIMPLE) == kind:
            values = (RELEASE.codes.get(fields.get(name, ""), fields.get(name, "").strip('#"')) for name in kind[2])
            component = RELEASE.codes[fields["referencedComponentId"]]
            yield UUID(int=(number + 1) << 96), *_row(one["marks"]), RELEASE.codes[one["refset"]], component, *values
