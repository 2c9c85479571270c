"""A small edition of SNOMED CT of our own making, as the files that a release has: 60 concepts in three languages.

Structure is SNOMED CT's (the root, |is a|, metadata); all else is invented, in a namespace for examples. ``write``
makes a release of two packages: the "International Edition" and an extension with a module of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

CORE: Final = 900000000000207008
MODEL: Final = 900000000000012004
EXTENSION_ITEM: Final = 900
_NAMESPACE: Final = 1999999
US, GB = 900000000000509007, 900000000000508004
FRENCH, DUTCH = 21000172104, 31000172101
SAME_AS, REPLACED_BY = 900000000000527005, 900000000000526001
IS_A: Final = 116680003
EARLY, LATE = 20250131, 20260131
INTERNATIONAL_VERSION: Final = f"http://snomed.info/sct/{CORE}/version/{LATE}"

METADATA: Final = {
    "root": 138875005, "is-a": IS_A, "core": CORE, "model": MODEL, "us": US, "gb": GB, "french": FRENCH, "dutch": DUTCH,
    "same-as": SAME_AS, "replaced-by": REPLACED_BY, "fsn": 900000000000003001, "synonym": 900000000000013009,
    "text": 900000000000550004, "dependencies": 900000000000534007, "foundation": 900000000000454005,
    "map": 447562003,
}  # fmt: skip

# key < parents | en preferred; synonyms | fr; synonyms | nl
CONCEPTS: Final = """
root < | SNOMED CT concept | |
metadata < root | Metadata | |
core < metadata | Core module | |
model < metadata | Model module | |
us < metadata | US English | |
gb < metadata | GB English | |
french < metadata | Belgian French | |
dutch < metadata | Belgian Dutch | |
same-as < metadata | SAME AS association | |
replaced-by < metadata | REPLACED BY association | |
fsn < metadata | Full name | |
synonym < metadata | Synonym | |
text < metadata | Text definition | |
dependencies < metadata | Module dependencies | |
foundation < metadata | Reference sets | |
map < metadata | Extended map | |
limbs-refset < foundation | Limb findings | |
attribute < root | Attribute | |
is-a < attribute | Is a | |
site < attribute | Finding site | Localisation | Lokalisatie
morphology < attribute | Associated morphology | Morphologie | Morfologie
strength < attribute | Strength value | |
unit < attribute | Strength unit | |
count < attribute | Count of parts | |
ingredient < attribute | Has ingredient | |
label < attribute | Has label | |
is-free < attribute | Is sugar free | |
structure < root | Body structure | Structure corporelle | Lichaamsstructuur
limb < structure | Limb structure; Extremity | Structure d'un membre | Structuur van ledemaat
arm < limb | Arm structure; Upper limb | Structure du bras | Structuur van arm
hand < arm | Hand structure | Structure de la main | Structuur van hand
leg < limb | Leg structure | Structure de la jambe | Structuur van been
foot < leg | Foot structure | Structure du pied | Structuur van voet
heart < structure | Heart structure | Structure du cœur | Structuur van hart
abnormal < root | Abnormal morphology | Morphologie anormale | Afwijkende morfologie
break < abnormal | Broken structure | Structure rompue | Gebroken structuur
open-break < break | Openly broken structure | Structure rompue ouverte | Open gebroken structuur
swelling < abnormal | Swelling | Tuméfaction | Zwelling
finding < root | Clinical finding; Finding | Constatation clinique | Klinische bevinding
disease < finding | Disease; Illness | Maladie | Ziekte
limb-finding < finding | Limb finding | Constatation d'un membre | Bevinding van ledemaat
fracture < disease | Fracture; Broken bone | Fracture | Breuk; Fractuur
limb-fracture < fracture, limb-finding | Fracture of limb | Fracture d'un membre | Fractuur van ledemaat
arm-fracture < limb-fracture | Fracture of arm; Broken arm | Fracture du bras | Fractuur van arm
hand-fracture < arm-fracture | Fracture of hand | Fracture de la main | Fractuur van hand
leg-fracture < limb-fracture | Fracture of leg | Fracture de la jambe | Fractuur van been
open-leg-fracture < leg-fracture | Open fracture of leg | Fracture ouverte de la jambe | Open fractuur van been
foot-fracture < leg-fracture | Fracture of foot | Fracture du pied | Fractuur van voet
foot-oedema < limb-finding | Edema of foot | Œdème du pied; Tuméfaction du pied | Oedeem van voet
heart-disease < disease | Heart disease; Cardiopathy | Maladie du cœur; Cardiopathie | Hartziekte
heart-attack < heart-disease | Heart attack; Infarction | Crise cardiaque; Infarctus | Hartaanval; Infarct
old-attack < | Heart stroke | Attaque du cœur | Hartslag
old-fracture < | Snapped limb | |
substance < root | Substance | Substance | Stof
drug < substance | Painkiller | Antidouleur | Pijnstiller
milligram < root | Milligram | Milligramme | Milligram
product < root | Product | Produit | Product
tablet < product | Painkiller tablet | Comprimé antidouleur | Pijnstillertablet
tablet-500 < tablet | Painkiller 500 mg tablet | Antidouleur 500 mg comprimé | Pijnstiller 500 mg tablet
tablet-2.5 < tablet | Painkiller 2.5 mg tablet | Antidouleur 2,5 mg comprimé | Pijnstiller 2,5 mg tablet
"""
EXTENSION: Final = """
extension < metadata | Example module | |
own-refset < foundation | National refset | |
sprain < limb-finding | Sprain | Entorse | Verstuiking
foot-sprain < sprain | Sprain of foot | Entorse du pied | Verstuiking van voet
"""
DEFINED: Final = {
    "limb-fracture",
    "arm-fracture",
    "hand-fracture",
    "leg-fracture",
    "foot-fracture",
    "open-leg-fracture",
}
INACTIVE: Final = {"old-attack", "old-fracture"}
# source, attribute, target or value, group
RELATIONSHIPS: Final = """
fracture morphology break 1
limb-fracture morphology break 1
limb-fracture site limb 1
arm-fracture morphology break 1
arm-fracture site arm 1
hand-fracture morphology break 1
hand-fracture site hand 1
leg-fracture morphology break 1
leg-fracture site leg 1
open-leg-fracture morphology open-break 1
open-leg-fracture site leg 1
foot-fracture morphology break 1
foot-fracture site foot 1
foot-oedema morphology swelling 1
foot-oedema site foot 1
heart-disease site heart 0
heart-attack site heart 0
tablet ingredient drug 1
tablet-500 ingredient drug 1
tablet-500 strength #500 1
tablet-500 unit milligram 1
tablet-500 count #1 0
tablet-500 is-free true 0
tablet-2.5 ingredient drug 1
tablet-2.5 strength #2.50 1
tablet-2.5 unit milligram 1
tablet-2.5 label "two-and-a-half" 0
"""
_VERHOEFF_D: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_INVERSE: Final = "0432156789"


def sctid(item: int, partition: str) -> int:
    """Return an identifier of the namespace for examples, with its check digit."""
    digits = f"{item}{_NAMESPACE}{partition}"
    check = 0
    for place, digit in enumerate(reversed(digits), 1):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return int(f"{digits}{_INVERSE[check]}")


@dataclass(frozen=True)
class Line:
    """A concept of the tables above."""

    key: str
    parents: tuple[str, ...]
    terms: dict[str, list[str]]


def lines(table: str) -> Iterator[Line]:
    for text in table.strip().splitlines():
        named, english, french, dutch = text.split("|")
        key, _, parents = named.partition("<")
        said = {"en": english, "fr": french, "nl": dutch}
        terms = {language: [one.strip() for one in texts.split(";") if one.strip()] for language, texts in said.items()}
        yield Line(key.strip(), tuple(one.strip() for one in parents.split(",") if one.strip()), terms)


IDS: Final = {
    one.key: METADATA.get(one.key, sctid(100 + number, "10"))
    for number, one in enumerate([*lines(CONCEPTS), *lines(EXTENSION)])
}
MODULE: Final = IDS["extension"]
VERSION: Final = f"http://snomed.info/sct/{MODULE}/version/20260315"
"""The version of both packages together."""


def code(key: str) -> str:
    return str(IDS[key])


class _Files:
    """Writes the files of one package."""

    def __init__(self, folder: Path, kind: str, namespace: str, time: int) -> None:
        self._folder, self._kind, self._namespace, self._time = folder / kind, kind, namespace, time
        self._folder.mkdir(parents=True)

    def write(self, name: str, columns: str, rows: Iterable[Iterable[object]], language: str = "") -> None:
        start, _, content = name.partition("_")
        file = f"{start}_{content}{self._kind}{language}_{self._namespace}_{self._time}.txt"
        text = "\r\n".join("\t".join(map(str, row)) for row in [columns.split(), *rows])
        (self._folder / file).write_text(text + "\r\n", newline="")


class Release:
    """One package of the edition."""

    def __init__(self, table: str, module: int, time: int, first_item: int) -> None:
        self.lines, self.module, self.time, self._item = list(lines(table)), module, time, first_item

    def write(self, folder: Path, kind: str = "Snapshot", namespace: str = "INT") -> None:
        files = _Files(folder, kind, namespace, self.time)
        is_full = kind == "Full"
        self._write_concepts(files, is_full)
        self._write_descriptions(files)
        self._write_relationships(files)
        self._write_refsets(files)

    def _write_concepts(self, files: _Files, is_full: bool) -> None:
        rows = []
        for one in self.lines:
            status = 900000000000073002 if one.key in DEFINED else 900000000000074008
            is_active = int(one.key not in INACTIVE)
            if is_full and not is_active:
                rows.append((IDS[one.key], EARLY, 1, self.module, status))
            rows.append((IDS[one.key], self.time, is_active, self.module, status))
        files.write("sct2_Concept_", "id effectiveTime active moduleId definitionStatusId", reversed(rows))

    def _write_descriptions(self, files: _Files) -> None:
        rows: dict[str, list[tuple[object, ...]]] = {"en": [], "fr": [], "nl": []}
        accepted: dict[str, list[tuple[object, ...]]] = {"en": [], "fr": [], "nl": []}
        for one in self.lines:
            for language, terms in one.terms.items():
                full = [f"{terms[0]} (thing)"] if language == "en" else []
                for place, term in enumerate([*full, *terms]):
                    number = self._next("11")
                    is_full_name = bool(full) and place == 0
                    kind = METADATA["fsn" if is_full_name else "synonym"]
                    row = (number, self.time, 1, self.module, IDS[one.key], language, kind, term, 900000000000448009)
                    rows[language].append(row)
                    is_preferred = place <= len(full) and (is_full_name or place == len(full))
                    accepted[language] += self._accepted(language, number, is_preferred)
        british = self._next("11")
        if self.module == CORE:
            oedema = IDS["foot-oedema"]
            row = (british, self.time, 1, CORE, oedema, "en", METADATA["synonym"], "Oedema of foot", 900000000000448009)
            rows["en"].append(row)
            accepted["en"].append(self._member(GB, british, _PREFERRED))
            accepted["en"] = [
                (*one[:6], _ACCEPTABLE) if one[4] == GB and self._is_edema(rows["en"], one[5]) else one
                for one in accepted["en"]
            ]
            retired = self._next("11")
            rows["en"].append(
                (retired, self.time, 0, CORE, IDS["heart-attack"], "en", METADATA["synonym"], "Ticker trouble", 0)
            )
        columns = "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId"
        for language, of_language in rows.items():
            files.write("sct2_Description_", columns, of_language, f"-{language}")
            header = "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId"
            files.write("der2_cRefset_Language", header, accepted[language], f"-{language}")
        if self.module == CORE:
            text = "A sudden loss of blood supply to a part of the heart."
            row = (self._next("11"), self.time, 1, CORE, IDS["heart-attack"], "en", METADATA["text"], text, 0)
            files.write("sct2_TextDefinition_", columns, [row], "-en")

    @staticmethod
    def _is_edema(rows: list[tuple[object, ...]], description: object) -> bool:
        return any(row[0] == description and row[7] == "Edema of foot" for row in rows)

    def _accepted(self, language: str, number: int, is_preferred: bool) -> list[tuple[object, ...]]:
        refsets = {"en": (US, GB), "fr": (FRENCH,), "nl": (DUTCH,)}[language]
        return [self._member(one, number, _PREFERRED if is_preferred else _ACCEPTABLE) for one in refsets]

    def _member(self, refset: int, component: int, *more: object) -> tuple[object, ...]:
        self._item += 1
        uuid = UUID(int=(self._item << 96) + self._item)
        return (uuid, self.time, 1, self.module, refset, component, *more)

    def _write_relationships(self, files: _Files) -> None:
        inferred, some = 900000000000011006, 900000000000451002
        is_a = [
            (self._next("12"), self.time, 1, self.module, IDS[one.key], IDS[parent], 0, IS_A, inferred, some)
            for one in self.lines
            for parent in one.parents
        ]
        stated = (self._next("12"), self.time, 1, self.module, IDS["root"], IDS["root"], 0, IS_A, 900000000000010007, 0)
        others, values = [], []
        for line in RELATIONSHIPS.strip().splitlines() if self.module == CORE else ():
            source, attribute, target, group = line.split()
            row = (self._next("12"), self.time, 1, self.module, IDS[source])
            more = (group, IDS[attribute], inferred, some)
            if target in IDS:
                others.append((*row, IDS[target], *more))
            else:
                values.append((*row, target, *more))
        start, end = (
            "id effectiveTime active moduleId sourceId",
            "relationshipGroup typeId characteristicTypeId modifierId",
        )
        files.write("sct2_Relationship_", f"{start} destinationId {end}", [*is_a, stated, *others])
        files.write("sct2_RelationshipConcreteValues_", f"{start} value {end}", values)

    def _write_refsets(self, files: _Files) -> None:
        start = "id effectiveTime active moduleId refsetId referencedComponentId"
        if self.module == CORE:
            simple = [self._member(IDS["limbs-refset"], IDS[one]) for one in ("arm-fracture", "leg-fracture")]
            gone = (*self._member(IDS["limbs-refset"], IDS["fracture"])[:2], 0, *simple[0][3:5], IDS["fracture"])
            files.write("der2_Refset_Simple", start, [*simple, gone])
            same = self._member(SAME_AS, IDS["old-attack"], IDS["heart-attack"])
            replaced = self._member(REPLACED_BY, IDS["old-fracture"], IDS["limb-fracture"])
            files.write("der2_cRefset_Association", f"{start} targetComponentId", [same, replaced])
            mapped = self._member(METADATA["map"], IDS["heart-attack"], 1, 1, "TRUE", "ALWAYS I21.9", "I21.9", 0, 0)
            names = "mapGroup mapPriority mapRule mapAdvice mapTarget correlationId mapCategoryId"
            files.write("der2_iisssccRefset_ExtendedMap", f"{start} {names}", [mapped])
            needs, on = MODEL, self.time
        else:
            files.write("der2_Refset_Simple", start, [self._member(IDS["own-refset"], IDS["foot-sprain"])])
            needs, on = CORE, LATE
        depends = self._member(METADATA["dependencies"], needs, self.time, on)
        files.write("der2_ssRefset_ModuleDependency", f"{start} sourceEffectiveTime targetEffectiveTime", [depends])

    def _next(self, partition: str) -> int:
        self._item += 1
        return sctid(self._item, partition)


_PREFERRED, _ACCEPTABLE = 900000000000548007, 900000000000549004


def write_international(folder: Path, kind: str = "Snapshot") -> Path:
    """Write the larger package; return its folder."""
    Release(CONCEPTS, CORE, LATE, 10_000).write(folder, kind)
    return folder


def write_extension(folder: Path, kind: str = "Snapshot") -> Path:
    """Write the extension alone; return its folder."""
    Release(EXTENSION, MODULE, 20260315, 50_000).write(folder, kind, "XX1999999")
    return folder


def write_edition(folder: Path) -> Path:
    """Write both packages; return their folder."""
    write_international(folder / "international")
    write_extension(folder / "extension")
    return folder
