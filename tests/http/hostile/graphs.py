"""GraphQL documents: damaged, deep, wide, in circles, with arguments and variables of any kind.

Spec: https://spec.graphql.org/October2021/, http://hl7.org/fhir/R4/graphql.html
"""

import json
import random
from collections.abc import Callable
from urllib.parse import quote

from tests.http.hostile.case import TEXTS, Case, Maker, damaged, encoded, expression, noise, times
from tests.http.hostile.queries import FILTERS, VALUES

ON_PATIENT = (
    "{ id name { family given } }",
    '{ name(use: official, fhirpath: "given.exists()") @first { given @singleton } }',
    '{ name @flatten { given @first } contact @slice(path: "gender") { gender } }',
    "{ ObservationList(_reference: subject, code: x) { id valueQuantity { value } } }",
    "{ ObservationConnection(_reference: patient, _count: 2) { next edges { resource { id } } } }",
    "{ managingOrganization { reference resource(type: Organization, optional: true) { name } } }",
    "query q($a: Boolean! = true, $b: [String]) { id @include(if: $a) name @skip(if: $a) { family } }",
    "{ contained { resourceType ...on Organization { name } } } fragment f on Patient { id }",
    "{ name(_offset: 1, _count: 99999999999) { text } extension { url valueDecimal } _birthDate { id } __typename }",
)
ON_SYSTEM = (
    "{ Patient(id: p) { id name { family } } }",
    '{ PatientList(name: "a", _count: 5, _sort: birthdate) { id } }',
    "{ PatientConnection(_count: 1) { count offset pagesize first next edges { mode score resource { id } } } }",
    '{ PatientConnection(cursor: "AAAA") { next } }',
    '{ ObservationList(subject: "Patient/p") { subject { resource { ...on Patient { id } } } } }',
    "{ __schema { types { name fields { name type { name kind ofType { name } } } } } }",
    '{ __type(name: "Patient") { fields { name args { name } } } }',
    "mutation { PatientCreate(res: {active: true}) { id } }",
    "mutation($r: JSON) { PatientUpdate(id: h4, res: $r) { id } PatientDelete(id: h3) }",
    "subscription { PatientList { id } }",
    "query a { Patient(id: p) { id } } query b { Patient(id: p) { id } }",
)
LITERALS = (
    *(
        "1",
        "-1",
        "1.5",
        "1e999",
        "9" * 5_000,
        "true",
        "null",
        "x",
        '""',
        '"\\u0000"',
        '"\\ud800"',
        '"""x"""',
        "[]",
        "{}",
    ),
    *("[[1]]", "{a: 1}", "$v", "$undefined", "[" * 60 + "]" * 60, "{a:" * 60 + "1" + "}" * 60, '"' + "a" * 9_000 + '"'),
    *('"Patient/p"', '"a,b"', '"a\\\\,b"', "[a, b, c]", "[" + "x " * 3_000 + "]", '"$ne"', "0x1", "01", "-"),
)
VARIABLES: tuple[object, ...] = (
    None,
    {},
    {"a": True},
    {"a": "x", "b": [1, None, {}]},
    {"r": {"resourceType": "Patient", "id": "h4", "name": [{"text": "x" * 5_000}]}},
    {"r": {"resourceType": "Observation"}},
    {"r": 1, "v": 10**400},
    [],
    "x",
    {"v": [[[[[[[[]]]]]]]]},
    {str(n): n for n in range(3_000)},
)


def damage(chance: random.Random, on_system: bool) -> str:
    """A query with damage to its text."""
    return damaged(chance, chance.choice(ON_SYSTEM if on_system else ON_PATIENT), 3)


def arguments(chance: random.Random, on_system: bool) -> str:
    """Any argument with any value."""
    name = chance.choice(
        (
            *("name", "birthdate", "_filter", "_id", "id", "_count", "_offset", "_sort", "fhirpath", "cursor", "res"),
            *(
                "_reference",
                "code",
                "use",
                "_has",
                "_include",
                "_summary",
                "value_quantity",
                "subject",
                "_text",
                "x" * 99,
            ),
        )
    )
    value = chance.choice((chance.choice(LITERALS), json.dumps(chance.choice((*VALUES, *FILTERS, *TEXTS)))))
    if name == "fhirpath" and chance.random() < 0.8:
        value = json.dumps(expression(chance)[:2_100])
    field = chance.choice(
        ("PatientList", "PatientConnection", "Patient", "ObservationList", "PatientCreate", "PatientDelete")
        if on_system
        else ("name", "ObservationList", "contact", "extension", "managingOrganization", "id", "contained")
    )
    verb = "mutation " if field.startswith("PatientC") or field.startswith("PatientD") else ""
    more = ", _reference: subject" if field == "ObservationList" and not on_system else ""
    return f"{verb}{{ {field}({name}: {value}{more}) {{ id }} }}"


def nested(chance: random.Random, on_system: bool) -> str:
    """Selections within each other, far too deep or just not."""
    opening, inner = chance.choice(
        (
            ("extension {", "url"),
            ("contained {", "id"),
            ("... on Patient {", "id"),
            ("... {", "id"),
            ("x: extension(url: u) {", "url"),
            ("ObservationList(_reference: subject) { subject { resource {", "id"),
            ("managingOrganization { resource {", "id"),
        )
    )
    depth = chance.choice((5, 20, 39, 41, 200, 4_000))
    text = f"{{{opening * depth}{inner}{'}' * opening.count('{') * depth}}}"
    return f"{{ Patient(id: p) {text} }}" if on_system else text


