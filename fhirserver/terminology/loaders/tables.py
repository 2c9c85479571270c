"""Code systems that come as one table: CIM-10 of the ATIH, ICD-10-CM (of which ICD-10-BE is made), ATC, EDQM, any CSV.

A CSV names its columns: ``code`` and ``display``, ``definition``, ``parent`` (several with ``;``), ``status``,
``display:fr`` and the like; every other one is a property.
Spec: https://www.atih.sante.fr/nomenclatures, https://www.cms.gov/medicare/coding-billing/icd-10-codes,
https://www.whocc.no/atc, https://standardterms.edqm.eu
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fhirserver.terminology.concepts import Designation, Head
from fhirserver.terminology.loaders.framework import BadRelease, Made, Progress, Wanted
from fhirserver.terminology.loaders.listing import (
    Entry,
    Row,
    code_property,
    columns,
    rows,
    text_property,
    write_listing,
)
from fhirserver.terminology.loaders.tree import File, Tree

CIM_10: Final = "https://smt.esante.gouv.fr/terminologie-cim-10"
ICD_10_CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ATC: Final = "http://www.whocc.no/atc"
EDQM: Final = "http://standardterms.edqm.eu"
_YEAR: Final = re.compile(r"(20\d\d)")
_ATC_LEVELS: Final = (1, 3, 4, 5, 7)
_OUT_OF_USE: Final = frozenset({"inactive", "retired", "deprecated", "rejected"})


@dataclass(frozen=True, slots=True)
class _Format:
    """A table that is known: how it is recognised and read."""

    name: str
    url: str | None
    language: str | None
    recognises: Callable[[File], bool]
    entries: Callable[[File], Iterator[Entry]]


class TableLoader:
    """Loads a code system that is one table."""

    name = "a table (CIM-10 of the ATIH, ICD-10-CM order file, ATC, EDQM, CSV)"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there is one table, in a format that is known."""
        return _found(tree) is not None

    def load(self, tree: Tree, wanted: Wanted, path: Path, progress: Progress) -> Made:
        """Write the index at ``path``; raises BadRelease, and leaves nothing then."""
        found = _found(tree)
        if found is None:
            raise BadRelease(f"There is no table in {tree.shown}.")
        file, form = found
        year = _YEAR.search(file.name)
        url, version = wanted.url or form.url, wanted.version or (year[1] if year else None)
        if not url or not version:
            missing = "--version" if url else "--url"
            raise BadRelease(f"`{file.shown}` does not say which code system it is; name it by `{missing}`.")
        with file.open() as raw:
            progress.begin(form.name, sum(1 for _ in raw))
        head = Head(url=url, version=version, name=form.name, title=form.name, language=form.language)
        return write_listing(path, head, form.entries(file), progress)


def _found(tree: Tree) -> tuple[File, _Format] | None:
    for file in tree:
        form = next((one for one in FORMATS if one.recognises(file)), None)
        if form is not None:
            return file, form
    return None


def _delimiter(file: File) -> str:
    return next((one for one in (";", "\t") if len(columns(file, delimiter=one)) > 1), ",")


def _lowered(file: File) -> set[str]:
    return {name.lower() for name in columns(file, delimiter=_delimiter(file))}


def _is_csv(file: File) -> bool:
    is_text = file.name.lower().endswith((".csv", ".tsv", ".txt"))
    return is_text and {"code", "display"} <= _lowered(file)


def _csv_entries(file: File) -> Iterator[Entry]:
    for row in rows(file, delimiter=_delimiter(file)):
        lowered = Row({name.strip().lower(): cell or "" for name, cell in row.cells.items()}, row.file, row.line)
        yield _csv_entry(lowered)


def _csv_entry(row: Row) -> Entry:
    code, status = row["code"], row.get("status")
    if not code:
        raise BadRelease(f"Line {row.line} of `{row.file}` has no code.")
    others = [name for name in row.cells if name not in _CSV_COLUMNS and not name.startswith("display:")]
    languages = [name.removeprefix("display:") for name in row.cells if name.startswith("display:")]
    return Entry(
        code=code,
        display=row["display"] or None,
        definition=row.get("definition") or None,
        parents=tuple(part.strip() for part in row.get("parent").split(";") if part.strip()),
        designations=tuple(Designation(text, one) for one in languages if (text := row.get(f"display:{one}"))),
        properties=tuple(text_property(name, value) for name in others if (value := row.get(name))),
        is_inactive=status.lower() in _OUT_OF_USE,
        is_abstract=row.get("abstract").lower() == "true",
        status=status or None,
    )


_CSV_COLUMNS: Final = frozenset({"code", "display", "definition", "parent", "status", "abstract"})


def _is_atc(file: File) -> bool:
    return file.name.lower().endswith((".csv", ".txt")) and {"atc code", "atc level name"} <= _lowered(file)


