"""The compiled tables of UCUM: every atom resolved to base units, small enough to be read at each start."""

import msgspec


class Atom(msgspec.Struct, frozen=True, array_like=True):
    """One unit atom: ``magnitude`` is a fraction in base units, ``function`` is empty for proper units."""

    magnitude: str
    dimension: tuple[tuple[str, int], ...]
    metric: bool
    function: str


class UcumTables(msgspec.Struct, frozen=True):
    """One revision of UCUM, by case-sensitive code; prefixes are fractions."""

    version: str
    prefixes: dict[str, str]
    atoms: dict[str, Atom]
