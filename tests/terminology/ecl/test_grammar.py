"""Every production of the grammar of expression constraints on the small release; results are worked out by hand.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (2.3, brief and long)
"""

import numpy as np
import pytest

from fhirserver.terminology.concepts import Filter
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import Wanted
from fhirserver.terminology.loaders.tree import Tree
from tests.terminology.ecl import release_files
from tests.terminology.ecl.rows_filters import CONCEPT_FILTERS, DESCRIPTION_FILTERS, HISTORY, MEMBER_FILTERS
from tests.terminology.ecl.rows_refined import CARDINALITY, REFINED, REVERSE, VALUES
from tests.terminology.ecl.rows_simple import COMPOUND, MEMBERS, SIMPLE
from tests.terminology.ecl.small_ontology import RELEASE, VERSION, SmallOntology

ONTOLOGY = SmallOntology()


class Silent:
    """Hears of progress."""

    def begin(self, work: str, total: int) -> None:
        """Hear that work begins."""

    def advance(self, done: int) -> None:
        """Hear how far it is."""


TABLE = [
    *SIMPLE, *MEMBERS, *COMPOUND, *REFINED, *CARDINALITY, *REVERSE, *VALUES, *CONCEPT_FILTERS, *DESCRIPTION_FILTERS,
    *MEMBER_FILTERS, *HISTORY,
]  # fmt: skip


@pytest.mark.parametrize(("constraint", "expected"), [pytest.param(*one[1:], id=one[0]) for one in TABLE])
def test_constraint_selects(constraint: str, expected: str) -> None:
    found = ONTOLOGY.select(Filter("constraint", "=", RELEASE.text(constraint)))

    assert ONTOLOGY.codes(found) == set(expected.split())


@pytest.mark.parametrize(("constraint", "expected"), [pytest.param(*one[1:], id=one[0]) for one in TABLE])
def test_constraint_holds_for_what_it_selects(constraint: str, expected: str) -> None:
    holds = ONTOLOGY.holds(Filter("constraint", "=", RELEASE.text(constraint)))

    found = np.array([holds(number) for number in range(len(ONTOLOGY))], np.bool_)
    assert ONTOLOGY.codes(found) == set(expected.split())


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> IndexedCodeSystem:
    """The small release, loaded from its files."""
    folder = tmp_path_factory.mktemp("edition")
    tree = Tree([release_files.write(folder / "release")])
    loader_of(tree).load(tree, Wanted(None, VERSION), folder / "index", Silent())
    return open_index(folder / "index")


@pytest.mark.parametrize(("constraint", "expected"), [pytest.param(*one[1:], id=one[0]) for one in TABLE])
def test_constraint_selects_in_a_loaded_edition(edition: IndexedCodeSystem, constraint: str, expected: str) -> None:
    found = edition.select(Filter("constraint", "=", RELEASE.text(constraint)))

    codes = (edition.code(int(number)) for number in np.flatnonzero(found))
    assert {RELEASE.names[code] for code in codes} == set(expected.split())
