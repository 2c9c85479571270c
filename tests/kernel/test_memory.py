"""Results of texts are remembered as long as these are short: a memory is bounded in bytes too."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.memory import SHORT, remembered
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.store.layout import index_fields

LONG = 1_000_000


@contextmanager
def keeping_less_than(mebibytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[0] < mebibytes * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("length", "calls"), [(1, 1), (SHORT, 1), (SHORT + 1, 2)])
def test_short_texts_are_remembered(length: int, calls: int) -> None:
    called: list[str] = []

    @remembered(8)
    def twice(text: str, more: int = 0) -> str:
        called.append(text)
        return text * 2

    assert twice("x" * length, 1) == twice("x" * length, 1) == "x" * 2 * length
    assert len(called) == calls


def test_long_ones_leave_no_trace() -> None:
    doubled = remembered(512)(lambda text: text * 2)
    with keeping_less_than(1):
        for number in range(50):
            assert len(doubled(f"{number:06}" * 10_000)) == 120_000


RESOURCES: list[Any] = [
    pytest.param(
        lambda text: {"resourceType": "Patient", "id": "p", "name": [{"family": text, "given": [text]}]}, id="names"
    ),
    pytest.param(
        lambda text: {"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": text}},
        id="references",
    ),
    pytest.param(
        lambda text: {"resourceType": "Observation", "id": "o", "effectiveDateTime": f"2020-01-01T00:00:00.{text}Z"},
        id="times",
    ),
    pytest.param(
        lambda text: {"resourceType": "Observation", "id": "o", "code": {"text": text}}, id="texts of concepts"
    ),
    pytest.param(lambda text: {"resourceType": "Library", "id": "l", "url": text, "version": text}, id="urls"),
    pytest.param(
        lambda text: {
            "resourceType": "Observation",
            "id": "o",
            "valueQuantity": {"value": 1, "code": text, "unit": text},
        },
        id="units",
    ),
]


@pytest.mark.parametrize("resource", RESOURCES)
def test_what_long_values_are_indexed_by_is_not_kept(knowledge: Knowledge, resource: Callable[[str], Any]) -> None:
    rules = IndexingRules(ucum=knowledge.ucum, own_bases=("http://localhost/fhir/",))
    extractor = Extractor(knowledge.definitions, knowledge.parameters, rules)
    extractor.extract(resource("1"))
    with keeping_less_than(4):
        for number in range(10):
            index_fields(extractor.extract(resource(f"{number}" * LONG)))
