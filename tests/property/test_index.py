"""An index of any concepts says of them what a CodeSystem resource does that has the same."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.terminology.concepts import Designation
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.index.writer import IndexWriter
from fhirserver.terminology.resource_systems import ResourceCodeSystem, head_of

WORDS = st.sampled_from(["a", "ab", "abc", "Ébahi", "b.c", "ba", "œuf", "", "c", "ABC", "-", "ß"])
TERMS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
CONCEPTS = st.lists(
    st.tuples(TERMS, st.none() | TERMS, st.lists(st.integers(0, 11), max_size=3)), min_size=1, max_size=12
)


def _resource(concepts: list[tuple[str, str | None, list[int]]]) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "url": "http://a.b",
        "language": "en",
        "content": "complete",
        "concept": [
            {
                "code": f"c{number}",
                "display": display,
                "designation": [{"language": "fr", "value": french.strip()}] if french is not None else [],
                "property": [{"code": "parent", "valueCode": f"c{above % len(concepts)}"} for above in parents],
            }
            for number, (display, french, parents) in enumerate(concepts)
        ],
    }


def _indexed(resource: dict[str, Any], folder: str) -> IndexedCodeSystem:
    path = Path(folder) / "index"
    with IndexWriter(path, head_of(resource)) as writer:
        for one in resource["concept"]:
            said = [Designation(each["value"], each["language"]) for each in one["designation"]]
            parents = [each["valueCode"] for each in one["property"]]
            writer.add(one["code"], display=one["display"], designations=said, parents=parents)
        writer.finish()
    return open_index(path)


@settings(max_examples=150, deadline=None)
@given(concepts=CONCEPTS, typed=TERMS)
def test_hierarchy_and_search_are_those_of_the_resource(
    concepts: list[tuple[str, str | None, list[int]]], typed: str
) -> None:
    resource = _resource(concepts)
    reference = ResourceCodeSystem(resource)
    with tempfile.TemporaryDirectory() as folder:
        indexed = _indexed(resource, folder)
        for number in range(len(reference)):
            assert np.array_equal(indexed.ancestors(number), reference.ancestors(number))
            assert np.array_equal(indexed.descendants(number), reference.descendants(number))
            for other in range(len(reference)):
                assert indexed.subsumes(number, other) is reference.subsumes(number, other)
        everything = np.ones(len(reference), np.bool_)
        found = indexed.matching(typed, (), everything)
        assert len(set(found.tolist())) == len(found)
        assert sorted(found.tolist()) == sorted(reference.matching(typed, (), everything).tolist())
