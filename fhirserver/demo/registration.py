"""The administrative part of a record: the patient, relatives, insurance, consent.

Spec: http://hl7.org/fhir/R4/patient.html; national shapes: be-patient, fr-core-patient and fr-core-patient-ins.
"""

from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.moments import TODAY, age_at, at, render, shift
from fhirserver.demo.network import INSURERS, french_finess
from fhirserver.demo.people import Person, birth_place, in_capitals, local_number, network_number, nir, niss
from fhirserver.demo.places import TOWNS, Site, network_of
from fhirserver.demo.population import Relative
from fhirserver.demo.shapes import coding, concept, extension, identifier, kind, refer, refer_to, resource, telecom
from fhirserver.demo.words import Country
from fhirserver.kernel.resource import Json, Resource

BE_PATIENT: Final = f"{systems.BELGIAN_CORE}/StructureDefinition/be-patient"
FR_PATIENT: Final = f"{systems.FRENCH_CORE}/StructureDefinition/fr-core-patient"
FR_PATIENT_INS: Final = f"{systems.FRENCH_CORE}/StructureDefinition/fr-core-patient-ins"
ADXP: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP"
RELATIONS: Final = {"mother": "MTH", "father": "FTH", "spouse": "SPS", "daughter": "DAUC", "son": "SONC"}
FRENCH_NAMES: Final = {"mother": "mère", "father": "père", "spouse": "conjoint", "daughter": "fille", "son": "fils"}
DUTCH_NAMES: Final = {"mother": "moeder", "father": "vader", "spouse": "partner", "daughter": "dochter", "son": "zoon"}


def register(chart: Chart) -> list[Resource]:
    """Return the Patient with relatives, insurance and consent."""
    relatives = [_related_person(chart, relative) for relative in chart.case.relatives]
    return [_patient(chart), *relatives, _coverage(chart), *_consents(chart)]


def link(patient: Resource, related: Resource) -> None:
    """Say that a patient of the record is also a relative of another patient."""
    patient.setdefault("link", []).append({"other": refer(related), "type": "seealso"})


def _patient(chart: Chart) -> Resource:
    person = chart.person
    fields: dict[str, Json] = {
        "extension": [] if chart.is_belgian else _french_extensions(person),
        "identifier": _identifiers(chart),
        "active": True,
        "name": _names(person),
        "telecom": _telecom(person),
        "gender": "female" if person.woman else "male",
        "birthDate": person.birth.isoformat(),
        "deceasedDateTime": None if person.death is None else render(at(person.death, 4 + person.number % 18, 10)),
        "address": [_address(person)],
        "maritalStatus": _marital(chart),
        "contact": [_contact(chart, relative) for relative in chart.case.relatives[:1]] or None,
        "communication": [
            {"language": kind(systems.LANGUAGES, f"{person.language.value}-{person.country.value}"), "preferred": True}
        ],
        "generalPractitioner": [chart.practitioner().role()],
        "managingOrganization": refer_to("Organization", person.site.key, person.site.words.fr),
    }
    if chart.is_belgian:
        fields["extension"] = [_birth_place_belgian(person)]
    profile = BE_PATIENT if chart.is_belgian else FR_PATIENT if person.is_provisional else FR_PATIENT_INS
    return resource("Patient", person.key, fields, profile)


def _identifiers(chart: Chart) -> list[Json]:
    person, network = chart.person, network_of(chart.person.country)
    local = "MR" if chart.is_belgian else "PI"
    sites = _known_at(chart)
    numbers = [
        identifier(f"https://{network.domain}/ns/ipp/{_site_number(site)}", local_number(person, site), use="usual",
                   kind=kind(systems.IDENTIFIER_TYPE, local))
        for site in sites
    ]  # fmt: skip
    unique = identifier(f"https://{network.domain}/ns/patient", network_number(person, network), use="secondary",
                        kind=kind(systems.IDENTIFIER_TYPE, "RRI"))  # fmt: skip
    national = _national(person)
    return [*national, *numbers, unique]


def _national(person: Person) -> list[Json]:
    if person.country is Country.BELGIUM:
        return [identifier(systems.SSIN, niss(person), use="official", kind=kind(systems.IDENTIFIER_TYPE, "SB"))]
    if person.is_provisional:
        return []
    test = kind(systems.FRENCH_IDENTIFIER_TYPE, "INS-NIR-TEST")
    return [identifier(systems.INS_NIR_TEST, nir(person), use="official", kind=test)]


