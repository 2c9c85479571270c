"""``_filter``: grammar, operators, paths — http://hl7.org/fhir/R4/search_filter.html"""

from urllib.parse import quote

import pytest

from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.filter import Every, Negated, Some, Step, parse_filter
from fhirserver.search.filter import Test as Asked
from tests.door import Door

SYSTEM = "http://acme.org/tree"
LOINC = "http://loinc.org"


def named(family: str, *given: str, use: str | None = None, **more: Json) -> Json:
    return {"family": family, "given": list(given), **({"use": use} if use else {}), **more}


def patient(name: str, *names: Json, **more: Json) -> Resource:
    return {"resourceType": "Patient", "id": name, **({"name": list(names)} if names else {}), **more}


def observation(name: str, of: str = "1234-5", **more: Json) -> Resource:
    code = {"coding": [{"system": LOINC, "code": of}]}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": code, **more}


def to(reference: str) -> Json:
    return {"reference": reference}


def procedure(name: str, subject: str) -> Resource:
    """Return one that contains two Patients."""
    inner = [
        patient("p", named("Petersen", "Ida", use="official"), named("Pan", "Wendy", use="nickname"), gender="female"),
        patient("q", named("Quinn", "Zoe", use="official")),
    ]
    both = {"performer": [{"actor": to("#p")}, {"actor": to("#q")}]}
    return {"resourceType": "Procedure", "id": name, "contained": inner, "status": "completed", "subject": to(subject),
            **both}  # fmt: skip


