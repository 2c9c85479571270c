"""Generated resources and queries: values of every search type from pools so small that they meet."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.door import BASE

Json: TypeAlias = dict[str, Any]
Texts: TypeAlias = SearchStrategy[str]

UCUM = "http://unitsofmeasure.org"
SYSTEMS = ("http://a", "http://b", "urn:oid:1.2")
CODES = ("a", "b", "A", "a|b", "a,b", "a$b", "a\\b", "\u00e9")
UNITS = ("mg", "g", "ug", "mL", "Cel", "[degF]", "nonsense")
WORDS = (
    "Zo\u00e9",
    "zoe",
    "Van den Berghe",
    "D'Hondt",
    "a b",
    "...",
    "\u674e",
    "Du Bois-Reymond",
    "x" * 1005,
    "\U0001f600",
    "\u00df",
)
URLS = ("http://a.org/x", "http://a.org/x/y", "http://a.org/xy", "urn:oid:1.2", "http://a.org/x#1")
CANONICALS = ("http://a.org/x|1", "http://a.org/x|1.5", "Questionnaire/1")
IDS = ("1", "2", "x-1")


PUT_OFF = ("age-1", "per-1", "ras-1", "ras-2", "rng-2")
"""What the values below break: ages in milligrams, chances above 1, periods and ranges written backwards."""


def optional(**fields: SearchStrategy[Any]) -> SearchStrategy[Json]:
    """Any of the fields, in an object."""
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def dates(draw: st.DrawFn, zones: tuple[str, ...] = ("Z", "+02:00", "-05:00")) -> str:
    parts = [f"{draw(st.integers(2019, 2021))}"]
    precision = draw(st.integers(0, 4))
    if precision >= 1:
        parts.append(f"-{draw(st.sampled_from((1, 2, 12))):02d}")
    if precision >= 2:
        parts.append(f"-{draw(st.sampled_from((1, 2, 28))):02d}")
    if precision >= 3:
        second = draw(st.sampled_from((":00", ":30", ":30.5", ":30.500", ":30.5000001", ":59.9999999")))
        parts.append(f"T{draw(st.sampled_from((0, 1, 23))):02d}:{draw(st.sampled_from((0, 59))):02d}{second}")
        parts.append(draw(st.sampled_from(zones)))
    return "".join(parts)


def full_dates() -> Texts:
    return dates().filter(lambda text: len(text) in (4, 7, 10) or "T" in text)


def instants() -> Texts:
    return dates().filter(lambda text: "T" in text)


def periods() -> SearchStrategy[Json]:
    return optional(start=dates(), end=dates()).filter(bool)


def timings() -> SearchStrategy[Json]:
    bounds = st.builds(lambda period: {"boundsPeriod": period}, periods())
    return optional(event=st.lists(dates(), min_size=1, max_size=2), repeat=bounds).filter(bool)


NUMBERS = ("1", "1.0", "1.00", "1.5", "1.04", "1.05", "0.95", "-1", "0", "1e1", "10", "1e-7", "100", "99.5", "1e2",
           "12345678901234567890.123", "0.1000000000000000000001", "-0.0")  # fmt: skip


def numbers() -> SearchStrategy[Decimal]:
    return st.sampled_from(NUMBERS).map(Decimal)


def codings() -> SearchStrategy[Json]:
    return optional(
        system=st.sampled_from(SYSTEMS), code=st.sampled_from(CODES), display=st.sampled_from(WORDS)
    ).filter(bool)


def concepts() -> SearchStrategy[Json]:
    return optional(coding=st.lists(codings(), min_size=1, max_size=2), text=st.sampled_from(WORDS)).filter(bool)


def identifiers() -> SearchStrategy[Json]:
    return optional(system=st.sampled_from(SYSTEMS), value=st.sampled_from(CODES), type=concepts()).filter(bool)


def quantities() -> SearchStrategy[Json]:
    unit = st.sampled_from(UNITS)
    coded = st.builds(lambda u, s: {"unit": u, "code": u, "system": s}, unit, st.sampled_from((UCUM, "http://a")))
    units = st.one_of(st.just({}), unit.map(lambda u: {"unit": u}), coded)
    comparators = st.sampled_from(({}, {}, {}, *({"comparator": c} for c in ("<", "<=", ">", ">="))))
    return st.builds(lambda n, u, c: {"value": n, **u, **c}, numbers(), units, comparators)


def ranges() -> SearchStrategy[Json]:
    side = st.builds(lambda n: {"value": n, "unit": "mg", "system": UCUM, "code": "mg"}, numbers())
    return optional(low=side, high=side).filter(bool)


def addresses(types: tuple[str, ...]) -> Texts:
    """What stands in ``Reference.reference``."""
    local = st.builds(lambda t, i: f"{t}/{i}", st.sampled_from(types), st.sampled_from(IDS))
    bases = st.sampled_from(("", "", BASE, "http://other.org/fhir/"))
    versions = st.sampled_from(("", "", "/_history/2"))
    return st.one_of(st.builds(lambda b, a, v: b + a + v, bases, local, versions), st.just("urn:oid:1.2"))


def references(*types: str) -> SearchStrategy[Json]:
    return optional(reference=addresses(types), identifier=identifiers(), display=st.just("x")).filter(bool)


def lists(of: SearchStrategy[Any]) -> SearchStrategy[list[Any]]:
    return st.lists(of, min_size=1, max_size=2)


def choice(name: str, **types: SearchStrategy[Any]) -> SearchStrategy[Json]:
    """One of a ``[x]`` element's types, or none."""
    return st.one_of(st.just({}), *(value.map(lambda v, k=f"{name}{t}": {k: v}) for t, value in types.items()))


