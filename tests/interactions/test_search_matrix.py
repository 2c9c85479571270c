"""Every type of parameter with every modifier and prefix, over HTTP: found, not found, malformed, refused

docs/search.md has the same table. http://hl7.org/fhir/R4/search.html#modifiers, #prefix
"""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.composition import Application
from tests.conftest import CHECKOUT, client_of

TREE = "http://acme.org/tree"
UCUM = "http://unitsofmeasure.org"
RESOURCES = [
    {"resourceType": "Patient", "id": "it", "name": [{"family": "Noël"}], "birthDate": "1990-06-15"},
    {"resourceType": "Observation", "id": "it", "status": "final",
     "identifier": [{"system": "http://a", "value": "1",
                     "type": {"coding": [{"system": "http://t", "code": "MR"}]}}],
     "code": {"coding": [{"system": TREE, "code": "branch", "display": "Acute headache"}]},
     "subject": {"reference": "Location/room", "identifier": {"system": "http://a", "value": "room"}},
     "valueQuantity": {"value": 5.4, "system": UCUM, "code": "mg", "unit": "mg"},
     "effectiveDateTime": "2020-05-15"},
    {"resourceType": "RiskAssessment", "id": "it", "status": "final", "subject": {"reference": "Patient/it"},
     "prediction": [{"probabilityDecimal": 0.5}]},
    {"resourceType": "Location", "id": "building"},
    {"resourceType": "Location", "id": "room", "partOf": {"reference": "Location/building"},
     "position": {"latitude": 51, "longitude": 4}},
    {"resourceType": "ValueSet", "id": "it", "url": "http://acme.org/vs/one", "status": "active",
     "compose": {"include": [{"system": TREE, "concept": [{"code": "branch"}]}]}},
    {"resourceType": "ValueSet", "id": "other", "url": "urn:other", "status": "active",
     "compose": {"include": [{"system": TREE, "concept": [{"code": "leaf"}]}]}},
    {"resourceType": "CodeSystem", "id": "it", "url": TREE, "status": "active", "content": "complete",
     "concept": [{"code": "root", "concept": [{"code": "branch", "concept": [{"code": "leaf"}]}]}]},
]  # fmt: skip

PARAMETERS = {
    "string": "Patient?family", "token": "Observation?code", "reference": "Observation?subject",
    "date": "Observation?date", "number": "RiskAssessment?probability", "quantity": "Observation?value-quantity",
    "uri": "ValueSet?url", "composite": "Observation?code-value-quantity", "special": "Location?near",
}  # fmt: skip
FOUND = {"special": "room"}
"""The id that is found; else it is `it`."""
PLAIN = {
    "string": ("no", "oel", None),
    "token": (f"{TREE}|branch", f"{TREE}|root", "|"),
    "reference": ("Location/room", "Location/building", None),
    "date": ("2020-05", "2020-06", "May"),
    "number": ("0.5", "0.6", "half"),
    "quantity": (f"5.4|{UCUM}|mg", f"5.4|{UCUM}|g", "5.4|x|y|z"),
    "uri": ("http://acme.org/vs/one", "http://acme.org/vs", None),
    "composite": ("branch$5.4", "branch$6", "branch"),
    "special": ("51|4|10|km", "50|4|10|km", "51"),
}
"""By type: what finds it, what does not, what is malformed."""
CELLS: dict[tuple[str, str], tuple[str, str, str | None]] = {
    **{(kind, "missing"): ("false", "true", "maybe") for kind in PARAMETERS if kind != "composite"},
    ("string", "exact"): ("Noël", "Noel", None),
    ("string", "contains"): ("oe", "x", None),
    ("string", "text"): ("NOEL OR x", "noe", "(noel"),
    ("token", "not"): (f"{TREE}|root", f"{TREE}|branch", "|"),
    ("token", "text"): ("acute", "head", None),
    ("token", "code-text"): ("BRA", "anch", "x" * 150),
    ("token", "text-advanced"): ("headache", "head", "(head"),
    ("token", "above"): (f"{TREE}|leaf", f"{TREE}|root", "branch"),
    ("token", "below"): (f"{TREE}|root", f"{TREE}|leaf", "branch"),
    ("token", "in"): ("ValueSet/it", "ValueSet/other", "ValueSet/nothing"),
    ("token", "not-in"): ("urn:other", "http://acme.org/vs/one", "urn:nothing"),
    ("token", "of-type"): ("http://t|MR|1", "http://t|MR|2", "MR|1"),
    ("reference", "[type]"): ("room", "building", "Patient/room"),
    ("reference", "identifier"): ("http://a|room", "room2", "|"),
    ("reference", "above"): ("Location/room", "Location/building", "Patient/it"),
    ("reference", "below"): ("Location/building", "Location/elsewhere", "Patient/it"),
    ("uri", "above"): ("http://acme.org/vs/one/more", "http://acme.org/vs", None),
    ("uri", "below"): ("http://acme.org/vs", "http://acme.org/vs/one/more", None),
}
OTHER_PARAMETERS = {("token", "of-type"): "Observation?identifier"}
MODIFIERS = ("missing", "exact", "contains", "text", "text-advanced", "code-text", "not", "above", "below", "in",
             "not-in", "of-type", "identifier", "[type]")  # fmt: skip
