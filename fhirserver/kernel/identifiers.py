"""Check digits of Belgian and French identifiers of persons, professionals and establishments.

Not here: which system uri carries which identifier, and what a wrong check digit means to a write (for NIHDI,
RPPS and FINESS a warning at most: their rules are learnt from published numbers, not from a normative text).
Belgium: royal decree of 8 February 1991 (BIS), of 25 November 1997 (NISS of the years 2000).
France: the INSEE key of the NIR, and Luhn (ISO/IEC 7812-1) for SIREN, SIRET, FINESS and RPPS.
"""

import re
import time
from typing import Final

_NISS: Final = re.compile(r"\d{2}(?:[024][0-9]|[135][0-2])\d{7}", re.ASCII)
_NIR: Final = re.compile(r"([1-478]\d{4}(?:\d{2}|2[AB])\d{6})(\d{2})", re.ASCII)
_NIHDI: Final = re.compile(r"\d{8}(?:\d{3})?", re.ASCII)
_CBE: Final = re.compile(r"[01]\d{9}", re.ASCII)
_FINESS: Final = re.compile(r"\d{9}", re.ASCII)
_FINESS_OF_CORSICA: Final = re.compile(r"2[AB]\d{7}", re.ASCII)
_RPPS: Final = re.compile(r"\d{11}", re.ASCII)
_SIREN: Final = re.compile(r"\d{9}", re.ASCII)
_SIRET: Final = re.compile(r"\d{14}", re.ASCII)
_CORSICA: Final = {"2A": "19", "2B": "18"}
_LA_POSTE: Final = "356000000"


def niss_check(first9: str, born_2000: bool) -> str:
    """Return the two check digits after ``YYMMDD`` and the serial; they tell the century of birth."""
    number = int(("2" if born_2000 else "") + first9)
    return f"{97 - number % 97:02d}"


def is_niss(text: str) -> bool:
    """Tell whether ``text`` is a NISS/INSZ or a BIS number: 11 digits, either century.

    Unknown parts of the birth date are 00; a BIS number has its month raised by 20 or by 40. Nobody is born in a year
    to come.
    """
    if _NISS.fullmatch(text) is None or int(text[4:6]) > 31:
        return False
    if text[9:] == niss_check(text[:9], born_2000=False):
        return True
    return text[9:] == niss_check(text[:9], born_2000=True) and 2000 + int(text[:2]) <= time.gmtime().tm_year


def is_bis(text: str) -> bool:
    """Tell whether ``text`` is a BIS number: of a person whom the national register does not hold."""
    return is_niss(text) and int(text[2:4]) >= 20


def nihdi_check(first6: str, modulus: int = 97) -> str:
    """Return the two check digits after profession and serial; the newer ranges use the modulus 89."""
    return f"{modulus - int(first6) % modulus:02d}"


def is_nihdi(text: str) -> bool:
    """Tell whether ``text`` is an INAMI/RIZIV number: 11 digits, or the 8 without the qualification."""
    if _NIHDI.fullmatch(text) is None:
        return False
    return text[6:8] in {nihdi_check(text[:6]), nihdi_check(text[:6], modulus=89)}


def cbe_check(first8: str) -> str:
    """Return the two check digits of an enterprise number."""
    return f"{97 - int(first8) % 97:02d}"


def is_cbe(text: str) -> bool:
    """Tell whether ``text`` is a BCE/KBO enterprise number: 10 digits, the first 0 or 1."""
    return _CBE.fullmatch(text) is not None and text[8:] == cbe_check(text[:8])


def nir_key(first13: str) -> str:
    """Return the key of a NIR or NIA; the departments of Corsica count as 19 and 18."""
    department = first13[5:7]
    number = int(first13[:5] + _CORSICA.get(department, department) + first13[7:])
    return f"{97 - number % 97:02d}"


def is_nir(text: str) -> bool:
    """Tell whether ``text`` is a NIR, or a NIA while a NIR is awaited: 15 characters with the key."""
    found = _NIR.fullmatch(text)
    return found is not None and found[2] == nir_key(found[1])


def luhn_check(digits: str) -> str:
    """Return the digit that, appended, makes ``digits`` pass the Luhn rule."""
    return str(-_luhn_sum(digits + "0") % 10)


def is_rpps(text: str) -> bool:
    """Tell whether ``text`` is an RPPS number: 11 digits."""
    return _RPPS.fullmatch(text) is not None and _luhn_sum(text) % 10 == 0


def is_finess(text: str) -> bool:
    """Tell whether ``text`` is a FINESS number: 9 digits; one of Corsica (``2A``, ``2B``) is not checked further."""
    if _FINESS_OF_CORSICA.fullmatch(text) is not None:
        return True
    return _FINESS.fullmatch(text) is not None and _luhn_sum(text) % 10 == 0


def is_siren(text: str) -> bool:
    """Tell whether ``text`` is a SIREN: 9 digits."""
    return _SIREN.fullmatch(text) is not None and _luhn_sum(text) % 10 == 0


def is_siret(text: str) -> bool:
    """Tell whether ``text`` is a SIRET: a SIREN and 5 digits; La Poste only adds up its digits."""
    if _SIRET.fullmatch(text) is None or not is_siren(text[:9]):
        return False
    if text.startswith(_LA_POSTE) and sum(map(int, text)) % 5 == 0:
        return True
    return _luhn_sum(text) % 10 == 0


def _luhn_sum(digits: str) -> int:
    doubled = (str(2 * int(digit)) for digit in digits[-2::-2])
    return sum(map(int, digits[-1::-2])) + sum(int(digit) for pair in doubled for digit in pair)
