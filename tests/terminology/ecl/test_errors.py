"""What is said of expression constraints that cannot be read or worked out; nothing hostile takes long."""

import time

import pytest

from fhirserver.kernel.outcome import FhirError
from fhirserver.terminology.concepts import Filter, UnknownFilter
from fhirserver.terminology.ecl import answers
from tests.terminology.ecl.small_ontology import RELEASE, SmallOntology

ONTOLOGY = SmallOntology()
UNREADABLE = [
    ("", "position 1: expected a concept, `*` or `(`, found its end"),
    ("asthma", "position 1: expected a concept"),
    ("12345", "position 1: expected a concept"),
    ("0123456", "position 1: expected a concept"),
    ("1234567890123456789", "position 1: expected a concept"),
    ("100009 |Asthma", "position 8: expected a term that a second `|` ends"),
    ("100009 ||", "position 8: expected a term"),
    ("100009 100011", "position 8: expected the end, found `100011`"),
    ("(100009", "never closes the bracket at position 1"),
    ("100009)", "closes no bracket at position 7"),
    ("< < 100009", "position 3: expected a concept"),
    ("100009 AND 100011 OR 100012", "position 19: expected brackets around what is joined by another operator"),
    ("100009 MINUS 100011 MINUS 100012", "position 21: expected brackets"),
    ("* : 100094 = 100021, 100095 = 100032 OR 100095 = 100033", "position 38: expected brackets"),
    ("* : 100094", "position 11: expected a comparison"),
    ("* : 100094 = ", "position 14: expected a concept"),
    ("* : 100097 < 100021", "position 14: expected a number"),
    ("* : 100097 = #01", "position 14: expected a number"),
    ("* : 100097 = #1.", "position 14: expected a number"),
    ('* : 100098 < "a"', "position 14: expected a number"),
    ('* : 100098 = "', "position 14: expected a text"),
    ('* : 100098 = ""', "position 16: expected a text that says something"),
    ("* : [2..1] 100094 = *", "position 5: expected a cardinality such as `[1..2]`"),
    ("* : [1] 100094 = *", "position 7: expected `..`"),
    ("* : { 100094 = *", "position 17: expected `}`"),
    ("* : { { 100094 = * } }", "position 7: expected a concept"),
    ('* : R 100098 = "a"', "position 5: expected an attribute that is not reversed"),
    ("* : { R 100094 = *, 100095 = * }", "attributes in both directions (position 7)"),
    ("* : { [2..*] R 100094 = * }", "no cardinality (position 14)"),
    ("* {{ }}", "position 6: expected a filter"),
    ("* {{ colour = red }}", "position 6: expected a filter (active, dialect"),
    ("* {{ C term = \"a\" }}", "position 8: expected a filter (active, definitionStatus"),
    ("* {{ C definitionStatus = half }}", "position 27: expected one of defined, primitive"),
    ("* {{ C active = 2 }}", "position 17: expected `1`, `0`"),
    ("* {{ C active < 1 }}", "position 8: expected `=` or `!=`"),
    ('* {{ C effectiveTime = "20211301" }}', "position 24: expected a day"),
    ("* {{ language = eng }}", "position 17: expected a language of two letters"),
    ("* {{ dialect = en-xx }}", "position 16: expected a known alias of a dialect"),
    ("* {{ dialect = en-gb (good) }}", "position 23: expected an acceptability"),
    ("* {{ D id = 1 }}", "position 13: expected the identifier of a description"),
    ("100009 {{ M active = 1 }}", "position 1: expected `^`"),
    ("^ [mapGroup 100123", "position 13: expected `]`"),
    ("^ [colour] 100121", "No reference set here has a field `colour` (position 1); they have `referencedComponentId`"),
    ("^ 100121 {{ M colour = #1 }}", "field `colour` (position 15)"),
    ("< ^ [*] 900000000000527005", "Several fields of members (position 3)"),
    ("* {{ + HISTORY-SOME }}", "position 15: expected `}}`"),
    ("NOWHERE#1", "`NOWHERE` (position 1) is no scheme of identifiers; known are"),
    ("* /* no end", "position 3: expected the end"),
]  # fmt: skip
HOSTILE = [
    pytest.param("(" * 10_000, "at most 30 brackets", id="brackets that open"),
    pytest.param("(" * 10_000 + "*" + ")" * 10_000, "at most 30 brackets", id="brackets within brackets"),
    pytest.param("* {{ C moduleId = " * 10_000, "at most 30 constraints", id="filters within filters"),
    pytest.param("* : {" * 10_000, "a comparison", id="groups within groups"),
    pytest.param("/*" * 50_000, "the end", id="comments that open"),
    pytest.param('"\\' * 50_000, "a concept", id="texts that do not end"),
    pytest.param("*" * 300_000, "at most 200000 characters", id="too long"),
    pytest.param("*" + "." * 100_000, "a concept", id="dots"),
    pytest.param("< * OR " * 10_000 + "*", "at most 2000 steps", id="many hierarchies"),
    pytest.param("* : " + "* = * OR " * 10_000 + "* = *", "at most 2000 steps", id="many attributes"),
    pytest.param('* {{ term = "' + " ".join(f"w{n}" for n in range(10_000)) + '" }}', "at most 50 words", id="words"),
    pytest.param("*" + ' {{ term = wild:"a*" }}' * 100, "at most 2000 steps", id="many patterns"),
    pytest.param("*" + " {{ C active = 1 }}" * 10_000, "at most 2000 steps", id="many filters"),
]
BEARABLE = [
    pytest.param('* {{ term = wild:"' + "*a" * 10_000 + '" }}', id="a pattern of many wildcards"),
    pytest.param('* {{ term = "' + "heart " * 10_000 + '" }}', id="a word many times"),
    pytest.param(" OR ".join(["100009"] * 15_000), id="a long list"),
    pytest.param("(" * 29 + "*" + ")" * 29, id="as many brackets as may be"),
    pytest.param("* : " + "(" * 29 + "100094 = *" + ")" * 29, id="as many brackets in a refinement"),
    pytest.param("* : 100094 = (" * 28 + "*" + ")" * 28, id="as many constraints within each other"),
]


