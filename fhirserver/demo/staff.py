"""The professionals of the networks and the general practitioners in town.

Spec: http://hl7.org/fhir/R4/practitioner.html, http://hl7.org/fhir/R4/practitionerrole.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.claims import claimed
from fhirserver.demo.dice import Dice
from fhirserver.demo.names import MIXES, ORIGINS
from fhirserver.demo.network import address_of, languages, position_of, unit_id
from fhirserver.demo.places import FRENCH_STREETS, HOMES, NETWORKS, STREETS, TOWNS, UNITS, Network, Site
from fhirserver.demo.shapes import coding, concept, identifier, kind, refer_to, resource, telecom
from fhirserver.demo.words import Country, Words
from fhirserver.kernel.identifiers import luhn_check, nihdi_check
from fhirserver.kernel.resource import Json, Resource

NURSES: Final = "nurse"
GP: Final = "gp"
SITE_WIDE: Final = ("pharmacy", "laboratory", "imaging", "social")


@dataclass(frozen=True, slots=True)
class Profession:
    """What someone is: SNOMED CT occupation, CD-HCPARTY code, first NIHDI digit, title before the name."""

    words: Words
    snomed: str
    hcparty: str
    nihdi: str
    title: str | None = None


PHYSICIAN: Final = Profession(Words("Médecin", "Arts"), "309343006", "persphysician", "1", "Dr")
PROFESSIONS: Final = {
    NURSES: Profession(Words("Infirmier en chef", "Hoofdverpleegkundige"), "224535009", "persnurse", "4"),
    "pharmacy": Profession(
        Words("Pharmacien hospitalier", "Ziekenhuisapotheker"), "46255001", "pershospitalpharmacist", "2"
    ),
    "laboratory": Profession(
        Words("Biologiste médical", "Klinisch bioloog"), "61207006", "persclinicalbiologist", "1", "Dr"
    ),
    "imaging": Profession(Words("Radiologue", "Radioloog"), "66862007", "persphysician", "1", "Dr"),
    "social": Profession(Words("Assistant social", "Maatschappelijk werker"), "106328005", "perssocialworker", "4"),
    GP: Profession(Words("Médecin généraliste", "Huisarts"), "59058001", "persgeneralphysician", "1", "Dr"),
}
SETTINGS: Final = {
    "pharmacy": ("SP01", "394802001"),
    "laboratory": ("SM03", "394915009"),
    "imaging": ("SM44", "394914008"),
    "social": ("SM49", "394802001"),
    GP: ("SM54", "394814009"),
}


@dataclass(frozen=True, slots=True)
class Professional:
    """One professional in one role; ``key`` is the id of the Practitioner and of the PractitionerRole."""

    key: str
    number: int
    country: Country
    profession: Profession
    family: str
    given: str
    woman: bool
    specialty: str
    setting: str

    @property
    def name(self) -> str:
        """The name as letters show it."""
        return " ".join(part for part in (self.profession.title, self.given, self.family) if part)

    def role(self) -> dict[str, Any]:
        """Return a reference to the PractitionerRole."""
        return refer_to("PractitionerRole", self.key, self.name)

    def person(self) -> dict[str, Any]:
        """Return a reference to the Practitioner."""
        return refer_to("Practitioner", self.key, self.name)


@dataclass(frozen=True, slots=True)
class Directory:
    """Everyone, by unit (``beffroi-cardiology``), site-wide service (``beffroi-pharmacy``) and town (``gp-ath``)."""

    teams: dict[str, tuple[Professional, ...]]

    def physicians(self, ward: str) -> tuple[Professional, ...]:
        """Return the physicians of a unit."""
        return tuple(one for one in self.teams[ward] if one.profession is PHYSICIAN)

    def nurse(self, ward: str) -> Professional:
        """Return the head nurse of a unit."""
        return self.teams[ward][-1]

    def of_site(self, site: Site, service: str) -> Professional:
        """Return who leads a site-wide service."""
        return self.teams[unit_id(site, service)][0]

    def practices(self, town: str) -> tuple[Professional, ...]:
        """Return the general practitioners of a town."""
        return self.teams[f"{GP}-{town}"]


def hire() -> Directory:
    """Return everyone who works in the networks and around them."""
    teams: dict[str, tuple[Professional, ...]] = {}
    number = 0
    for network in NETWORKS:
        for team, keys in _posts(network):
            hired = []
            for key in keys:
                number += 1
                hired.append(_hire(key, number, network.country, team))
            teams[_team_id(team, keys)] = tuple(hired)
    return Directory(teams)


def professionals(directory: Directory) -> Iterator[list[Resource]]:
    """Return, for each Bundle, the professionals of a site or of the towns around it."""
    for network in NETWORKS:
        for site in network.sites:
            units = [unit_id(site, unit) for unit in (*site.units, *SITE_WIDE)]
            there = [made for ward in units for one in directory.teams[ward] for made in _at_work(one, site, ward)]
            yield claimed(there, site.country)
            towns = [town for town in dict.fromkeys(HOMES[site.key]) if _first_home(town) == site.key]
            around = [made for town in towns for made in _in_town(directory.practices(town), town)]
            yield claimed(around, site.country)


def _posts(network: Network) -> Iterator[tuple[str, list[str]]]:
    for site in network.sites:
        for unit in site.units:
            ward = unit_id(site, unit)
            yield unit, [f"{ward}-1", f"{ward}-2", f"{ward}-{NURSES}"]
        for service in SITE_WIDE:
            yield service, [unit_id(site, service)]
        for town in dict.fromkeys(HOMES[site.key]):
            if _first_home(town) == site.key:
                yield GP, [f"{GP}-{town}-1", f"{GP}-{town}-2"]


def _team_id(team: str, keys: list[str]) -> str:
    return keys[0] if team in SITE_WIDE else keys[0].removesuffix("-1")


def _first_home(town: str) -> str:
    return next(key for key, towns in HOMES.items() if town in towns)


def _hire(key: str, number: int, country: Country, team: str) -> Professional:
    dice = Dice(f"staff/{key}")
    origin = ORIGINS[dice.weighted(MIXES["FR-fr" if country is Country.FRANCE else dice.pick(("BE-fr", "BE-nl"))])]
    woman = dice.chance(0.75 if key.endswith(NURSES) else 0.48)
    profession = PROFESSIONS.get(NURSES if key.endswith(NURSES) else team, PHYSICIAN)
    specialty, setting = SETTINGS.get(team) or (UNITS[team].specialty, UNITS[team].setting)
    return Professional(
        key=key,
        number=number,
        country=country,
        profession=profession,
        family=dice.pick(origin.families),
        given=dice.pick((origin.women if woman else origin.men)[1]),
        woman=woman,
        specialty=specialty,
        setting=setting,
    )


def _at_work(one: Professional, site: Site, ward: str) -> list[Resource]:
    unit = ward.removeprefix(f"{site.key}-")
    of_unit = unit in site.units
    fields = {
        "organization": refer_to("Organization", ward if of_unit else site.key),
        "location": [refer_to("Location", ward if of_unit else site.key)],
        "healthcareService": [refer_to("HealthcareService", ward)] if of_unit else None,
    }
    return [_practitioner(one), _role(one, fields)]


def _in_town(team: tuple[Professional, ...], town: str) -> Iterator[Resource]:
    place, country, practice = TOWNS[town], team[0].country, f"practice-{town}"
    streets = (FRENCH_STREETS if country is Country.FRANCE else STREETS.fr).split("|")
    street = f"{streets[team[0].number % len(streets)]} {team[0].number}"
    organization = {
        "active": True,
        "type": [
            kind(systems.HCPARTY, "orgpractice")
            if country is Country.BELGIUM
            else kind(systems.FRENCH_STRUCTURE, "SERVICE")
        ],
        "name": f"{'Maison médicale' if country is Country.BELGIUM else 'Maison de santé'} de {place.name.fr}",
        "address": [address_of(town, street, country)],
    }
    yield resource("Organization", practice, organization)
    location = {
        "status": "active",
        "name": organization["name"],
        "mode": "instance",
        "type": [kind(systems.ROLE_CODE, "PC") if country is Country.BELGIUM else kind(systems.FRENCH_PLACE, "BAT")],
        "address": address_of(town, street, country),
        "position": position_of(town, -300),
        "managingOrganization": refer_to("Organization", practice),
    }
    yield resource("Location", practice, location)
    for one in team:
        yield _practitioner(one)
        work = {"organization": refer_to("Organization", practice), "location": [refer_to("Location", practice)]}
        yield _role(one, {**work, "telecom": [telecom("phone", _line(one), "work")]})


def _line(one: Professional) -> str:
    prefix = "+32 69 00" if one.country is Country.BELGIUM else "+33 3 53 01"
    return f"{prefix} {one.number // 100:02d} {one.number % 100:02d}"


def _practitioner(one: Professional) -> Resource:
    belgian = one.country is Country.BELGIUM
    name = {
        "use": "official",
        "family": one.family,
        "given": [one.given],
        "prefix": [one.profession.title] if one.profession.title else None,
    }
    fields = {
        "identifier": [_nihdi(one) if belgian else _rpps(one)],
        "active": True,
        "name": [{key: value for key, value in name.items() if value is not None}],
        "gender": "female" if one.woman else "male",
        "qualification": [{"code": concept(systems.SNOMED, one.profession.snomed, one.profession.words.fr)}],
        "communication": [kind(systems.LANGUAGES, language.value) for language in languages(one.country)],
    }
    profile = f"{systems.BELGIAN_CORE}/StructureDefinition/be-practitioner"
    return resource("Practitioner", one.key, fields, *([profile] if belgian else []))


def _nihdi(one: Professional) -> dict[str, Any]:
    first6 = f"{one.profession.nihdi}99{one.number:03d}"
    return identifier(
        systems.NIHDI, f"{first6}{nihdi_check(first6, 89 if one.number % 3 == 0 else 97)}000", use="official"
    )


def _rpps(one: Professional) -> dict[str, Any]:
    first10 = f"1099000{one.number:03d}"
    return identifier(
        systems.RPPS, first10 + luhn_check(first10), use="official", kind=kind(systems.FRENCH_IDENTIFIER_TYPE, "RPPS")
    )


def _role(one: Professional, fields: dict[str, Json]) -> Resource:
    belgian = one.country is Country.BELGIUM
    codes = [concept(systems.SNOMED, one.profession.snomed, one.profession.words.fr)]
    specialty = {"coding": [coding(systems.SNOMED, one.setting)]}
    if belgian:
        # be-practitionerrole slices the codes by system: one concept each
        codes.append(kind(systems.HCPARTY, one.profession.hcparty))
    else:
        specialty["coding"].append(coding(systems.FRENCH_SPECIALTY, one.specialty))
    known = {
        "active": True,
        "practitioner": one.person(),
        "organization": fields["organization"],
        "code": codes,
        "specialty": [specialty],
        **fields,
    }
    profile = f"{systems.BELGIAN_CORE}/StructureDefinition/be-practitionerrole"
    return resource("PractitionerRole", one.key, known, *([profile] if belgian else []))