DEFINED = {
    "missing": set(PARAMETERS) - {"composite"}, "exact": {"string"}, "contains": {"string"},
    "text": {"string", "token"}, "not": {"token"}, "in": {"token"}, "not-in": {"token"}, "of-type": {"token"},
    "above": {"token", "reference", "uri"}, "below": {"token", "reference", "uri"}, "identifier": {"reference"},
    "[type]": {"reference"},
}  # fmt: skip
"""What the page of R4 gives modifiers a meaning for; of special parameters it says that each has its own rules."""
PREFIXES: dict[str, dict[str, tuple[str, str]]] = {
    "date": {
        "eq": ("2020-05-15", "2020-05-16"), "ne": ("2020-05-16", "2020-05-15"), "gt": ("2020-05-14", "2020-05-15"),
        "lt": ("2020-05-16", "2020-05-15"), "ge": ("2020-05-15", "2020-05-16"), "le": ("2020-05-15", "2020-05-14"),
        "sa": ("2020-05-14", "2020-05-15"), "eb": ("2020-05-16", "2020-05-15"), "ap": ("2020-05-16", "1970-01-01"),
    },
    "number": {
        "eq": ("0.5", "0.6"), "ne": ("0.6", "0.5"), "gt": ("0.4", "0.5"), "lt": ("0.6", "0.5"), "ge": ("0.5", "0.6"),
        "le": ("0.5", "0.4"), "sa": ("0.4", "0.5"), "eb": ("0.6", "0.5"), "ap": ("0.52", "0.9"),
    },
    "quantity": {
        "eq": ("5.4", "5.5"), "ne": ("5.5", "5.4"), "gt": ("5.3", "5.4"), "lt": ("0.0055|http://unitsofmeasure.org|g",
        "5.4"), "ge": ("5.4", "5.5"), "le": ("5.4", "5.3"), "sa": ("5.3", "5.4"), "eb": ("5.5", "5.4"),
        "ap": ("5.6", "9"),
    },
}  # fmt: skip
ORDERED = ("date", "number", "quantity")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def loaded(application: Application) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(application) as client:
        for resource in RESOURCES:
            response = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
            assert response.status_code == 201, response.text
        yield client


async def ask(client: httpx2.AsyncClient, query: str, value: str, *, lenient: bool = False) -> httpx2.Response:
    path, _, name = query.partition("?")
    prefer = {"Prefer": "handling=lenient"} if lenient else {}
    return await client.get(path, params={name: value}, headers=prefer)


def ids(response: httpx2.Response) -> set[str]:
    assert response.status_code == 200, response.text
    return {entry["resource"]["id"] for entry in response.json().get("entry", ())}


async def check(client: httpx2.AsyncClient, query: str, kind: str, values: tuple[str, str, str | None]) -> None:
    positive, negative, malformed = values
    wanted = FOUND.get(kind, "it")
    assert wanted in ids(await ask(client, query, positive)), positive
    assert wanted not in ids(await ask(client, query, negative)), negative
    if malformed is not None:
        await refused(client, query, malformed)


