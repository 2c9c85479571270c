"""Organisations, places and services of the two networks.

Spec: http://hl7.org/fhir/R4/organization.html, http://hl7.org/fhir/R4/location.html
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.claims import claimed
from fhirserver.demo.places import NETWORKS, TOWNS, UNITS, Network, Site
from fhirserver.demo.shapes import (
    coding,
    concept,
    identifier,
    kind,
    refer_to,
    resource,
    telecom,
)
from fhirserver.demo.words import Country, Language, Words
from fhirserver.kernel.identifiers import cbe_check, luhn_check, nihdi_check
from fhirserver.kernel.resource import Json, Resource

ORGANIZATION_TYPE: Final = f"{systems.THO}/organization-type"
PHYSICAL: Final = f"{systems.THO}/location-physical-type"
ROOMS: Final = "ABCDEF"
BEDS_A_ROOM: Final = 2

INSURERS: Final = {
    "mutualite-hennuyere": (Country.BELGIUM, Words("Mutualité hennuyère", "Henegouwse mutualiteit"), "991"),
    "mutualite-des-deux-rives": (Country.BELGIUM, Words("Mutualité des Deux Rives", "Mutualiteit Twee Oevers"), "992"),
    "caisse-du-hainaut-francais": (Country.FRANCE, Words("Caisse primaire du Hainaut français", ""), "99591"),
    "caisse-des-deux-vallees": (Country.FRANCE, Words("Caisse primaire des Deux Vallées", ""), "99592"),
}
"""Invented health insurers: country, name, number."""


def networks() -> Iterator[list[Resource]]:
    """Return, for each Bundle, the establishments of the networks and the insurers; then their places and services."""
    yield [
        *(_insurer(key) for key in INSURERS),
        *(made for network in NETWORKS for made in claimed(_organisations(network), network.country)),
    ]
    for network in NETWORKS:
        for site in network.sites:
            yield claimed([*_places(site), *(_service(site, unit) for unit in site.units)], site.country)


def languages(country: Country) -> tuple[Language, ...]:
    """Return the languages that a network writes in."""
    return (Language.FRENCH, Language.DUTCH) if country is Country.BELGIUM else (Language.FRENCH,)


def unit_id(site: Site, unit: str) -> str:
    """Return the id of a unit: of its Organization, ward, HealthcareService and Schedule."""
    return f"{site.key}-{unit}"


def beds(site: Site, unit: str) -> list[str]:
    """Return the ids of the beds of a unit, two in each room."""
    ward = unit_id(site, unit)
    return [f"{ward}-{ROOMS[n // BEDS_A_ROOM]}{n % BEDS_A_ROOM + 1}" for n in range(UNITS[unit].beds)]


def address_of(town: str, street: str, country: Country, language: Language = Language.FRENCH) -> dict[str, Any]:
    """Return the address of an establishment or of a practice."""
    place = TOWNS[town]
    return {
        "use": "work",
        "line": [street],
        "city": place.name.of(language),
        "postalCode": place.postcode,
        "country": country.value,
    }


def position_of(town: str, metres_east: int = 0) -> dict[str, Decimal]:
    """Return a position in a town, some steps to the east of its centre."""
    place = TOWNS[town]
    offset = Decimal(metres_east) / 71_000  # metres in a degree of longitude at 50.5 north
    return {
        "longitude": (Decimal(place.longitude) + offset).quantize(Decimal("0.0001")),
        "latitude": Decimal(place.latitude),
    }


def _insurer(key: str) -> Resource:
    country, words, number = INSURERS[key]
    fields = {
        "identifier": [identifier(f"{systems.BELGIAN_CORE}/NamingSystem/insurancenumber", number)]
        if country is Country.BELGIUM
        else [identifier("https://ght-scarpe-cambresis.example/ns/regime", number)],
        "active": True,
        "type": [kind(ORGANIZATION_TYPE, "ins")],
        "name": words.fr,
    }
    return resource("Organization", key, fields)


def _organisations(network: Network) -> Iterator[Resource]:
    fields = {
        "identifier": [identifier(f"https://{network.domain}/ns/organisation", network.key)],
        "active": True,
        "type": [kind(systems.FRENCH_STRUCTURE, "GHT")]
        if network.country is Country.FRANCE
        else [kind(ORGANIZATION_TYPE, "other")],
        **_names(network.words, network.country),
        "telecom": [{"system": "url", "value": f"https://{network.domain}"}],
    }
    yield resource("Organization", network.key, fields)
    for site in network.sites:
        yield _site(network, site)
        for unit in site.units:
            yield _unit(site, unit)


def _names(words: Words, country: Country) -> dict[str, Json]:
    dutch = country is Country.BELGIUM and words.nl != words.fr
    return {"name": words.fr, **({"alias": [words.nl]} if dutch else {})}


def _site(network: Network, site: Site) -> Resource:
    belgian = site.country is Country.BELGIUM
    types = (
        [kind(systems.HCPARTY, "orghospital")] if belgian else [kind(systems.FRENCH_STRUCTURE, "GEOGRAPHICAL-ENTITY")]
    )
    fields = {
        "identifier": _belgian_numbers(site) if belgian else _french_numbers(site),
        "active": True,
        "type": [*types, kind(ORGANIZATION_TYPE, "prov")],
        **_names(site.words, site.country),
        "telecom": [
            telecom("phone", f"+32 69 00 0{site.number} 00" if belgian else f"+33 3 53 01 0{site.number} 00", "work"),
            telecom("email", f"accueil.{site.key}@{network.domain}", "work"),
        ],
        "address": [address_of(site.town, site.street, site.country)],
        "partOf": refer_to("Organization", network.key, network.words.fr),
    }
    profile = f"{systems.BELGIAN_CORE}/StructureDefinition/be-organization"
    return resource("Organization", site.key, fields, *([profile] if belgian else []))


def _belgian_numbers(site: Site) -> list[Json]:
    hospital, enterprise = f"79900{site.number}", f"0999000{site.number}"
    return [
        identifier(systems.NIHDI, f"{hospital}{nihdi_check(hospital)}000", use="official"),
        identifier(systems.CBE, enterprise + cbe_check(enterprise)),
    ]


def french_finess(site: Site) -> str:
    """Return the FINESS number of a French establishment."""
    return f"5999000{site.number}" + luhn_check(f"5999000{site.number}")


def _french_numbers(site: Site) -> list[Json]:
    siren = f"2699900{site.number}"
    siren += luhn_check(siren)
    siret = f"{siren}0001"
    return [
        identifier(
            systems.FINESS, french_finess(site), use="official", kind=kind(systems.FRENCH_IDENTIFIER_TYPE, "FINEG")
        ),
        identifier(systems.SIRENE, siret + luhn_check(siret), kind=kind(systems.FRENCH_IDENTIFIER_TYPE, "SIRET")),
    ]


def _unit(site: Site, unit: str) -> Resource:
    belgian = site.country is Country.BELGIUM
    code = kind(systems.HCPARTY, UNITS[unit].hcparty) if belgian else kind(systems.FRENCH_STRUCTURE, "UM")
    words = UNITS[unit].words
    fields = {
        "identifier": [
            identifier(f"https://{_domain(site)}/ns/unit/{site.key}", f"{site.number}{site.units.index(unit):02d}0")
        ],
        "active": True,
        "type": [code, kind(ORGANIZATION_TYPE, "dept")],
        "name": f"{words.fr} - {site.words.fr}",
        "partOf": refer_to("Organization", site.key, site.words.fr),
    }
    if belgian:
        fields["alias"] = [f"{words.nl} - {site.words.nl}"]
    return resource("Organization", unit_id(site, unit), fields)


def _domain(site: Site) -> str:
    return next(network.domain for network in NETWORKS if site in network.sites)


def _places(site: Site) -> Iterator[Resource]:
    fields = {
        "address": address_of(site.town, site.street, site.country),
        "position": position_of(site.town, 400),
        "managingOrganization": refer_to("Organization", site.key),
    }
    yield _place(site, site.key, site.words.fr, "si", fields)
    for unit in site.units:
        yield from _ward(site, unit)


def _ward(site: Site, unit: str) -> Iterator[Resource]:
    ward, name = unit_id(site, unit), f"{UNITS[unit].words.fr} - {site.words.fr}"
    owner = {"managingOrganization": refer_to("Organization", ward)}
    inside = {"partOf": refer_to("Location", site.key), "position": position_of(site.town, 400)}
    yield _place(site, ward, name, "wa", {**inside, **owner})
    seen: set[str] = set()
    for bed in beds(site, unit):
        room = bed[:-1]
        label = f"{site.number}{site.units.index(unit):02d}{bed[-2]}"
        if room not in seen:
            seen.add(room)
            yield _place(site, room, f"Chambre {label}", "ro", {"partOf": refer_to("Location", ward), **owner})
        yield _place(site, bed, f"Lit {label}{bed[-1]}", "bd", {"partOf": refer_to("Location", room), **owner})


_TYPES: Final = {
    Country.BELGIUM: {"si": (systems.ROLE_CODE, "HOSP"), "wa": (systems.ROLE_CODE, "HU")},
    Country.FRANCE: {
        "si": (systems.FRENCH_PLACE, "BAT"),
        "wa": (systems.FRENCH_PLACE, "AILE"),
        "ro": (systems.FRENCH_PLACE, "CHAMB"),
        "bd": (systems.FRENCH_PLACE, "LIT"),
    },
}
"""By what a place is physically."""


def _place(site: Site, logical_id: str, name: str, physical: str, fields: Resource) -> Resource:
    head = {"status": "active", "name": name, "mode": "instance"}
    known = _TYPES[site.country].get(physical)
    types = {"type": [kind(*known)]} if known else {}
    return resource("Location", logical_id, {**head, **types, "physicalType": kind(PHYSICAL, physical), **fields})


def _service(site: Site, unit: str) -> Resource:
    known, words = UNITS[unit], UNITS[unit].words
    specialty = concept(systems.SNOMED, known.setting, words.fr)
    if site.country is Country.FRANCE:
        specialty["coding"].append(coding(systems.FRENCH_SPECIALTY, known.specialty))
    fields = {
        "active": True,
        "providedBy": refer_to("Organization", unit_id(site, unit), words.fr),
        "category": [
            kind("http://terminology.hl7.org/CodeSystem/service-category", "35" if unit != "emergency" else "14")
        ],
        "specialty": [specialty],
        "location": [refer_to("Location", unit_id(site, unit))],
        "name": f"{words.fr} - {site.words.fr}",
        "telecom": [telecom("phone", _extension_line(site, unit), "work")],
        "communication": [kind(systems.LANGUAGES, language.value) for language in languages(site.country)],
        "appointmentRequired": unit != "emergency",
    }
    return resource("HealthcareService", unit_id(site, unit), fields)


def _extension_line(site: Site, unit: str) -> str:
    line = f"0{site.number} {site.units.index(unit) + 10}"
    return f"+32 69 00 {line}" if site.country is Country.BELGIUM else f"+33 3 53 01 {line}"
