"""Policy files: what is wrong is named with its line and key; the file that ships passes its own tests."""

import pytest

from fhirserver.access.policy import ConsentNeed, RelationKind
from fhirserver.access.policy_file import DEFAULT, load_policy, parse_policy
from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.access.policy_tests import failures
from fhirserver.access.rights import Right
from fhirserver.access.role_terms import check_criteria
from fhirserver.definitions.registry import Definitions
from tests.access.site import Site

SOUND = """\
title = "Ward"
tests = [
  { role = "nurse", types = ["Observation"], can = "crs", cannot = "d", relation = true },
]

[types]
results = ["Observation", "DiagnosticReport"]

[labels.restricted]
codes = ["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R"]

[relation]
encounter = { after_days = 30 }

[roles.nurse]
evidence = ["encounter"]
clearance = ["restricted"]
grants = [
  { types = ["@results"], rights = "rs" },
  { types = ["Observation"], rights = "c", criteria = "category=vital-signs" },
]
[[roles.nurse.release]]
types = ["Observation"]
days = 1

[roles.student]
like = "nurse"
clearance = []
"""

WRONG = [
    pytest.param('rights = "rs"', 'rights = "rx"', "line 19: `roles.nurse.grants.0.rights` is `rx`", id="a right"),
    pytest.param('rights = "c"', 'right = "c"', "line 20: `roles.nurse.grants.1.right", id="a key of a grant"),
    pytest.param("@results", "@result", "line 19: `roles.nurse.grants.0.types` names the group `@result`", id="group"),
    pytest.param('"DiagnosticReport"', '"Report"', "line 7: `types.results` names `Report`", id="a resource type"),
    pytest.param('= ["encounter"]', '= ["stay"]', "line 16: `roles.nurse.evidence` has `stay`; expected one of self",
                 id="a kind of evidence"),
    pytest.param("encounter = {", "stay = {", "line 13: `relation.stay` has `stay`", id="a kind of relation"),
    pytest.param('["restricted"]', '["secret"]', "line 17: `roles.nurse.clearance` names the label", id="a label"),
    pytest.param("days = 1", "days = -1", "line 24: `roles.nurse.release.0.days` is not a number", id="a number"),
    pytest.param("v3-Confidentiality|R", "R", "line 10: `labels.restricted.codes` has", id="a code without a system"),
    pytest.param('like = "nurse"', 'like = "student"', "line 27: `roles.student.like` names `student`", id="a circle"),
    pytest.param('role = "nurse"', 'role = "doctor"', "line 3: `tests.0.role` names the role `doctor`", id="a test"),
    pytest.param('title = "Ward"', "title = 1", "line 1: `title` is not a text", id="a text"),
    pytest.param('title = "Ward"', "titel = 1", "line 1: `titel` is not a key that is known here", id="a key"),
    pytest.param("[roles.nurse]", "[roles.nurse", "line 15", id="no TOML"),
    pytest.param('rights = "rs" }', 'rights = "rs", relation = false, consent = "respect" }',
                 "`roles.nurse.grants.0.consent` is `respect`, which needs a relation", id="consent"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "says"), WRONG)
def test_what_is_wrong_is_named_with_its_line(definitions: Definitions, right: str, wrong: str, says: str) -> None:
    assert right in SOUND
    with pytest.raises(PolicyProblem) as problem:
        parse_policy(SOUND.replace(right, wrong, 1), definitions.resource_types, "ward.toml")
    assert str(problem.value).startswith("ward.toml")
    assert says in str(problem.value)


def test_a_policy_is_values(definitions: Definitions) -> None:
    policy = parse_policy(SOUND, definitions.resource_types)
    nurse, student = policy.roles["nurse"], policy.roles["student"]
    assert nurse.evidence == (RelationKind.ENCOUNTER,)
    assert nurse.grants_of("Observation", Right.CREATE)[0].consent is ConsentNeed.RESPECT
    assert student.grants == nurse.grants
    assert student.clearance == frozenset()
    assert policy.term(RelationKind.ENCOUNTER).after_days == 30
    assert failures(policy) == []


def test_its_version_is_that_of_its_text(definitions: Definitions) -> None:
    first, same = (parse_policy(SOUND, definitions.resource_types) for _ in range(2))
    other = parse_policy(SOUND.replace("30", "31"), definitions.resource_types)
    assert first.version == same.version != other.version


FALLS = [
    pytest.param('can = "crs"', 'can = "crsu"', "`nurse` has no `u` on `Observation`; it should.", id="too little"),
    pytest.param('cannot = "d"', 'cannot = "r"', "`nurse` has `r` on `Observation`; it should not.", id="too much"),
    pytest.param(
        "relation = true", "relation = false", "which needs a relation; it should be the other way.", id="need"
    ),
]


@pytest.mark.parametrize(("row", "changed", "says"), FALLS)
def test_a_row_that_does_not_hold_says_why(definitions: Definitions, row: str, changed: str, says: str) -> None:
    failed = failures(parse_policy(SOUND.replace(row, changed, 1), definitions.resource_types))
    assert [one.line for one in failed] == [3] * len(failed)
    assert any(says in one.sentence for one in failed)


CRITERIA = [
    pytest.param(
        "category=vital-signs", "nonsense=1", "`Observation` has no search parameter `nonsense`", id="unknown"
    ),
    pytest.param("category=vital-signs", "patient.name=x", "ask for other resources", id="a chain"),
]


@pytest.mark.parametrize(("sound", "wrong", "says"), CRITERIA)
def test_criteria_are_decided_on_the_resource_alone(empty: Site, sound: str, wrong: str, says: str) -> None:
    policy = parse_policy(SOUND.replace(sound, wrong, 1), empty.binder.definitions.resource_types)
    with pytest.raises(PolicyProblem, match=r"roles\.nurse") as problem:
        check_criteria(policy, empty.binder)
    assert says in str(problem.value)


def test_the_policy_that_ships_passes_its_own_tests(empty: Site) -> None:
    policy = load_policy(DEFAULT, empty.binder.definitions.resource_types)
    check_criteria(policy, empty.binder)
    assert failures(policy) == []
    assert len(policy.tests) > 15
    wanted = {"physician", "nurse", "pharmacist", "lab", "imaging", "secretary", "admission", "social-worker"}
    wanted |= {"administrator", "patient", "proxy", "external-gp", "nursing-home", "exchange"}
    assert wanted <= policy.roles.keys()
