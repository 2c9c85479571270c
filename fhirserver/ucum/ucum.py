"""The object that knows units: valid codes, canonical values, conversions. Case-sensitive codes only.

Spec: https://ucum.org/ucum and, for quantities, http://hl7.org/fhir/R4/search.html#quantity
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from fhirserver.ucum.conversion import Conversion, conversion_of
from fhirserver.ucum.spelling import spell
from fhirserver.ucum.tables import Atom, UcumTables
from fhirserver.ucum.terms import MAX_LENGTH, Lexicon, TermSyntaxError, parse_term
from fhirserver.ucum.units import UndefinedUnitError, Unit, Vocabulary, evaluate

_CACHED_CODES: Final = 4096


@dataclass(frozen=True, slots=True)
class Canonical:
    """A value in canonical units: base units with exponents in the order of their symbols, as `g.m-3`; `1` for none."""

    value: Decimal
    unit: str


class Ucum:
    """One revision of UCUM, ready to use; remembers the units it met last, up to a bound."""

    def __init__(self, tables: UcumTables) -> None:
        """Read the compiled tables."""
        self.version: Final = tables.version
        self._tables = tables
        prefixes = {code: Fraction(value) for code, value in tables.prefixes.items()}
        self._vocabulary = Vocabulary(prefixes, {code: _unit(atom) for code, atom in tables.atoms.items()})
        metric = frozenset(code for code, atom in tables.atoms.items() if atom.metric)
        self._lexicon = Lexicon(prefixes.keys(), tables.atoms.keys(), metric)
        self._remembered = lru_cache(_CACHED_CODES)(self._compile)

    def canonical(self, value: Decimal, code: str) -> Canonical | None:
        """Return the value in canonical units; None where `factor` has none, or the value is out of its domain."""
        conversion = self.factor(code)
        if conversion is None:
            return None
        result = conversion.apply(value)
        return None if result is None else Canonical(result, conversion.unit)

    def convert(self, value: Decimal, from_code: str, to_code: str) -> Decimal | None:
        """Return the value in another unit; None if the two are not commensurable."""
        source, target = self.factor(from_code), self.factor(to_code)
        if source is None or target is None or source.unit != target.unit:
            return None
        return source.convert(value, target)

    def is_valid(self, code: str) -> bool:
        """Tell whether UCUM's grammar and symbols allow the code (§1.3), even one without canonical form: `Cel2`."""
        return self.factor(code) is not None or self._is_term(code)

    def problem(self, code: str) -> str | None:
        """Say why a code is not valid; None: it is."""
        try:
            parse_term(code, self._lexicon)
        except TermSyntaxError as error:
            where = f"at character {error.position + 1}"
            return f"The unit '{error.unit}' is unknown {where}" if error.unit else f"Unexpected text {where}"
        return None

    def spelled(self, code: str) -> str | None:
        """Return a code in words: `(milligram) / (deciliter)`; None for one that is not valid."""
        return spell(code, self._lexicon, self._tables) if self.is_valid(code) else None

    def measured(self, code: str) -> str | None:
        """Return the kind of quantity that a single unit, with a prefix or not, is of (`mass`); None for a term."""
        split = self._lexicon.split(code)
        return None if split is None else self._tables.atoms[split.atom].property or None

    def factor(self, code: str) -> Conversion | None:
        """Return the arithmetic of a code; None if it is not valid or its meaning is not defined (§22.1)."""
        if len(code) > MAX_LENGTH:
            return None
        return self._remembered(code)

    def cache_counts(self) -> tuple[int, int, int | None, int]:
        """Return hits, misses, bound and present size of the memory of codes, invalid ones included."""
        return self._remembered.cache_info()

    def _compile(self, code: str) -> Conversion | None:
        try:
            return conversion_of(evaluate(parse_term(code, self._lexicon), self._vocabulary))
        except (TermSyntaxError, UndefinedUnitError):
            return None

    def _is_term(self, code: str) -> bool:
        try:
            parse_term(code, self._lexicon)
        except TermSyntaxError:
            return False
        return True


def _unit(atom: Atom) -> Unit:
    return Unit(Fraction(atom.magnitude), atom.dimension, atom.function)