RESOURCES = [
    patient("peter", named("Petersen", "Peter", use="official"), named("Pan", "Piet", use="nickname"),
            gender="male", birthDate="1980-05-05", active=True, generalPractitioner=[to("Practitioner/dr")],
            identifier=[{"system": "http://a", "value": "1"}, {"system": "http://b", "value": "2"}]),
    patient("noel", named("Noël", "Jean-Pierre", use="official"), gender="male", birthDate="1990",
            telecom=[{"system": "phone", "value": "1", "use": "home"},
                     {"system": "email", "value": "x", "use": "work"}]),
    patient("berghe", named("Van den Berghe", "An", use="maiden"), gender="female", birthDate="2014-10-10"),
    patient("nameless", active=False),
    {"resourceType": "Practitioner", "id": "dr", "active": True, "name": [named("Peeters", "Jo")]},
    observation("k", subject=to("Patient/peter"), effectiveDateTime="2020-05",
                valueQuantity={"value": 5.4, "system": "http://unitsofmeasure.org", "code": "mmol/L"}),
    observation("na", "2951-2", subject=to("Patient/noel"),
                effectivePeriod={"start": "2020-01-01", "end": "2020-12-31"},
                valueQuantity={"value": 140, "system": "http://unitsofmeasure.org", "code": "mmol/L"}),
    observation("leaf", subject=to("Group/g"), category=[{"coding": [{"system": SYSTEM, "code": "leaf"}]}]),
    observation("parts", "p", component=[
        {"code": {"coding": [{"system": LOINC, "code": "sys"}]}, "valueQuantity": {"value": 120}},
        {"code": {"coding": [{"system": LOINC, "code": "dia"}]}, "valueQuantity": {"value": 80}}]),
    {"resourceType": "CodeSystem", "id": "tree", "url": SYSTEM, "status": "active", "content": "complete",
     "concept": [{"code": "root", "concept": [{"code": "branch", "concept": [{"code": "leaf"}]}]}]},
    {"resourceType": "ValueSet", "id": "vs", "url": "http://acme.org/vs", "status": "active",
     "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "leaf"}]}]}},
    {"resourceType": "RiskAssessment", "id": "risk", "status": "final", "subject": to("Patient/peter"),
     "prediction": [{"probabilityDecimal": 0.5}]},
    {"resourceType": "DocumentReference", "id": "doc", "status": "current", "content": [{"attachment": {"title": "x"}}],
     "relatesTo": [{"code": "replaces", "target": to("DocumentReference/old")}]},
    procedure("inside", "#p"), procedure("other", "#q"), procedure("beside", "Patient/noel"),
    procedure("outside", "Patient/peter"),
]  # fmt: skip

CASES = [
    # string
    ("Patient", 'name co "pet"', "peter", "contains, in any case"),
    ("Patient", "name co ËT", "peter", "accents do not matter"),
    ("Patient", 'family eq "NOEL"', "noel", "the character sequence is the same, case insensitive"),
    ("Patient", "family eq berghe", "", "eq: of the whole, not of a part"),
    ("Patient", 'family eq "van den berghe"', "berghe", "eq: of the whole"),
    ("Patient", "family ne noel", "berghe peter", "ne: an item has an unequal value"),
    ("Patient", "family ne pan", "berghe noel peter", "ne: another item has"),
    ("Patient", "family sw pe", "peter", "starts with"),
    ("Patient", "family ew RSEN", "peter", "ends with"),
    ("Patient", "family ew berg", "", "ends with: not in between"),
    ("Patient", "family gt petersen", "berghe", "gt: by code points, case insensitive"),
    ("Patient", "family ge petersen", "berghe peter", "ge"),
    ("Patient", "family lt noel", "", "lt"),
    ("Patient", "family le noel", "noel", "le"),
    # token
    ("Patient", "gender eq male", "noel peter", "token"),
    ("Patient", "gender eq MALE", "noel peter", "token: case insensitive"),
    ("Patient", "gender ne male", "berghe", "token ne"),
    ("Patient", "identifier eq http://a|1", "peter", "token with system"),
    ("Patient", "identifier ne http://a|1", "peter", "token ne: the other identifier"),
    ("Patient", "active eq true", "peter", "boolean"),
    ("Observation", "code eq http://loinc.org|1234-5", "k leaf", "the LOINC code 1234-5"),
    ("Observation", "code eq loinc|1234-5", "k leaf", "predefined: loinc"),
    ("Observation", f"category ss {SYSTEM}|root", "leaf", "ss: the value subsumes a concept"),
    ("Observation", f"category ss {SYSTEM}|leaf", "leaf", "ss: itself"),
    ("Observation", f"category sb {SYSTEM}|leaf", "leaf", "sb: itself"),
    ("Observation", f"category sb {SYSTEM}|root", "", "sb: the concept is above"),
    ("Observation", "category in http://acme.org/vs", "leaf", "in: a logical value set"),
    ("Observation", "category in ValueSet/vs", "leaf", "in: a literal value set"),
    ("Observation", "category ni ValueSet/vs", "k na parts", "ni"),
    # date
    ("Patient", "birthdate ge 1990-01-01", "berghe noel", "date ge"),
    ("Patient", "birthdate lt 1990", "peter", "date lt"),
    ("Patient", "birthdate eq 1990", "noel", "date eq"),
    ("Patient", "birthdate ne 1990", "berghe peter", "date ne"),
    ("Patient", "birthdate sa 1990", "berghe", "date sa"),
    ("Patient", "birthdate eb 1990", "peter", "date eb"),
    ("Observation", "date co 2020-05-05", "k na", "co: the implicit period includes the stated value"),
    ("Observation", "date co 2020-05", "k na", "co: the period itself"),
    ("Observation", "date co 2020", "na", "co: all of the value"),
    ("Observation", "date co 2021", "", "co: nothing of it"),
    ("Observation", "date po 2020-05-31", "k na", "po: overlaps with the implied period of the value"),
    ("Observation", "date po 2020-06", "na", "po: ends where it begins"),
    ("Observation", "date po 2019", "", "po: before"),
    # number, quantity
    ("RiskAssessment", "probability gt 0.4", "risk", "number gt"),
    ("RiskAssessment", "probability eq 0.5", "risk", "number eq"),
    ("RiskAssessment", "probability le 0.4", "", "number le"),
    ("Observation", "value-quantity gt 5||mmol/L", "k na", "quantity"),
    ("Observation", "value-quantity lt 100|http://unitsofmeasure.org|mmol/L", "k", "quantity with a unit"),
    # reference, uri
    ("Observation", "subject re Patient/peter", "k", "re"),
    ("Observation", "subject re http://localhost:8080/fhir/Patient/peter", "k", "re: an absolute url"),
    ("CodeSystem", f"url eq {SYSTEM}", "tree", "uri"),
    ("CodeSystem", f"url ne {SYSTEM}", "", "uri ne"),
    ("CodeSystem", "url sw http://acme", "tree", "uri sw"),
    # pr
    ("Patient", "gender pr true", "berghe noel peter", "pr: the set is not empty"),
    ("Patient", "gender pr false", "nameless", "pr: the set is empty"),
    ("Patient", "birthdate pr false", "nameless", "pr: of dates"),
    ("Observation", "patient pr true", "k na", "pr: of references to a type"),
    ("Patient", "_id eq peter", "peter", "_id"),
    ("Patient", "_id ne peter", "berghe nameless noel", "_id ne"),
    ("Patient", "_lastUpdated gt 2000-01-01 and _id pr true", "berghe nameless noel peter", "_lastUpdated"),
    # logic
    ("Patient", "given eq peter and birthdate ge 2014-10-10", "", "and"),
    ("Patient", "given eq peter or birthdate ge 2014-10-10", "berghe peter", "or"),
    ("Patient", "not (gender eq male)", "berghe nameless", "not"),
    ("Patient", "not(gender eq male) and not (active pr true)", "berghe", "not, twice"),
    ("Patient", "gender eq female or gender eq male and active eq true", "peter", "evaluated left to right"),
    ("Patient", "gender eq female or (gender eq male and active eq true)", "berghe peter", "parentheses"),
    ("Patient", "((((gender eq female))))", "berghe", "parentheses in parentheses"),
    ("Patient", "gender eq female OR active eq true", "berghe peter", "OR"),
    # chains
    ("Observation", 'subject.name co "pet"', "k", "observations on a patient with pet in a name"),
    ("Observation", "subject.general-practitioner.family sw peet", "k", "two links"),
    ("Observation", "subject[gender eq male].birthdate ge 1990", "na", "a filter on what a reference leads to"),
    ("Observation", "not (subject.name co pet)", "leaf na parts", "not of a chain"),
    # items
    ("Patient", 'name[use eq "official"].family eq "petersen"', "peter", "an item that satisfies both"),
    ("Patient", "name[use eq official].family eq pan", "", "two items that satisfy one each"),
    ("Patient", "name[use eq nickname or use eq maiden].family pr true", "berghe peter", "or within"),
    ("Patient", "name[not (use eq official)].given sw P", "peter", "not within"),
    ("Patient", "telecom[system eq phone].use eq home", "noel", "an element without a parameter of its name"),
    ("Patient", "telecom[system eq phone].use eq work", "", "the use of another"),
    ("Patient", "identifier[system eq http://a].value eq 2", "", "identifier: another's"),
    ("Patient", "identifier[system eq http://b].value eq 2", "peter", "identifier"),
    ("Observation", "component[code eq loinc|sys].value gt 100", "parts", "component: the value of that code"),
    ("Observation", "component[code eq loinc|dia].value gt 100", "", "component: the value of another"),
    ("DocumentReference", "relatesTo[code eq replaces].target re DocumentReference/old", "doc",
     "the parameters that are defined for filters: relatesTo"),
    ("DocumentReference", "relatesTo[code eq appends].target re DocumentReference/old", "", "relatesTo: another code"),
    # items of what a reference leads to
    ("Procedure", "patient.name[use eq official].family eq petersen", "inside outside", "of a contained resource too"),
    ("Procedure", "patient.name[use eq official].family eq pan", "", "contained: two items that satisfy one each"),
    ("Procedure", "patient.name[use eq official].family eq quinn", "other", "contained: the one that is referred to"),
    ("Procedure", "patient[gender eq female].name[use eq nickname].family eq pan", "inside", "contained: both of it"),
    ("Procedure", "patient[not (name[use eq nickname].family pr true)].name pr true", "beside other",
     "contained: not of items"),
    ("Procedure", "not (patient.name[use eq official].family eq petersen)", "beside other", "contained: not of all"),
]  # fmt: skip


@pytest.mark.parametrize(("resource_type", "text", "expected"), [pytest.param(*c[:3], id=c[3]) for c in CASES])
async def test_a_filter(door: Door, resource_type: str, text: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(f"{resource_type}?_filter={quote(text)}"))) == expected


