"""The grammar of care pathways: what a story says, in days and hours from its anchor day.

A story is a value: it draws nothing and renders nothing. Days are counted from the anchor (negative: before), hours
from the start of the contact. Terms, measures, panels, drugs and images are named by their key in the tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from fhirserver.demo.words import Words

Curve: TypeAlias = tuple[tuple[float, float], ...]
"""(day, value) points of a measure, straight lines between them, flat outside."""

ALWAYS: Final = -20_000
"""A day before anyone of the record was born."""


class Kind(StrEnum):
    """How the patient meets the hospital."""

    CONSULTATION = "consultation"
    EMERGENCY = "emergency"
    STAY = "stay"
    DAY_CARE = "day-care"


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of the problem list; ``until`` is the day of its end."""

    term: str
    since: int
    until: int | None = None
    severity: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """A drug at home, from a day until a day or for ever."""

    drug: str
    since: int
    until: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A drug of a stay, between two hours: so many times a day (0: once, at ``start``), or as a continuous infusion."""

    drug: str
    times: int = 1
    start: float = 3
    stop: float | None = None
    dose: float | None = None
    as_needed: bool = False
    continuous: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A procedure, at an hour of the contact."""

    term: str
    hour: float = 2
    minutes: int = 30
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """An image, at an hour of the contact, and what the radiologist found."""

    image: str
    hour: float
    finding: Words


@dataclass(frozen=True, slots=True)
class Watch:
    """Vital signs: which, how often (hours) and for how long; afterwards once a day."""

    measures: tuple[str, ...] = ("bp", "hr", "temp", "spo2")
    every: int = 12
    first_hours: int = 24


@dataclass(frozen=True, slots=True)
class Contact:
    """One meeting with the hospital; ``moves`` are further units and the hour of each movement."""

    kind: Kind
    day: float
    unit: str
    reason: str
    hours: float = 0.4
    moves: tuple[tuple[str, float], ...] = ()
    watch: Watch | None = None
    labs: tuple[tuple[str, float], ...] = ()
    scans: tuple[Scan, ...] = ()
    acts: tuple[Act, ...] = ()
    orders: tuple[Order, ...] = ()
    course: Words | None = None
    leaves_for: str = "home"
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """A target of a care plan: the measure to keep at or below (or above) a value."""

    words: Words
    measure: str
    target: float
    above: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A care plan: what is done, and what it aims at."""

    words: Words
    reason: str
    since: int
    activities: tuple[tuple[str, Words], ...]
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A care pathway."""

    key: str
    ages: tuple[int, int]
    unit: str
    problems: tuple[Problem, ...] = ()
    contacts: tuple[Contact, ...] = ()
    drugs: tuple[Course, ...] = ()
    curves: Mapping[str, Curve] = field(default_factory=dict)
    ratios: Mapping[str, Curve] = field(default_factory=dict)
    plan: Plan | None = None
    flags: tuple[str, ...] = ()
    woman: bool | None = None
    recency: tuple[int, int] = (5, 200)
    episode: str | None = None
    deadly: bool = False
    kin: tuple[str, ...] = ()
