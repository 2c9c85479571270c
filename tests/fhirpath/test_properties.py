"""Whatever the text and whatever it computes: a result or one of our errors, within bounds."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    Bounds,
    Environment,
    FhirPathError,
    FhirPathExecutionError,
    Rules,
    compile_fhirpath,
)
from fhirserver.fhirpath.ast import BINDING
from fhirserver.fhirpath.functions import FUNCTIONS
from fhirserver.ucum import Ucum

RESOURCE: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "contained": [{"resourceType": "Patient", "id": "p", "birthDate": "1980-02", "active": True}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "1"}], "text": "One"},
    "subject": {"reference": "#p"},
    "effectiveDateTime": "2024-02-29T10:00:00.5+02:00",
    "_effectiveDateTime": {"extension": [{"url": "u", "valueString": "e"}]},
    "valueQuantity": {"value": Decimal("1.50"), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
    "component": [
        {"code": {"text": "a"}, "valueString": "s"},
        {"code": {"text": "b"}, "valueInteger": 3},
        {"code": {"text": "c"}, "valueTime": "10:00:00"},
    ],
}

_TERMS = st.sampled_from(
    [
        *("code", "code.coding.code", "subject", "effective", "value", "value.value", "component", "component.value"),
        *(
            "contained",
            "contained.birthDate",
            "Observation.id",
            "Patient.name",
            "%resource",
            "%ucum",
            "$this",
            "$index",
        ),
        *("1", "0", "-1", "2.50", "'a'", "'1'", "''", "true", "{}", "@2024", "@2024-02-29", "@T10:30", "4 days"),
        *("1.5 'mg'", "@2024-02-29T10:00:00Z", "Quantity", "string", "System.String", "$total", "'base64'", "nothing"),
    ]
)
_FUNCTIONS = st.sampled_from(sorted(FUNCTIONS))
_OPERATORS = st.sampled_from(sorted(BINDING))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    calls = st.tuples(inner, _FUNCTIONS, st.lists(inner, max_size=2))
    return st.one_of(
        calls.map(lambda call: f"({call[0]}).{call[1]}({', '.join(call[2])})"),
        st.tuples(inner, _OPERATORS, inner).map(lambda parts: f"({parts[0]}) {parts[1]} {parts[2]}"),
        st.tuples(inner, st.sampled_from(["code", "value", "extension", "id"])).map(".".join),
        inner.map(lambda text: f"-({text})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]})[{parts[1]}]"),
    )


EXPRESSIONS = st.recursive(_TERMS, _larger, max_leaves=6)


@settings(max_examples=500, deadline=None)
@given(source=st.one_of(EXPRESSIONS, st.text(max_size=30)), rules=st.sampled_from(Rules))
def test_any_expression_ends_in_a_result_or_in_our_error(
    source: str, rules: Rules, definitions: Definitions, ucum: Ucum
) -> None:
    environment = Environment(ucum=ucum, now_us=0, bounds=Bounds(steps=20_000, items=5_000))
    fault = None
    try:
        compiled = compile_fhirpath(source, "Observation", definitions, rules=rules)
        selected = compiled.select(RESOURCE, environment)
    except FhirPathError as error:
        fault = error
    if fault is not None:
        assert fault.__cause__ is None, "a fault of the engine, not of the expression"
    elif compiled.types.isdisjoint({"System.Any", "Resource"}):
        assert {name for name, _ in selected} <= compiled.types | {"Patient"}


def test_steps_are_bounded(definitions: Definitions) -> None:
    compiled = compile_fhirpath("descendants().select(%resource.descendants().count())", "Observation", definitions)
    assert compiled.select(RESOURCE)
    with pytest.raises(FhirPathExecutionError, match="too many steps"):
        compiled.select(RESOURCE, Environment(bounds=Bounds(steps=100)))


def test_collections_are_bounded(definitions: Definitions) -> None:
    source = "component.repeat($this.combine(component) | %resource.component)"
    compile_fhirpath(source, "Observation", definitions).select(RESOURCE)
    growing = "(1 | 2).aggregate($total.combine($total).combine($this), 1 | 2)"
    compiled = compile_fhirpath(growing, "Observation", definitions)
    with pytest.raises(FhirPathExecutionError, match="too large"):
        compiled.select(RESOURCE, Environment(bounds=Bounds(items=5)))


GROWING = [
    "('a' + 'b').replace('', 'cd')" + ".replace('', 'cd')" * 12,
    "'ab'" + ".replaceMatches('(.)', '$1$1$1$1')" * 12,
    "descendants().aggregate($total & 'x' & $total, 'seed')",
]


@pytest.mark.parametrize("source", GROWING)
def test_strings_are_bounded(source: str, definitions: Definitions) -> None:
    with pytest.raises(FhirPathExecutionError, match="too long"):
        compile_fhirpath(source, "Observation", definitions).select(RESOURCE)