def wide(chance: random.Random, on_system: bool) -> str:
    """The same field under very many names, or the same name."""
    count = chance.choice((50, 900, 1_100, 6_000))
    field = chance.choice(
        (
            "ObservationList(_reference: subject) { id subject { resource { ... on Patient { id } } } }",
            "name { family given }",
            'name(fhirpath: "descendants().descendants().count() > 0") { family }',
            "extension @flatten { url @slice(path: \"'x' & $this\") }",
            "id",
        )
    )
    if on_system:
        field = chance.choice(('PatientList(name: "a") { id }', "Patient(id: p) { id name { family } }", "__typename"))
    own = chance.random() < 0.7
    return "{" + " ".join(f"a{n}: {field}" if own else field for n in range(count)) + "}"


def circles(chance: random.Random, on_system: bool) -> str:
    """Fragments that spread each other: round, doubling, or out of nothing."""
    shape = chance.randrange(4)
    if shape == 0:
        fragments = "fragment a on Patient { ...b } fragment b on Patient { ...a }"
    elif shape == 1:
        fragments = "fragment a on Patient { id ...a @include(if: true) }"
    elif shape == 2:
        count = chance.choice((10, 38, 60, 2_000))
        doubled = "".join(f"fragment a{n} on Patient {{ ...a{n + 1} ...a{n + 1} x: id }}" for n in range(count))
        fragments = f"fragment a on Patient {{ ...a0 }} {doubled} fragment a{count} on Patient {{ id }}"
    else:
        count = chance.choice((10, 500))
        fields = "".join(f"fragment a{n} on Patient {{ name {{ ...x }} extension {{ url }} }}" for n in range(count))
        fragments = "fragment a on Patient {" + "".join(f"...a{n} " for n in range(count)) + "} " + fields
        fragments += " fragment x on HumanName { family period { start } ...x }"
    return ("{ Patient(id: p) { ...a } } " if on_system else "{ ...a } ") + fragments


def introspective(chance: random.Random, on_system: bool) -> str:
    """Asks for the schema of everything, in everything."""
    inner = "name"
    for _ in range(chance.choice((1, 2, 3, 6, 15))):
        field = chance.choice(
            ("fields", "ofType", "type", "possibleTypes", "types", "args", "interfaces", "inputFields")
        )
        inner = f"name {field} {{ {inner} }}"
    return chance.choice((f"{{ __schema {{ types {{ {inner} }} }} }}", f'{{ __type(name: "Patient") {{ {inner} }} }}'))


def bombs(chance: random.Random, on_system: bool) -> str:
    """Texts that are hard on a lexer or a parser."""
    return chance.choice(
        (
            "{" * chance.choice((200, 60_000)),
            "{ a(b: " + "[" * 30_000,
            "# " + "x" * 200_000 + "\n{ id }",
            '{ a(b: """' + '\\"""' * 40_000 + '""") }',
            "query(" + " ".join(f"$v{n}: [[[String!]!]!]" for n in range(3_000)) + ") { id }",
            "{ id " + "@include(if: true) " * 10_000 + "}",
            "{ id " + "@skip(if: false) @x " * 3_000 + "}",
            "," * 250_000 + "{ id }",
            "\ufeff" * 3 + "{ id }",
            "{ id }" * 9_000,
            "x" * 300_000,
            noise(chance, 200),
        )
    )


_SHAPES: tuple[Callable[[random.Random, bool], str], ...] = (
    *(damage, damage, arguments, arguments, arguments, nested, wide, circles, introspective, bombs),
)


def queries(chance: random.Random) -> Case:
    """A document of any of these shapes, sent in any of the ways there are."""
    on_system = chance.random() < 0.5
    text = chance.choice(_SHAPES)(chance, on_system)
    path = (
        "$graphql" if on_system else f"{chance.choice(('Patient/p', 'Patient/p', 'Patient/none', 'Patient'))}/$graphql"
    )
    variables = chance.choice(VARIABLES) if chance.random() < 0.5 else None
    way = chance.randrange(6)
    if way == 0 and len(quote(text)) < 30_000:
        more = f"&variables={quote(json.dumps(variables))[:2_000]}" if variables is not None else ""
        return Case("graphql", "GET", f"{path}?query={quote(text, safe='')}{more}")
    if way == 1:
        return Case("graphql", "POST", path, text.encode(errors="replace"), "application/graphql")
    if way == 2:
        part = {"name": "query", "valueString": text[: times(chance) * 1_000]}
        return Case("graphql", "POST", path, encoded({"resourceType": "Parameters", "parameter": [part]}))
    body = {"query": text, "variables": variables, "operationName": chance.choice((None,) * 9 + ("q", "a", 1))}
    sent = json.dumps(body)
    sent = damaged(chance, sent) if chance.random() < 0.05 else sent
    return Case("graphql", "POST", path, sent.encode(errors="replace"), "application/json")


MAKERS: tuple[Maker, ...] = (queries,)