async def test_a_filter_among_other_parameters(door: Door) -> None:
    query = f"Patient?gender=male&_filter={quote('birthdate ge 1985')}&_filter={quote('active pr false')}"
    assert await door.ids(query) == {"noel"}
    chained = f"Observation?subject:Patient._filter={quote('family sw No')}"
    assert await door.ids(chained) == {"na"}


@pytest.mark.parametrize(
    ("resource_type", "text", "place"),
    [
        ("Patient", "", 1), ("Patient", "name", 5), ("Patient", "name co", 8), ("Patient", "name xx y", 6),
        ("Patient", "name co x and", 14), ("Patient", "(name co x", 11), ("Patient", "name co x)", 10),
        ("Patient", "name[use eq x", 14), ("Patient", "name[use eq x] eq y", 15), ("Patient", 'name co "x', 9),
        ("Patient", "nothing eq x", 1), ("Patient", "gender eq x and nothing eq y", 17),
        ("Patient", "birthdate ge yesterday", 14), ("Patient", "name[nothing eq x].family eq y", 6),
        ("Patient", "name[use eq x].nothing eq y", 16), ("Patient", "name ss x", 9), ("Patient", "gender co x", 11),
        ("Observation", "subject eq", 11), ("Observation", "subject.nothing eq x", 9),
        ("Patient", "active pr maybe", 11),
        ("Patient", "gender.name eq x", 8), ("Patient", "and eq x or", 12), ("RiskAssessment", "probability co 1", 16),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_refused_with_its_place(
    door: Door, resource_type: str, text: str, place: int
) -> None:
    if not text:
        return
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"{resource_type}?_filter={quote(text)}")
    assert f"At character {place}:" in refused.value.diagnostics
    assert refused.value.issues[0].expression == ("http._filter",)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50 + "name co x" + ")" * 50, " and ".join(["name co x"] * 300), "name co " + "x" * 9000,
        " and ".join(["name co x or name co y"] * 40), "not (" * 12 + "name co x" + " and name co y or name co z)" * 12,
        "name co " + "x" * 600, 'name co "."', "name[use[x eq y].z eq y].family eq x",
    ],
)  # fmt: skip
async def test_what_is_too_much_is_refused(door: Door, text: str) -> None:
    with pytest.raises(BadRequest):
        await door.search(f"Patient?_filter={quote(text)}")


