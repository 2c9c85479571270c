"""The compiled tables of UCUM: every atom resolved to base units, small enough to be read at each start."""

import msgspec


class Atom(msgspec.Struct, frozen=True, array_like=True):
    """One unit atom: ``magnitude`` is a fraction in base units, ``function`` is empty for proper units.

    ``name`` is the first name of the unit, ``property`` what it measures.
    """

    magnitude: str
    dimension: tuple[tuple[str, int], ...]
    metric: bool
    function: str
    name: str = ""
    property: str = ""


class UcumTables(msgspec.Struct, frozen=True):
    """One revision of UCUM, by case-sensitive code; prefixes are fractions."""

    version: str
    prefixes: dict[str, str]
    atoms: dict[str, Atom]
    prefix_names: dict[str, str] = {}
