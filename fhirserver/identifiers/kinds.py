"""The kinds of national identifiers: their systems with all that means the same, their form, their check digits.

A system has had several urls, and an OID; partners write any of them. ``canonical_system`` gives the one that means
them all, by which identifiers are indexed and looked for, so that each finds the others.
Belgium: https://www.ehealth.fgov.be/standards/fhir/core · France: https://hl7.fr/ig/fhir/core
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from fhirserver.kernel import identifiers

_BELGIUM: Final = "https://www.ehealth.fgov.be/standards/fhir"
_OF_BELGIUM: Final = re.compile(r"https?://(?:www\.)?ehealth\.fgov\.be/standards/fhir(?=/)")
_OLD_NAMING: Final = f"{_BELGIUM}/NamingSystem/"
_NAMING: Final = f"{_BELGIUM}/core/NamingSystem/"
_OID: Final = re.compile(r"[0-2](?:\.[0-9]+){4,}", re.ASCII)
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identifier."""

    name: str
    system: str
    """The url that means all of them."""
    others: tuple[str, ...]
    """Other urls of the same system."""
    form: re.Pattern[str]
    check: Callable[[str], bool]
    """Whether the check digits of a number of this form are right."""
    is_strict: bool
    """Wrong check digits are an error; else the rule is learnt from published numbers, and they are a warning."""


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _belgian_oid(number: int) -> str:
    return f"urn:oid:2.16.840.1.113883.3.6777.5.{number}"


def _https(host: str) -> tuple[str, str]:
    return f"https://{host}", f"http://{host}"


def _of_professional(text: str) -> bool:
    """Tell whether an IDNPS is an 8 and an RPPS number, or of a kind that has no check digit."""
    return text[0] != "8" or identifiers.is_rpps(text[1:])


def _of_structure(text: str) -> bool:
    """Tell whether an IDNST is a 1 and a FINESS, a 2 and a SIREN, or of a kind that has no check digit."""
    if text[0] == "1":
        return identifiers.is_finess(text[1:])
    return text[0] != "2" or identifiers.is_siren(text[1:])


def _sirene(text: str) -> bool:
    return identifiers.is_siren(text) if len(text) == 9 else identifiers.is_siret(text)


_NIR_FORM: Final = _form(r"[1-478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}")
_INSI: Final = "urn:oid:1.2.250.1.213.1.4."
SSIN: Final = Kind(
    "NISS",
    f"{_NAMING}ssin",
    (_belgian_oid(1),),
    _form(r"[0-9]{11}"),
    identifiers.is_niss,
    is_strict=True,
)
NIHDI: Final = Kind(
    "INAMI/RIZIV",
    f"{_NAMING}nihdi",
    (f"{_NAMING}nihdi-professional", f"{_NAMING}nihdi-organization", _belgian_oid(2)),
    _form(r"[0-9]{8}(?:[0-9]{3})?"),
    identifiers.is_nihdi,
    is_strict=False,
)
CBE: Final = Kind(
    "BCE/KBO",
    f"{_NAMING}cbe",
    (_belgian_oid(5),),
    _form(r"[01][0-9]{9}"),
    identifiers.is_cbe,
    is_strict=True,
)
EHP: Final = Kind(
    "EHP",
    f"{_NAMING}ehp",
    (_belgian_oid(6),),
    _form(r"\S+"),
    lambda text: True,
    is_strict=False,
)
INS_NIR: Final = Kind("INS-NIR", f"{_INSI}8", (), _NIR_FORM, identifiers.is_nir, is_strict=True)
INS_NIA: Final = Kind("INS-NIA", f"{_INSI}9", (), _NIR_FORM, identifiers.is_nir, is_strict=True)
INS_TEST: Final = Kind("INS-NIR-TEST", f"{_INSI}10", (), _NIR_FORM, identifiers.is_nir, is_strict=True)
INS_DEMO: Final = Kind("INS-NIR-DEMO", f"{_INSI}11", (), _NIR_FORM, identifiers.is_nir, is_strict=True)
NSS_NIR: Final = Kind("NSS-NIR", f"{_INSI}13", (), _NIR_FORM, identifiers.is_nir, is_strict=True)
NSS_NIA: Final = Kind("NSS-NIA", f"{_INSI}14", (), _NIR_FORM, identifiers.is_nir, is_strict=True)
_RPPS, _FINESS, _SIRENE = _https("rpps.esante.gouv.fr"), _https("finess.esante.gouv.fr"), _https("sirene.fr")
RPPS: Final = Kind(
    "RPPS",
    _RPPS[0],
    _RPPS[1:],
    _form(r"[0-9]{11}"),
    identifiers.is_rpps,
    is_strict=False,
)
FINESS: Final = Kind(
    "FINESS",
    _FINESS[0],
    _FINESS[1:],
    _form(r"[0-9]{9}|2[AB][0-9]{7}"),
    identifiers.is_finess,
    is_strict=False,
)
SIRENE: Final = Kind(
    "SIREN/SIRET",
    _SIRENE[0],
    _SIRENE[1:],
    _form(r"[0-9]{9}(?:[0-9]{5})?"),
    _sirene,
    is_strict=True,
)
_PREFIXED: Final = _form(r"[0-9]\S+")
IDNPS: Final = Kind("IDNPS", "urn:oid:1.2.250.1.71.4.2.1", (), _PREFIXED, _of_professional, is_strict=False)
IDNST: Final = Kind("IDNST", "urn:oid:1.2.250.1.71.4.2.2", (), _PREFIXED, _of_structure, is_strict=False)
KINDS: Final = (
    SSIN, NIHDI, CBE, EHP,
    INS_NIR, INS_NIA, INS_TEST, INS_DEMO, NSS_NIR, NSS_NIA, RPPS, FINESS, SIRENE, IDNPS, IDNST,
)  # fmt: skip
INS: Final = frozenset({INS_NIR.system, INS_NIA.system, INS_TEST.system, INS_DEMO.system})
"""The systems of a national health identity, those of made-up persons included."""
MADE_UP: Final = frozenset({INS_TEST.system, INS_DEMO.system})
"""The systems of persons that there are not."""


def _aliases() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        yield from ((other, kind.system) for other in kind.others)
        if kind.system.startswith(_NAMING):
            names = (kind.system, *(one for one in kind.others if one.startswith(_NAMING)))
            yield from ((one.replace(_NAMING, _OLD_NAMING), kind.system) for one in names)


_CANONICAL: Final = dict(_aliases())
_BY_SYSTEM: Final = {kind.system: kind for kind in KINDS}


@lru_cache(_REMEMBERED)
def canonical_system(system: str) -> str:
    """Return the url that stands for a system and for all that mean the same; an unknown one stands for itself."""
    named = f"urn:oid:{system}" if _OID.fullmatch(system) else system
    named = _OF_BELGIUM.sub(_BELGIUM, named, 1)
    return _CANONICAL.get(named, named)


def key_of(identifier: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells an Identifier that has a value from others: its system, by whatever url, and its value."""
    return canonical_system(str(identifier.get("system", ""))), identifier["value"]


@lru_cache(_REMEMBERED)
def kind_of(system: str) -> Kind | None:
    """Return the kind of the identifiers of a system, by any of its urls."""
    return _BY_SYSTEM.get(canonical_system(system))