def _known_at(chart: Chart) -> list[Site]:
    """Return the establishments that the story leads to, the patient's own first."""
    units = [unit for contact in chart.story.contacts for unit in (contact.unit, *(move for move, _ in contact.moves))]
    sites = [chart.person.site, *(chart.site_of(unit) for unit in units)]
    return [site for n, site in enumerate(sites) if site not in sites[:n]]


def _site_number(site: Site) -> str:
    return site.key if site.country is Country.BELGIUM else french_finess(site)


def _names(person: Person) -> list[Json]:
    if person.country is Country.BELGIUM:
        return [{"use": "official", "family": person.family, "given": list(person.given)}]
    listed = extension(f"{systems.FRENCH_CORE}/StructureDefinition/fr-core-patient-birth-list-given-name",
                       valueString=" ".join(in_capitals(name) for name in person.given))  # fmt: skip
    return [
        {
            "extension": [listed],
            "use": "official",
            "family": in_capitals(person.family),
            "given": [in_capitals(person.given[0])],
        },
        {"use": "usual", "family": person.married_name or person.family, "given": [person.given[0]]},
    ]


def _french_extensions(person: Person) -> list[Json]:
    core = systems.FRENCH_CORE
    systems_of = f"{core}/CodeSystem/fr-core-cs"
    checked = shift(TODAY, -(person.number % 600) - 1)
    status = [
        {
            "url": "identityStatus",
            "valueCoding": coding(f"{core}/CodeSystem/fr-core-cs-v2-0445", "PROV" if person.is_provisional else "VALI"),
        }
    ]
    if not person.is_provisional:
        status = [
            {"url": "methodCollection", "valueCoding": coding(f"{systems_of}-method-collection", "INSI")},
            *status,
            {"url": "validationDate", "valueDate": max(checked, person.birth).isoformat()},
            {"url": "validationMode", "valueCoding": coding(f"{systems_of}-mode-validation-identity", "CN")},
        ]  # fmt: skip
    code, name = birth_place(person)
    place = {
        "extension": [
            extension(f"{core}/StructureDefinition/fr-core-address-insee-code", valueCoding=coding(systems.INSEE, code))
        ],
        "city": name,
    }
    return [
        {"url": f"{core}/StructureDefinition/fr-core-identity-reliability", "extension": status},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": place},
    ]


