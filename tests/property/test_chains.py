"""Chains, ``_has`` and hierarchies of any depth select what a walk over all resources selects

http://hl7.org/fhir/R4/search.html#chaining, #has, #recursive
"""

import asyncio
from collections.abc import Sequence

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
}  # fmt: skip


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


@st.composite
def worlds(draw: st.DrawFn) -> list[Resource]:
    found = []
    for resource_type, (fixed, optional) in MAYBE.items():
        for name in IDS[: draw(st.integers(1, 3))]:
            more = draw(st.fixed_dictionaries({}, optional=optional))
            found.append({"resourceType": resource_type, "id": name, **fixed, **more})
    return found


@st.composite
def criteria(draw: st.DrawFn, resource_type: str, depth: int = 4) -> tuple[str, str]:
    """A parameter of a type, chained forward and backward up to a depth."""
    kind = draw(st.sampled_from(("leaf", "chain", "chain", "has", "has"))) if depth else "leaf"
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


def selects(plan: Plan, one: Candidate, world: Sequence[Candidate]) -> bool:
    """Tell whether a plan selects a resource, by looking at every other one."""
    match plan:
        case And(plans):
            return all(selects(each, one, world) for each in plans)
        case Or(plans):
            return any(selects(each, one, world) for each in plans)
        case Not(inner):
            return not selects(inner, one, world)
        case Chain(keys, target, inner):
            pointed = (w for w in world if w.key.startswith(f"{target}/") and refers(one, keys, w.key))
            return any(selects(inner, w, world) for w in pointed)
        case ReverseChain(source, keys, inner):
            pointing = (w for w in world if w.key.startswith(f"{source}/") and refers(w, keys, one.key))
            return any(selects(inner, w, world) for w in pointing)
        case InHierarchy():
            return any(refers(one, plan.keys, key) for key in reached(plan, world))
        case _:
            return match(plan, one)


def refers(one: Candidate, keys: tuple[str, ...], target: str) -> bool:
    return match(HasTerm(tuple(f"{key}={target}" for key in keys)), one)


def reached(plan: InHierarchy, world: Sequence[Candidate]) -> set[str]:
    found, resource_type = {plan.start}, plan.start.partition("/")[0]
    own = [w for w in world if w.key.startswith(f"{resource_type}/")]
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
    extract = door.services.extractor.extract
    world = [Candidate(f"{r['resourceType']}/{r['id']}", 0, extract(parse_json(encode(r)))) for r in resources]
    for resource_type in LINKS:
        for name, value in data.draw(st.lists(criteria(resource_type), min_size=3, max_size=4)):
            plan = door.services.binder.bind(resource_type, parse_query([(name, value)]).criteria[0])
            own = [one for one in world if one.key.startswith(f"{resource_type}/")]
            expected = {one.key.partition("/")[2] for one in own if selects(plan, one, world)}
            page = await door.search(resource_type + "?", f"{name}={value}")
            assert {version.logical_id for version in page.matches} == expected, f"{resource_type}?{name}={value}"
