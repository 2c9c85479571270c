"""Resources and Bundles in JSON: damaged, deep, long, with numbers and keys that no one can hold."""

import json
import random
from typing import Any

from tests.http.hostile.case import (
    ELSEWHERE,
    TEXTS,
    Case,
    Maker,
    Path,
    Resource,
    damaged,
    encoded,
    expression,
    noise,
    places,
    put,
    times,
    written,
)
from tests.http.hostile.queries import chains, filters, fitting, parameters, paths

XHTML = "http://www.w3.org/1999/xhtml"
RESOURCES: tuple[Resource, ...] = (
    {
        "resourceType": "Patient",
        "meta": {"profile": ["http://x/p"], "tag": [{"system": "urn:t", "code": "a"}]},
        "text": {"status": "generated", "div": f'<div xmlns="{XHTML}"><p>Text</p></div>'},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Ward"}],
        "extension": [{"url": "urn:e", "extension": [{"url": "i", "valueDecimal": 1.5}]}],
        "identifier": [{"system": "urn:i", "value": "1", "period": {"start": "2020"}}],
        "active": True,
        "name": [{"use": "official", "family": "Bee", "given": ["Ann", "Joy"], "_given": [None, {"id": "g"}]}],
        "birthDate": "1970-01-01",
        "multipleBirthInteger": 2,
        "managingOrganization": {"reference": "#o"},
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}], "text": "Height"},
        "subject": {"reference": "Patient/p"},
        "effectivePeriod": {"start": "2020-01-01T10:00:00Z", "end": "2020-01-02"},
        "valueQuantity": {"value": 1.70, "system": "http://unitsofmeasure.org", "code": "m"},
        "component": [
            {"code": {"text": "x"}, "valueSampledData": {"origin": {"value": 0}, "period": 1, "dimensions": 1}}
        ],
    },
    {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "decimal", "maxLength": 3}]}],
    },
    {
        "resourceType": "ValueSet",
        "status": "active",
        "url": "http://x/ValueSet/h",
        "compose": {
            "include": [
                {"system": "http://loinc.org", "concept": [{"code": "8302-2"}]},
                {"valueSet": ["http://x/ValueSet/h"]},
                {"system": ELSEWHERE, "filter": [{"property": "concept", "op": "is-a", "value": "1"}]},
            ]
        },
    },
    {"resourceType": "Group", "type": "person", "actual": True, "member": [{"entity": {"reference": "Group/g"}}]},
    {"resourceType": "List", "status": "current", "mode": "working", "entry": [{"item": {"reference": "List/l"}}]},
    {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="},
    {"resourceType": "Parameters", "parameter": [{"name": "p", "part": [{"name": "q", "valueInteger": 1}]}]},
    {"resourceType": "Basic", "code": {"text": "x"}, "extension": [{"url": "u", "valueTiming": {"event": ["2020"]}}]},
)
LITERALS = (
    *("1e999", "-1e-999", "9" * 5_000, "0." + "1" * 5_000, "1e99999999999999999999", "-0", "-0.0", "01", "+1", "1."),
    *("NaN", "Infinity", "0x1", "null", "true", "[]", "{}", "[[]]", "[null]", '""', '"\\u0000"', '"\\ud800"', '"\\x"'),
    *('{"$gt":""}', '{"$where":"sleep(9999)"}', '{"$numberDecimal":"1"}', "[" * 98 + "]" * 98, "[" * 60_000, '"'),
    *('{"a":' * 90 + "1" + "}" * 90, '{"resourceType":"Patient"}', '"&l9;"', '"2020-02-30"', '"9999-12-31T23:59:60Z"'),
    *("[" + "1," * 20_000 + "1]", '"' + "a" * 1_200_000 + '"', '"' + "\\u0041" * 50_000 + '"', "1e400", "4.9e-324"),
)
KEYS = (
    *("$where", "a.b", "", "_id", "__proto__", "_", "__", "resourceType", "id", "meta", "fhir_comments", "\x00", "é"),
    *("valueString", "valueInteger", "extension", "contained", "_name", "ID", "text", "name", "a" * 5_000),
)
DIVS = (
    "<div/>",
    "<div xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></div>",
    f"<!DOCTYPE div SYSTEM '{ELSEWHERE}x.dtd'><div xmlns='{XHTML}'>x</div>",
    f"<!DOCTYPE d [<!ENTITY a '{'a' * 99}'><!ENTITY b '{'&a;' * 99}'>]><div xmlns='{XHTML}'>&b;</div>",
    f"<div xmlns='{XHTML}'>" + "<b>" * 5_000 + "</b>" * 5_000 + "</div>",
    f"<div xmlns='{XHTML}'>" + "<p>x" * 5_000 + "</div>",
    f"<div xmlns='{XHTML}'><a href='javascript:alert(1)'>x</a><img src='{ELSEWHERE}x' onerror='x'/></div>",
    f"<div xmlns='{XHTML}' " + " ".join(f"a{n}='1'" for n in range(5_000)) + "/>",
    f"<div xmlns='{XHTML}'>&nbsp;&nonsense;&#0;&#xd800;</div>",
    f"<div xmlns='{XHTML}'>" + "&amp;" * 100_000 + "</div>",
    f"<div xmlns='{XHTML}'><![CDATA[" + "]]" * 50_000 + "]]></div>",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "", "post ")
