"""Dialects of SNOMED CT: language reference sets, and the tags that languages have by them.

A term is tagged with its language where the first dialect of that language prefers it, with a dialect where only that
one does. Tags are those of the expression constraint language, else ``en-x-sctlang-…`` with the reference set.
Spec: http://hl7.org/fhir/R4/snomedct.html, https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "900000000000509007": "en-US",
        "900000000000508004": "en-GB",
        "21000172104": "fr-BE",
        "31000172101": "nl-BE",
        "21000234103": "de-AT",
        "31000146106": "nl-NL",
        "10031000315102": "fr-FR",
        "20581000087109": "fr-CA",
        "2021000195106": "fr-CH",
        "2041000195100": "de-CH",
        "19491000087109": "en-CA",
        "32570271000036106": "en-AU",
        "21000220103": "en-IE",
        "271000210107": "en-NZ",
        "999001261000000100": "en-NHS-CLINICAL",
        "448879004": "es",
        "450828004": "es-AR",
        "5641000179103": "es-UY",
        "554461000005103": "da-DK",
        "71000181105": "et-EE",
        "61000202103": "nb-NO",
        "91000202106": "nn-NO",
        "46011000052107": "sv-SE",
    }
)
"""The tags of language reference sets."""
_PRIVATE: Final = "-x-sctlang-"
_CHUNK: Final = 8


def tag_of(refset: str, language: str) -> str:
    """Return the tag of a language in a dialect."""
    alias = ALIASES.get(refset)
    if alias is not None and alias.partition("-")[0] == language:
        return alias
    chunks = [refset[start : start + _CHUNK] for start in range(0, len(refset), _CHUNK)]
    return f"{language}{_PRIVATE}{'-'.join(chunks)}"


def spoken(language: str) -> str:
    """Return the usual tag of a language that names its reference set: ``en-GB`` of ``en-x-sctlang-90000000-…``."""
    base, private, chunks = language.partition(_PRIVATE)
    return ALIASES.get(chunks.replace("-", ""), language) if private and base else language
