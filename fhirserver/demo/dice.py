"""Draws that give the same results in every run and on every Python version.

Only ``Random.random`` is used: Python promises its sequence for a given seed, not that of ``choice`` or ``gauss``.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """The draws of one subject; its name is the seed, so that subjects do not disturb each other."""

    def __init__(self, seed: str) -> None:
        """Seed with a text."""
        self._random = Random(seed).random  # noqa: S311 - a demo record is meant to be predictable

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self._random() < probability

    def between(self, low: int, high: int) -> int:
        """Return a whole number of ``low`` to ``high``, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self._random() * len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        """Return one of the choices, each as often as its weight says."""
        left = self._random() * sum(weight for _, weight in choices)
        for choice, weight in choices:
            left -= weight
            if left < 0:
                return choice
        return choices[-1][0]

    def spread(self, deviation: float) -> float:
        """Return a deviate of about normal shape around 0 (the sum of four uniform ones)."""
        draw = self._random
        return (draw() + draw() + draw() + draw() - 2) * 1.732 * deviation
