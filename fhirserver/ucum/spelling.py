"""A UCUM code in words: each symbol by the names of its prefix and unit, an annotation as the unity that it stands for.

Spec: https://ucum.org/ucum#para-6
"""

import re
from typing import Final

from fhirserver.ucum.tables import UcumTables
from fhirserver.ucum.terms import Lexicon

_PIECE: Final = re.compile(r"\{[^}]*\}|[()./]|(?:\[[^\]]*\]|[^{}()./\[])+")
_SYMBOL: Final = re.compile(r"(?P<symbol>(?:\[[^\]]*\]|.)*?)(?P<exponent>[+-]?[0-9]+)?", re.DOTALL)
_OPERATORS: Final = {".": " * ", "/": " / "}


def spell(code: str, lexicon: Lexicon, tables: UcumTables) -> str:
    """Return a valid code in words."""
    found: list[str] = []
    for piece in _PIECE.findall(code):
        if piece.startswith("{"):
            follows = bool(found) and found[-1] not in (*_OPERATORS.values(), "(")
            found.append(" * 1" if follows else "1")
        elif piece in _OPERATORS:
            found.append(_OPERATORS[piece] if found else "1 / ")
        else:
            found.append(piece if piece in "()" else _symbol(piece, lexicon, tables))
    return "".join(found)


def _symbol(piece: str, lexicon: Lexicon, tables: UcumTables) -> str:
    if piece.isdigit():
        return piece
    whole = lexicon.split(piece)
    found = _SYMBOL.fullmatch(piece)
    exponent = found["exponent"] if found is not None and whole is None else None
    split = whole or (None if found is None else lexicon.split(found["symbol"]))
    if split is None:
        return piece
    name = tables.prefix_names.get(split.prefix, "") + (tables.atoms[split.atom].name or split.atom)
    return f"({name} ^ {exponent})" if exponent else f"({name})"
