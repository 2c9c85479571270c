"""The meaning of a term: its magnitude in base units and its dimension, both exact.

Arbitrary units are base units of their own, so that nothing else is commensurable with them (§24).
Spec: https://ucum.org/ucum#para-16
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from fhirserver.ucum.terms import Factor, Symbol

Dimension = tuple[tuple[str, int], ...]

# 2**4096 is about 10**1233: no quantity needs more, and a hostile code like `10*999999999` costs nothing.
_MAX_BITS: Final = 4096
_ONE: Final = Fraction(1)


class UndefinedUnitError(ValueError):
    """A well-formed term without canonical form: a special unit in algebra (§22.1), a magnitude out of range."""


@dataclass(frozen=True, slots=True)
class Unit:
    """``magnitude`` times the base units of ``dimension``, which are in the order of their symbols.

    A special unit names its ``function`` and carries the scale factor ``alpha`` (§22.4); magnitude and dimension are
    then those of its corresponding proper unit.
    """

    magnitude: Fraction
    dimension: Dimension = ()
    function: str = ""
    alpha: Fraction = _ONE


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the terminal symbols mean."""

    prefixes: Mapping[str, Fraction]
    atoms: Mapping[str, Unit]

    def unit(self, base: Symbol | int) -> Unit:
        """Return the meaning of one simple unit."""
        if isinstance(base, int):
            return Unit(Fraction(base))
        unit = self.atoms[base.atom]
        return scaled(unit, self.prefixes[base.prefix]) if base.prefix else unit


def scaled(unit: Unit, scalar: Fraction) -> Unit:
    """Multiply a unit with a scalar; that of a special unit scales the measured value instead (§22.5)."""
    if unit.function:
        return replace(unit, alpha=_bounded(unit.alpha * scalar))
    return replace(unit, magnitude=_bounded(unit.magnitude * scalar))


def evaluate(term: Iterable[Factor], vocabulary: Vocabulary) -> Unit:
    """Multiply the factors of a term. Raises UndefinedUnitError."""
    special: Unit | None = None
    magnitude = _ONE
    exponents: Counter[str] = Counter()
    for factor in term:
        unit = vocabulary.unit(factor.base)
        if unit.function:
            special = _only_special(special, unit, factor.exponent)
            continue
        magnitude = _bounded(magnitude * _power(unit.magnitude, factor.exponent))
        for symbol, exponent in unit.dimension:
            exponents[symbol] += exponent * factor.exponent
    dimension = tuple(sorted((symbol, exponent) for symbol, exponent in exponents.items() if exponent))
    if special is None:
        return Unit(magnitude, dimension)
    if dimension:
        raise UndefinedUnitError("A special unit takes only dimensionless factors.")
    return scaled(special, magnitude)


def render_dimension(dimension: Dimension) -> str:
    """Write base units with their exponents as a UCUM code: ``g.m-3``, ``1`` for no dimension."""
    return ".".join(s if n == 1 else f"{s}{n}" for s, n in dimension) or "1"


def _only_special(earlier: Unit | None, unit: Unit, exponent: int) -> Unit:
    if earlier is not None or exponent != 1:
        raise UndefinedUnitError("A special unit takes part in no algebra.")
    return unit


def _power(magnitude: Fraction, exponent: int) -> Fraction:
    if _bits(magnitude) * abs(exponent) > _MAX_BITS:
        raise UndefinedUnitError("The magnitude is out of range.")
    return magnitude**exponent


def _bounded(magnitude: Fraction) -> Fraction:
    if _bits(magnitude) > _MAX_BITS:
        raise UndefinedUnitError("The magnitude is out of range.")
    return magnitude


def _bits(magnitude: Fraction) -> int:
    return max(magnitude.numerator.bit_length(), magnitude.denominator.bit_length())
