"""LOINC as its release has it: terms, parts, answer lists, groups, the hierarchy, linguistic variants.

Spec: https://loinc.org/kb/users-guide/loinc-database-structure, http://hl7.org/fhir/R4/loinc.html
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhirserver.kernel.resource import Json
from fhirserver.terminology.concepts import Designation, Head, Property
from fhirserver.terminology.loaders.framework import BadRelease, Made, Progress, Wanted
from fhirserver.terminology.loaders.listing import Entry, code_property, rows, text_property, write_listing
from fhirserver.terminology.loaders.tree import File, Tree

LOINC: Final = "http://loinc.org"
_TERMS: Final = "Loinc.csv"
_HIERARCHY: Final = "ComponentHierarchyBySystem.csv"
_ANSWERS: Final = "AnswerList.csv"
_ANSWER_LINKS: Final = "LoincAnswerListLink.csv"
_GROUPS: Final = "Group.csv"
_PARENT_GROUPS: Final = "ParentGroup.csv"
_GROUPED: Final = "GroupLoincTerms.csv"
_PARTS: Final = "Part.csv"
_VARIANTS: Final = "LinguisticVariants.csv"
_VARIANT: Final = re.compile(r"([a-z]{2})([A-Z]{2})(\d+)LinguisticVariant\.csv")
_VERSION: Final = re.compile(r"Loinc[_-](\d+\.\d+)", re.IGNORECASE)
_AXES: Final = ("COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP")
_TEXTS: Final = (*_AXES, "CLASS", "ORDER_OBS", "CLASSTYPE", "EXAMPLE_UCUM_UNITS")
_USES: Final = "http://loinc.org"
_GONE: Final = frozenset({"DEPRECATED", "DISCOURAGED"})


@dataclass(slots=True)
class _Release:
    """What is read before the terms are written."""

    files: Mapping[str, File]
    variants: list[tuple[str, File]]
    parents: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[Designation]] = field(default_factory=lambda: defaultdict(list))
    part_names: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    group_names: dict[str, str] = field(default_factory=dict)


class LoincLoader:
    """Loads LOINC."""

    name = "LOINC"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there is the table of terms."""
        return any(file.name == _TERMS for file in tree)

    def load(self, tree: Tree, wanted: Wanted, path: Path, progress: Progress) -> Made:
        """Write the index at ``path``; raises BadRelease, and leaves nothing then."""
        if wanted.url not in (None, LOINC):
            raise BadRelease(f"The url of LOINC is `{LOINC}`, not `{wanted.url}`.")
        version = wanted.version or _version(tree)
        release = _Release({file.name: file for file in tree}, list(_variants(tree)))
        _read_hierarchy(release)
        _read_answers(release)
        _read_groups(release)
        _read_variants(release)
        progress.begin("LOINC", _lines(release.files[_TERMS]))
        head = Head(url=LOINC, version=version, name="LOINC", title="LOINC", language="en", properties=_declared())
        return write_listing(path, head, _entries(release), progress)


def _version(tree: Tree) -> str:
    found = next((match[1] for file in tree if (match := _VERSION.search(file.shown))), None)
    if found is None:
        raise BadRelease("Nothing in the files says which version of LOINC they are; name it by `--version`.")
    return found


def _lines(file: File) -> int:
    with file.open() as raw:
        return sum(1 for _ in raw)


def _variants(tree: Tree) -> Iterator[tuple[str, File]]:
    """Yield the tables of linguistic variants with their languages."""
    for file in tree:
        match = _VARIANT.fullmatch(file.name)
        if match:
            yield f"{match[1]}-{match[2]}", file


def _read_hierarchy(release: _Release) -> None:
    file = release.files.get(_HIERARCHY)
    if file is None:
        return
    for row in rows(file):
        code, parent = row["CODE"], row["IMMEDIATE_PARENT"]
        release.part_names.setdefault(code, row.get("CODE_TEXT"))
        if parent and parent not in release.parents[code]:
            release.parents[code].append(parent)
    if _PARTS in release.files:
        for row in rows(release.files[_PARTS]):
            if row["PartNumber"] in release.part_names:
                release.part_names[row["PartNumber"]] = row.get("PartDisplayName") or row["PartName"]


def _read_answers(release: _Release) -> None:
    if _ANSWER_LINKS in release.files:
        for row in rows(release.files[_ANSWER_LINKS]):
            release.answers[row["LoincNumber"]].append(row["AnswerListId"])