def _birth_place_belgian(person: Person) -> dict[str, Any]:
    city = birth_place(person)[1] if person.born_abroad else TOWNS[person.site.town].name.of(person.language)
    return {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": city}}


def _telecom(person: Person) -> list[Json]:
    low, high = f"{person.number % 100:02d}", f"{person.number * 7 % 100:02d}"
    if person.country is Country.BELGIUM:
        return [telecom("phone", f"+32 470 00 {high} {low}", "mobile")]
    found = [telecom("phone", f"+33 6 39 98 {high} {low}", "mobile")]
    mail = in_capitals(f"{person.given[0]}.{person.family}").lower().replace(" ", "").replace("'", "")
    return [*found, telecom("email", f"{mail}@courriel.example", "home")]


def _address(person: Person) -> dict[str, Any]:
    place, line = TOWNS[person.town], f"{person.street} {person.house}"
    address: dict[str, Json] = {"use": "home", "type": "both"}
    if person.country is Country.BELGIUM:
        parts = [
            extension(f"{ADXP}-streetName", valueString=person.street),
            extension(f"{ADXP}-houseNumber", valueString=str(person.house)),
        ]
        address["extension"] = [
            extension("http://hl7.org/fhir/StructureDefinition/language", valueCode=person.language.value)
        ]
        address |= {"line": [line], "_line": [{"extension": parts}]}
    else:
        address["extension"] = [extension(f"{systems.FRENCH_CORE}/StructureDefinition/fr-core-address-insee-code",
                                          valueCoding=coding(systems.INSEE, place.insee or ""))]  # fmt: skip
        address["line"] = [f"{person.house} {person.street}"]
    return address | {
        "city": place.name.of(person.language),
        "postalCode": place.postcode,
        "country": person.country.value,
    }


def _marital(chart: Chart) -> dict[str, Any] | None:
    if age_at(chart.person.birth, TODAY) < 20:
        return None
    coupled = any(relative.relation == "spouse" for relative in chart.case.relatives)
    old = age_at(chart.person.birth, TODAY) > 74
    return kind(f"{systems.THO}/v3-MaritalStatus", "M" if coupled else "W" if old else chart.dice.pick("UDU"))


def _relation_name(chart: Chart, relation: str) -> str:
    return (DUTCH_NAMES if chart.language.value == "nl" else FRENCH_NAMES)[relation]


def _contact(chart: Chart, relative: Relative) -> dict[str, Any]:
    return {
        "relationship": [concept(f"{systems.THO}/v2-0131", "C", _relation_name(chart, relative.relation))],
        "name": {"use": "usual", "family": relative.family, "given": [relative.given]},
        "telecom": [telecom("phone", _phone_of(chart, 1), "mobile")],
        "gender": "female" if relative.woman else "male",
    }


def _phone_of(chart: Chart, salt: int) -> str:
    tail = f"{(chart.person.number + 31 * salt) % 100:02d} {(chart.person.number * 3 + salt) % 100:02d}"
    return f"+32 470 00 {tail}" if chart.is_belgian else f"+33 6 39 98 {tail}"


def _related_person(chart: Chart, relative: Relative) -> Resource:
    code = RELATIONS[relative.relation]
    fields = {
        "identifier": [identifier(f"https://{chart.domain}/ns/relative", f"{chart.person.key}-{relative.relation}")],
        "active": True,
        "patient": chart.subject(),
        "relationship": [concept(systems.ROLE_CODE, code, _relation_name(chart, relative.relation))],
        "name": [{"use": "usual", "family": relative.family, "given": [relative.given]}],
        "telecom": [telecom("phone", _phone_of(chart, 1), "mobile")],
        "gender": "female" if relative.woman else "male",
        "birthDate": relative.birth.isoformat() if relative.birth else None,
        "address": [_address(chart.person)] if relative.relation not in {"daughter", "son"} else None,
    }
    return chart.new("RelatedPerson", fields, name=relative.relation)


def _coverage(chart: Chart) -> Resource:
    insurers = [key for key, (country, _, _) in INSURERS.items() if country is chart.person.country]
    insurer = insurers[chart.person.number % len(insurers)]
    number = f"{INSURERS[insurer][2]}{chart.person.number:08d}"
    adult = age_at(chart.person.birth, TODAY) >= 18
    insured = chart.is_belgian or chart.person.is_provisional or not adult
    fields = {
        "identifier": [
            identifier(systems.MEMBERSHIP if chart.is_belgian else f"https://{chart.domain}/ns/coverage", number)
        ]
        if insured
        else [identifier(systems.NSS_NIR, nir(chart.person))],
        "status": "active" if chart.person.death is None else "cancelled",
        "type": kind(systems.ACT_CODE, "PUBLICPOL"),
        "subscriberId": number if insured else nir(chart.person),
        "beneficiary": chart.subject(),
        "relationship": kind(f"{systems.THO}/subscriber-relationship", "self" if adult else "child"),
        "period": {"start": max(chart.person.birth, shift(TODAY, -3650)).isoformat()},
        "payor": [refer_to("Organization", insurer, INSURERS[insurer][1].fr)],
    }
    return chart.new("Coverage", fields)


def _consents(chart: Chart) -> list[Resource]:
    refused = chart.person.number % 29 == 13
    policy = "be-ehealth-informed-consent" if chart.is_belgian else "fr-partage-ght"
    recorded = max(chart.person.birth, shift(chart.case.anchor, -40 - chart.person.number % 900))
    provision: dict[str, Json] = {"type": "deny" if refused else "permit", "period": {"start": recorded.isoformat()}}
    if chart.person.number % 19 == 7:
        excluded = chart.world.directory.physicians(chart.ward("emergency"))[0]
        actor = {"role": kind(systems.PARTICIPATION, "IRCP"), "reference": excluded.person()}
        provision["provision"] = [{"type": "deny", "actor": [actor]}]
    fields = {
        "status": "active",
        "scope": kind(f"{systems.THO}/consentscope", "patient-privacy"),
        "category": [kind(systems.LOINC, "59284-0")],
        "patient": chart.subject(),
        "dateTime": recorded.isoformat(),
        "performer": [chart.subject()] if age_at(chart.person.birth, recorded) >= 18 else None,
        "organization": [refer_to("Organization", network_of(chart.person.country).key)],
        "policy": [{"uri": f"https://{chart.domain}/policy/{policy}"}],
        "provision": provision,
    }
    return [chart.new("Consent", fields)]
