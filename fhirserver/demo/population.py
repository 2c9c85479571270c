"""Which households the record holds, and which story each of their members lives."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from fhirserver.demo.dice import Dice
from fhirserver.demo.moments import TODAY, shift, workday
from fhirserver.demo.people import Home, Person, birth_of_age, draw, family_name, home_of, marry, settle
from fhirserver.demo.places import NETWORKS, Site
from fhirserver.demo.stories_acute import HEART_FAILURE, INFARCTION, SEPSIS, STROKE
from fhirserver.demo.stories_birth import INFANT, NEWBORN, PREGNANCY, PREGNANCY_AT_RISK
from fhirserver.demo.stories_brief import APPENDICITIS, COLIC, MIGRAINE, SPRAIN, THYROID, WOUND
from fhirserver.demo.stories_cancer import BREAST_CANCER
from fhirserver.demo.stories_children import ASTHMA, GASTROENTERITIS, TEENAGER
from fhirserver.demo.stories_chronic import COPD, DEPRESSION, DIABETES, KIDNEY
from fhirserver.demo.stories_elderly import HIP_FRACTURE, KNEE, POLYMEDICATED
from fhirserver.demo.story import Kind, Story
from fhirserver.demo.words import Country

HOUSEHOLDS: Final = (
    (DIABETES,),
    (PREGNANCY, NEWBORN),
    (HIP_FRACTURE,),
    (HEART_FAILURE, POLYMEDICATED),
    (ASTHMA,),
    (SEPSIS,),
    (BREAST_CANCER,),
    (KIDNEY,),
    (STROKE, DIABETES),
    (APPENDICITIS,),
    (COPD,),
    (DEPRESSION,),
    (TEENAGER,),
    (INFARCTION,),
    (PREGNANCY_AT_RISK, INFANT),
    (SPRAIN,),
    (POLYMEDICATED,),
    (KNEE, KIDNEY),
    (COLIC,),
    (WOUND,),
    (GASTROENTERITIS,),
    (MIGRAINE,),
    (DIABETES, THYROID),
    (SPRAIN,),
    (THYROID,),
    (GASTROENTERITIS,),
    (MIGRAINE, WOUND),
    (COLIC,),
    (APPENDICITIS,),
)
"""Couples, and mothers with their child: the second member is a child where the first gives birth."""

SITES: Final = {network.country: network.sites for network in NETWORKS}
PRESENT_EVERY: Final = 4
"""One stay in so many goes on today."""


@dataclass(frozen=True, slots=True)
class Relative:
    """Someone close to a patient: a patient of the record (``key``), or only a name."""

    relation: str
    family: str
    given: str
    woman: bool
    birth: date | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A patient, the story they live, and the day it turns on."""

    person: Person
    story: Story
    anchor: date
    relatives: tuple[Relative, ...] = ()