_HERE = "\u2620here\u2620"


def _sent(chance: random.Random, kind: str, resource_type: str, body: bytes) -> Case:
    """Create, update under an id of our own, or put into a Bundle's place."""
    where = chance.random()
    if where < 0.6:
        return Case(kind, "POST", resource_type, body)
    if where < 0.9:
        return Case(kind, "PUT", f"{resource_type}/h{chance.randrange(5)}", body)
    return Case(kind, "POST", "", body)


def _with_id(chance: random.Random, resource: Resource) -> Resource:
    return {**resource, "id": f"h{chance.randrange(5)}"} if chance.random() < 0.5 else resource


def _place(chance: random.Random, resource: Resource) -> Path:
    return chance.choice(list(places(resource))[1:])


def literals(chance: random.Random) -> Case:
    """A resource in which something is replaced by what JSON, or FHIR, has no place for."""
    resource = _with_id(chance, chance.choice(RESOURCES))
    changed = put(resource, _place(chance, resource), _HERE)
    text = json.dumps(changed, ensure_ascii=False)
    literal = chance.choice(LITERALS) if chance.random() < 0.8 else json.dumps(chance.choice(TEXTS))
    if f'"{_HERE}"' not in text:  # the place is a key's
        return _sent(chance, "resources", resource["resourceType"], text.encode())
    return _sent(chance, "resources", resource["resourceType"], text.replace(f'"{_HERE}"', literal).encode())


def broken(chance: random.Random) -> Case:
    """A resource with damage to its text."""
    resource = _with_id(chance, chance.choice(RESOURCES))
    body = damaged(chance, json.dumps(resource, ensure_ascii=False), 8).encode()
    if chance.random() < 0.2:
        body = bytes(chance.choice((b, b, b, b, b, b, b ^ (1 << chance.randrange(8)))) for b in body)
    if chance.random() < 0.1:
        body = body.decode(errors="replace").encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")))
    return _sent(chance, "resources", resource["resourceType"], body)


def keys(chance: random.Random) -> Case:
    """Objects with keys of other makers, with one key twice, with very many."""
    resource = _with_id(chance, chance.choice(RESOURCES))
    text = json.dumps(resource)
    start = chance.choice([i for i, character in enumerate(text) if character == "{"]) + 1
    shape = chance.randrange(4)
    if shape == 0:
        new = f'"{chance.choice(sorted(resource))}":1,'
    elif shape == 1:
        new = "".join(f'"k{n}":1,' for n in range(chance.choice((200, 30_000))))
    elif shape == 2:
        new = "".join(f'"k{n}":1,' for n in range(30_000)) + '"k29999":1,'
    else:
        new = json.dumps(chance.choice(KEYS)) + ":" + chance.choice(("1", "{}", '"x"', "[{}]", "null")) + ","
    return _sent(chance, "resources", resource["resourceType"], (text[:start] + new + text[start:]).encode())


