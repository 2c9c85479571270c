"""The two languages of the record, and coded terms with their text in both."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Language(StrEnum):
    """A language of patients."""

    FRENCH = "fr"
    DUTCH = "nl"


class Country(StrEnum):
    """Where a network stands."""

    BELGIUM = "BE"
    FRANCE = "FR"


class Words(NamedTuple):
    """One text in both languages."""

    fr: str
    nl: str

    def of(self, language: Language) -> str:
        """Return the text in one language."""
        return self.nl if language is Language.DUTCH else self.fr


@dataclass(frozen=True, slots=True)
class Term:
    """A clinical idea: its SNOMED CT code, its text, and its ICD-10 code where it is a diagnosis."""

    snomed: str
    words: Words
    icd10: str | None = None