def merged(resource_type: str, fixed: Json, *parts: SearchStrategy[Json]) -> SearchStrategy[Json]:
    base = {"resourceType": resource_type, **fixed}
    return st.tuples(*parts).map(lambda found: {**base, **{k: v for part in found for k, v in part.items()}})


def observations() -> SearchStrategy[Json]:
    values = choice("value", Quantity=quantities(), CodeableConcept=concepts(), String=st.sampled_from(WORDS),
                    DateTime=full_dates(), Period=periods())  # fmt: skip
    component = merged("", {}, st.builds(lambda c: {"code": c}, concepts()),
                       choice("value", Quantity=quantities(), CodeableConcept=concepts()))  # fmt: skip
    components = lists(component.map(lambda c: {k: v for k, v in c.items() if k != "resourceType"}))
    return merged(
        "Observation", {"status": "final"},
        st.builds(lambda c: {"code": c}, concepts()),
        choice("effective", DateTime=full_dates(), Period=periods(), Instant=instants(), Timing=timings()),
        values,
        optional(category=lists(concepts()), subject=references("Patient", "Group"), component=components,
                 performer=lists(references("Practitioner", "Organization")), identifier=lists(identifiers())),
    )  # fmt: skip


def patients() -> SearchStrategy[Json]:
    name = optional(family=st.sampled_from(WORDS), given=lists(st.sampled_from(WORDS)), text=st.sampled_from(WORDS))
    address = optional(city=st.sampled_from(WORDS), line=lists(st.sampled_from(WORDS)))
    return merged("Patient", {}, optional(
        name=lists(name.filter(bool)), address=lists(address.filter(bool)), active=st.booleans(),
        gender=st.sampled_from(("male", "female")), identifier=lists(identifiers()),
        birthDate=dates().filter(lambda text: "T" not in text),
        telecom=lists(st.sampled_from(CODES).map(lambda c: {"system": "phone", "value": c})),
        generalPractitioner=lists(references("Practitioner", "Organization")),
    ))  # fmt: skip


def others() -> SearchStrategy[Json]:
    """Types that have what Observations and Patients lack."""
    meta = optional(profile=lists(st.sampled_from([*URLS, "http://a.org/x|1"])), tag=lists(codings())).filter(bool)
    prediction = choice("probability", Decimal=numbers(), Range=ranges()).filter(bool)
    position = st.fixed_dictionaries({"latitude": st.integers(-90, 90), "longitude": st.integers(-180, 180)})
    onset = choice("onset", Age=quantities(), Range=ranges(), Period=periods(), DateTime=full_dates())
    return st.one_of(
        merged("RiskAssessment", {"status": "final", "subject": {"reference": "Patient/1"}},
               optional(prediction=lists(prediction), meta=meta)),
        merged("MolecularSequence", {"coordinateSystem": 0},
               optional(variant=lists(st.integers(0, 12).map(lambda n: {"start": n, "end": n + 1})))),
        merged("ValueSet", {"status": "draft"}, optional(
            url=st.sampled_from(URLS), version=st.sampled_from(("1", "1.0-B", "1.0-b")), title=st.sampled_from(WORDS))),
        merged("Location", {}, optional(position=position)),
        merged("Condition", {"subject": {"reference": "Patient/1"}}, onset),
        merged("QuestionnaireResponse", {"status": "completed"},
               optional(questionnaire=st.sampled_from([*URLS, *CANONICALS]))),
    )  # fmt: skip


