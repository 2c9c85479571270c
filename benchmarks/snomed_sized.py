"""A release as large as SNOMED CT's, made up: 350,000 concepts, 1.2 million descriptions in three languages.

    python -m benchmarks.snomed_sized make FOLDER       write its files (RF2), the same ones for the same --seed
    python -m benchmarks.snomed_sized measure FOLDER    load them and measure what is asked of the index

Words are made of syllables, their frequencies fall as those of a language do. Concepts have one or two parents, a third
of them relationships in groups.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

CORE: Final = 900000000000207008
US, FRENCH, DUTCH = 900000000000509007, 21000172104, 31000172101
FSN, SYNONYM = 900000000000003001, 900000000000013009
PREFERRED, ACCEPTABLE = 900000000000548007, 900000000000549004
IS_A: Final = 116680003
METADATA: Final = (138875005, IS_A, CORE, US, FRENCH, DUTCH, FSN, SYNONYM, 900000000000550004)
DATE: Final = 20260131
LANGUAGES: Final = {"en": US, "fr": FRENCH, "nl": DUTCH}
ATTRIBUTES: Final = 100
WORDS: Final = 40_000
_DEPTH: Final = 1.6
_SYLLABLES: Final = {
    "en": "car di o the ra py gas tro en ter hep at ic neu ral frac ture os te pul mon ar y ren al der ma vas cu lar",
    "fr": "car di o thé ra pie gas tro en té rite hé pa tique neu ro frac ture os pul mo naire ré nal œ dème vas cu",
    "nl": "hart be vin ding ge was ont ste king long nier lever huid breuk bot spier zenuw vaat zwel ling oog oor",
}

Numbers = npt.NDArray[np.int64]


class Maker:
    """Writes one release."""

    def __init__(self, folder: Path, concepts: int, seed: int) -> None:
        """Write into ``folder``."""
        self._folder = folder
        self._random = np.random.default_rng(seed)
        self._ids = np.array([*METADATA, *((np.arange(concepts - len(METADATA)) + 100_000) * 1000 + 1)], np.int64)
        self._vocabulary = {language: _vocabulary(language, seed) for language in LANGUAGES}
        weights = 1 / (np.arange(WORDS) + 8)
        self._weights = weights / weights.sum()

    def make(self) -> None:
        """Write all files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._concepts()
        self._descriptions()
        self._relationships()

    def _concepts(self) -> None:
        status = np.where(self._random.random(len(self._ids)) < 0.3, 900000000000073002, 900000000000074008)
        active = (self._random.random(len(self._ids)) > 0.05).astype(int)
        active[: len(METADATA) + ATTRIBUTES + 50] = 1
        self._active = active
        rows = zip(self._ids.tolist(), active.tolist(), status.tolist(), strict=True)
        lines = (f"{one}\t{DATE}\t{is_active}\t{CORE}\t{defined}\r\n" for one, is_active, defined in rows)
        self._write("sct2_Concept_Snapshot", "id effectiveTime active moduleId definitionStatusId", lines)

    def _descriptions(self) -> None:
        """Write a full name and a synonym in English, a synonym in the others, and a few more."""
        number = 0
        columns = "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId"
        header = "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId"
        for language, refset in LANGUAGES.items():
            kinds = [(1.0, FSN, PREFERRED)] if language == "en" else []
            kinds += [(0.65 if language != "en" else 1.0, SYNONYM, PREFERRED), (0.05, SYNONYM, ACCEPTABLE)]
            rows, members = [], []
            for share, kind, how in kinds:
                concepts = self._ids[self._random.random(len(self._ids)) < share]
                for concept, term in zip(concepts.tolist(), self._terms(language, len(concepts)), strict=True):
                    number += 1
                    one = number * 1000 + 11
                    text = f"{term} (thing)" if kind == FSN else term
                    rows.append(f"{one}\t{DATE}\t1\t{CORE}\t{concept}\t{language}\t{kind}\t{text}\t0\r\n")
                    members.append(f"{_uuid(number)}\t{DATE}\t1\t{CORE}\t{refset}\t{one}\t{how}\r\n")
            self._write(f"sct2_Description_Snapshot-{language}", columns, rows)
            self._write(f"der2_cRefset_LanguageSnapshot-{language}", header, members)

    def _terms(self, language: str, count: int) -> Iterator[str]:
        lengths = self._random.integers(1, 7, count)
        words = self._random.choice(WORDS, int(lengths.sum()), p=self._weights).tolist()
        vocabulary, place = self._vocabulary[language], 0
        for length in lengths.tolist():
            yield " ".join([vocabulary[one] for one in words[place : place + length]]).capitalize()
            place += length

    def _relationships(self) -> None:
        below = np.flatnonzero(self._active)
        below = below[below > 0]
        second = below[self._random.random(len(below)) < 0.35]
        parents = [
            *zip(below.tolist(), self._above(below).tolist(), strict=True),
            *zip(second.tolist(), self._above(second).tolist(), strict=True),
        ]
        rows = [self._row(n, below, above, 0, IS_A) for n, (below, above) in enumerate(parents) if self._active[above]]
        rows += self._attributes(len(rows))
        self._write(
            "sct2_Relationship_Snapshot",
            "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId"
            " modifierId",
            rows,
        )

    def _above(self, numbers: Numbers) -> Numbers:
        """Return a parent of each: so that a concept has some 18 ancestors."""
        return (self._random.random(len(numbers)) ** _DEPTH * numbers).astype(np.int64)

    def _attributes(self, number: int) -> Iterator[str]:
        count = len(self._ids) * 3
        sources = np.sort(self._random.integers(len(METADATA) + ATTRIBUTES, len(self._ids), count))
        targets = self._random.integers(len(METADATA) + ATTRIBUTES, len(self._ids) // 4, count)
        kinds = len(METADATA) + self._random.integers(0, ATTRIBUTES, count)
        groups = self._random.integers(0, 4, count)
        columns = (column.tolist() for column in (sources, targets, groups, kinds))
        for place, (source, target, group, kind) in enumerate(zip(*columns, strict=True)):
            yield self._row(number + place, source, target, group, int(self._ids[kind]))

    def _row(self, number: int, source: int, target: int, group: int, kind: int) -> str:
        start = f"{number * 1000 + 21}\t{DATE}\t1\t{CORE}\t{self._ids[source]}\t{self._ids[target]}"
        return f"{start}\t{group}\t{kind}\t900000000000011006\t0\r\n"

    def _write(self, name: str, columns: str, lines: Iterator[str] | Sequence[str]) -> None:
        with (self._folder / f"{name}_INT_{DATE}.txt").open("w", newline="", encoding="utf-8") as file:
            file.write("\t".join(columns.split()) + "\r\n")
            file.writelines(lines)


def _vocabulary(language: str, seed: int) -> list[str]:
    chosen, syllables = random.Random(f"{language}{seed}"), _SYLLABLES[language].split()
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(chosen.choices(syllables, k=chosen.randint(1, 5)))] = None
    return list(found)


