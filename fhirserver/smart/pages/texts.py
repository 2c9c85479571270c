"""The texts of the pages in each language: one file a language, all with the same keys."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from fhirserver.smart.pages.language import LANGUAGES

FOLDER: Final = Path(__file__).parent / "words"


class Texts:
    """One language."""

    def __init__(self, language: str, words: Mapping[str, str]) -> None:
        """Read texts from ``words``, by ``page.key``."""
        self.language = language
        self._words = words

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with values in their places; raises KeyError for a key that there is not."""
        return self._words[key].format(**values) if values else self._words[key]

    def has(self, key: str) -> bool:
        """Tell whether there is such a text."""
        return key in self._words

    def type_name(self, resource_type: str) -> str:
        """Return what a resource type is called; its own name where there is no other."""
        key = "types.all" if resource_type == "*" else f"types.{resource_type}"
        return self._words.get(key, resource_type)

    def date(self, at_s: float) -> str:
        """Write a day."""
        moment = datetime.fromtimestamp(at_s, UTC)
        return self.day(moment.year, moment.month, moment.day)

    def moment(self, at_s: float) -> str:
        """Write a day and a time of day, UTC."""
        return f"{self.date(at_s)}, {datetime.fromtimestamp(at_s, UTC):%H:%M} UTC"

    def day(self, year: int, month: int, day: int) -> str:
        """Write a day of the calendar."""
        name = self._words["dates.months"].split()[month - 1]
        return f"{day}. {name} {year}" if self.language == "de" else f"{day} {name} {year}"

    def written(self, fhir_date: str) -> str:
        """Write the day of a FHIR date or dateTime; less than a day stays as it is."""
        parts = fhir_date[:10].split("-")
        return self.day(int(parts[0]), int(parts[1]), int(parts[2])) if len(parts) == 3 else fhir_date[:10]

    @property
    def keys(self) -> frozenset[str]:
        """All keys."""
        return frozenset(self._words)


@cache
def texts_in(language: str) -> Texts:
    """Return the texts of a language."""
    if language not in LANGUAGES:
        raise LookupError(f"there are no texts in `{language}`")
    tables = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return Texts(language, {f"{page}.{key}": text for page, texts in tables.items() for key, text in texts.items()})
