"""Patches of all four kinds whose paths lead nowhere, everywhere, or round in circles.

Spec: https://www.rfc-editor.org/rfc/rfc6902, rfc7396, rfc5261, http://hl7.org/fhir/R4/fhirpatch.html
"""

import random
from xml.sax.saxutils import quoteattr

from tests.http.hostile.bodies import LITERALS, RESOURCES
from tests.http.hostile.case import TEXTS, Case, Maker, Resource, damaged, encoded, expression, places, put, times

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
XML_PATCH = "application/xml-patch+xml"
TARGETS = ("Patient/p", "Patient/p", "Patient/p", "Observation/o", "Patient/none", "Patient?identifier=urn:i|1")
POINTERS = (
    *("", "/", "//", "/name", "/name/-", "/name/0", "/name/00", "/name/-1", "/name/0/given/0", "/name/9999999999"),
    *("/name/1e3", "/name/٣", "/name/0/given/-", "/~", "/~2", "/~01", "/a~1b", "name", "#/name", "/__proto__/x"),
    *("/resourceType", "/id", "/meta", "/meta/versionId", "/_birthDate", "/birthDate", "/birthDate/0", "/active/x"),
    *("/name/0" * 600, "/" * 3_000, "/name/" + "9" * 400, "/\x00", "/é", "/contained/0/id", "/extension/0/extension/0"),
)
OPERATIONS = ("add", "add", "add", "remove", "replace", "move", "copy", "copy", "test", "Add", "", "spam", None, 1)
VALUES: tuple[object, ...] = (
    1,
    None,
    True,
    "x",
    [],
    {},
    [[]],
    [{}],
    {"given": ["x"]},
    {"a": {"b": [1] * 300}},
    "a" * 3_000,
    {"$set": 1},
)


def _value(chance: random.Random) -> object:
    if chance.random() < 0.2:
        return _deep(chance.choice((50, 90, 99)))
    return chance.choice((*VALUES, *TEXTS))


def _deep(depth: int) -> object:
    value: object = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


def json_patches(chance: random.Random) -> Case:
    """Operations with damaged pointers, and copies of copies."""
    shape = chance.randrange(8)
    if shape == 0:  # doubles what it copies
        patch = [{"op": "copy", "from": "/name", "path": "/name/-"}] * chance.choice((15, 40, 999))
    elif shape < 4:
        patch = [_sound_operation(chance) for _ in range(times(chance))]
    elif shape == 4:
        patch = [_operation(chance) for _ in range(times(chance))]
    else:
        patch = [_operation(chance) for _ in range(chance.randint(1, 4))]
    body = encoded(patch)
    if chance.random() < 0.25:
        body = _with_literal(chance, body)
    return Case("json-patch", "PATCH", chance.choice(TARGETS), body, JSON_PATCH)


def _sound_operation(chance: random.Random) -> Resource:
    """An operation that can be read; most can be done, what they make is seldom a resource."""
    name = chance.choice(("add", "add", "add", "replace", "copy", "test"))
    pointer = chance.choice(("/name/-", "/name/0/given/-", "/extension/-", "/contained/-", "/identifier/0", "/name/0"))
    return {"op": name, "path": pointer, "from": chance.choice(("/name/0", "/name", "")), "value": _value(chance)}


def _operation(chance: random.Random) -> Resource:
    pointer = chance.choice(POINTERS)
    found: Resource = {
        "op": chance.choice(OPERATIONS),
        "path": damaged(chance, pointer) if chance.random() < 0.3 else pointer,
        "from": chance.choice(POINTERS),
        "value": _value(chance),
    }
    if chance.random() < 0.2:
        found.pop(chance.choice(sorted(found)))
    return found


def _with_literal(chance: random.Random, body: bytes) -> bytes:
    text = body.decode()
    start = chance.randrange(len(text))
    return (text[:start] + chance.choice(LITERALS)[:200_000] + text[start:]).encode()


def merge_patches(chance: random.Random) -> Case:
    """Documents that remove everything, or put anything anywhere."""
    resource = chance.choice((RESOURCES[0], RESOURCES[0], RESOURCES[1]))
    patch: object = {name: value for name, value in resource.items() if chance.random() < 0.4}
    for _ in range(chance.randint(1, 5)):
        patch = put(patch, chance.choice(list(places(patch))), chance.choice((None, None, _value(chance))))
    body = encoded(patch)
    return Case(
        "merge-patch",
        "PATCH",
        chance.choice(TARGETS),
        _with_literal(chance, body) if chance.random() < 0.2 else body,
        MERGE_PATCH,
    )


