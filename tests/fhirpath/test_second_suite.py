"""A suite by other authors, on R4 resources and on plain JSON: ``test/cases`` of HL7/fhirpath.js.

Cases for other versions of FHIR are left out, as are those that the suite itself disables. One test runs all cases and
compares the set of those that fail with the known ones, so that a new failure and a new success both show.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import Environment, FhirPathError, Rules, compile_fhirpath
from fhirserver.fhirpath.items import Items, with_values
from fhirserver.fhirpath.lowering import json_item
from fhirserver.fhirpath.quantity import Measurement, render_measurement
from fhirserver.kernel.resource import Json
from fhirserver.ucum import Ucum
from tests.fhirpath import plain_yaml

NOW_US = 1_800_000_000_123_000
LEAST = Decimal("0.97")


def _named(file: str, *positions: int) -> list[str]:
    return [f"{file}/{position}.0" for position in positions]


_UNTYPED = "without a model that suite reads resources as bare JSON; here R4's types are always known"
_NO_SUCH_ELEMENT = "FHIRPath names elements, not JSON properties: not `valueString`, and none that R4 does not define"
_NO_MULTISETS = "items are looked for, not counted; two without values are equal when their ids and extensions are"
_OF_TYPE = "R4's own suite: `ofType` keeps exactly the type it names, a FHIR string is no System.String"
_ID = "ids and urls are of the types id and uri here, not of System.String"
_ORDER = "children come in the order of the definition"
_DRAFT = "nothing of the kind in N1 or the drafts read here"
_EQUIVALENT = "R4's own suite: 4 'g' ~ 4040 'mg', because equivalence rounds to the less precise"
_R4_YEAR = "R4 reads the UCUM code `a` of a FHIR quantity as a calendar year, and as nothing else"
_TRUTH = "N1, singleton evaluation: an only item that is no boolean is true"
_SPECIAL = "arithmetic of values in one special unit is that of the values"
_DURATIONS = "calendar units up to weeks are their UCUM units, so that products and quotients are defined"
_EXACT = "arithmetic has 34 digits here, the expected value 16"
_ZONE = "the expected zone is that of the machine"
_LEAP = "times have no leap second"
_XHTML = "R4 defines xhtml as a primitive"
_INVALID = "the input has an object where JSON writes an array"
KNOWN_FAILURES = {
    **dict.fromkeys(_named("3_path_selection", 5), _UNTYPED),
    **dict.fromkeys(_named("6.2_comparision", 143), _UNTYPED),
    **dict.fromkeys(_named("6.6_math", 265), _UNTYPED),
    **dict.fromkeys(_named("extensions", 2, 7), _UNTYPED),
    **dict.fromkeys(_named("3_path_selection", 21, 22), _NO_SUCH_ELEMENT),
    **dict.fromkeys(_named("factory", 60, 61, 62, 63), _NO_SUCH_ELEMENT),
    **dict.fromkeys(_named("simple", 1, 33), _NO_SUCH_ELEMENT),
    **dict.fromkeys(_named("5.1_existence", 60, 72), _NO_MULTISETS),
    **dict.fromkeys(_named("6.1_equality", 97, 99), _NO_MULTISETS),
    **dict.fromkeys(_named("5.2_filtering_and_projection", 34), _OF_TYPE),
    **dict.fromkeys(_named("simple", 44), _OF_TYPE),
    **dict.fromkeys(_named("6.3_types", 23, 25), _ID),
    **dict.fromkeys(_named("extensions", 10), _ID),
    **dict.fromkeys(_named("5.8_tree_navigation", 6), _ORDER),
    **dict.fromkeys(_named("5.5_conversion", 112), _DRAFT),
    **dict.fromkeys(_named("5.6_string_manipulation", 86, 132, 136), _DRAFT),
    **dict.fromkeys(_named("6.6_math", 171, 184, 221), _DRAFT),
    **dict.fromkeys(_named("simple", 13), _DRAFT),
    **dict.fromkeys(_named("fhir-quantity", 7, 8), _DRAFT),
    **dict.fromkeys(_named("6.1_equality", 134, 135, 136), _EQUIVALENT),
    **dict.fromkeys(_named("6.2_comparision", 89), _R4_YEAR),
    **dict.fromkeys(_named("6.6_math", 86), _R4_YEAR),
    **dict.fromkeys(_named("fhir-quantity", 5, 10, 11, 12, 14, 16, 18, 20, 23, 25, 26, 32, 34), _R4_YEAR),
    **dict.fromkeys(_named("6.5_boolean_logic", 11, 24, 38, 39), _TRUTH),
    **dict.fromkeys(_named("6.6_math", 27, 62, 63, 114, 155), _SPECIAL),
    **dict.fromkeys(_named("6.6_math", 32, 33, 72, 76, 77, 78), _DURATIONS),
    **dict.fromkeys(_named("6.6_math", 79, 80, 81, 82), _EXACT),
    **dict.fromkeys(_named("6.6_math", 218), _ZONE),
    **dict.fromkeys(_named("6.6_math", 255), _LEAP),
    **dict.fromkeys(_named("hasValue", 16), _XHTML),
    **dict.fromkeys(_named("extensions", 16), _INVALID),
}


@pytest.fixture(scope="session")
def suite(corpora: Path) -> Path:
    """The folder of the suite and its inputs."""
    return corpora / "03-fhirpath-r4" / "fhirpath-js"


def test_the_second_suite(suite: Path, definitions: Definitions, ucum: Ucum) -> None:
    environment = Environment(ucum=ucum, now_us=NOW_US)
    failures, count = {}, 0
    for name, case, subject in _cases(suite):
        count += 1
        reason = _judge(case, subject, definitions, environment)
        if reason is not None:
            failures[name] = f"{case['expression']}: {reason}"
    unexpected = {name: reason for name, reason in failures.items() if name not in KNOWN_FAILURES}
    assert unexpected == {}
    assert KNOWN_FAILURES.keys() - failures.keys() == set(), "these pass now: remove them from the list"
    assert count > 1_500
    assert count - len(failures) >= LEAST * count


def _cases(suite: Path) -> Iterator[tuple[str, dict[str, Json], Json]]:
    """Yield each expression as a case with a name of its own and its input."""
    inputs = {path.name: path for path in (suite / "resources-r4").rglob("*.json")}
    for path in sorted((suite / "cases").glob("*.yaml")):
        document = plain_yaml.load(path.read_text("utf-8"))
        for position, case in enumerate(_flattened(document["tests"])):
            if "expression" not in case or case.get("disable") or case.get("model", "r4") != "r4":
                continue
            subject = document.get("subject")
            if "inputfile" in case:
                if Path(case["inputfile"]).name not in inputs:
                    continue
                text = inputs[Path(case["inputfile"]).name].read_text("utf-8")
                subject = _corrected(json.loads(text, parse_float=Decimal))
            given = case["expression"]
            for number, expression in enumerate(given if isinstance(given, list) else [given]):
                yield f"{path.stem}/{position}.{number}", {**case, "expression": expression}, subject


def _corrected(resource: dict[str, Json]) -> dict[str, Json]:
    """Make arrays of the answers that are not: JSON writes what may repeat as an array."""
    items = resource.get("item", ()) if resource.get("resourceType") == "QuestionnaireResponse" else ()
    for item in items:
        if isinstance(item.get("answer"), dict):
            item["answer"] = [item["answer"]]
    return resource


def _flattened(tests: list[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    for test in tests:
        groups = [value for key, value in test.items() if key.startswith("group")]
        for group in groups:
            yield from _flattened(group)
        if not groups:
            yield test


def _judge(case: dict[str, Json], subject: Json, definitions: Definitions, environment: Environment) -> str | None:
    """Run one case; None when it passes, else what was found."""
    try:
        found = _evaluate(case, subject, definitions, environment)
    except FhirPathError as error:
        return None if "error" in case else f"{type(error).__name__}: {error}"
    if "error" in case:
        return f"{found} instead of an error"
    expected = case.get("result", [])
    expected = expected if isinstance(expected, list) else [expected]
    shown = [_written(value) for _, value in with_values(found)]
    return None if _same(shown, expected) else f"{shown} instead of {expected}"


def _evaluate(case: dict[str, Json], subject: Json, definitions: Definitions, environment: Environment) -> Items:
    variables = {name: _items(value) for name, value in (case.get("variables") or {}).items()}
    resource = subject if isinstance(subject, dict) else None
    environment = Environment(ucum=environment.ucum, now_us=environment.now_us, variables=variables, resource=resource)
    expression, context_type = case["expression"], _type_of(subject, definitions)
    if isinstance(expression, dict):
        context_type, expression = expression["base"], expression["expression"]
    if "context" in case:
        expression = f"({case['context']}).select({expression})".replace("%context", "$this")
    compiled = compile_fhirpath(expression, context_type, definitions, rules=Rules.LANGUAGE)
    return compiled.evaluate(subject if subject is not None else {}, environment)


def _type_of(subject: Json, definitions: Definitions) -> str:
    name = subject.get("resourceType", "") if isinstance(subject, dict) else ""
    return name if definitions.is_resource_type(name) else "System.Any"


def _items(value: Json) -> Items:
    values = value if isinstance(value, list) else [value]
    return [json_item(each) for each in values if each is not None]


def _written(value: Json) -> Json:
    return render_measurement(value) if isinstance(value, Measurement) else value


def _same(found: Json, expected: Json) -> bool:
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, int | Decimal):
        try:
            number = Decimal(str(expected))
        except ArithmeticError:
            return False
        return abs(found - number) <= Decimal("1e-8") * max(1, abs(number))
    return bool(found == expected)
