"""The functions of special units, between a value on their own scale and the ratio to the corresponding proper unit.

Spec: https://ucum.org/ucum#para-21; the functions themselves in §§30, 43 to 48.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from fhirserver.ucum.trigonometry import arctan, tan

# Guard digits beyond the 34 of a result, so that there and back again is the same number.
WORKING: Final = Context(prec=50, Emin=-99999, Emax=99999, traps=[])
_TEN: Final = Decimal(10)
_HUNDRED: Final = Decimal(100)
_NAN: Final = Decimal("NaN")


@dataclass(frozen=True, slots=True)
class Scale:
    """``to_ratio`` is f⁻¹ and ``from_ratio`` is f of §21; both give a number that is not finite out of domain."""

    to_ratio: Callable[[Decimal], Decimal]
    from_ratio: Callable[[Decimal], Decimal]
    decreasing: bool = False


def _interval(zero: str) -> Scale:
    """Start to count at ``zero``: the temperatures."""
    offset = Decimal(zero)
    return Scale(lambda x: WORKING.add(x, offset), lambda x: WORKING.subtract(x, offset))


def _logarithmic(base: Decimal, slope: str) -> Scale:
    """Measure by ``base ** (slope * x)``: levels, acidity, dilutions."""
    by = Decimal(slope)
    step = WORKING.multiply(WORKING.log10(base), by)
    natural = WORKING.ln(base)

    def to_ratio(value: Decimal) -> Decimal:
        exponent = WORKING.multiply(value, by)
        if exponent == exponent.to_integral_value():
            return WORKING.power(base, exponent)
        # Irrational, so nothing exact is lost, and twice as fast as a power.
        return WORKING.exp(WORKING.multiply(exponent, natural))

    # The decadic logarithm is exact for powers of ten.
    return Scale(to_ratio, lambda ratio: WORKING.divide(WORKING.log10(ratio), step), decreasing=by < 0)


def _square(value: Decimal) -> Decimal:
    """Square what a root can be: nothing below zero."""
    return _NAN if value < 0 else WORKING.multiply(value, value)


def _percent_to_angle(value: Decimal) -> Decimal:
    return arctan(WORKING.divide(value, _HUNDRED), WORKING)


def _angle_to_percent(value: Decimal) -> Decimal:
    return WORKING.multiply(tan(value, WORKING), _HUNDRED)


SCALES: Final = {
    "cel": _interval("273.15"),
    "degf": _interval("459.67"),
    "degre": _interval("218.52"),
    "lg": _logarithmic(_TEN, "1"),
    "2lg": _logarithmic(_TEN, "0.5"),
    "ln": _logarithmic(WORKING.exp(Decimal(1)), "1"),
    "ld": _logarithmic(Decimal(2), "1"),
    "pH": _logarithmic(_TEN, "-1"),
    "hpX": _logarithmic(_TEN, "-1"),
    "hpC": _logarithmic(_TEN, "-2"),
    "hpM": _logarithmic(_TEN, "-3"),
    "hpQ": _logarithmic(Decimal(50_000), "-1"),
    "100tan": Scale(_percent_to_angle, _angle_to_percent),
    "sqrt": Scale(_square, WORKING.sqrt),
}