def resources() -> SearchStrategy[list[Json]]:
    """Some resources, each with an id of its own."""
    some = st.lists(st.one_of(observations(), patients(), others()), min_size=6, max_size=14)
    return some.map(lambda found: [{**resource, "id": f"r{i}"} for i, resource in enumerate(found)])


# Queries


def escaped(text: str) -> str:
    for character in "\\,$|":
        text = text.replace(character, f"\\{character}")
    return text


def prefixed(values: Texts) -> Texts:
    prefixes = st.sampled_from(("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"))
    return st.builds(lambda p, v: p + v, prefixes, values)


def token_texts() -> Texts:
    codes, systems = st.sampled_from(CODES).map(escaped), st.sampled_from(SYSTEMS)
    return st.one_of(codes, codes.map(lambda c: f"|{c}"), systems.map(lambda s: f"{s}|"),
                     st.builds(lambda s, c: f"{s}|{c}", systems, codes))  # fmt: skip


def string_texts() -> Texts:
    whole = st.sampled_from(WORDS)
    cut = st.builds(lambda w, i, n: w[i : i + n], whole, st.integers(0, 3), st.integers(1, 1001))
    return st.one_of(whole, cut, whole.map(str.upper)).filter(str.strip).map(escaped)


def quantity_texts() -> Texts:
    units = st.builds(lambda s, u: f"|{s}|{u}", st.sampled_from(("", UCUM, "http://a")), st.sampled_from(("", *UNITS)))
    numbers_with = st.builds(lambda n, u: n + u, st.sampled_from(NUMBERS), st.one_of(st.just(""), units))
    return prefixed(numbers_with)


def uri_texts() -> Texts:
    return st.sampled_from([*URLS, "http://a.org/", "http://a.org/x/y/z", "http://a.org/x|1"])


def reference_texts(*types: str) -> Callable[[], Texts]:
    return lambda: st.one_of(addresses(types), st.sampled_from(IDS))


def dates_texts() -> Texts:
    return prefixed(dates())


def pairs(first: Texts, second: Texts) -> Texts:
    return st.builds(lambda one, other: f"{one}${other}", first, second)


def near_texts() -> Texts:
    distance = st.sampled_from(("0", "100", "5000", "20000", "25000"))
    return st.builds(lambda a, o, d: f"{a}|{o}|{d}|km", st.integers(-90, 90), st.integers(-180, 180), distance)


def of_type_texts() -> Texts:
    return st.builds(lambda s, c, v: f"{s}|{escaped(c)}|{escaped(v)}", st.sampled_from(SYSTEMS), st.sampled_from(CODES),
                     st.sampled_from(CODES))  # fmt: skip


def advanced_texts() -> Texts:
    words = st.sampled_from(("zoe", "van", "den", "van den", "a", "b", "x", "HONDT", "du bois", "reymond"))
    leaf = st.builds(
        lambda word, form: form.format(word), words, st.sampled_from(("{}", "{}*", '"{}"', "-{}", "NOT {}"))
    )
    joined = st.builds(lambda a, how, b: f"{a} {how} {b}", leaf, st.sampled_from(("", "AND", "OR")), leaf)
    return st.one_of(leaf, joined, joined.map(lambda text: f"NOT ({text})"))


def quoted(text: str) -> str:
    return json.dumps(text)


def filter_texts(**operators: str) -> Callable[[], Texts]:
    """Filters on parameters, each named with the operators that its type has and a pool of values."""
    pools = {
        "text": string_texts().map(lambda t: t[:400]), "token": token_texts(), "date": dates(),
        "number": st.sampled_from(NUMBERS),
    }  # fmt: skip

    def test(name: str, kind: str) -> Texts:
        operator = st.sampled_from(_FILTER_OPERATORS[kind].split())
        shown = name.replace("_", "-")
        tested = st.builds(lambda o, v: f"{shown} {o} {quoted(v)}", operator, pools[kind])
        return st.one_of(tested, tested, st.sampled_from((f"{shown} pr true", f"{shown} pr false")))

    def texts() -> Texts:
        one = st.one_of(*(test(name, kind) for name, kind in operators.items()))
        many = st.builds(lambda a, how, b: f"{a} {how} not ({b})", one, st.sampled_from(("and", "or")), one)
        return st.one_of(one, one, many)

    return texts