def deep(chance: random.Random) -> Case:
    """Things within each other that FHIR lets be within each other, and too many of them."""
    depth = chance.choice((5, 15, 31, 33, 45, 49, 95, 105, 3_000))
    opening, closing, resource_type = chance.choice(
        (
            ('{"url":"u","extension":[', "]}", "Patient"),
            ('{"linkId":"a","type":"group","item":[', "]}", "Questionnaire"),
            ('{"resourceType":"Bundle","type":"collection","entry":[{"resource":', "}]}", "Bundle"),
            ('{"resourceType":"Parameters","parameter":[{"name":"a","resource":', "}]}", "Parameters"),
            ('{"name":"a","part":[', "]}", "Parameters"),
            ('{"resourceType":"Patient","contained":[', "]}", "Patient"),
        )
    )
    inner = opening * depth + chance.choice(("{}", "1", "null", '"x"')) + closing * depth
    if opening.startswith('{"resourceType"'):
        return _sent(chance, "resources", resource_type, inner.encode())
    name = {"Patient": "extension", "Questionnaire": "item", "Parameters": "parameter"}[resource_type]
    body = f'{{"resourceType":"{resource_type}","id":"h0","status":"draft","{name}":[{inner}]}}'
    return _sent(chance, "resources", resource_type, body.encode())


def long(chance: random.Random) -> Case:
    """A list with far more in it than anybody writes."""
    resource = _with_id(chance, chance.choice(RESOURCES))
    lists = [place for place in places(resource) if isinstance(_at(resource, place), list)]
    if not lists:
        return broken(chance)
    place = chance.choice(lists)
    many = _at(resource, place) * (times(chance) * chance.choice((1, 3)))
    return _sent(chance, "resources", resource["resourceType"], encoded(put(resource, place, many)))


def _at(value: Any, place: Path) -> Any:  # noqa: ANN401 - JSON
    for key in place:
        value = value[key]
    return value


def narratives(chance: random.Random) -> Case:
    """XHTML that is none, or does what XHTML may not do here."""
    div = chance.choice(DIVS)
    text = {"status": "generated", "div": damaged(chance, div) if chance.random() < 0.3 else div}
    return _sent(chance, "narratives", "Patient", encoded({"resourceType": "Patient", "id": "h1", "text": text}))


def definitions(chance: random.Random) -> Case:
    """SearchParameters with any expression: some are accepted, and then run on every write."""
    number = chance.randrange(3)
    resource: Resource = {
        "resourceType": "SearchParameter",
        "id": f"s{number}",
        "url": f"http://x/SearchParameter/s{number}",
        "name": "X",
        "status": chance.choice(("active", "active", "draft", "retired")),
        "description": "x",
        "code": chance.choice((f"hostile-{number}", "name", "", "a b", "_id", "x" * 70)),
        "base": chance.choice((["Observation"], ["Observation"], ["Resource"], ["Foo"], [], ["Patient", "Patient"])),
        "type": chance.choice(("string", "token", "number", "date", "quantity", "reference", "composite", "special")),
        "target": ["Patient"],
        "expression": expression(chance),
    }
    if chance.random() < 0.3:
        resource = put(resource, _place(chance, resource), chance.choice(TEXTS))
    return Case("definitions", "PUT", f"SearchParameter/s{number}", encoded(resource))


