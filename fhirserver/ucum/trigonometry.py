"""Tangent and arc tangent of decimals, which `decimal` does not have and `[p'diop]` needs."""

import math
from decimal import Context, Decimal
from typing import Final

PI: Final = Decimal("3.1415926535897932384626433832795028841971693993751058209749445923")
_ONE: Final = Decimal(1)


def tan(angle: Decimal, context: Context) -> Decimal:
    """Return the tangent of an angle in radians."""
    sine, cosine = _sine_cosine(context.remainder_near(angle, PI), context)
    return context.divide(sine, cosine)


def arctan(slope: Decimal, context: Context) -> Decimal:
    """Return the angle in radians, between -π/2 and π/2, whose tangent is ``slope``.

    The float is right to 16 digits; the step ``tan(x - y)`` is off by its cube, so two steps give any precision used.
    """
    angle = Decimal(math.atan(slope))
    for _ in range(2):
        sine, cosine = _sine_cosine(angle, context)
        rise = context.subtract(context.multiply(slope, cosine), sine)
        run = context.add(cosine, context.multiply(slope, sine))
        angle = context.add(angle, context.divide(rise, run))
    return angle


def _sine_cosine(angle: Decimal, context: Context) -> tuple[Decimal, Decimal]:
    """Sum both Taylor series; at most π/2 either way, two digits a term are more than gained."""
    sums, terms = [_ONE, angle], [_ONE, angle]
    square = context.minus(context.multiply(angle, angle))
    for n in range(1, context.prec // 2 + 1):
        for odd in (0, 1):
            below = (2 * n + odd) * (2 * n - 1 + odd)
            terms[odd] = context.divide(context.multiply(terms[odd], square), below)
            sums[odd] = context.add(sums[odd], terms[odd])
    return sums[1], sums[0]