DEEPEST = [
    pytest.param(" and ".join(["name eq x or active eq true"] * 16), id="in turn"),
    pytest.param("not (" * 10 + "name eq x" + " and name eq y or active eq true)" * 10, id="negated"),
    pytest.param(
        "(" * 14 + "name[family eq x].given eq y" + " and name eq y or active eq true)" * 14, id="in parentheses"
    ),
    pytest.param("link[" * 7 + "name eq x" + " and name eq y or active eq true].active eq true" * 7, id="in links"),
]


@pytest.mark.parametrize("text", DEEPEST)
async def test_the_deepest_filters_are_searched_by(door: Door, text: str) -> None:
    await door.search(f"Patient?_filter={quote(text)}")


def test_a_filter_is_a_value() -> None:
    def one(name: str, value: str, at: int, position: int) -> Asked:
        return Asked((Step(name, None, at),), "eq", value, position)

    a, b, c = one("a", "1", 1, 6), one("b", "2", 12, 17), one("c", "3", 23, 28)
    assert parse_filter("a eq 1 and b eq 2 and c eq 3") == Every((a, b, c))
    assert parse_filter("a eq 1 or  b eq 2 and c eq 3") == Every((Some((a, one("b", "2", 12, 17))), c))
    assert parse_filter('not (a eq "x \\" )")') == Negated(one("a", 'x " )', 6, 11))
    assert parse_filter("a[b eq 2].c eq 3") == Asked(
        (Step("a", one("b", "2", 3, 8), 1), Step("c", None, 11)), "eq", "3", 16
    )