_PATHS = (
    *("Patient", "Patient.name", "Patient.name[0]", "Patient.name.given", "Patient.birthDate", "Patient.meta.tag"),
    *("Patient.descendants()", "Patient.name.where(use = 'official')", "Patient.name[0] | Patient.name[0].given"),
    *("Patient.active.not()", "%resource", "$this", "Patient.contained[0]", "Patient.extension[0].value", "Patient.id"),
    *(
        "Patient.repeat(children())",
        "''",
        "1",
        "Patient.name.first().given.first().extension",
        "Patient.name.trace('x')",
    ),
)
_NEEDED = {"add": "name value", "insert": "index value", "delete": "", "replace": "value", "move": "source destination"}
"""The parts of an operation beside its path."""
_PARTS: tuple[Resource, ...] = (
    {"name": "value", "valueString": "x"},
    {"name": "value", "valueHumanName": {"family": "x", "given": ["a"] * 500}},
    {"name": "value", "part": [{"name": "family", "valueString": "x"}, {"name": "period", "part": []}]},
    {"name": "value", "resource": {"resourceType": "Organization", "id": "q", "name": "x"}},
    {"name": "value", "valueDecimal": 10**400},
    {"name": "value"},
    {"name": "index", "valueInteger": 2**40},
    {"name": "index", "valueInteger": -1},
    {"name": "source", "valueInteger": 1},
    {"name": "destination", "valueInteger": 0},
    {"name": "name", "valueString": "given"},
    {"name": "name", "valueString": "__proto__"},
    {"name": "path", "valueString": "Patient.name"},
    {"name": "spam", "valueBoolean": True},
)


def fhirpath_patches(chance: random.Random) -> Case:
    """Operations whose paths are any FHIRPath, with values of any depth."""
    count = times(chance) if chance.random() < 0.3 else chance.randint(1, 3)
    is_sound = chance.random() < 0.6
    operation = _sound_part_operation if is_sound else _part_operation
    patch: Resource = {"resourceType": "Parameters", "parameter": [operation(chance) for _ in range(count)]}
    if not is_sound and chance.random() < 0.3:
        patch = put(patch, chance.choice(list(places(patch))[1:]), chance.choice((None, {}, [], 1, "x", [{}])))
    body = encoded(patch)
    return Case("fhirpath-patch", "PATCH", chance.choice(TARGETS), body)


def _sound_part_operation(chance: random.Random) -> Resource:
    """An operation that can be read; its path means any work, or leads anywhere."""
    kind = chance.choice(sorted(_NEEDED))
    path = expression(chance) if chance.random() < 0.5 else chance.choice(_PATHS)
    parts: list[Resource] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name in _NEEDED[kind].split():
        if name == "name":
            parts.append({"name": name, "valueString": chance.choice(("name", "given", "extension", "active", "x"))})
        elif name == "value":
            parts.append(chance.choice(_PARTS[:5]))
        else:
            parts.append({"name": name, "valueInteger": chance.choice((0, 0, 1, 2**31))})
    return {"name": "operation", "part": parts}


def _part_operation(chance: random.Random) -> Resource:
    kind = chance.choice(("add", "insert", "delete", "replace", "move", "", "spam"))
    path = expression(chance) if chance.random() < 0.6 else chance.choice(_PATHS)
    parts: list[Resource] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    parts += chance.sample(_PARTS, chance.randint(0, 4))
    if chance.random() < 0.1:
        parts.append({"name": "value", "part": _deep_part(chance.choice((5, 20, 45)))})
    return {"name": "operation", "part": parts}


def _deep_part(depth: int) -> list[Resource]:
    part: Resource = {"name": "extension", "valueString": "x"}
    for _ in range(depth):
        part = {"name": "extension", "part": [part, {"name": "url", "valueUri": "u"}]}
    return [part]


