"""Constraints of every shape come to what a reference on sets works out, and are read as they were written."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.terminology.concepts import Filter
from fhirserver.terminology.ecl.errors import BadConstraint, CostlyConstraint
from fhirserver.terminology.ecl.parser import parse
from fhirserver.terminology.ecl.syntax import (
    Activity,
    Attribute,
    Attributes,
    Cardinality,
    Concepts,
    Containing,
    Dates,
    Dotted,
    Everything,
    Expression,
    Filtered,
    Filters,
    Group,
    Joined,
    Junction,
    Languages,
    Members,
    Named,
    Number,
    On,
    Op,
    Refined,
    Refinements,
    Related,
    Relation,
    Reversed,
    Search,
    Searches,
    Texts,
    Truth,
    WithHistory,
)
from fhirserver.terminology.ecl.syntax import Test as OneTest
from tests.terminology.ecl.naive import worked_out, written
from tests.terminology.ecl.small_ontology import RELEASE, SmallOntology

ONTOLOGY = SmallOntology()
Strategy = st.SearchStrategy[Any]
_EQUALITY = st.sampled_from([Op.EQUAL, Op.NOT_EQUAL])
_ORDER = st.sampled_from(list(Op))
_JUNCTION = st.sampled_from([Junction.AND, Junction.OR])
_NAMES = [
    "finding", "disease", "heart_disease", "valve_disease", "tetralogy", "infarct", "lung_disease", "pneumonia",
    "asthma", "forearm_injury", "cough", "body", "heart", "valve", "lung", "morphology", "product", "substance",
    "tablet_three", "syrup", "old_heart", "attribute",
]  # fmt: skip
_ATTRIBUTES = ["site", "morph", "associated_with", "agent", "due_to", "ingredient", "strength", "brand", "refunded"]
_REFSETS = ["problem_list", "emergency_list", "map_refset", "simple_refset", "historical", "same_as", "replaced_by"]


def _named(names: list[str]) -> Strategy:
    return st.sampled_from([Named(RELEASE.codes[name]) for name in names])


_FEW = st.lists(st.integers(0, 2), min_size=2, max_size=2).map(sorted)
_CARDINALITY = st.one_of(
    st.just(Cardinality()),
    _FEW.map(lambda both: Cardinality(both[0], both[1])),
    st.integers(0, 3).map(lambda least: Cardinality(least, None)),
)
_ATTRIBUTE_NAMES = st.one_of(
    _named(_ATTRIBUTES), st.just(Everything()), _named(_ATTRIBUTES).map(lambda one: Related(Relation("<<"), one))
)
_TEXTS = st.sampled_from([Texts(("Panadol",)), Texts(("Panadol", "panadol"))])
_SEARCHED = st.sampled_from([Searches((Search("*o*", True),)), Searches((Search("migr", False), Search("p*", True)))])
_CONCRETE = st.one_of(
    st.tuples(_ORDER, st.sampled_from([500.0, 250.0, 50.0, 0.5, -1.0]).map(Number)),
    st.tuples(_EQUALITY, st.one_of(st.booleans().map(Truth), _TEXTS, _SEARCHED)),
)
_WORDS = st.sampled_from([Search("heart", False), Search("dis mala", False), Search("*s", True), Search("h*e", True)])
_ACTIVITY = st.sampled_from([Activity(frozenset(one)) for one in ({True}, {False}, {True, False})])
_DATES = st.sampled_from([Dates((20200131,)), Dates((20190131, 20210131))])


def _concepts(*names: str) -> Strategy:
    return _named(list(names)).map(Concepts)


_ON_ROWS = st.one_of(
    st.tuples(st.just("active"), _EQUALITY, _ACTIVITY),
    st.tuples(st.just("moduleId"), _EQUALITY, _concepts("core", "be_module")),
    st.tuples(st.just("effectiveTime"), st.sampled_from([Op.LESS, Op.AT_LEAST, Op.EQUAL]), _DATES),
)
_ON_CONCEPTS = st.tuples(st.just("definitionStatusId"), _EQUALITY, _concepts("defined", "primitive"))
_SEARCHES = st.lists(_WORDS, min_size=1, max_size=2).map(lambda some: Searches(tuple(some)))
_ON_DESCRIPTIONS = st.one_of(
    st.tuples(st.just("term"), _EQUALITY, _SEARCHES),
    st.tuples(st.just("language"), _EQUALITY, st.sampled_from([Languages(("fr",)), Languages(("en", "nl"))])),
    st.tuples(st.just("typeId"), _EQUALITY, _concepts("fsn", "synonym")),
)
_ON_MEMBERS = st.tuples(st.just("referencedComponentId"), _EQUALITY, _named(_NAMES).map(Concepts))


def _filters(on: On, tests: Strategy) -> Strategy:
    some = st.lists(st.one_of(_ON_ROWS, tests).map(lambda one: OneTest(*one, 0)), min_size=1, max_size=2)
    return st.lists(some.map(lambda one: Filters(on, tuple(one))), max_size=2).map(tuple)


def _sets(part: Strategy, together: Callable[..., Any]) -> Strategy:
    several = st.lists(part, min_size=2, max_size=3).map(tuple)
    return st.one_of(part, st.builds(together, _JUNCTION, several))


def _larger(smaller: Strategy) -> Strategy:
    """Return constraints made of smaller ones."""
    concepts = st.tuples(_EQUALITY, smaller.map(Concepts))
    attribute = st.builds(
        lambda often, name, compared: Attribute(often, name, *compared),
        _CARDINALITY, _ATTRIBUTE_NAMES, st.one_of(concepts, concepts, _CONCRETE),
    )  # fmt: skip
    reversed_one = st.builds(Reversed, _CARDINALITY, _ATTRIBUTE_NAMES, _EQUALITY, smaller, st.just(0))
    group = st.builds(Group, _CARDINALITY, _sets(_sets(attribute, Attributes), Attributes))
    refinement = _sets(_sets(st.one_of(attribute, group, reversed_one), Refinements), Refinements)
    refsets = st.one_of(
        _named(_REFSETS), st.just(Everything()), _named(_REFSETS).map(lambda one: Related(Relation("<<"), one))
    )
    filters = st.one_of(_filters(On.CONCEPT, _ON_CONCEPTS), _filters(On.DESCRIPTION, _ON_DESCRIPTIONS))
    return st.one_of(
        st.builds(Related, st.sampled_from(list(Relation)), smaller),
        st.builds(Joined, _JUNCTION, st.lists(smaller, min_size=2, max_size=3).map(tuple)),
        st.builds(lambda one, other: Joined(Junction.MINUS, (one, other)), smaller, smaller),
        st.builds(Refined, smaller, refinement),
        st.builds(Refined, smaller, refinement),
        st.builds(Dotted, smaller, st.lists(_ATTRIBUTE_NAMES, min_size=1, max_size=2).map(tuple)),
        st.builds(Members, refsets, filters=_filters(On.MEMBER, _ON_MEMBERS)),
        st.builds(Containing, smaller, _filters(On.MEMBER, _ON_MEMBERS)),
        st.builds(lambda one, by: Filtered(one, by) if by else one, smaller, filters),
        st.builds(WithHistory, smaller, refsets.filter(lambda one: one != Everything())),
    )


CONSTRAINTS = st.recursive(st.one_of(_named(_NAMES), st.just(Everything())), _larger, max_leaves=5)


def _placeless(node: object) -> object:
    """Return a constraint without the places in its text."""
    if isinstance(node, tuple):
        return tuple(map(_placeless, node))
    if not is_dataclass(node) or isinstance(node, type):
        return node
    changed = {one.name: _placeless(getattr(node, one.name)) for one in fields(node)}
    return replace(node, **changed | ({"at": 0} if "at" in changed else {}))


@settings(max_examples=400, deadline=None)
@given(CONSTRAINTS)
def test_constraint_is_read_as_written_and_worked_out_as_by_hand(constraint: Expression) -> None:
    text = written(constraint)

    assert _placeless(parse(text)) == _placeless(constraint)
    expected = worked_out(constraint)
    assert ONTOLOGY.codes(ONTOLOGY.select(Filter("constraint", "=", text))) == expected
    holds = ONTOLOGY.holds(Filter("constraint", "=", text))
    assert {name for number, name in enumerate(RELEASE.codes) if holds(number)} == expected


@settings(max_examples=200, deadline=None)
@given(CONSTRAINTS, st.data())
def test_constraint_that_lacks_a_piece_is_read_or_refused(constraint: Expression, data: st.DataObject) -> None:
    pieces = re.findall(r"\w+|\S", written(constraint))
    del pieces[data.draw(st.integers(0, len(pieces) - 1))]

    _read_or_refused(" ".join(pieces))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='*<>!^R():{}[].,#"=|/ 1234567890andORminusCDM+', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    _read_or_refused(text)


def _read_or_refused(text: str) -> None:
    with suppress(BadConstraint, CostlyConstraint):
        ONTOLOGY.select(Filter("constraint", "=", text))
