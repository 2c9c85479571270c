"""The measurements that ``$stats`` computes on: quantities of Observations and their components, grouped by code.

An Observation of a panel, which has no value of its own, stands for its components and members.
Spec: http://hl7.org/fhir/R4/observation-operation-stats.html
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

from fhirserver.kernel.resource import Resource
from fhirserver.search.values.date import parse_interval
from fhirserver.ucum import Ucum

UCUM: Final = "http://unitsofmeasure.org"
_TICKS_PER_DAY: Final = 864_000_000_000

Code: TypeAlias = tuple[str, str]
"""System and code."""


@dataclass(slots=True)
class Measurements:
    """All of one code: what can be computed on, and how many cannot."""

    coding: Resource
    quantities: list[tuple[Decimal, str, str]] = field(default_factory=list)
    """Value, UCUM code, time as it is written."""
    invalid: int = 0

    def add(self, measured: Resource, when: str, *, is_valid: bool) -> None:
        """Take the value of an Observation or component; one that is not in UCUM, or only a bound, is invalid."""
        quantity = measured.get("valueQuantity", {})
        value, code = quantity.get("value"), quantity.get("code")
        in_ucum = quantity.get("system") == UCUM and isinstance(code, str) and "comparator" not in quantity
        if is_valid and in_ucum and isinstance(value, int | Decimal):
            self.quantities.append((Decimal(value), code, when))
        else:
            self.invalid += 1


@dataclass(frozen=True, slots=True)
class Uniform:
    """Measurements in one unit, the one that most of them have."""

    unit: str | None
    points: tuple[tuple[Fraction | None, Decimal], ...]
    """Time in days since 1970 and value, ordered by value."""
    invalid: int

    @property
    def values(self) -> list[Decimal]:
        """The values, ordered."""
        return [value for _, value in self.points]


def in_one_unit(measurements: Measurements, ucum: Ucum) -> Uniform:
    """Convert to the commonest unit; what cannot be converted is invalid."""
    if not measurements.quantities:
        return Uniform(None, (), measurements.invalid)
    unit = Counter(code for _, code, _ in measurements.quantities).most_common(1)[0][0]
    points, invalid = [], measurements.invalid
    for value, code, when in measurements.quantities:
        converted = value if code == unit else ucum.convert(value, code, unit)
        if converted is None:
            invalid += 1
        else:
            points.append((_days(when), converted))
    points.sort(key=lambda point: point[1])
    return Uniform(unit, tuple(points), invalid)


def _days(when: str) -> Fraction | None:
    interval = parse_interval(when)
    return None if interval is None else Fraction(interval[0], _TICKS_PER_DAY)


class Collector:
    """Groups the measurements of Observations by code."""

    def __init__(self, wanted: Iterable[Resource]) -> None:
        """Look for the codings ``wanted``."""
        self._wanted: Mapping[Code, Resource] = {_code(coding): coding for coding in wanted}
        self._groups: dict[Code, Measurements] = {}
        self._panels: set[Code] = set()

    def groups(self) -> list[Measurements]:
        """Return the groups: those that were asked for, but for panels, and those found in panels."""
        for code, coding in self._wanted.items():
            if code not in self._groups and code not in self._panels:
                self._groups[code] = Measurements(coding)
        return list(self._groups.values())

    def add(self, observation: Resource, members: Sequence[Resource]) -> None:
        """Take an Observation; ``members`` are those that it has, of which a panel consists."""
        when, is_valid = _when(observation), _is_valid(observation)
        own = self._matching(observation)
        parts = observation.get("component", ())
        if own is None:
            for part in parts:
                found = self._matching(part)
                if found is not None:
                    self._group(found).add(part, when, is_valid=is_valid)
        elif "valueQuantity" in observation or not (parts or members):
            self._group(own).add(observation, when, is_valid=is_valid)
        else:
            self._panels.add(_code(own))
            self._add_panel(observation, members)

    def _add_panel(self, observation: Resource, members: Sequence[Resource]) -> None:
        for part in observation.get("component", ()):
            for coding in _codings(part)[:1]:
                self._group(coding).add(part, _when(observation), is_valid=_is_valid(observation))
        for member in members:
            for coding in _codings(member)[:1]:
                if member.get("status") != "entered-in-error":
                    self._group(coding).add(member, _when(member), is_valid=_is_valid(member))

    def _group(self, coding: Resource) -> Measurements:
        code = _code(coding)
        if code not in self._groups:
            self._groups[code] = Measurements({**coding, **self._wanted.get(code, {})})
        return self._groups[code]

    def _matching(self, coded: Resource) -> Resource | None:
        """Return the coding by which something is one of those wanted."""
        return next((coding for coding in _codings(coded) if _code(coding) in self._wanted), None)


def members_of(observation: Resource) -> Iterator[str]:
    """Yield the references of a panel to its members."""
    for member in observation.get("hasMember", ()):
        if isinstance(reference := member.get("reference"), str):
            yield reference


def _codings(coded: Resource) -> list[Resource]:
    codings = coded.get("code", {}).get("coding", ())
    return [coding for coding in codings if isinstance(coding.get("code"), str)]


def _code(coding: Resource) -> Code:
    return str(coding.get("system", "")), str(coding.get("code", ""))


def _is_valid(observation: Resource) -> bool:
    """Tell whether a value may be computed on: a modifier extension may mean that it may not."""
    return "modifierExtension" not in observation


def _when(observation: Resource) -> str:
    period = observation.get("effectivePeriod", {})
    times = (observation.get("effectiveDateTime"), observation.get("effectiveInstant"))
    return next((each for each in (*times, period.get("start"), period.get("end")) if each is not None), "")