def _atc_entries(file: File) -> Iterator[Entry]:
    """Yield the levels; a substance that has several daily doses is there once a dose."""
    seen: dict[str, Row] = {}
    doses: dict[str, list[str]] = {}
    for row in rows(file, delimiter=_delimiter(file)):
        cells = Row({name.strip().lower(): cell or "" for name, cell in row.cells.items()}, row.file, row.line)
        code = cells["atc code"]
        seen.setdefault(code, cells)
        dose = " ".join(part for name in ("ddd", "u", "adm.r") if (part := cells.get(name)))
        if dose:
            doses.setdefault(code, []).append(dose)
    for code, cells in seen.items():
        yield Entry(
            code=code,
            display=cells["atc level name"],
            parents=_shorter(code, _ATC_LEVELS, seen),
            properties=tuple(text_property("DDD", dose) for dose in doses.get(code, ())),
        )


def _is_edqm(file: File) -> bool:
    return file.name.lower().endswith(".csv") and {"code", "class", "english"} <= _lowered(file)


def _edqm_entries(file: File) -> Iterator[Entry]:
    for row in rows(file, delimiter=_delimiter(file)):
        cells = Row({name.strip().lower(): cell or "" for name, cell in row.cells.items()}, row.file, row.line)
        status = cells.get("status").lower()
        others = [name for name in cells.cells if name in _EDQM_LANGUAGES]
        yield Entry(
            code=cells["code"],
            display=cells["english"],
            definition=cells.get("definition") or None,
            designations=tuple(
                Designation(text, _EDQM_LANGUAGES[name]) for name in others if (text := cells.get(name))
            ),
            properties=(code_property("class", cells["class"]),),
            is_inactive=status in _OUT_OF_USE,
            status=status or None,
        )


_EDQM_LANGUAGES: Final[Mapping[str, str]] = MappingProxyType({"french": "fr", "dutch": "nl", "german": "de"})


def _is_cim(file: File) -> bool:
    return file.name.upper().startswith("LIBCIM10")


def _cim_entries(file: File) -> Iterator[Entry]:
    """Yield the codes of the ATIH: code, type for MCO and HAD, for SSR, for PSY, short and long label."""
    kept: dict[str, list[str]] = {}
    with file.open() as raw:
        for number, line in enumerate(raw, 1):
            cells = [cell.strip() for cell in line.decode("latin-1").split("|")]
            if len(cells) < 6:
                raise BadRelease(f"Line {number} of `{file.shown}` has {len(cells)} cells instead of 6.")
            kept[cells[0]] = cells
    for code, cells in kept.items():
        uses = zip(("mco", "ssr", "psy"), cells[1:4], strict=True)
        yield Entry(
            code=code,
            display=cells[5] or cells[4],
            parents=_shorter(code, range(3, len(code)), kept),
            designations=(Designation(cells[4], "fr"),) if cells[4] and cells[4] != cells[5] else (),
            properties=tuple(code_property(name, value) for name, value in uses if value),
        )


def _is_order(file: File) -> bool:
    return re.fullmatch(r"icd10(cm|be|pcs)_order.*\.txt", file.name.lower()) is not None


def _order_entries(file: File) -> Iterator[Entry]:
    """Yield the codes of an order file: number, code, whether it is billed, short and long title, at fixed columns."""
    kept: dict[str, tuple[bool, str, str]] = {}
    with file.open() as raw:
        for number, line in enumerate(raw, 1):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if len(text) < 78:
                raise BadRelease(f"Line {number} of `{file.shown}` is shorter than its columns.")
            kept[text[6:13].strip()] = (text[14] == "1", text[16:76].strip(), text[77:].strip())
    for code, (is_billed, short, long) in kept.items():
        dotted = f"{code[:3]}.{code[3:]}" if len(code) > 3 else code
        above = _shorter(code, range(3, len(code)), kept)
        yield Entry(
            code=dotted,
            display=long,
            parents=tuple(f"{one[:3]}.{one[3:]}" if len(one) > 3 else one for one in above),
            designations=(Designation(short, "en"),) if short != long else (),
            is_abstract=not is_billed,
        )


def _shorter(code: str, lengths: Sequence[int], known: Mapping[str, object]) -> tuple[str, ...]:
    """Return the longest beginning of a code that is a code itself."""
    beginnings = (code[:length] for length in sorted(lengths, reverse=True) if length < len(code))
    found = next((one for one in beginnings if one in known), None)
    return () if found is None else (found,)


FORMATS: Final = (
    _Format("CIM-10", CIM_10, "fr", _is_cim, _cim_entries),
    _Format("ICD-10-CM", ICD_10_CM, "en", _is_order, _order_entries),
    _Format("ATC", ATC, "en", _is_atc, _atc_entries),
    _Format("EDQM", EDQM, "en", _is_edqm, _edqm_entries),
    _Format("CSV", None, None, _is_csv, _csv_entries),
)
