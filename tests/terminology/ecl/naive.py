"""Expression constraints said as text again, and worked out on sets of names, as one would by hand: slowly.

It takes nothing from the module but the classes of its syntax.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from fhirserver.terminology.ecl.syntax import (
    Attribute,
    Attributes,
    Cardinality,
    Concepts,
    Containing,
    Dotted,
    Everything,
    Expression,
    Filtered,
    Filters,
    Group,
    Joined,
    Junction,
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
    Test,
    Texts,
    Truth,
    WithHistory,
)
from tests.terminology.ecl.small_ontology import RELEASE

EVERYTHING = set(RELEASE.codes)


@cache
def above(name: str) -> frozenset[str]:
    """Return a concept with all that is above it."""
    return frozenset({name}).union(*(above(parent) for parent in RELEASE.parents[name]))


def _of(found: set[str], relation: Relation) -> set[str]:
    below = {name for name in EVERYTHING if (above(name) - {name}) & found}
    up = {one for name in found for one in above(name) - {name}}
    children = {name for name in EVERYTHING if found & set(RELEASE.parents[name])}
    parents = {parent for name in found for parent in RELEASE.parents[name]}
    return {
        "<": below, "<<": below | found, ">": up, ">>": up | found, "<!": children, "<<!": children | found,
        ">!": parents, ">>!": parents | found, "!!>": found - below, "!!<": found - up,
    }[relation.value]  # fmt: skip


def worked_out(expression: Expression) -> set[str]:
    """Return the names of what a constraint selects."""
    match expression:
        case Everything():
            return set(EVERYTHING)
        case Named(code):
            return {RELEASE.names[code]} if code in RELEASE.names else set()
        case Related(relation, of):
            return _of(worked_out(of), relation)
        case Joined(Junction.AND, parts):
            return set.intersection(*map(worked_out, parts))
        case Joined(Junction.OR, parts):
            return set.union(*map(worked_out, parts))
        case Joined(_, (first, second)):
            return worked_out(first) - worked_out(second)
        case Refined(of, by):
            return {name for name in worked_out(of) if _is_refined(name, by)}
        case _:
            return _more(expression)


def _more(expression: Expression) -> set[str]:
    match expression:
        case Dotted(of, attributes):
            found = worked_out(of)
            for attribute in attributes:
                names = worked_out(attribute)
                values = [
                    value for source, _, name, value in RELEASE.relationships if source in found and name in names
                ]
                found = set(values) & EVERYTHING
            return found
        case Members(of, fields, _, filters):
            rows = _members(worked_out(of), filters)
            return {
                row["fields"].get(name) for row in rows for name in fields or ("referencedComponentId",)
            } & EVERYTHING
        case Containing(of, filters):
            found = worked_out(of)
            rows = _members(EVERYTHING, filters)
            return {row["refset"] for row in rows if row["fields"]["referencedComponentId"] in found}
        case Filtered(of, several):
            return {name for name in worked_out(of) if all(_passes(name, one) for one in several)}
        case WithHistory(of, refsets):
            found = worked_out(of)
            rows = _members(worked_out(refsets), ())
            old = {
                one["fields"]["referencedComponentId"]
                for one in rows
                if one["fields"].get("targetComponentId") in found
            }
            return found | old
        case _:
            raise NotImplementedError(expression)


def _members(refsets: set[str], filters: tuple[Filters, ...]) -> list[dict[str, Any]]:
    tests = [test for one in filters for test in one.tests]
    has_activity = any(test.field == "active" for test in tests)
    return [
        row
        for row in RELEASE.members
        if row["refset"] in refsets
        and (has_activity or "inactive" not in row["marks"])
        and all(_row_passes(row["marks"], test) or _field_passes(row, test) for test in tests)
    ]


def _field_passes(row: dict[str, Any], test: Test) -> bool:
    return test.field in row["fields"] and _compared(row["fields"][test.field], test.op, test.wanted)


def _row_passes(marks: set[str], test: Test) -> bool:
    """Tell whether what every row says passes."""
    is_equal = test.op is Op.EQUAL
    if test.field == "active":
        return (("inactive" not in marks) in test.wanted.values) is is_equal
    if test.field == "moduleId":
        module = "be_module" if "be" in marks else "core"
        return (module in worked_out(test.wanted.by)) is is_equal
    if test.field == "effectiveTime":
        day = int(next((mark for mark in marks if mark.startswith("20")), "2020")) * 10_000 + 131
        return any(_ordered(day, test.op, one) for one in test.wanted.values)
    return False


def _passes(name: str, filters: Filters) -> bool:
    if filters.on is On.CONCEPT:
        return all(_concept_passes(name, test) for test in filters.tests)
    has_activity = any(test.field == "active" for test in filters.tests)
    return any(
        (has_activity or "inactive" not in one["marks"]) and all(_said(one, test) for test in filters.tests)
        for one in RELEASE.descriptions
        if one["concept"] == name
    )


def _concept_passes(name: str, test: Test) -> bool:
    marks = RELEASE.marks[name]
    if test.field.startswith("definitionStatus"):
        status = "defined" if "defined" in marks else "primitive"
        return (status in worked_out(test.wanted.by)) is (test.op is Op.EQUAL)
    return _row_passes(marks, test)


def _said(one: dict[str, Any], test: Test) -> bool:
    is_equal, wanted = test.op is Op.EQUAL, test.wanted
    match test.field:
        case "language":
            return (one["language"] in wanted.values) is is_equal
        case "type" | "typeId":
            return (one["type"] in worked_out(wanted.by)) is is_equal
        case "term":
            return any(_is_found(one["term"], search) for search in wanted.values) is is_equal
        case _:
            return _row_passes(one["marks"], test)


def _is_found(term: str, search: Search) -> bool:
    """Tell whether a plain term has what is searched for; the tests ask with plain words only."""
    plain = term.lower().replace("œ", "oe")
    if search.is_pattern:
        return fnmatchcase(plain, search.text.lower())
    having = plain.replace("(", " ").replace(")", " ").split()
    return all(any(one.startswith(word) for one in having) for word in search.text.lower().split())


def _is_refined(name: str, by: object) -> bool:
    match by:
        case Refinements(Junction.AND, parts):
            return all(_is_refined(name, part) for part in parts)
        case Refinements(_, parts):
            return any(_is_refined(name, part) for part in parts)
        case Group(cardinality, inner):
            groups = list(_groups(name))
            return _within(cardinality, sum(_is_grouped(group, inner) for group in groups))
        case Reversed(cardinality, attribute, op, sources):
            names, wanted = worked_out(attribute), worked_out(sources)
            found = {
                source
                for source, _, one, value in RELEASE.relationships
                if one in names and value == name and (source in wanted) is (op is Op.EQUAL)
            }
            return _within(cardinality, len(found))
        case _:
            own = [(one, value) for source, _, one, value in RELEASE.relationships if source == name]
            return _has(own, by)


def _groups(name: str) -> Iterator[list[tuple[str, str]]]:
    own = [one for one in RELEASE.relationships if one[0] == name]
    for number in sorted({one[1] for one in own}):
        rows = [(attribute, value) for _, group, attribute, value in own if group == number]
        yield from ([row] for row in rows) if number == 0 else [rows]


def _is_grouped(group: list[tuple[str, str]], by: object) -> bool:
    match by:
        case Attributes(Junction.AND, parts):
            return all(_is_grouped(group, part) for part in parts)
        case Attributes(_, parts):
            return any(_is_grouped(group, part) for part in parts)
        case _:
            return _has(group, by)


def _has(rows: list[tuple[str, str]], wanted: Attribute) -> bool:
    names = worked_out(wanted.name)
    found = {row for row in rows if row[0] in names and _compared(row[1], wanted.op, wanted.value)}
    telling = {one for one in found if not any(_says_more(other, one) for other in found - {one})}
    return _within(wanted.cardinality, len(telling))


def _says_more(one: tuple[str, str], than: tuple[str, str]) -> bool:
    are_concepts = one[1] in EVERYTHING and than[1] in EVERYTHING
    return are_concepts and than[0] in above(one[0]) and than[1] in above(one[1])


def _compared(text: str, op: Op, wanted: object) -> bool:
    value = RELEASE.value(text)
    is_concept = text in EVERYTHING
    match wanted:
        case Concepts(Everything()):
            return op is Op.EQUAL
        case Concepts(by):
            return is_concept and (text in worked_out(by)) is (op is Op.EQUAL)
        case Number(number):
            return isinstance(value, float) and _ordered(value, op, number)
        case Truth(truth):
            return isinstance(value, bool) and (value is truth) is (op is Op.EQUAL)
        case Texts(values):
            return isinstance(value, str) and not is_concept and (value in values) is (op is Op.EQUAL)
        case Searches(values):
            found = isinstance(value, str) and any(_is_found(value, search) for search in values)
            return isinstance(value, str) and not is_concept and found is (op is Op.EQUAL)
        case _:
            raise NotImplementedError(wanted)


def _ordered(value: float, op: Op, wanted: float) -> bool:
    return {
        "=": value == wanted, "!=": value != wanted, "<": value < wanted, "<=": value <= wanted, ">": value > wanted,
        ">=": value >= wanted,
    }[op.value]  # fmt: skip


def _within(cardinality: Cardinality, count: int) -> bool:
    return cardinality.least <= count and (cardinality.most is None or count <= cardinality.most)


def written(expression: object) -> str:
    """Return a constraint as text in the brief syntax, with brackets wherever they may be needed."""
    match expression:
        case Everything():
            return "*"
        case Named(code):
            return code
        case Related(relation, of):
            return f"{relation.value} {_inner(of, Named | Everything | Members | Containing)}"
        case Members(of, fields, _, filters):
            listed = f"[{', '.join(fields)}] " if fields else ""
            return f"^ {listed}{_inner(of, Named | Everything)}{_filters(filters)}"
        case Containing(of, filters):
            return f"^R {_inner(of, Named | Everything)}{_filters(filters)}"
        case Joined(junction, parts):
            return f" {junction.value} ".join(_sub(part) for part in parts)
        case Refined(of, by):
            return f"{_sub(of)} : {_refinement(by)}"
        case _:
            return _more_written(expression)


def _more_written(expression: Expression) -> str:
    match expression:
        case Dotted(of, attributes):
            return " . ".join(_sub(one) for one in (of, *attributes))
        case Filtered(of, by):
            return f"{_inner(of, Named | Everything | Members | Related)}{_filters(by)}"
        case WithHistory(of, refsets):
            return f"{_inner(of, Named | Everything | Related | Filtered)} {{{{ + HISTORY ({written(refsets)}) }}}}"
        case _:
            raise NotImplementedError(expression)


def _sub(expression: object) -> str:
    return _inner(expression, Named | Everything | Related | Members | Containing | Filtered | WithHistory)


def _inner(expression: object, bare: object) -> str:
    return written(expression) if isinstance(expression, bare) else f"({written(expression)})"


def _refinement(by: object) -> str:
    match by:
        case Refinements(junction, parts) | Attributes(junction, parts):
            several = Refinements | Attributes
            written_parts = [
                f"({_refinement(part)})" if isinstance(part, several) else _refinement(part) for part in parts
            ]
            return f" {junction.value} ".join(written_parts)
        case Group(cardinality, inner):
            return f"{_count(cardinality)}{{ {_refinement(inner)} }}"
        case Reversed(cardinality, name, op, sources):
            return f"{_count(cardinality)}R {_sub(name)} {op.value} {_sub(sources)}"
        case _:
            return f"{_count(by.cardinality)}{_sub(by.name)} {by.op.value} {_operand(by.value)}"


def _count(cardinality: Cardinality) -> str:
    most = "*" if cardinality.most is None else cardinality.most
    return "" if cardinality == Cardinality() else f"[{cardinality.least}..{most}] "


def _operand(value: object) -> str:
    match value:
        case Concepts(by):
            return _sub(by)
        case Number(number):
            return f"#{number:g}"
        case Truth(truth):
            return str(truth).lower()
        case Texts(values):
            return "(" + " ".join(f'"{one}"' for one in values) + ")"
        case Searches(values):
            return "(" + " ".join(f'{"wild:" if one.is_pattern else ""}"{one.text}"' for one in values) + ")"
        case _:
            return _listed(value)


def _listed(value: object) -> str:
    values = sorted(value.values)
    if isinstance(value.values, frozenset):  # whether in use
        return "*" if len(values) > 1 else str(int(values[0]))
    return "(" + " ".join(f'"{one}"' if isinstance(one, int) else one for one in value.values) + ")"


def _filters(filters: tuple[Filters, ...]) -> str:
    said: Callable[[Test], str] = lambda test: f"{test.field} {test.op.value} {_operand(test.wanted)}"  # noqa: E731
    return "".join(f" {{{{ {one.on.value} {', '.join(map(said, one.tests))} }}}}" for one in filters)
