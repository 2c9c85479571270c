"""Chains, ``_has`` and hierarchies of any depth select what a walk over all resources selects

http://hl7.org/fhir/R4/search.html#chaining, #has, #recursive
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import And, Chain, HasTerm, InHierarchy, Not, Or, Plan, ReverseChain
from fhirserver.search.query import parse_query
from tests.door import Door

IDS = ("1", "2", "3")
LINKS: dict[str, dict[str, tuple[str, ...]]] = {
    "Observation": {
        "subject": ("Patient", "Location"), "patient": ("Patient",), "performer": ("Organization", "Patient"),
        "has-member": ("Observation",), "encounter": ("Encounter",),
    },
    "Encounter": {
        "subject": ("Patient",), "service-provider": ("Organization",), "part-of": ("Encounter",),
        "location": ("Location",),
    },
    "Patient": {"general-practitioner": ("Organization",), "organization": ("Organization",), "link": ("Patient",)},
    "Organization": {"partof": ("Organization",)},
    "Location": {"partof": ("Location",), "organization": ("Organization",)},
    "Composition": {
        "patient": ("Patient",), "subject": ("Patient", "Location"), "author": ("Organization", "Patient"),
        "encounter": ("Encounter",), "entry": ("Observation", "Patient"),
    },
    "MessageHeader": {"focus": ("Patient", "Observation"), "sender": ("Organization",)},
    "Bundle": {"composition": ("Composition",), "message": ("MessageHeader",)},
}  # fmt: skip
LEAVES: dict[str, tuple[tuple[str, str], ...]] = {
    "Observation": (("status", "final"), ("status:not", "final"), ("encounter:missing", "true"),
                    ("encounter.location:below", "1"), ("performer:Patient", "1"), ("value-quantity", "gt5")),
    "Encounter": (("status", "planned"), ("part-of:missing", "false"), ("location:above", "Location/2"),
                  ("part-of:below", "2"), ("service-provider:below", "1")),
    "Patient": (("name", "no"), ("name:exact", "Noel"), ("gender:not", "male"), ("organization:below", "1"),
                ("_filter", 'gender eq male or name co "E"'), ("birthdate", "lt2000")),
    "Organization": (("name", "a"), ("active", "true"), ("partof:above", "3"), ("name:contains", "b")),
    "Location": (("name", "a"), ("status:missing", "true"), ("partof:below", "1"), ("partof:missing", "true")),
    "Composition": (("title", "no"), ("status:not", "final"), ("date", "gt2020"), ("_id", "1"), ("_text", "noah"),
                    ("subject:missing", "true"), ("title:contains", "b")),
    "MessageHeader": (("event", "a"), ("event:not", "b"), ("source:exact", "Noel"), ("sender:missing", "false")),
    "Bundle": (("type", "message"), ("composition:missing", "true"), ("message:missing", "false"),
               ("composition", "2")),
}  # fmt: skip


def to(address: str) -> Json:
    return {"reference": address}


def reference(*types: str) -> SearchStrategy[Json]:
    return st.builds(lambda t, i: {"reference": f"{t}/{i}"}, st.sampled_from(types), st.sampled_from(IDS))


def some(of: SearchStrategy[Json]) -> SearchStrategy[list[Json]]:
    return st.lists(of, min_size=1, max_size=2)


NAMES = st.sampled_from(("Noel", "noah", "A b", "b"))
MAYBE: dict[str, tuple[Json, dict[str, SearchStrategy[Json]]]] = {
    "Observation": ({"code": {"text": "x"}, "status": "final"}, {
        "status": st.sampled_from(("final", "amended")), "subject": reference("Patient", "Location"),
        "performer": some(reference("Organization", "Patient")), "hasMember": some(reference("Observation")),
        "encounter": reference("Encounter"), "valueQuantity": st.sampled_from(({"value": 3}, {"value": 7})),
    }),
    "Encounter": ({"class": {"code": "AMB"}, "status": "finished"}, {
        "status": st.sampled_from(("planned", "finished")), "subject": reference("Patient"),
        "serviceProvider": reference("Organization"), "partOf": reference("Encounter"),
        "location": some(reference("Location").map(lambda to: {"location": to})),
    }),
    "Patient": ({}, {
        "name": NAMES.map(lambda name: [{"family": name}]), "gender": st.sampled_from(("male", "female")),
        "generalPractitioner": some(reference("Organization")), "managingOrganization": reference("Organization"),
        "link": some(reference("Patient").map(lambda to: {"other": to, "type": "seealso"})),
        "birthDate": st.sampled_from(("1999", "2001-01-01")),
    }),
    "Organization": ({"name": "x"}, {
        "name": NAMES, "active": st.booleans(), "partOf": reference("Organization"),
    }),
    "Location": ({}, {
        "name": NAMES, "status": st.just("active"), "partOf": reference("Location"),
        "managingOrganization": reference("Organization"),
    }),
}  # fmt: skip


URLS = [f"urn:uuid:{n}0000000-0000-4000-8000-000000000000" for n in range(4)]
INSIDE = st.sampled_from(URLS[1:]).map(to)
NARRATIVES = NAMES.map(lambda name: {
    "status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{name}</div>'})  # fmt: skip
FIRST: dict[str, tuple[Json, dict[str, SearchStrategy[Json]]]] = {
    "Composition": ({"type": {"text": "x"}, "date": "2020"}, {
        "id": st.sampled_from(IDS), "subject": st.one_of(INSIDE, reference("Patient", "Location")),
        "encounter": st.one_of(INSIDE, reference("Encounter")), "text": NARRATIVES,
        "section": some(st.one_of(INSIDE, reference("Patient"))).map(lambda entry: [{"entry": entry}]),
    }),
    "MessageHeader": ({}, {
        "sender": st.one_of(INSIDE, reference("Organization")),
        "focus": some(st.one_of(INSIDE, reference("Patient"))),
    }),
}  # fmt: skip
NEEDED: dict[str, SearchStrategy[Json]] = {
    "Composition": st.fixed_dictionaries({
        "title": NAMES, "status": st.sampled_from(("final", "amended")),
        "author": some(st.one_of(INSIDE, reference("Organization"))),
    }),
    "MessageHeader": st.fixed_dictionaries({
        "eventCoding": st.sampled_from("ab").map(lambda code: {"system": "http://e", "code": code}),
        "source": NAMES.map(lambda name: {"name": name, "endpoint": "http://e"}),
    }),
}  # fmt: skip
ENVELOPES = {
    "document": {"identifier": {"system": "urn:d", "value": "1"}, "timestamp": "2020-01-01T00:00:00Z"},
    "message": {},
}


@st.composite
def bundles(draw: st.DrawFn, name: str) -> Resource:
    """A document or message that begins with what may refer to its other entries."""
    kind, begin = draw(st.sampled_from((("document", "Composition"), ("message", "MessageHeader"))))
    fixed, more = FIRST[begin]
    first = {"resourceType": begin, **fixed, **draw(NEEDED[begin]), **draw(st.fixed_dictionaries({}, optional=more))}
    others = draw(st.lists(st.sampled_from(("Patient", "Patient", *sorted(MAYBE))), min_size=1, max_size=3))
    found = [first, *(draw(one_of_type(resource_type)) for resource_type in others)]
    entries = [{"fullUrl": url, "resource": resource} for url, resource in zip(URLS, found, strict=False)]
    return {"resourceType": "Bundle", "id": name, "type": kind, **ENVELOPES[kind], "entry": entries}


@st.composite
def one_of_type(draw: st.DrawFn, resource_type: str) -> Resource:
    fixed, optional = MAYBE[resource_type]
    return {"resourceType": resource_type, **fixed, **draw(st.fixed_dictionaries({}, optional=optional))}


@st.composite
def worlds(draw: st.DrawFn) -> list[Resource]:
    found = []
    for resource_type in MAYBE:
        found += [{**draw(one_of_type(resource_type)), "id": name} for name in IDS[: draw(st.integers(1, 3))]]
    found += [draw(bundles(name)) for name in IDS[: draw(st.integers(1, 3))]]
    return found


@st.composite
def criteria(draw: st.DrawFn, resource_type: str, depth: int = 4) -> tuple[str, str]:
    """A parameter of a type, chained forward and backward up to a depth."""
    kind = draw(st.sampled_from(("leaf", "chain", "chain", "has", "has"))) if depth else "leaf"
    if resource_type == "Bundle" and depth == 4:
        kind = draw(st.sampled_from(("leaf", *["chain"] * 8)))
    if kind == "chain":
        code, targets = draw(st.sampled_from(sorted(LINKS[resource_type].items())))
        target = draw(st.sampled_from(targets))
        name, value = draw(criteria(target, depth - 1))
        return f"{code}:{target}.{name}" if len(targets) > 1 or draw(st.booleans()) else f"{code}.{name}", value
    if kind == "has":
        pointing = [(s, c) for s, links in LINKS.items() for c, targets in links.items() if resource_type in targets]
        if pointing:
            source, code = draw(st.sampled_from(pointing))
            name, value = draw(criteria(source, depth - 1))
            return f"_has:{source}:{code}:{name}", value
    return draw(st.sampled_from(LEAVES[resource_type]))


@dataclass
class Place:
    """A resource of the world, or the first entry of a Bundle, with what is beside it there."""

    candidate: Candidate
    first: "Place | None" = None
    """Of a Bundle."""
    beside: tuple[tuple[str, "Place"], ...] = ()
    """Of a first entry: the others, by their addresses."""


def places(door: Door, resources: Sequence[Resource]) -> list[Place]:
    def place(resource: Resource) -> Place:
        known = {"id": "", **resource}
        key = f"{known['resourceType']}/{known['id']}"
        return Place(Candidate(key, 0, door.services.extractor.extract(parse_json(encode(known)))))

    found = []
    for resource in resources:
        found.append(place(resource))
        if resource["resourceType"] == "Bundle":
            first, *others = resource["entry"]
            found[-1].first = place(first["resource"])
            found[-1].first.beside = tuple((other["fullUrl"], place(other["resource"])) for other in others)
    return found


def selects(plan: Plan, place: Place, world: Sequence[Place]) -> bool:
    """Tell whether a plan selects a resource, by looking at every other one."""
    one = place.candidate
    match plan:
        case And(plans):
            return all(selects(each, place, world) for each in plans)
        case Or(plans):
            return any(selects(each, place, world) for each in plans)
        case Not(inner):
            return not selects(inner, place, world)
        case Chain(_, target, inner, True):
            first = place.first
            return first is not None and first.candidate.key.startswith(f"{target}/") and selects(inner, first, world)
        case Chain(keys, target, inner):
            near = [*((w.candidate.key, w) for w in world), *place.beside]
            pointed = (w for url, w in near if w.candidate.key.startswith(f"{target}/") and refers(one, keys, url))
            return any(selects(inner, w, world) for w in pointed)
        case ReverseChain(source, keys, inner):
            pointing = (w for w in of_type(source, world) if refers(w.candidate, keys, one.key))
            return place in world and any(selects(inner, w, world) for w in pointing)
        case InHierarchy():
            return any(refers(one, plan.keys, key) for key in reached(plan, world))
        case _:
            return match(plan, one)


def id_of(place: Place) -> str:
    return place.candidate.key.partition("/")[2]


def refers(one: Candidate, keys: tuple[str, ...], target: str) -> bool:
    return match(HasTerm(tuple(f"{key}={target}" for key in keys)), one)


def of_type(resource_type: str, world: Sequence[Place]) -> list[Place]:
    return [w for w in world if w.candidate.key.startswith(f"{resource_type}/")]


def reached(plan: InHierarchy, world: Sequence[Place]) -> set[str]:
    found, resource_type = {plan.start}, plan.start.partition("/")[0]
    own = [w.candidate for w in of_type(resource_type, world)]
    everything = {f"{resource_type}/{name}" for name in IDS}
    while True:
        if plan.above:
            more = {key for key in everything for w in own if w.key in found and refers(w, plan.parents, key)}
        else:
            more = {w.key for w in own if any(refers(w, plan.parents, key) for key in found)}
        if more <= found:
            return found
        found |= more


@settings(max_examples=30)
@given(data=st.data(), resources=worlds())
async def test_chains_select_what_a_walk_selects(door: Door, data: st.DataObject, resources: list[Resource]) -> None:
    await door.clear()
    await asyncio.gather(*(door.put(resource) for resource in resources))
    world = places(door, resources)
    for resource_type in (t for t in LINKS if t not in FIRST):
        more = 3 if resource_type == "Bundle" else 1
        for name, value in data.draw(st.lists(criteria(resource_type), min_size=3 * more, max_size=4 * more)):
            plan = door.services.binder.bind(resource_type, parse_query([(name, value)]).criteria[0])
            own = of_type(resource_type, world)
            expected = {id_of(one) for one in own if selects(plan, one, world)}
            page = await door.search(resource_type + "?", f"{name}={value}")
            assert {version.logical_id for version in page.matches} == expected, f"{resource_type}?{name}={value}"
            resolved = await door.plan(f"{resource_type}?{name}={value}")
            assert {id_of(one) for one in own if match(resolved, one.candidate)} == expected, "search.match differs"
