"""Who the patients are: drawn traits, families at one address, numbers by which each country knows them.

Serials of 900 and more are seldom given on one day, so that the national numbers are nobody's.
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from fhirserver.demo.dice import Dice
from fhirserver.demo.moments import shift
from fhirserver.demo.names import MIXES, ORIGINS
from fhirserver.demo.places import FLEMISH_TOWNS, FRENCH_STREETS, HOMES, STREETS, TOWNS, Network, Site
from fhirserver.demo.words import Country, Language
from fhirserver.kernel.identifiers import nir_key, niss_check

BIRTH_TOWNS: Final = ("valenciennes", "douai", "cambrai", "denain", "saint-amand", "caudry", "somain")
FOREIGN_BIRTH: Final = {
    "turkish": ("99208", "Turquie"),
    "maghrebi": ("99350", "Maroc"),
    "polish": ("99122", "Pologne"),
    "portuguese": ("99139", "Portugal"),
    "italian": ("99127", "Italie"),
    "congolese": ("99312", "République démocratique du Congo"),
}
"""Countries of birth, with the code that stands for a commune in a NIR."""

UNDECOMPOSED: Final = str.maketrans("ıłŁøØß", "ilLoOs")


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as the civil registers would describe them."""

    key: str
    number: int
    site: Site
    language: Language
    origin: str
    woman: bool
    birth: date
    family: str
    given: tuple[str, ...]
    town: str
    street: str
    house: int
    born_abroad: bool
    married_name: str | None = None
    death: date | None = None

    @property
    def country(self) -> Country:
        """The country of the network."""
        return self.site.country

    @property
    def name(self) -> str:
        """Given name and the family name that they use."""
        return f"{self.given[0]} {self.married_name or self.family}"

    @property
    def has_bis(self) -> bool:
        """Whether the Belgian register does not hold them: they live in France, or have just come."""
        return self.country is Country.BELGIUM and self.number % 23 == 11

    @property
    def is_provisional(self) -> bool:
        """Whether a French establishment has not yet checked who they are."""
        return self.country is Country.FRANCE and self.number % 17 == 8


@dataclass(frozen=True, slots=True)
class Home:
    """Where a household lives."""

    site: Site
    language: Language
    origin: str
    town: str
    street: str
    house: int


def home_of(person: Person) -> Home:
    """Return where someone lives."""
    return Home(person.site, person.language, person.origin, person.town, person.street, person.house)


def settle(site: Site, dice: Dice) -> Home:
    """Draw where a household lives and which languages it speaks."""
    town = dice.pick(HOMES[site.key])
    if site.country is Country.FRANCE:
        language, streets = Language.FRENCH, FRENCH_STREETS
    else:
        dutch = town in FLEMISH_TOWNS or (site.key != "beffroi" and dice.chance(0.2))
        language = Language.DUTCH if dutch else Language.FRENCH
        streets = STREETS.of(language)
    origin = dice.weighted(MIXES[f"{site.country.value}-{language.value}"])
    return Home(site, language, origin, town, dice.pick(streets.split("|")), dice.between(1, 180))


def draw(key: str, home: Home, birth: date, *, woman: bool) -> Person:
    """Draw the person of a given sex and birth date who lives there; a patient's key ends with their number."""
    dice = Dice(f"person/{key}")
    origin = ORIGINS[home.origin]
    generation = 0 if birth.year < 1955 else 1 if birth.year < 1990 else 2
    given = (origin.women if woman else origin.men)[generation]
    names = tuple(dict.fromkeys(dice.pick(given) for _ in range(dice.between(1, 3))))
    return Person(
        key=key,
        number=int(key[-4:]) if key[-4:].isdecimal() else 0,
        site=home.site,
        language=home.language,
        origin=home.origin,
        woman=woman,
        birth=birth,
        family=dice.pick(origin.families),
        given=names,
        town=home.town,
        street=home.street,
        house=home.house,
        born_abroad=home.origin in FOREIGN_BIRTH and birth.year < 1990 and dice.chance(0.5),
        married_name=None,
    )


def marry(wife: Person, husband_family: str) -> Person:
    """Return the wife with the name that she uses: in France often her husband's, in Belgium her own."""
    if wife.country is Country.BELGIUM:
        return wife
    double = wife.birth.year > 1965
    return replace(wife, married_name=f"{wife.family}-{husband_family}" if double else husband_family)


def family_name(home: Home, dice: Dice) -> str:
    """Draw the family name of a husband or father."""
    return dice.pick(ORIGINS[home.origin].families)


def niss(person: Person) -> str:
    """Return the NISS, or the BIS number with the month raised by 40."""
    serial = 900 + 2 * (person.number % 48) + (0 if person.woman else 1)
    month = person.birth.month + (40 if person.has_bis else 0)
    first9 = f"{person.birth.year % 100:02d}{month:02d}{person.birth.day:02d}{serial}"
    return first9 + niss_check(first9, born_2000=person.birth.year >= 2000)


def nir(person: Person) -> str:
    """Return the NIR, 15 characters with the key."""
    place, _ = birth_place(person)
    sex = 2 if person.woman else 1
    first13 = f"{sex}{person.birth.year % 100:02d}{person.birth.month:02d}{place}{900 + person.number % 99:03d}"
    return first13 + nir_key(first13)


def birth_place(person: Person) -> tuple[str, str]:
    """Return the INSEE code and the name of the place of birth."""
    if person.born_abroad:
        return FOREIGN_BIRTH[person.origin]
    if person.origin == "breton":
        return "29019", "Brest"
    town = TOWNS[BIRTH_TOWNS[person.number % len(BIRTH_TOWNS)]]
    return town.insee or "", town.name.fr


def network_number(person: Person, network: Network) -> str:
    """Return the unique number of the network, a UUID."""
    return str(uuid5(NAMESPACE_URL, f"https://{network.domain}/ns/patient/{person.key}"))


def local_number(person: Person, site: Site) -> str:
    """Return the number (IPP) that an establishment gave."""
    return f"{'A' if site.country is Country.BELGIUM else '80'}{site.number}{person.number * 37 % 100000:05d}"


def in_capitals(name: str) -> str:
    """Return a name as the French identity service writes it: capitals without accents."""
    decomposed = unicodedata.normalize("NFKD", name.translate(UNDECOMPOSED))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).upper()


def birth_of_age(dice: Dice, age: int, day: date) -> date:
    """Return a birth date that makes someone so old on a day."""
    return shift(date(day.year - age, day.month, min(day.day, 28)), -dice.between(0, 364))