def _read_groups(release: _Release) -> None:
    """Read which groups terms are in, and what these are called; who is in a group is in its parent group too."""
    above: dict[str, str] = {}
    if _PARENT_GROUPS in release.files:
        for row in rows(release.files[_PARENT_GROUPS]):
            release.group_names[row["ParentGroupId"]] = row["ParentGroup"]
    if _GROUPS in release.files:
        for row in rows(release.files[_GROUPS]):
            above[row["GroupId"]] = row["ParentGroupId"]
            release.group_names[row["GroupId"]] = row["Group"]
    if _GROUPED in release.files:
        for row in rows(release.files[_GROUPED]):
            group = row["GroupId"]
            release.groups[row["LoincNumber"]] += [one for one in (group, above.get(group)) if one]


def _read_variants(release: _Release) -> None:
    """Read how terms are called in other languages: by the name for display, the long one, else by the parts."""
    for language, file in release.variants:
        for row in rows(file):
            names = (row.get("LinguisticVariantDisplayName"), row.get("LONG_COMMON_NAME"))
            said = [name for name in dict.fromkeys(names) if name]
            if not said:
                said = [":".join(part for axis in _AXES if (part := row.get(axis)))]
            release.said[row["LOINC_NUM"]].extend(Designation(name, language) for name in said if name)


def _entries(release: _Release) -> Iterator[Entry]:
    written: set[str] = set()
    for row in rows(release.files[_TERMS]):
        code, status = row["LOINC_NUM"], row.get("STATUS")
        written.add(code)
        yield Entry(
            code=code,
            display=row.get("LONG_COMMON_NAME") or row.get("SHORTNAME") or None,
            definition=row.get("DefinitionDescription") or None,
            parents=tuple(release.parents.get(code, ())),
            designations=(*_english(row.get("SHORTNAME"), row.get("CONSUMER_NAME")), *release.said.get(code, ())),
            properties=(
                *(text_property(name, value) for name in _TEXTS if (value := row.get(name))),
                code_property("STATUS", status),
                *(code_property("answer-list", one) for one in release.answers.get(code, ())),
                *(code_property("GROUP", one) for one in dict.fromkeys(release.groups.get(code, ()))),
            ),
            is_inactive=status == "DEPRECATED",
            status=status.lower() if status in _GONE else "active",
        )
    yield from _part_entries(release, written)
    yield from _answer_entries(release)
    for code, name in release.group_names.items():
        yield Entry(code=code, display=name or None, is_abstract=True)


def _english(short: str, consumer: str) -> Iterator[Designation]:
    for name, code in ((short, "SHORTNAME"), (consumer, "ConsumerName")):
        if name:
            yield Designation(name, "en", {"system": _USES, "code": code})


def _part_entries(release: _Release, written: set[str]) -> Iterator[Entry]:
    """Yield the parts that the hierarchy is made of."""
    for code, name in release.part_names.items():
        if code not in written:
            yield Entry(code=code, display=name or None, parents=tuple(release.parents.get(code, ())), is_abstract=True)


def _answer_entries(release: _Release) -> Iterator[Entry]:
    """Yield answer lists, and the answers that are in them."""
    if _ANSWERS not in release.files:
        return
    lists: dict[str, str] = {}
    answers: dict[str, tuple[str, list[str]]] = {}
    for row in rows(release.files[_ANSWERS]):
        lists.setdefault(row["AnswerListId"], row.get("AnswerListName"))
        answer = row.get("AnswerStringId")
        if answer:
            answers.setdefault(answer, (row.get("DisplayText"), []))[1].append(row["AnswerListId"])
    for code, name in lists.items():
        yield Entry(code=code, display=name or None, is_abstract=True)
    for code, (text, within) in answers.items():
        properties: tuple[Property, ...] = tuple(code_property("LIST", one) for one in dict.fromkeys(within))
        yield Entry(code=code, display=text or None, properties=properties)


def _declared() -> dict[str, dict[str, Json]]:
    texts = {name: {"code": name, "type": "string", "uri": f"http://loinc.org/property/{name}"} for name in _TEXTS}
    codes = {name: {"code": name, "type": "code"} for name in ("STATUS", "LIST", "answer-list", "GROUP")}
    return {**texts, **codes}
