"""The record of one patient while it is written, and what the patients share: beds, agendas, professionals."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from fhirserver.demo import systems
from fhirserver.demo.dice import Dice
from fhirserver.demo.moments import DAY, at, day_of, shift, workday
from fhirserver.demo.network import beds, unit_id
from fhirserver.demo.physiology import Physiology
from fhirserver.demo.places import Site, network_of, site_with
from fhirserver.demo.population import Case
from fhirserver.demo.shapes import coding, refer_to, resource
from fhirserver.demo.staff import Directory, Professional
from fhirserver.demo.words import Country, Language, Words
from fhirserver.kernel.resource import Json, Resource

OPENING: Final = 8 * 60 + 40
SLOT_MINUTES: Final = 20
MORNING_SLOTS: Final = 11


@dataclass(slots=True)
class Beds:
    """Which bed is taken when, so that two patients never lie in one."""

    taken: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def take(self, site: Site, unit: str, start: int, end: int) -> str:
        """Return the first bed that is free for the whole time; the corridor (the ward) when none is."""
        for bed in beds(site, unit):
            stays = self.taken.setdefault(bed, [])
            if all(end <= other_start or other_end <= start for other_start, other_end in stays):
                stays.append((start, end))
                return bed
        return unit_id(site, unit)


@dataclass(slots=True)
class Agenda:
    """The morning slots of consultations that are taken; afternoons are left to be booked."""

    taken: set[tuple[str, int]] = field(default_factory=set)

    def take(self, schedule: str, day: date, wish: int) -> int:
        """Return the moment of a free slot: the wished one, or the next, that day or the workday after."""
        while True:
            day = workday(day)
            for slot in range(wish % MORNING_SLOTS, MORNING_SLOTS):
                moment = at(day) + OPENING + slot * SLOT_MINUTES
                if (schedule, moment) not in self.taken:
                    self.taken.add((schedule, moment))
                    return moment
            day, wish = shift(day, 1), 0


@dataclass(slots=True)
class World:
    """What patients share."""

    directory: Directory
    beds: Beds = field(default_factory=Beds)
    agenda: Agenda = field(default_factory=Agenda)


class Chart:
    """Makes the resources of one patient, numbered by type."""

    def __init__(self, case: Case, world: World) -> None:
        """Open the record of a patient."""
        self.case = case
        self.person = case.person
        self.story = case.story
        self.world = world
        self.dice = Dice(f"chart/{case.person.key}")
        self.body = Physiology(case.person, case.story, case.anchor)
        self.conditions: dict[str, Resource] = {}
        self.allergies: list[str] = []
        self._numbers: Counter[str] = Counter()

    @property
    def language(self) -> Language:
        """The language that the patient's documents are written in."""
        return self.person.language

    @property
    def is_belgian(self) -> bool:
        """Whether the record follows Belgian habits, else French ones."""
        return self.person.country is Country.BELGIUM

    @property
    def domain(self) -> str:
        """The domain of the network, for identifier systems."""
        return network_of(self.person.country).domain

    def say(self, words: Words) -> str:
        """Return a text in the patient's language."""
        return words.of(self.language)

    def new(
        self, resource_type: str, fields: dict[str, Json], *, name: str | None = None, secret: bool = False
    ) -> Resource:
        """Return a new resource: ``be-0001-007``, or ``be-0001-stay-1`` where it has a name."""
        self._numbers[resource_type] += 1
        suffix = name or f"{self._numbers[resource_type]:03d}"
        made = resource(resource_type, f"{self.person.key}-{suffix}", fields)
        if secret:
            made["meta"]["security"] = [coding(systems.CONFIDENTIALITY, "R")]
        return made

    def subject(self) -> dict[str, str]:
        """Return a reference to the patient."""
        return {"reference": f"Patient/{self.person.key}"}

    def moment(self, day: float) -> int:
        """Return the moment a story speaks of."""
        return at(self.case.anchor) + round(day * DAY)

    def day(self, day: int) -> date:
        """Return the day a story speaks of."""
        return shift(self.case.anchor, day)

    def site_of(self, unit: str) -> Site:
        """Return where the patient finds a unit."""
        return site_with(unit, self.person.site)

    def ward(self, unit: str) -> str:
        """Return the id of the unit that cares for the patient."""
        return unit_id(self.site_of(unit), unit)

    def physician(self, unit: str) -> Professional:
        """Return the physician of a unit who follows the patient."""
        team = self.world.directory.physicians(self.ward(unit))
        return team[self.person.number % len(team)]

    def nurse(self, unit: str) -> Professional:
        """Return the nurse of a unit."""
        return self.world.directory.nurse(self.ward(unit))

    def practitioner(self) -> Professional:
        """Return the patient's general practitioner."""
        practices = self.world.directory.practices(self.person.town)
        return practices[self.person.number // 3 % len(practices)]

    def slot(self, unit: str, day: date) -> int:
        """Take a slot of a consultation."""
        return self.world.agenda.take(self.ward(unit), day, self.dice.between(0, MORNING_SLOTS - 1))

    def stay_number(self, site: Site, start: int) -> str:
        """Return the next number that an establishment gives to a contact: the year, then a count per patient."""
        self._numbers["stay number"] += 1
        return f"{day_of(start).year % 100}{site.number}{self.person.number:04d}{self._numbers['stay number']:02d}"

    def reason(self, term: str) -> list[dict[str, str]] | None:
        """Return a reference to the condition of that name, where the record has it."""
        condition = self.conditions.get(term)
        return None if condition is None else [refer_to("Condition", condition["id"])]
