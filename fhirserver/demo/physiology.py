"""The body of one patient: the value of any measure at any moment, from the curves of the story.

Order of choice: derived from other values, the story's curve, growth of a child, what is usual for an adult. Results
follow the patient (a constant factor each) and waver a little each time.
"""

from datetime import date
from itertools import pairwise
from typing import Final

from fhirserver.demo.dice import Dice
from fhirserver.demo.growth import BOYS, CHILD, DAYS_A_YEAR, GIRLS, GROWN
from fhirserver.demo.measures import LABS, SCORES, VITALS, Measure
from fhirserver.demo.moments import DAY, age_at, at, day_of
from fhirserver.demo.people import Person
from fhirserver.demo.story import Curve, Story

MEASURES: Final = {**VITALS, **SCORES, **LABS}
CEILINGS: Final = {
    "spo2": 100.0,
    "glasgow": 15.0,
    "pain": 10.0,
    "apgar1": 10.0,
    "apgar5": 10.0,
    "phq9": 27.0,
    "mmse": 30.0,
}
BODY_SIZE: Final = frozenset({"weight", "head"})
OWN_FACTOR: Final = 0.05
"""How far the results of one patient stand from the curve of the story."""


def along(curve: Curve, day: float) -> float:
    """Return the value of a curve on a day."""
    if day <= curve[0][0]:
        return curve[0][1]
    for (left, low), (right, high) in pairwise(curve):
        if day <= right:
            return low + (high - low) * (day - left) / (right - left)
    return curve[-1][1]


class Physiology:
    """Answers what would be measured."""

    def __init__(self, person: Person, story: Story, anchor: date) -> None:
        """Draw the constants of a body."""
        dice = Dice(f"body/{person.key}")
        self._person = person
        self._story = story
        self._start = at(anchor)
        self._height = (163.0 if person.woman else 176.0) + dice.spread(6)
        self._bmi = (31.5 if any(p.term == "obesity" for p in story.problems) else 24.8) + dice.spread(2.2)
        self._growth = 1 + dice.spread(0.06)
        self._factors = {name: 1 + dice.spread(OWN_FACTOR) for name in MEASURES}
        self._dice = dice

    def turn(self, moment: int) -> None:
        """Say at which moment of the anchor day the story turns: curves count from there."""
        self._start = moment

    def value(self, name: str, moment: int) -> float:
        """Return a value as it would be measured, before rounding."""
        exact = self._derived(name, moment)
        if exact is not None:
            return exact
        measure = MEASURES[name]
        value = self._curve(name, measure, moment)
        if not measure.deviation:
            return self._within(name, value)
        wavering = self._dice.spread(measure.deviation)
        return self._within(name, value + wavering * (value / measure.usual if name in BODY_SIZE else 1.0))

    def _curve(self, name: str, measure: Measure, moment: int) -> float:
        day = (moment - self._start) / DAY
        curve = self._story.curves.get(name)
        if curve is not None:
            factor = self._factors[name] if name in LABS and name not in {"ph", "potassium", "sodium"} else 1.0
            return along(curve, day) * factor
        base = self._base(name, measure, moment)
        ratio = self._story.ratios.get(name)
        return base if ratio is None else base * along(ratio, day)

    def _base(self, name: str, measure: Measure, moment: int) -> float:
        day = day_of(moment)
        days = (day - self._person.birth).days
        if age_at(self._person.birth, day) < GROWN:
            growth = (GIRLS if self._person.woman else BOYS).get(name)
            if growth is not None:
                return along(growth, days) * (self._growth if name == "weight" else 1 + (self._growth - 1) / 3)
            if name in CHILD:
                return along(CHILD[name], days)
        if name == "height":
            return self._height
        if name == "weight":
            return self._bmi * (self._height / 100) ** 2
        return self._usual(name, measure, days / DAYS_A_YEAR)

    def _usual(self, name: str, measure: Measure, age: float) -> float:
        usual = measure.usual * (self._factors[name] if name in LABS and name not in {"ph", "sodium"} else 1.0)
        if name == "creatinine":
            usual *= 0.6 + 0.4 * min(age, 40) / 40 + max(0.0, age - 55) * 0.006
        if self._person.woman and measure.normal_women and measure.normal:
            usual *= sum(bound or 0 for bound in measure.normal_women) / sum(bound or 0 for bound in measure.normal)
        return usual

    def _within(self, name: str, value: float) -> float:
        value = min(value, CEILINGS.get(name, value))
        return max(value, 0.0) if name in SCORES or name in VITALS else max(value, MEASURES[name].usual * 0.05)

    def _derived(self, name: str, moment: int) -> float | None:
        match name:
            case "bmi":
                return (
                    self._curve("weight", VITALS["weight"], moment)
                    / (self._base("height", VITALS["height"], moment) / 100) ** 2
                )
            case "egfr":
                return self._filtration(moment)
            case "hct":
                return self._curve("hb", LABS["hb"], moment) * 2.98
            case "ldl":
                total, hdl, fat = (
                    self._curve(part, LABS[part], moment) for part in ("cholesterol", "hdl", "triglycerides")
                )
                return total - hdl - fat / 5
            case "neutrophils" if "neutrophils" not in self._story.curves and "wbc" in self._story.curves:
                return self._curve("wbc", LABS["wbc"], moment) * 0.74
        return None

    def _filtration(self, moment: int) -> float:
        """Return the glomerular filtration rate after CKD-EPI 2009."""
        creatinine = self._curve("creatinine", LABS["creatinine"], moment)
        kappa, alpha, factor = (0.7, -0.329, 144.0) if self._person.woman else (0.9, -0.411, 141.0)
        ratio = creatinine / kappa
        age = (day_of(moment) - self._person.birth).days / DAYS_A_YEAR
        return float(factor * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.209 * 0.993**age)
