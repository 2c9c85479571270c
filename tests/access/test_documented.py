"""docs/access-policy.md shows the matrix of the policy that ships; ``UPDATE_DOCS=1`` writes it anew."""

import os
import re
from pathlib import Path

from fhirserver.access.decision import Rule
from fhirserver.access.policy import RelationKind
from fhirserver.access.policy_tests import matrix
from fhirserver.cli.access import COLUMNS
from tests.access.site import Site

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access-policy.md"
PLACE = re.compile(r"(<!-- matrix -->\n)(.*?)(<!-- /matrix -->)", re.DOTALL)


def test_the_matrix_is_that_of_the_policy(empty: Site) -> None:
    head, *rows = matrix(empty.policy, COLUMNS)
    lines = [head, ["---"] * len(head), *rows]
    wanted = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    page = PAGE.read_text()
    if os.environ.get("UPDATE_DOCS"):
        page = PLACE.sub(lambda found: found[1] + wanted + found[3], page)
        PAGE.write_text(page)
    found = PLACE.search(page)
    assert found is not None
    assert found[2] == wanted


def test_every_rule_and_every_kind_of_evidence_is_described() -> None:
    page = PAGE.read_text()
    assert [one for one in (*Rule, *RelationKind) if f"`{one.value}`" not in page] == []
