"""How children grow: medians of weight (kg), height and head (cm) by month of age, rounded from the WHO standards.

Also what is usual for a child's circulation and breathing, by year of age.
"""

from typing import Final

from fhirserver.demo.table import rows

# month | boys: weight, height, head | girls: weight, height, head
_MEDIANS: Final = """
0 | 3.4 | 50.0 | 34.5 | 3.2 | 49.2 | 33.9
1 | 4.5 | 54.7 | 37.3 | 4.2 | 53.7 | 36.5
2 | 5.6 | 58.4 | 39.1 | 5.1 | 57.1 | 38.3
4 | 7.0 | 63.9 | 41.6 | 6.4 | 62.1 | 40.6
6 | 7.9 | 67.6 | 43.3 | 7.3 | 65.7 | 42.2
9 | 8.9 | 72.0 | 45.0 | 8.2 | 70.1 | 43.8
12 | 9.6 | 75.7 | 46.1 | 8.9 | 74.0 | 44.9
18 | 10.9 | 82.3 | 47.4 | 10.2 | 80.7 | 46.2
24 | 12.2 | 87.1 | 48.3 | 11.5 | 85.7 | 47.2
36 | 14.3 | 96.1 | 49.5 | 13.9 | 95.1 | 48.5
60 | 18.3 | 110.0 | 50.7 | 18.2 | 109.4 | 49.9
84 | 22.9 | 121.7 | 51.5 | 22.4 | 120.8 | 50.9
108 | 28.1 | 132.6 | 52.2 | 28.2 | 132.5 | 51.7
132 | 34.9 | 143.1 | 53.0 | 36.2 | 145.0 | 52.6
156 | 45.0 | 156.0 | 54.0 | 45.5 | 156.4 | 53.6
180 | 56.0 | 169.0 | 55.0 | 52.0 | 161.7 | 54.2
216 | 67.5 | 176.1 | 56.0 | 56.2 | 163.1 | 54.6
"""

# year | heart rate | breathing rate | systolic | diastolic
_CIRCULATION: Final = """
0 | 136 | 42 | 72 | 42
1 | 120 | 30 | 88 | 52
3 | 105 | 25 | 94 | 56
6 | 94 | 21 | 99 | 60
10 | 85 | 19 | 106 | 64
14 | 78 | 17 | 114 | 68
18 | 74 | 15 | 120 | 74
"""

GROWN: Final = 18
DAYS_A_YEAR: Final = 365.25


def _column(table: str, index: int, unit_days: float) -> tuple[tuple[float, float], ...]:
    return tuple((float(row[0]) * unit_days, float(row[index])) for row in rows(table))


BOYS: Final = {name: _column(_MEDIANS, n, DAYS_A_YEAR / 12) for n, name in enumerate(("weight", "height", "head"), 1)}
GIRLS: Final = {name: _column(_MEDIANS, n, DAYS_A_YEAR / 12) for n, name in enumerate(("weight", "height", "head"), 4)}
CHILD: Final = {name: _column(_CIRCULATION, n, DAYS_A_YEAR) for n, name in enumerate(("hr", "resp", "sys", "dia"), 1)}
"""Curves over the age in days."""
