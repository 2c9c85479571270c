"""The statistics of ``$stats``: fractions until the end, and then decimals, exact where they have an end.

Variance and standard deviation are those of a sample (divided by N-1); percentiles interpolate between neighbours;
skew and kurtosis are moments of the values themselves, kurtosis 3 for a normal distribution.
Spec: http://hl7.org/fhir/R4/valueset-observation-statistics.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Final

SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/observation-statistics"
_RESULT: Final = Context(prec=18)
_WORKING: Final = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic: how it is computed from ordered values, and the unit of the result.

    ``unit``: {} stands for the code of the values' own unit.
    """

    display: str
    compute: Callable[[Sequence[Decimal]], Decimal | None]
    unit: str = "{}"


def exact_mean(values: Sequence[Decimal]) -> Fraction:
    """Return the mean of some values."""
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def rounded(value: Fraction) -> Decimal:
    """Write a fraction as a decimal without zeros at its end: exactly if 34 digits can, else with 18."""
    exact = Context(prec=34)
    quotient = exact.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _plain(_RESULT.plus(quotient) if exact.flags[Inexact] else quotient)


def _plain(value: Decimal) -> Decimal:
    """Write a decimal without exponent and without zeros at its end."""
    return Decimal(f"{value.normalize(_WORKING):f}")


def _moment(values: Sequence[Decimal], power: int) -> Fraction:
    mean = exact_mean(values)
    return sum(((Fraction(value) - mean) ** power for value in values), Fraction(0)) / len(values)


def _variance(values: Sequence[Decimal]) -> Fraction | None:
    count = len(values)
    return _moment(values, 2) * count / (count - 1) if count > 1 else None


def _root(value: Fraction) -> Decimal:
    exact = _WORKING.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _plain(_RESULT.plus(_WORKING.sqrt(exact)))


def _deviation(values: Sequence[Decimal]) -> Decimal | None:
    variance = _variance(values)
    return None if variance is None else _root(variance)


def quantile(values: Sequence[Decimal], part: Fraction) -> Fraction:
    """Return the value below which a part of the ordered values lies, between two of them if need be."""
    place = part * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return Fraction(values[low]) + (Fraction(values[high]) - Fraction(values[low])) * (place - low)


def _at(numerator: int, denominator: int) -> Callable[[Sequence[Decimal]], Decimal | None]:
    return lambda values: rounded(quantile(values, Fraction(numerator, denominator))) if values else None


def _quartile_deviation(values: Sequence[Decimal]) -> Decimal | None:
    if not values:
        return None
    return rounded((quantile(values, Fraction(3, 4)) - quantile(values, Fraction(1, 4))) / 2)


def _skew(values: Sequence[Decimal]) -> Decimal | None:
    spread = _moment(values, 2) if values else Fraction(0)
    if not spread:
        return None
    third = _moment(values, 3)
    size = _root(third * third / spread**3)  # the square root of its square, which is a fraction
    return -size if third < 0 else size


def _kurtosis(values: Sequence[Decimal]) -> Decimal | None:
    spread = _moment(values, 2) if values else Fraction(0)
    return rounded(_moment(values, 4) / spread**2) if spread else None


def _variance_of(values: Sequence[Decimal]) -> Decimal | None:
    variance = _variance(values)
    return None if variance is None else rounded(variance)


STATISTICS: Final[dict[str, Statistic]] = {
    "average": Statistic("Average", lambda values: rounded(exact_mean(values)) if values else None),
    "maximum": Statistic("Maximum", lambda values: values[-1] if values else None),
    "minimum": Statistic("Minimum", lambda values: values[0] if values else None),
    "count": Statistic("Count", lambda values: Decimal(len(values)), "{{observations}}"),
    "total-count": Statistic("Total Count", lambda values: Decimal(len(values)), "{{observations}}"),
    "median": Statistic("Median", _at(1, 2)),
    "std-dev": Statistic("Standard Deviation", _deviation),
    "sum": Statistic("Sum", lambda values: rounded(sum(map(Fraction, values), Fraction(0)))),
    "variance": Statistic("Variance", _variance_of, "({})2"),
    "20-percent": Statistic("20th Percentile", _at(1, 5)),
    "80-percent": Statistic("80th Percentile", _at(4, 5)),
    "4-lower": Statistic("Lower Quartile", _at(1, 4)),
    "4-upper": Statistic("Upper Quartile", _at(3, 4)),
    "4-dev": Statistic("Quartile Deviation", _quartile_deviation),
    "5-1": Statistic("1st Quintile", _at(1, 5)),
    "5-2": Statistic("2nd Quintile", _at(2, 5)),
    "5-3": Statistic("3rd Quintile", _at(3, 5)),
    "5-4": Statistic("4th Quintile", _at(4, 5)),
    "skew": Statistic("Skew", _skew, "1"),
    "kurtosis": Statistic("Kurtosis", _kurtosis, "1"),
}
"""By code; ``total-count`` is given the values that could not be used too, ``regression`` stands apart."""
ALIASES: Final = {"max": "maximum", "min": "minimum"}


def regression(points: Sequence[tuple[Fraction, Decimal]]) -> tuple[Decimal, Decimal] | None:
    """Return gradient and intercept of the line closest to some points; None when they lie above each other."""
    count = len(points)
    if not count:
        return None
    mean_x = sum((x for x, _ in points), Fraction(0)) / count
    mean_y = exact_mean([y for _, y in points])
    spread = sum(((x - mean_x) ** 2 for x, _ in points), Fraction(0))
    if not spread:
        return None
    gradient = sum(((x - mean_x) * (Fraction(y) - mean_y) for x, y in points), Fraction(0)) / spread
    return rounded(gradient), rounded(mean_y - gradient * mean_x)
