"""Whatever an expression is, it ends soon, in a result or in our error, and leaves the memory as it was.

``FHIRSERVER_HOSTILE`` says how many expressions are tried (10,000 take minutes), ``FHIRSERVER_SEED`` which ones.
"""

import os
import resource
import time
from typing import Any

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    Bounds,
    Environment,
    FhirPathError,
    FhirPathExecutionError,
    FhirPathSyntaxError,
    FhirPathTypeError,
    Rules,
    compile_fhirpath,
)
from fhirserver.fhirpath.lexer import MAX_SOURCE
from fhirserver.fhirpath.notes import MAX_NODES, Notes
from fhirserver.ucum import Ucum
from tests.fhirpath.hostile import expressions

COUNT = int(os.environ.get("FHIRSERVER_HOSTILE", "150"))
SEED = int(os.environ.get("FHIRSERVER_SEED", "1"))
LONGEST_S = 20.0
GROWTH_MB = 150
INPUT: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "contained": [{"resourceType": "Patient", "id": "p", "birthDate": "1980-02"}],
    "effectiveDateTime": "2024-02-29T10:00:00.5+02:00",
    "valueString": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    "component": [
        {"code": {"text": "a", "coding": [{"code": str(i)}]}, "valueQuantity": {"value": i, "unit": "mg"}}
        for i in range(100)
    ],
}


def test_every_expression_ends_soon(definitions: Definitions, ucum: Ucum) -> None:
    environment = Environment(ucum=ucum, now_us=0)
    slow, faults = [], []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in expressions(SEED, COUNT):
        start = time.thread_time()  # the machine may have other work
        fault = _fault(source, definitions, environment)
        elapsed = time.thread_time() - start
        if elapsed > LONGEST_S:
            slow.append((elapsed, source[:200]))
        if fault is not None:
            faults.append((fault, source[:200]))
    assert slow == []
    assert faults == []
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < GROWTH_MB


def _fault(source: str, definitions: Definitions, environment: Environment) -> str | None:
    """Evaluate; what is wrong with the engine, if something is."""
    try:
        compile_fhirpath(source, "Observation", definitions, rules=Rules.LANGUAGE).select(INPUT, environment)
    except FhirPathError as error:
        return None if error.__cause__ is None else repr(error.__cause__)
    except Exception as error:
        return repr(error)
    return None


REFUSED = [
    pytest.param("1" + " " * MAX_SOURCE, FhirPathSyntaxError, "characters", id="too long"),
    pytest.param("(" * 101 + "1" + ")" * 101, FhirPathSyntaxError, "deep", id="too deep"),
    pytest.param("1.repeat($this + 1)", FhirPathExecutionError, "too l", id="no end"),
    pytest.param("1.repeatAll($this)", FhirPathExecutionError, "too", id="no end of the same"),
    pytest.param("'a'.matches('(?=a)')", FhirPathExecutionError, "look-around", id="look-around"),
    pytest.param("'aa'.matches('(a)\\\\1')", FhirPathExecutionError, "back references", id="a back reference"),
    pytest.param("'a'.matches('((a{500}){500}){500}')", FhirPathExecutionError, "repeats", id="too many states"),
    pytest.param("'a'.replaceMatches('a', '$2')", FhirPathExecutionError, "group", id="no such group"),
    pytest.param("'ab'" + ".encode('hex')" * 40, FhirPathExecutionError, "too long", id="a text that doubles"),
    pytest.param("'&'" + ".escape('html').replace('&', '&&&&')" * 12, FhirPathExecutionError, "too long", id="escapes"),
    pytest.param(
        "'a'" + ".replace('a', 'aaaaaaaaaa')" * 5 + ".replaceMatches('((a{1,100}){1,10})', '')",
        FhirPathExecutionError,
        "states",
        id="many states",
    ),
    pytest.param(
        "descendants().select('x')" + ".select($this & $this)" * 18, FhirPathExecutionError, "too many steps", id="text"
    ),
]


@pytest.mark.parametrize(("source", "error", "message"), REFUSED)
def test_is_refused(source: str, error: type[Exception], message: str, definitions: Definitions) -> None:
    with pytest.raises(error, match=message):
        compile_fhirpath(source, "Observation", definitions, rules=Rules.LANGUAGE).select(INPUT, Environment())


def test_compilation_is_bounded() -> None:
    notes = Notes("")
    for _ in range(MAX_NODES):
        notes.count_node()
    with pytest.raises(FhirPathTypeError, match="too many steps"):
        notes.count_node()


def test_time_is_bounded(definitions: Definitions) -> None:
    source = "descendants().select(%resource.descendants().select(%resource.descendants().count()))"
    compiled = compile_fhirpath(source, "Observation", definitions)
    bounds = Bounds(steps=10**9, items=10**9, seconds=0.05)
    start = time.perf_counter()
    with pytest.raises(FhirPathExecutionError, match="too long"):
        compiled.select(INPUT, Environment(bounds=bounds))
    assert time.perf_counter() - start < LONGEST_S


def test_many_operands_do_not_nest(definitions: Definitions) -> None:
    for operator, expected in ((" and ", True), (" or ", True), (" | ", True)):
        source = operator.join(["true"] * 5_000)
        assert compile_fhirpath(source, "Observation", definitions).select(INPUT) == [("boolean", expected)]


def test_regular_expressions_take_linear_time(definitions: Definitions) -> None:
    source = "('a'" + ".replace('a', 'aaaaaaaaaa')" * 4 + " & '!').matches('^(a+)+$')"
    start = time.perf_counter()
    assert compile_fhirpath(source, "Observation", definitions).select(INPUT) == [("boolean", False)]
    assert time.perf_counter() - start < 10
