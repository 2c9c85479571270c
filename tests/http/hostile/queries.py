"""Searches and paths that are malformed, or mean as much work as they can."""

import random
from urllib.parse import quote

from tests.http.hostile.case import (
    ELSEWHERE,
    NUMBERS,
    TEXTS,
    Case,
    Maker,
    Pairs,
    damaged,
    encoded,
    expression,
    noise,
    times,
    written,
)

FORM = "application/x-www-form-urlencoded"
TYPES = ("Patient", "Observation", "Encounter", "Group", "List", "Binary", "ValueSet", "Organization", "")
_NAMES = """
    name family phonetic birthdate death-date deceased active gender identifier link organization address-city near
    general-practitioner code date subject patient performer value-quantity value-concept code-value-quantity url
    combo-value-quantity component-code-value-quantity probability part-of _id _lastUpdated _tag _profile _security
    _source _text _content _nonsense version expansion
"""
_MODIFIERS = """
    :missing :exact :contains :not :in :not-in :text :text-advanced :code-text :above :below :of-type :identifier
    :Patient :Foo :iterate : :: :missing:missing :exact:exact .name .:x :Patient.name :Organization.partof.name [0]
"""
NAMES, MODIFIERS = _NAMES.split(), _MODIFIERS.split()
PREFIXES = ("", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "zz", "eqeq", "-", "+")
DATES = ("2020", "2020-02-30", "0000", "0001", "9999-12-31", "99999", "2020-01-01T24:00", "2020-01-01T10:00+99:99")
CODES = ("a|b", "|a", "a|", "|", "||", "a|b|c", "http://loinc.org|8302-2", "http://x|" + "c" * 2_000, r"a\|b", "\\")
AMOUNTS = (
    "5.4|http://unitsofmeasure.org|mg",
    "1|http://unitsofmeasure.org|" + "m." * 200 + "m",
    "1||[",
    "1||" + "(" * 90,
)
LINKS = ("Patient/p", "Patient/", "/p", "http://[::1", "urn:uuid:", "#a", "Patient/p/_history/0", "Foo/1", "a" * 300)
SPECIAL = ("1|2|3|km", "91|181|1|km", "0|0|1e99|km", "0|0|-1|m", "-90|0|99999999|km", "NaN|NaN", "1$2", "$", "a$b$c")
SETS = ("http://hl7.org/fhir/ValueSet/administrative-gender", "ValueSet/v", f"{ELSEWHERE}ValueSet/x", "x|1|2")
VALUES = (*NUMBERS, *DATES, *CODES, *AMOUNTS, *LINKS, *SPECIAL, *SETS, *TEXTS)
HOPS = ("subject", "patient", "performer", "organization", "link", "part-of", "encounter", "has-member", "focus", "x")
FILTERS = (
    'name eq "a" and not (birthdate lt 1950 or active eq true)',
    "name sw x or gender in http://hl7.org/fhir/ValueSet/administrative-gender",
    "_lastUpdated po 2020-01-01 and identifier pr true or link re Patient/p",
    "name[use eq official].family co x or gender in ValueSet/v",
)
OBSERVATION_FILTERS = (
    "code eq http://loinc.org|8480-6 and value-quantity gt 140",
    "subject.gender eq male and subject.birthdate ge 1950",
    "subject[gender eq male and organization[name sw a].active eq true].birthdate ge 1950",
    'code ss "http://loinc.org|1" or subject.name co "\\"" and value-quantity ap 5||mg',
    "component[code eq loinc|8480-6 and value gt 140].value lt 5",
)
_FITTING: dict[str, tuple[tuple[str, tuple[str, ...], str], ...]] = {
    "Patient": (
        ("name family phonetic address-city", TEXTS, ":exact :contains :missing"),
        ("birthdate death-date _lastUpdated", DATES, ":missing"),
        ("active gender identifier deceased _tag _security", CODES, ":not :missing :in :not-in :text"),
        ("organization general-practitioner link", LINKS, ":Patient :identifier :missing"),
        ("_id", LINKS, ":not"),
    ),
    "Observation": (
        ("code combo-code value-concept category status", CODES, ":not :in :not-in :text :above :below :missing"),
        ("subject patient performer has-member encounter", LINKS, ":Patient :identifier :missing"),
        ("date value-date _lastUpdated", DATES, ":missing"),
        ("value-quantity combo-value-quantity", AMOUNTS, ":missing"),
        ("code-value-quantity combo-code-value-quantity", ("a$1", "http://x|a$gt5||m", "a$"), ""),
        ("value-string", TEXTS, ":exact :contains"),
    ),
    "ValueSet": (("url reference expansion", SETS, ":below :above"), ("name title", TEXTS, ":contains")),
    "RiskAssessment": (("probability", NUMBERS, ":missing"),),
    "Location": (("near", SPECIAL, ""),),
}
"""Parameters of types, with values and modifiers that are for them: most of these searches run."""
WORDS = (
    *(
        "acute",
        "the",
        '"two words"',
        "AND",
        "OR",
        "NOT",
        "-",
        "(",
        ")",
        '"',
        "*",
        "hea*",
        ",",
        "é",
        "\u200d",
        "a" * 300,
    ),
)
INCLUDES = (
    "Patient:link",
    "Observation:subject:Patient",
    "*",
    "Patient:*",
    "Foo:x",
    "Patient",
    "::",
    "Observation:code",
)
COLUMNS = ("id", "name.family", "birthDate", "'=1'", "descendants()", "name.given.where($this='a')", "$", "(", "a b")
RESULTS = {
    "_sort": (
        "name",
        "-birthdate",
        "_score",
        "patient.name",
        "subject:Patient.organization.name",
        "a.b.c.d.e",
        "--",
        "-",
    ),
    "_include": INCLUDES,
    "_include:iterate": INCLUDES,
    "_revinclude": INCLUDES,
    "_revinclude:iterate": INCLUDES,
    "_include:recurse": INCLUDES,
    "_at": (*DATES, "2026-01", "gt2020", "3000", "2020-01-01T00:00:00Z,2021"),
    "_elements": ("name", "name.family", "*", "resourceType", "contained", "_id", "__proto__", ","),
    "_list": ("l", "List/l", "$current-problems", "nope", "../l", "l,l", "Patient/p"),
    "_query": ("x", "", "urn:x", "a/b", "a" * 300, "{{%a}}"),
    "_columns": COLUMNS,
    "_format": (
        "json",
        "xml",
        "ttl",
        "csv",
        "ndjson",
        "html",
        "text/csv",
        "application/fhir+xml; fhirVersion=5.0",
        "*/*",
    ),
    "_cursor": ("AAAA", "A" * 3_000, "é", "a.b.c", "=", "-_-_", "eyJhIjoxfQ"),
    "_count": NUMBERS,
    "_maxresults": NUMBERS,
    "_total": ("none", "estimate", "accurate", "x"),
    "_summary": ("true", "text", "data", "count", "false", "x"),
    "_contained": ("true", "both", "false", "x"),
    "_containedType": ("container", "contained", "x"),
    "_type": ("Patient", "Patient,Observation", "Foo", "Patient,,", "*"),
    "_since": DATES,
    "_explain": ("true", "x"),
    "_pretty": ("true", "x"),
}


