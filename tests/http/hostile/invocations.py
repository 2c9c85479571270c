"""Operations, with arguments that are damaged, doubled, of another kind, or too many.

Spec: http://hl7.org/fhir/R4/operations.html#request
"""

import json
import random

from tests.http.hostile.bodies import RESOURCES
from tests.http.hostile.case import (
    NUMBERS,
    TEXTS,
    Case,
    Maker,
    Pairs,
    Resource,
    damaged,
    places,
    put,
    times,
    written,
)
from tests.http.hostile.queries import VALUES, parameters

STATISTICS = ("average", "max", "min", "count", "total-count", "median", "std-dev", "sum", "variance", "20-percent")
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "meta": (),
    "meta-add": ("meta",),
    "meta-delete": ("meta",),
    "diff": ("from", "to"),
    "everything": ("_since", "_type", "_count", "_cursor", "start", "end"),
    "lastn": ("max", "patient", "subject", "category", "code", "_sort", "_count", "date", "combo-code-value-quantity"),
    "stats": ("subject", "patient", "code", "system", "coding", "duration", "period", "statistic", "include", "limit"),
    "versions": (),
    "reindex": ("type", "parameter", "dryRun"),
    "reindex-status": ("job",),
    "reindex-pause": ("job",),
    "reindex-resume": ("job",),
    "reindex-cancel": ("job",),
    "graphql": ("query", "variables", "operationName"),
    "validate": ("resource", "mode", "profile"),
    "": ("x",),
    "spam" * 30: ("x",),
}
"""Operations, some of which there are not, and the arguments that each takes."""
GIVEN: dict[str, tuple[str, ...]] = {
    "subject": ("Patient/p", "Patient/none", "p", "Group/g", "Patient/p,Patient/q", "|", "#"),
    "patient": ("p", "Patient/p", "Patient/p/_history/1", "", "$"),
    "code": ("http://loinc.org|8302-2", "8302-2", "a,b,c", "|", "x" * 3_000),
    "system": ("http://loinc.org", "", "urn:x", "\\", "a|b"),
    "coding": ("http://loinc.org|8302-2", "8302-2", "a|b|c"),
    "category": ("vital-signs", "x", "|", ","),
    "statistic": (*STATISTICS, "skew", "kurtosis", "regression", "x", ",".join(STATISTICS * 50)),
    "duration": ("1", "1e9", "-1", "1e999999", "NaN", "Infinity", "0.0001", "1" * 5_000),
    "from": ("1", "0", "2", "Patient/p", "Patient/p/_history/1", "Observation/o", "x" * 99),
    "to": ("1", "0", "Patient/q", "Patient/p/_history/99", "http://127.0.0.1:9/Patient/1"),
    "type": ("Patient", "Observation", "Foo", "*", "Patient,Observation"),
    "job": ("x", "0" * 24, "../x", "1", "{}"),
    "dryRun": ("true", "maybe"),
    "_type": ("Observation", "Foo", ",,,", "Patient,Observation"),
}
METAS: tuple[object, ...] = (
    {"tag": [{"system": "urn:t", "code": "x"}]},
    {"tag": [{"code": "x"}] * 400},
    {"security": [{"system": "http://x", "code": "R"}], "profile": ["http://x/p"]},
    {"tag": [1]},
    {"tag": {}},
    {"tag": [{"system": 1, "code": []}]},
    {"tag": [{"system": {"$gt": ""}}]},
    {"tag": [{}]},
    {"tag": [None]},
    {"profile": [None, 1, "", "a b", "x" * 9_000]},
    {"versionId": "9"},
    {"lastUpdated": "2020"},
    {"tag": [{"code": "x", "extension": [{"url": "u"}]}]},
    {"tag": [{"code": "\x00"}]},
    {"_profile": [None]},
    {},
    [],
    None,
    "x",
    1,
)
PLACES = (
    "",
    "Patient",
    "Patient/p",
    "Patient/p",
    "Observation",
    "Observation/o",
    "Group/g",
    "Encounter/e",
    "Foo",
    "Patient/none",
)


_SERVED: dict[str, tuple[str, ...]] = {
    "lastn": ("Observation",),
    "stats": ("Observation",),
    "meta-add": ("Patient/p", "Observation/o"),
    "meta-delete": ("Patient/p", "Observation/o"),
    "diff": ("", "Patient", "Patient/p", "Observation/o"),
    "everything": ("Patient", "Patient/p", "Group/g", "Encounter/e"),
    "versions": ("",),
}
"""Where there are operations."""