def _uuid(number: int) -> str:
    digits = f"{number:016x}{0:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def load(folder: Path, index: Path) -> dict[str, float]:
    """Load a release; return how long it took and what it needed."""
    from fhirserver.terminology.loaders import loader_of  # noqa: PLC0415 - what it needs is measured
    from fhirserver.terminology.loaders.framework import Wanted  # noqa: PLC0415
    from fhirserver.terminology.loaders.tree import Tree  # noqa: PLC0415

    started, tree = time.perf_counter(), Tree([folder])
    loader_of(tree).load(tree, Wanted(), index, _Silent())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"load_s": time.perf_counter() - started, "load_peak_mb": peak, "index_mb": index.stat().st_size / 1e6}


class _Silent:
    def begin(self, work: str, total: int) -> None:
        """Say when a work begins."""
        sys.stderr.write(f"{time.strftime('%X')} {work}\n")

    def advance(self, done: int) -> None:
        """Say nothing."""


def ask(index: Path, seed: int) -> dict[str, float]:
    """Ask an index; return times in milliseconds and microseconds, and the memory of the process."""
    from fhirserver.terminology.index.edition import EditionCodeSystem  # noqa: PLC0415 - what it needs is measured
    from fhirserver.terminology.index.opening import open_index  # noqa: PLC0415

    before, started = _rss_mb(), time.perf_counter()
    system = open_index(index)
    opened = time.perf_counter() - started
    if not isinstance(system, EditionCodeSystem):
        raise SystemExit(f"{index} has no edition of SNOMED CT")
    chosen, count = random.Random(seed), len(system)
    numbers = [chosen.randrange(count) for _ in range(20_000)]
    codes = [system.code(number) for number in numbers]
    found = {"open_ms": opened * 1000, "ancestors": len(system.sections["ancestors.targets"]) / count}
    found |= _each("find_us", codes, system.find, 1e6)
    found |= _each("number_us", codes, system.number, 1e6)
    pairs = list(zip(numbers, reversed(numbers), strict=True))
    found |= _each("subsumes_us", pairs, lambda pair: system.subsumes(*pair), 1e6)
    found |= _each("descendants_us", numbers[:2000], system.descendants, 1e6)
    everything = np.ones(count, np.bool_)
    below = system.descendants(1000)
    for name, within in (("matching", everything), ("matching_below", below)):
        typed = list(_typed(system, chosen, 1500))
        found |= _each(f"{name}_ms", typed, lambda one, w=within: system.matching(one[0], (one[1],), w), 1e3)
    typed = [(text[:1], language) for text, language in typed[:300]]
    found |= _each("matching_one_letter_ms", typed, lambda one: system.matching(one[0], (one[1],), everything), 1e3)
    return found | {"rss_before_mb": before, "rss_mb": _rss_mb()}


def _typed(system: Any, chosen: random.Random, count: int) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Yield what people type: the beginnings of one to three words of a term, in its language."""
    descriptions = system.descriptions
    for _ in range(count):
        row = chosen.randrange(len(descriptions.concept))
        words = descriptions.term(row).removesuffix("(thing)").split()
        picked = chosen.sample(words, min(len(words), chosen.randint(1, 3)))
        yield (
            " ".join(one[: chosen.randint(2, 6)] for one in picked),
            descriptions.languages[descriptions.language[row]],
        )


def _each(name: str, asked: Sequence[Any], answer: Callable[[Any], object], unit: float) -> dict[str, float]:
    took = []
    for one in asked:
        started = time.perf_counter()
        answer(one)
        took.append((time.perf_counter() - started) * unit)
    took.sort()
    return {f"{name}_p50": took[len(took) // 2], f"{name}_p95": took[len(took) * 95 // 100], f"{name}_max": took[-1]}


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024 / 1024


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["make", "measure", "load", "ask"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--concepts", type=int, default=350_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    index = given.folder / "measured.index"
    if given.action == "make":
        Maker(given.folder, given.concepts, given.seed).make()
    elif given.action == "measure":
        for action in ("load", "ask"):  # each in a process of its own: what it needs is measured
            command = [sys.executable, "-m", "benchmarks.snomed_sized", action, str(given.folder)]
            subprocess.run(command, check=True)
    else:
        found = load(given.folder, index) if given.action == "load" else ask(index, given.seed)
        print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