def _reference(chance: random.Random) -> str:
    return chance.choice(
        (
            *("Patient/p", "Patient/none", "Patient?name=x", "Patient?identifier=urn:i|1", "urn:uuid:0", "urn:uuid:1"),
            *(
                "#x",
                "Patient?",
                "Patient?name[$ne]=x",
                f"{ELSEWHERE}Patient/1",
                "Patient/p/_history/0",
                "",
                "x" * 3_000,
            ),
        )
    )


def _entry(chance: random.Random, number: int) -> Resource:
    resource = chance.choice(RESOURCES)
    shape = chance.randrange(4)
    if shape == 0:
        asked = chance.choice((parameters, fitting, chains, filters, paths))(chance)
        return {"request": {"method": chance.choice(METHODS), "url": asked.path[:2_000]}, "resource": resource}
    if shape == 1:
        observation = {**RESOURCES[1], "subject": {"reference": _reference(chance)}}
        request = {
            "method": "POST",
            "url": "Observation",
            "ifNoneExist": chance.choice(("code=zz", "x=1", "", "_id=a")),
        }
        return {"fullUrl": f"urn:uuid:{number % 30}", "request": request, "resource": observation}
    if shape == 2:
        name, logical_id = resource["resourceType"], f"h{chance.randrange(5)}"
        request = {"method": "PUT", "url": f"{name}/{logical_id}", "ifMatch": chance.choice(('W/"1"', "x", 'W/"0"'))}
        return {"request": request, "resource": {**resource, "id": logical_id}}
    url = f"{resource['resourceType']}/h{chance.randrange(5)}"
    return {"request": {"method": chance.choice(METHODS), "url": url}, "resource": resource}


def bundles(chance: random.Random) -> Case:
    """Batches and transactions of entries that contradict themselves and each other."""
    entries = [_entry(chance, number) for number in range(chance.choice((1, 2, 5, 20, 60)))]
    kind = chance.choice(("batch", "transaction", "transaction", "history", "searchset", "", None, 1))
    bundle: Resource = {"resourceType": "Bundle", "type": kind, "entry": entries}
    if chance.random() < 0.4:
        bundle = put(bundle, _place(chance, bundle), chance.choice((*TEXTS, None, 1, {}, [], [{}])))
    body = json.dumps(bundle)
    return Case("bundles", "POST", "", (damaged(chance, body) if chance.random() < 0.2 else body).encode())


def headers(chance: random.Random) -> Case:
    """Headers that are malformed, on a request that is not."""
    name = chance.choice(
        (
            *("Accept", "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Content-Type"),
            *("X-Request-Id", "X-Security-Context", "Content-Encoding", "Range", "Accept-Charset", "Authorization"),
        )
    )
    value = chance.choice(
        (
            *('W/"1"', "*", 'W/"', '"' * 2_000, "application/fhir+json;fhirVersion=9", "*/*;q=9,", ";" * 2_000, "gzip"),
            *(",".join(["a/b;q=0.1"] * 900), "handling=lenient; return=x", "return=", "a=" + "b," * 3_000, "\xe9" * 99),
            *(
                "application/json; charset=x",
                "text/xml",
                "Bearer " + "x" * 3_000,
                "0-",
                "Sat, 99 Xyz 2020 25:61:61 GMT",
            ),
            *(written([("identifier", f"urn:none|{chance.random()}")]), "name[$ne]=x", noise(chance, 30)),
        )
    )
    shown = "".join(c for c in value.encode("latin-1", "ignore").decode("latin-1") if c >= " " and c != "\x7f")
    method, path = chance.choice((("GET", "Patient/p"), ("POST", "Patient"), ("PUT", "Patient/h0"), ("GET", "Patient")))
    body = None if method == "GET" else encoded({"resourceType": "Patient", "id": "h0"})
    return Case("headers", method, path, body, more=((name, shown),))


MAKERS: tuple[Maker, ...] = (
    *(literals, literals, literals, broken, broken, keys, deep, long, narratives, definitions, bundles, bundles),
    headers,
)