async def refused(client: httpx2.AsyncClient, query: str, value: str) -> None:
    for lenient in (False, True):
        response = await ask(client, query, value, lenient=lenient)
        assert response.status_code == 400, response.text
        issue = response.json()["issue"][0]
        assert (issue["severity"], issue["code"] in ("value", "not-supported")) == ("error", True)
        assert issue["diagnostics"]


def modified(kind: str, modifier: str) -> str:
    query = OTHER_PARAMETERS.get((kind, modifier), PARAMETERS[kind])
    return f"{query}:{'Location' if modifier == '[type]' else modifier}"


@pytest.mark.parametrize("kind", PARAMETERS)
async def test_a_value_without_modifier(loaded: httpx2.AsyncClient, kind: str) -> None:
    await check(loaded, PARAMETERS[kind], kind, PLAIN[kind])


@pytest.mark.parametrize("modifier", MODIFIERS)
@pytest.mark.parametrize("kind", PARAMETERS)
async def test_a_modifier(loaded: httpx2.AsyncClient, kind: str, modifier: str) -> None:
    values = CELLS.get((kind, modifier))
    if values is None:
        await refused(loaded, modified(kind, modifier), PLAIN[kind][0])
    else:
        await check(loaded, modified(kind, modifier), kind, values)


@pytest.mark.parametrize("prefix", PREFIXES["date"])
@pytest.mark.parametrize("kind", ORDERED)
async def test_a_prefix(loaded: httpx2.AsyncClient, kind: str, prefix: str) -> None:
    positive, negative = PREFIXES[kind][prefix]
    await check(loaded, PARAMETERS[kind], kind, (prefix + positive, prefix + negative, prefix))
    await refused(loaded, PARAMETERS[kind], f"{prefix.upper()}{positive}")


@pytest.mark.parametrize("kind", sorted(set(PARAMETERS) - {*ORDERED, "composite", "special"}))
async def test_a_prefix_is_text_where_nothing_is_ordered(loaded: httpx2.AsyncClient, kind: str) -> None:
    response = await ask(loaded, PARAMETERS[kind], f"ge{PLAIN[kind][0]}")
    assert FOUND.get(kind, "it") not in ids(response)


async def test_the_parts_of_a_composite_have_their_own_prefixes(loaded: httpx2.AsyncClient) -> None:
    await check(loaded, PARAMETERS["composite"], "composite", ("branch$gt5", "branch$gt6", "branch$GT5"))
    assert ids(await ask(loaded, PARAMETERS["composite"], "gtbranch$5.4")) == set()


async def test_a_place_has_no_prefix(loaded: httpx2.AsyncClient) -> None:
    await refused(loaded, PARAMETERS["special"], f"ge{PLAIN['special'][0]}")


def test_nothing_that_r4_defines_is_missing() -> None:
    assert {(kind, modifier) for modifier, kinds in DEFINED.items() for kind in kinds} <= CELLS.keys()


def cell_of_modifier(kind: str, modifier: str) -> str:
    if (kind, modifier) in CELLS:
        return "yes"
    return {"composite": "c", "special": "d"}.get(kind, "a" if modifier in DEFINED else "b")


def cell_of_prefix(kind: str) -> str:
    return "yes" if kind in ORDERED else {"composite": "f", "special": "d"}.get(kind, "e")


def test_the_page_on_search_says_the_same() -> None:
    page = (CHECKOUT / "docs" / "search.md").read_text()
    rows = [[cell.strip(" `:") for cell in line.strip("|").split("|")] for line in page.splitlines() if "|" in line]
    header = next(row for row in rows if row[1:] == list(PARAMETERS))
    said = {row[0]: row[1:] for row in rows[rows.index(header) + 2 :]}
    for modifier in MODIFIERS:
        assert said[modifier] == [cell_of_modifier(kind, modifier) for kind in PARAMETERS], modifier
    for prefix in PREFIXES["date"]:
        assert said[prefix] == [cell_of_prefix(kind) for kind in PARAMETERS], prefix
    for reason in "abcdef":
        assert re.search(rf"^- {reason}: \w", page, re.MULTILINE), reason