def households(patients: int) -> Iterator[list[Case]]:
    """Return households until there are so many patients; the last one may lose its second member."""
    drawn = {Country.BELGIUM: 0, Country.FRANCE: 0}
    number = 0
    while sum(drawn.values()) < patients:
        turn, place = divmod(number, len(HOUSEHOLDS))
        country = Country.BELGIUM if (turn + place) % 2 == 0 else Country.FRANCE
        stories = HOUSEHOLDS[place][: patients - sum(drawn.values())]
        first = drawn[country] + 1
        drawn[country] += len(stories)
        site = SITES[country][(number // 2 + turn) % 3]
        yield _household(site, stories, number, first)
        number += 1


def _household(site: Site, stories: tuple[Story, ...], number: int, first: int) -> list[Case]:
    dice = Dice(f"household/{site.country.value}/{first}")
    home = settle(site, dice)
    key = f"{site.country.value.lower()}-{first:04d}"
    anchor = _anchor(stories[0], dice, number)
    leader = _member(key, home, stories[0], anchor, dice)
    if len(stories) == 1:
        return [_alone(leader, dice)]
    second = f"{site.country.value.lower()}-{first + 1:04d}"
    if stories[0].woman and stories[1].ages == (0, 0):
        return _mother_and_child(leader, second, stories[1], dice)
    return _couple(leader, second, stories[1], _anchor(stories[1], dice, number + 2), dice)


def _anchor(story: Story, dice: Dice, number: int) -> date:
    low, high = story.recency
    ago = dice.between(low, high)
    hours = max((c.hours for c in story.contacts if c.kind is Kind.STAY and c.day <= 0), default=0)
    if hours and number % PRESENT_EVERY == 1 and story.contacts[-1].day > 0:
        ago = dice.between(0, max(0, int(hours / 24) - 1))
    day = shift(TODAY, -ago)
    urgent = any(c.kind is not Kind.CONSULTATION and not c.planned and c.day <= 0 for c in story.contacts)
    return day if urgent else workday(day)


def _member(key: str, home: Home, story: Story, anchor: date, dice: Dice) -> Case:
    woman = story.woman if story.woman is not None else dice.chance(0.7 if story.key == "hip fracture" else 0.48)
    birth = birth_of_age(dice, dice.between(*story.ages), anchor)
    person = draw(key, home, birth, woman=woman)
    death = None
    if story.deadly and dice.chance(0.3):
        day = shift(anchor, dice.between(25, 140))
        death = day if day < TODAY else None
    return Case(replace(person, death=death), story, anchor)


def _alone(case: Case, dice: Dice) -> Case:
    person, home = case.person, home_of(case.person)
    grown = (TODAY.year - person.birth.year) >= 25
    if grown and person.woman and dice.chance(0.6):
        person = marry(person, family_name(home, dice))
    relatives = tuple(_parent(person, relation, home, dice) for relation in case.story.kin)
    if not relatives and grown and dice.chance(0.7):
        relatives = (_outsider(person, home, dice),)
    return replace(case, person=person, relatives=relatives)


def _parent(child: Person, relation: str, home: Home, dice: Dice) -> Relative:
    woman = relation == "mother"
    birth = birth_of_age(dice, dice.between(24, 38), child.birth)
    adult = draw(f"{child.key}/{relation}", home, birth, woman=woman)
    return Relative(relation, adult.family if woman else child.family, adult.given[0], woman, birth)


def _outsider(person: Person, home: Home, dice: Dice) -> Relative:
    old = TODAY.year - person.birth.year > 68
    relation = dice.pick(("daughter", "son")) if old else "spouse"
    woman = relation == "daughter" or (relation == "spouse" and not person.woman)
    birth = shift(person.birth, dice.between(9500, 12500) if old else dice.between(-1500, 1500))
    adult = draw(f"{person.key}/{relation}", home, birth, woman=woman)
    return Relative(relation, person.family if old and not person.woman else adult.family, adult.given[0], woman, birth)


def _mother_and_child(mother: Case, key: str, story: Story, dice: Dice) -> list[Case]:
    home = home_of(mother.person)
    father_family = family_name(home, dice)
    woman = mother.person
    if dice.chance(0.6):
        woman = marry(woman, father_family)
    born = draw(key, home, mother.anchor, woman=dice.chance(0.49))
    child = replace(born, family=father_family, born_abroad=False)
    father = replace(_parent(child, "father", home, dice), family=father_family)
    relatives = tuple(_of_record("mother", woman) if kin == "mother" else father for kin in story.kin)
    return [
        replace(mother, person=woman, relatives=(replace(father, relation="spouse"),)),
        Case(child, story, mother.anchor, relatives),
    ]


def _couple(first: Case, key: str, story: Story, anchor: date, dice: Dice) -> list[Case]:
    one = first.person
    age = dice.between(*story.ages)
    birth = birth_of_age(dice, max(age, TODAY.year - one.birth.year - 9), anchor)
    other = draw(key, home_of(one), birth, woman=not one.woman)
    husband, wife = (other, one) if one.woman else (one, other)
    wife = marry(wife, husband.family)
    one, other = (wife, husband) if one.woman else (husband, wife)
    return [
        replace(first, person=one, relatives=(_of_record("spouse", other),)),
        Case(other, story, anchor, (_of_record("spouse", one),)),
    ]


def _of_record(relation: str, person: Person) -> Relative:
    return Relative(
        relation, person.married_name or person.family, person.given[0], person.woman, person.birth, person.key
    )