def _search(kind: str, chance: random.Random, pairs: Pairs, of_type: str | None = None) -> Case:
    resource_type = chance.choice(TYPES) if of_type is None else of_type
    if chance.random() < 0.2:
        path = f"{resource_type}/_search" if resource_type else "_search"
        return Case(kind, "POST", path, written(pairs).encode(), FORM)
    path = chance.choice((resource_type, resource_type, f"Patient/p/{resource_type or '*'}"))
    return Case(kind, "GET", f"{path}?{written(pairs)}")


def _value(chance: random.Random) -> str:
    found = chance.choice(PREFIXES) + chance.choice(VALUES)
    if chance.random() < 0.2:
        found = damaged(chance, found)
    if chance.random() < 0.1:
        found = chance.choice((",", "$", "|", "\\,", ",,")).join([found[:40]] * times(chance))
    return found


def _name(chance: random.Random) -> str:
    return chance.choice(NAMES) + (chance.choice(MODIFIERS) if chance.random() < 0.4 else "")


def parameters(chance: random.Random) -> Case:
    """Any parameter with any modifier, prefix and value."""
    return _search("parameters", chance, [(_name(chance), _value(chance)) for _ in range(chance.randint(1, 4))])


def _fits(chance: random.Random, resource_type: str) -> tuple[str, str]:
    names, values, modifiers = chance.choice(_FITTING[resource_type])
    modifier = chance.choice(modifiers.split()) if modifiers and chance.random() < 0.4 else ""
    value = chance.choice(values)
    if modifier == ":missing":
        value = "true"
    elif modifier in (":in", ":not-in"):
        value = chance.choice(SETS)
    if names.endswith(("date", "quantity", "probability", "_lastUpdated")) and not modifier:
        value = chance.choice(PREFIXES[:12]) + value
    several = chance.choice((1, 1, 1, 1, times(chance)))
    return chance.choice(names.split()) + modifier, ",".join([value[:60] if several > 1 else value] * several)


def fitting(chance: random.Random) -> Case:
    """Parameters of one type with values for them, which mean much or nothing."""
    resource_type = chance.choice(("Patient", "Patient", "Observation", "Observation", *_FITTING))
    pairs = [_fits(chance, resource_type) for _ in range(chance.choice((1, 1, 2, 5, 40)))]
    return _search("parameters", chance, pairs, resource_type)