def _select(constraint: str) -> set[str]:
    return ONTOLOGY.codes(ONTOLOGY.select(Filter("constraint", "=", constraint)))


@pytest.mark.parametrize(("constraint", "said"), [pytest.param(*one, id=one[0] or "nothing") for one in UNREADABLE])
def test_constraint_says_where_it_is_wrong(constraint: str, said: str) -> None:
    with pytest.raises(FhirError) as refused:
        _select(constraint)

    assert said in refused.value.diagnostics
    assert 400 <= refused.value.status < 500


@pytest.mark.parametrize(("constraint", "said"), HOSTILE)
def test_hostile_constraint_is_refused_at_once(constraint: str, said: str) -> None:
    started = time.process_time()
    with pytest.raises(FhirError, match=said) as refused:
        _select(constraint)

    assert time.process_time() - started < 10
    assert 400 <= refused.value.status < 500


@pytest.mark.parametrize("constraint", BEARABLE)
def test_large_constraint_is_worked_out(constraint: str) -> None:
    started = time.process_time()
    _select(constraint)

    assert time.process_time() - started < 30


FILTERS = [
    (Filter("concept", "is-a", "$valve_disease"), "valve_disease tetralogy"),
    (Filter("concept", "descendent-of", "$valve_disease"), "tetralogy"),
    (Filter("concept", "in", "$problem_list"), "asthma pneumonia old_asthma"),
    (Filter("concept", "in", "$problem_list, $emergency_list"), "asthma pneumonia old_asthma infarct"),
    (Filter("concept", "in", "$asthma, $cough"), "asthma cough"),
    (Filter("concept", "in", "$asthma"), "asthma"),
    (Filter("concept", "in", "$was_a"), ""),
    (Filter("code", "in", "$emergency_list"), "asthma infarct"),
    (Filter("concept", "=", "$asthma"), "asthma"),
    (Filter("expression", "=", "<< $valve_disease"), "valve_disease tetralogy"),
    (Filter("moduleId", "=", "$be_module"), "tetralogy syrup"),
    (Filter("inactive", "=", "true"), "old_asthma old_cough old_heart"),
    (Filter("sufficientlyDefined", "=", "true"), "heart_disease valve_disease tetralogy lung_disease pneumonia"),
    (Filter("$morph", "=", "$stenosis"), "tetralogy"),
    (Filter("$morph", "in", "$stenosis,$fracture"), "tetralogy forearm_injury"),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [pytest.param(*one, id=f"{one[0].property} {one[0].op} {one[0].value}") for one in FILTERS],
)
def test_filter_of_a_value_set_selects(wanted: Filter, expected: str) -> None:
    wanted = Filter(RELEASE.text(wanted.property), wanted.op, RELEASE.text(wanted.value))

    assert ONTOLOGY.codes(ONTOLOGY.select(wanted)) == set(expected.split())
    holds = ONTOLOGY.holds(wanted)
    assert {RELEASE.names[ONTOLOGY.code(n)] for n in range(len(ONTOLOGY)) if holds(n)} == set(expected.split())


def test_unknown_filter_is_told_apart() -> None:
    with pytest.raises(UnknownFilter):
        ONTOLOGY.select(Filter("constraint", "is-a", "*"))


def test_few_constraints_are_remembered_and_all_are_held() -> None:
    ontology = SmallOntology()
    asked = [f"* : [0..{most}] 100094 = *" for most in range(1, 200)]
    tests = [ontology.holds(Filter("constraint", "=", one)) for one in asked]

    known = answers._known(ontology)
    assert len(known._bits) == answers._MAX_KNOWN
    heart = ontology.number(RELEASE.codes["heart"])
    assert heart is not None
    assert all(test(heart) for test in tests)
    assert len(known._bits) == answers._MAX_KNOWN


def test_large_constraint_is_not_remembered() -> None:
    ontology = SmallOntology()
    large = Filter("constraint", "=", " OR ".join([RELEASE.codes["asthma"]] * 1000))

    assert ontology.codes(ontology.select(large)) == {"asthma"}
    holds = ontology.holds(large)
    assert {name for number, name in enumerate(RELEASE.codes) if holds(number)} == {"asthma"}
    assert not answers._known(ontology)._bits