def _where(chance: random.Random, name: str) -> str:
    if name.startswith("reindex"):
        return chance.choice(("", "", "Patient", "Foo"))
    if name in _SERVED and chance.random() < 0.9:
        return chance.choice(_SERVED[name])
    return chance.choice(PLACES)


def _simple(chance: random.Random, name: str) -> str:
    found = chance.choice(GIVEN.get(name, ())) if name in GIVEN and chance.random() < 0.6 else chance.choice(VALUES)
    return damaged(chance, found) if chance.random() < 0.1 else found


def _pairs(chance: random.Random, name: str) -> Pairs:
    known = (*ARGUMENTS[name], "x") if chance.random() < 0.1 else ARGUMENTS[name]
    if not known:
        return []
    chosen = chance.choices(known, k=chance.randint(0, 5))
    if name == "stats" and chance.random() < 0.8:
        chosen = ["subject", "coding", "statistic", *{*chosen} - {"subject", "patient", "coding", "statistic"}]
    elif chance.random() < 0.8:
        chosen = sorted({*chosen})
    return [(each, _simple(chance, each)) for each in chosen]


def invocations(chance: random.Random) -> Case:
    """An operation by its URL."""
    name = chance.choice(sorted(ARGUMENTS))
    pairs = _pairs(chance, name)
    if name == "lastn" and chance.random() < 0.5:
        pairs += [("patient", "p"), ("category", "vital-signs")]
    path = "/".join(part for part in (_where(chance, name), f"${name}") if part)
    body = None
    method = chance.choice(
        ("GET",) * 5 + ("POST",) * 3 + ("PUT", "DELETE") if not name.startswith("meta-") else ("GET", "POST")
    )
    return Case("operations", method, f"{path}?{written(pairs)}" if pairs else path, body)


def posted(chance: random.Random) -> Case:
    """An operation with a Parameters of any content."""
    name = chance.choice(sorted(ARGUMENTS))
    if chance.random() < 0.3:
        name = chance.choice(("meta-add", "meta-delete", "stats", "lastn"))
    given: list[object] = [_parameter(chance, each, value) for each, value in _pairs(chance, name)]
    if name.startswith("meta-"):
        given = [{"name": "meta", "valueMeta": chance.choice(METAS)}] * chance.choice((1, 1, 1, 2))
    if chance.random() < 0.1:
        given *= times(chance)
    body: Resource = {"resourceType": "Parameters", "parameter": given}
    if chance.random() < 0.4:
        change: object = chance.choice((None, {}, [], 1, "x", [{}], {"name": {}}, chance.choice(TEXTS), RESOURCES[0]))
        body = put(body, chance.choice(list(places(body))), change)
    text = json.dumps(body)
    text = damaged(chance, text) if chance.random() < 0.1 else text
    path = "/".join(part for part in (_where(chance, name), f"${name}") if part)
    return Case("operations", "POST", path, text.encode())


def _parameter(chance: random.Random, name: str, value: str) -> Resource:
    shape = chance.randrange(8)
    if shape == 0:
        return {"name": name, "resource": chance.choice(RESOURCES)}
    if shape == 1:
        return {"name": name, "part": [{"name": name, "valueString": value}]}
    if shape == 2:
        return {"name": name, "valuePeriod": {"start": value, "end": chance.choice((value, 1, None, {}))}}
    if shape == 3:
        return {"name": name, "valueCoding": {"system": chance.choice((value, 1, None)), "code": value}}
    if shape == 4:
        return {"name": name, "valueDecimal": chance.choice((1, -1, 1.5, 10**300, 10**400, True, None))}
    key = chance.choice(("valueString", "valueUri", "valueDate", "valueCode", "value", "valueNonsense", "_valueString"))
    return {"name": name, key: value}


def pages(chance: random.Random) -> Case:
    """The search that an operation makes, with the parameters of any search."""
    query = parameters(chance).path.partition("?")[2]
    name = chance.choice(("Observation/$lastn", "Patient/$everything", "Patient/p/$everything", "Observation/$stats"))
    start = written([("patient", "p"), ("category", "vital-signs"), ("max", chance.choice(NUMBERS))])
    return Case("operations", "GET", f"{name}?{start}&{query}")


MAKERS: tuple[Maker, ...] = (invocations, invocations, posted, posted, posted, pages)