def linked(chance: random.Random) -> Case:
    """Chains and ``_has`` that lead somewhere, several at once."""
    pairs: Pairs = []
    resource_type = chance.choice(("Patient", "Observation"))
    for _ in range(chance.choice((1, 1, 2, 8))):
        inner = chance.choice(("Patient", "Observation"))
        name, value = _fits(chance, inner)
        if inner == "Observation":
            name = f"_has:Observation:subject:{name}"
        for _ in range(chance.choice((0, 1, 3, 6))):  # and back again
            name = f"_has:Observation:subject:subject:Patient.{name}"
        pairs.append((name if resource_type == "Patient" else f"subject:Patient.{name}", value))
    return _search("chains", chance, pairs, resource_type)


def chains(chance: random.Random) -> Case:
    """Chains and ``_has`` in each other, up to far too deep."""
    name = _name(chance)
    for _ in range(chance.choice((1, 2, 3, 7, 8, 9, 40))):
        hop = chance.choice(HOPS)
        typed = f":{chance.choice(TYPES)}" if chance.random() < 0.4 else ""
        reverse = f"_has:{chance.choice(TYPES)}:{hop}:{name}"
        name = chance.choice((f"{hop}{typed}.{name}", f"{hop}{typed}.{name}", reverse, f"_has:{name}"))
    return _search("chains", chance, [(name, _value(chance))] * chance.choice((1, 1, 1, 30)))


def filters(chance: random.Random) -> Case:
    """``_filter``: damaged, deep, long."""
    resource_type = chance.choice(("Patient", "Observation", "Observation"))
    text = chance.choice(FILTERS if resource_type == "Patient" else OBSERVATION_FILTERS)
    shape = chance.randrange(5)
    if shape == 0:
        text = damaged(chance, text)
    elif shape == 1:
        text = "(" * (depth := times(chance)) + text + ")" * chance.choice((depth, depth - 1))
    elif shape == 2:
        text = chance.choice((" and ", " or ", " ")).join([text] * times(chance))
    elif shape == 3:
        text = "not (" * (depth := times(chance)) + text + ")" * depth
    else:
        text = "subject[" * (depth := times(chance)) + text + "]" * depth + chance.choice(("", ".name eq x"))
    return _search("filters", chance, [("_filter", text)], resource_type if chance.random() < 0.9 else None)


def results(chance: random.Random) -> Case:
    """What shapes the answer."""
    pairs = [(name, _shaping(chance, name)) for name in chance.choices(sorted(RESULTS), k=chance.randint(1, 4))]
    return _search("results", chance, [*pairs, (_name(chance), _value(chance))] if chance.random() < 0.3 else pairs)


def _shaping(chance: random.Random, name: str) -> str:
    found = chance.choice(RESULTS[name])
    if chance.random() < 0.2:
        found = damaged(chance, found)
    return ",".join([found] * times(chance)) if chance.random() < 0.1 else found


def words(chance: random.Random) -> Case:
    """Searches in texts."""
    between = chance.choice((" ", "", " "))
    text = between.join(chance.choices(WORDS, k=times(chance)))
    if chance.random() < 0.2:
        text = "(" * (depth := times(chance)) + text + ")" * depth
    return _search("words", chance, [(chance.choice(("_text", "_content", "code:text-advanced")), text)])


def columns(chance: random.Random) -> Case:
    """Lines of CSV with any expression in a cell."""
    pairs = [("_format", chance.choice(("csv", "csv", "ndjson"))), ("_columns", expression(chance)[:1_500])]
    return Case("columns", "GET", "Observation?" + written(pairs))


_WORDS = (
    "Patient",
    "p",
    "_history",
    "1",
    "*",
    "_search",
    "metadata",
    "$meta",
    "$everything",
    "$x",
    "Observation",
    "..",
)


def paths(chance: random.Random) -> Case:
    """Any path and method; what the other cases need is not deleted."""
    segments = [chance.choice((*_WORDS, noise(chance, 8))) for _ in range(chance.choice((1, 2, 3, 4, 5, 60)))]
    path = "/".join(quote(segment, safe="$*") for segment in segments)
    if chance.random() < 0.2:
        path = "/".join(segments).encode("ascii", "ignore").decode()
        path = "".join(c for c in path if c.isalnum() or c in "/%$*.;:@!'(),+&=_~-")
    if chance.random() < 0.3:
        path += "?" + written([(_name(chance), _value(chance))])
    method = chance.choice(("GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "PROPFIND"))
    body = encoded({"resourceType": "Patient"}) if method in ("POST", "PUT", "PATCH") else None
    return Case("paths", method, path, body)


def conditions(chance: random.Random) -> Case:
    """A conditional update, patch or delete by a criterion that hardly selects anything."""
    query = written([("identifier", f"urn:none|{chance.random()}"), (_name(chance), _value(chance))])
    method = chance.choice(("PUT", "PATCH", "DELETE"))
    body = None if method == "DELETE" else encoded({"resourceType": "Patient", "active": True})
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/fhir+json"
    return Case("conditions", method, f"Patient?{query}", body, content_type)


MAKERS: tuple[Maker, ...] = (
    *(parameters, parameters, fitting, fitting, fitting, chains, linked, linked, filters, filters, results, results),
    *(words, columns, paths, conditions),
)