_FILTER_OPERATORS = {
    "text": "eq ne co sw ew gt lt ge le", "token": "eq ne", "date": "eq ne gt lt ge le sa eb ap co po",
    "number": "eq ne gt lt ge le sa eb ap",
}  # fmt: skip

COMPOSITE = re.compile("code-value|_filter")
_PERFORMERS = reference_texts("Practitioner", "Organization")
PARAMETERS: dict[str, dict[str, Callable[[], Texts]]] = {
    "Observation": {
        "date": dates_texts, "code": token_texts, "code:text": string_texts, "code:not": token_texts,
        "combo-code": token_texts, "category": token_texts, "category:not": token_texts, "value-string": string_texts,
        "value-string:exact": string_texts, "value-string:contains": string_texts, "value-concept": token_texts,
        "value-quantity": quantity_texts, "combo-value-quantity": quantity_texts, "value-date": dates_texts,
        "code:code-text": lambda: st.sampled_from(CODES).map(str.swapcase).map(escaped),
        "code:text-advanced": advanced_texts,
        "_filter": filter_texts(value_string="text", code="token", date="date", value_quantity="number"),
        "component-value-quantity": quantity_texts, "identifier": token_texts, "identifier:of-type": of_type_texts,
        "subject": reference_texts("Patient", "Group"), "patient": reference_texts("Patient", "Group"),
        "subject:identifier": token_texts, "performer": _PERFORMERS,
        "code-value-quantity": lambda: pairs(token_texts(), quantity_texts()),
        "combo-code-value-quantity": lambda: pairs(token_texts(), quantity_texts()),
        "component-code-value-concept": lambda: pairs(token_texts(), token_texts()),
        "code-value-string": lambda: pairs(token_texts(), string_texts()),
        "code-value-date": lambda: pairs(token_texts(), dates_texts()),
    },
    "Patient": {
        "name": string_texts, "name:exact": string_texts, "name:contains": string_texts, "family": string_texts,
        "name:text": advanced_texts, "family:text": advanced_texts, "address:text": advanced_texts,
        "family:exact": string_texts, "family:contains": string_texts, "given": string_texts,
        "address": string_texts, "address-city:contains": string_texts, "birthdate": dates_texts,
        "gender": lambda: st.sampled_from(("male", "female", "other", "http://hl7.org/fhir/administrative-gender|male")),
        "active": lambda: st.sampled_from(("true", "false")), "active:not": lambda: st.sampled_from(("true", "false")),
        "identifier": token_texts, "identifier:not": token_texts, "identifier:text": string_texts,
        "_filter": filter_texts(name="text", family="text", birthdate="date", gender="token"),
        "phone": lambda: st.sampled_from(CODES).map(escaped), "general-practitioner": _PERFORMERS,
    },
    "RiskAssessment": {
        "probability": lambda: prefixed(st.sampled_from(NUMBERS)), "_profile": uri_texts, "_profile:below": uri_texts,
        "_tag": token_texts,
    },
    "MolecularSequence": {"variant-start": lambda: prefixed(st.sampled_from(("1", "2.0", "1e1", "10", "2.5", "0")))},
    "ValueSet": {
        "url": uri_texts, "url:below": uri_texts, "url:above": uri_texts, "title": string_texts,
        "version": lambda: st.sampled_from(("1", "1.0-B", "2")),
    },
    "Location": {"near": near_texts},
    "Condition": {"onset-age": quantity_texts, "onset-date": dates_texts},
    "QuestionnaireResponse": {"questionnaire": uri_texts, "questionnaire:below": uri_texts},
}  # fmt: skip


@st.composite
def criteria(draw: st.DrawFn, resource_type: str) -> tuple[str, str]:
    """One parameter and its value."""
    known = PARAMETERS[resource_type]
    name = draw(st.sampled_from([*known, "_id", "_id:not", ":missing", "_lastUpdated"]))
    if name == ":missing":
        bare = sorted({n.partition(":")[0] for n in known if not COMPOSITE.search(n)})
        return f"{draw(st.sampled_from(bare))}:missing", draw(st.sampled_from(("true", "false")))
    if name.startswith("_id"):
        return name, ",".join(draw(st.lists(st.integers(0, 14).map("r{}".format), min_size=1, max_size=3)))
    if name == "_lastUpdated":
        return name, draw(prefixed(st.sampled_from(("1970", "1970-01-01T00:00:00.000001Z", "2100"))))
    if name == "_filter":
        return name, draw(known[name]())
    return name, ",".join(draw(st.lists(known[name](), min_size=1, max_size=2)))