_F = "xmlns='http://hl7.org/fhir' xmlns:f='http://hl7.org/fhir' xmlns:h='http://www.w3.org/1999/xhtml'"
SELECTORS = (
    *(
        "f:Patient",
        "f:Patient/f:name[1]",
        "/f:Patient/f:name/f:given[2]/@value",
        "*",
        "*/*[1]",
        "*/*[3]",
        "*/*[2]/*[1]",
    ),
    *("f:Patient/f:name[f:use/@value='official']", "f:Patient/f:text/h:div/h:p/text()"),
    *(
        "f:Patient/text()[1]",
        "f:Patient/comment()",
        "id('x')",
        "",
        "/",
        ".",
        "*/*",
        "*/*/*/*/*/*",
        "//f:name",
        "f:é",
        "'",
    ),
    *("f:Patient/f:name[0]", "f:Patient/f:name[99999999999]", "x:Patient", "Patient", "f:Patient/namespace::f", "@id"),
    *("f:Patient/f:id/@value", "f:Patient/f:text/h:div", "f:Patient[last()]", "[1]", "f:Patient/@*", "f:Patient/.."),
    *("document('file:///etc/passwd')", "f:Patient/*[1][1][1][1]", "/".join(["*"] * 900), "f:Patient" + "[1]" * 600),
    *("f:Patient/f:name[" + "f:a/" * 400 + "@value='x']", "f:Patient/f:name[.='x']", "concat('a','b')", "(((("),
    *("f:Patient/processing-instruction('x')", "f:Patient/processing-instruction('"),
)
"""The first nine can be read."""
CONTENTS = (
    *("", "text", "<f:name><f:family value='x'/></f:name>", "<name><given value='x'/></name>", "<x/>", "<!-- c -->"),
    *("<?x y?>", "<![CDATA[x]]>", "&lt;script&gt;", "<f:name/>" * 400, "<a>" * 90 + "</a>" * 90, "x" * 100_000),
    *("<div xmlns='http://www.w3.org/1999/xhtml'><script/></div>", "<f:extension url='u'>" * 40, "&nbsp;", "&#0;"),
    *("<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>", "<a b='1' b='2'/>", "<p:a/>"),
    *("]]>", "<"),
)
"""The first twelve are well-formed."""


def xml_patches(chance: random.Random) -> Case:
    """Selectors of every form and malformation, with content that does not belong there."""
    many = chance.choice((1, 1, 2, 3, 20, 1_001)) if chance.random() < 0.9 else 400
    operation = _sound_xml_operation if chance.random() < 0.6 else _xml_operation
    operations = "".join(operation(chance) for _ in range(min(many, 60))) * (1 if many <= 60 else many // 60 + 1)
    root = chance.choice(("diff", "diff", "diff", "patch", "p:diff xmlns:p='urn:ietf:params:xml:ns:pidf-diff'", "x"))
    text = f"<{root} {_F}>{operations}</{root.split()[0]}>"
    text = damaged(chance, text) if chance.random() < 0.2 else text
    return Case("xml-patch", "PATCH", chance.choice(TARGETS), text.encode(errors="replace"), XML_PATCH)


def _xml_operation(chance: random.Random) -> str:
    name = chance.choice(("add", "add", "replace", "remove", "spam", "f:add"))
    selector = chance.choice(SELECTORS)
    selector = damaged(chance, selector) if chance.random() < 0.2 else selector
    more = chance.choice(("", "", "", " pos='before'", " pos='x'", " type='@value'", " type='@xmlns'", " ws='both'"))
    shown = quoteattr("".join(c for c in selector if c.isprintable()))
    return f"<{name} sel={shown}{more}>{chance.choice(CONTENTS)}</{name}>"


def _sound_xml_operation(chance: random.Random) -> str:
    """An operation that can be read; what it makes is seldom a resource."""
    selector = quoteattr(chance.choice(SELECTORS[:9]))
    content = chance.choice(CONTENTS[:12])
    return chance.choice(
        (
            f"<add sel={selector}>{content}</add>",
            f"<add sel={selector} pos='{chance.choice(('before', 'after', 'prepend'))}'>{content}</add>",
            f"<add sel={selector} type='@value'>text</add>",
            f"<replace sel={selector}>{content}</replace>",
            f"<remove sel={selector} ws='both'/>",
        )
    )


MAKERS: tuple[Maker, ...] = (json_patches, merge_patches, fhirpath_patches, xml_patches)
