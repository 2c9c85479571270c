"""The mutation run can take every filter away, and what is said of filters is said of some that are there."""

import ast

import pytest

from tests.access.equivalent import EQUIVALENT
from tests.access.mutant import ROOT, Site, sites, taken_from

SITES = sites()


def test_what_is_said_to_be_equivalent_is_there() -> None:
    assert EQUIVALENT.keys() - {site.place for site in SITES} == set()


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.place)
def test_a_filter_is_taken_away(site: Site) -> None:
    whole = ast.parse((ROOT / site.path).read_text())
    changed = taken_from(site)
    compile(changed, site.path, "exec")
    assert ast.dump(changed) != ast.dump(whole)
