"""The arithmetic of one unit: from a value in it to the value in canonical units, and back.

Results have the 34 digits and the range of an IEEE 754 decimal128, which is what databases keep.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, Self

from fhirserver.ucum.scales import SCALES, WORKING, Scale
from fhirserver.ucum.units import Unit, render_dimension

_RESULT: Final = Context(prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[])
# Wide enough for every magnitude and any value of a resource, so that a rational factor rounds once, at the division.
_EXACT: Final = Context(prec=9999, traps=[])
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Multiply by an exact fraction; there is no ``divisor`` where the fraction is a finite decimal."""

    multiplier: Decimal
    divisor: Decimal | None

    @classmethod
    def of(cls, fraction: Fraction) -> Self:
        """Write a fraction as one decimal if it has an end, else as two."""
        finite = _finite(fraction)
        if finite is None:
            return cls(Decimal(fraction.numerator), Decimal(fraction.denominator))
        return cls(finite, None)

    def times(self, value: Decimal, context: Context) -> Decimal:
        """Return ``value`` times the fraction, rounded once."""
        if self.divisor is None:
            return context.multiply(value, self.multiplier)
        return context.divide(_EXACT.multiply(value, self.multiplier), self.divisor)

    def into(self, value: Decimal, context: Context) -> Decimal:
        """Return ``value`` divided by the fraction, rounded once."""
        above = value if self.divisor is None else _EXACT.multiply(value, self.divisor)
        return context.divide(above, self.multiplier)


@dataclass(frozen=True, slots=True)
class Conversion:
    """From one unit to its canonical unit.

    ``unit`` names the canonical base units; ``magnitude`` is that of the (corresponding) proper unit in them. Special
    units have a ``scale`` and the factor ``alpha`` on it (§22.4).
    """

    unit: str
    magnitude: Fraction
    ratio: Ratio
    alpha: Ratio
    scale: Scale | None = None

    @property
    def decreasing(self) -> bool:
        """Whether a greater value is a smaller quantity, as in pH: the bounds of an interval change places."""
        return self.scale is not None and self.scale.decreasing

    def apply(self, value: Decimal) -> Decimal | None:
        """Return the value in canonical units; None out of the unit's domain or of range. Monotone."""
        result = self.ratio.times(value, _RESULT) if self.scale is None else _shortest(self._to_base(value))
        return result if result.is_finite() else None

    def convert(self, value: Decimal, target: "Conversion") -> Decimal | None:
        """Return the value in the commensurable unit of ``target``; None out of domain or of range."""
        if self.scale is None and target.scale is None:
            result = Ratio.of(self.magnitude / target.magnitude).times(value, _RESULT)
        else:
            result = _shortest(target._from_base(self._to_base(value)))
        return result if result.is_finite() else None

    def _to_base(self, value: Decimal) -> Decimal:
        if self.scale is not None and value.is_finite():
            value = self.scale.to_ratio(self.alpha.times(value, WORKING))
        return self.ratio.times(value, WORKING)

    def _from_base(self, value: Decimal) -> Decimal:
        value = self.ratio.into(value, WORKING)
        if self.scale is not None and value.is_finite():
            value = self.alpha.into(self.scale.from_ratio(value), WORKING)
        return value


def conversion_of(unit: Unit) -> Conversion:
    """Prepare the arithmetic of a unit."""
    return Conversion(
        unit=render_dimension(unit.dimension),
        magnitude=unit.magnitude,
        ratio=Ratio.of(unit.magnitude),
        alpha=Ratio.of(unit.alpha),
        scale=SCALES[unit.function] if unit.function else None,
    )


def _finite(fraction: Fraction) -> Decimal | None:
    """Write a fraction as a decimal; None if it goes on for ever, as 1/60."""
    rest = fraction.denominator
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return None
    places = max(twos, fives)
    return Decimal(fraction.numerator * 10**places // fraction.denominator).scaleb(-places, _EXACT)


def _shortest(value: Decimal) -> Decimal:
    """Round away the guard digits and the zeros they leave; adding zero writes 2.1E+2 as 210."""
    return _RESULT.add(_RESULT.normalize(value), _ZERO)
