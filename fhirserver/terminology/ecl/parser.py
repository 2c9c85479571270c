"""Reads expression constraints, in the brief and in the long syntax.

Where the grammar can be read in two ways: a text in double quotes that is compared with an attribute is a text, not an
identifier of another scheme; ``AND`` and ``OR`` are never put together without brackets, in refinements neither.
Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/design/5-syntax-specification
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeVar

from fhirserver.terminology.ecl.errors import CostlyConstraint
from fhirserver.terminology.ecl.filter_parser import (
    FilterParser,
    comparison,
    number,
    sees_text,
    sees_texts,
    text_operand,
)
from fhirserver.terminology.ecl.metadata import (
    HISTORICAL_ASSOCIATION,
    PARTIALLY_EQUIVALENT_TO,
    REPLACED_BY,
    SAME_AS,
    WAS_A,
)
from fhirserver.terminology.ecl.references import (
    CONCEPT,
    IDENTIFIED,
    QUOTED_CODE,
    QUOTED_IDENTIFIED,
    pass_term,
)
from fhirserver.terminology.ecl.scanner import MAX_DEPTH, SPACE, Scanner
from fhirserver.terminology.ecl.syntax import (
    Attribute,
    Attributes,
    AttributeSet,
    Cardinality,
    Concepts,
    Containing,
    Dotted,
    Everything,
    Expression,
    Filtered,
    Filters,
    Group,
    Identified,
    Joined,
    Junction,
    Members,
    Named,
    On,
    Op,
    Operand,
    Refined,
    Refinement,
    Refinements,
    Related,
    Relation,
    Reversed,
    Truth,
    WithHistory,
)

T = TypeVar("T")
MAX_REMEMBERED: Final = 2000
"""Characters of constraints that are remembered: larger ones are not asked for again and again."""

_SYMBOLS: Final = re.compile(r"<<!|<<|<!|<|>>!|>>|>!|>|!!>|!!<")
_LONG: Final = MappingProxyType(
    {
        "descendantof": Relation.DESCENDANT,
        "descendantorselfof": Relation.DESCENDANT_OR_SELF,
        "childof": Relation.CHILD,
        "childorselfof": Relation.CHILD_OR_SELF,
        "ancestorof": Relation.ANCESTOR,
        "ancestororselfof": Relation.ANCESTOR_OR_SELF,
        "parentof": Relation.PARENT,
        "parentorselfof": Relation.PARENT_OR_SELF,
        "top": Relation.TOP,
        "bottom": Relation.BOTTOM,
    }
)
_RELATION: Final = re.compile(rf"(?i:{'|'.join(_LONG)})(?=[\s/(])")
_CONTAINING: Final = re.compile(r"\^R(?![A-Za-z#])|(?i:refsetContainingAny)(?=[\s/(])")
_MEMBERS: Final = re.compile(r"\^|(?i:memberOf)(?=[\s/(\[])")
_ANY: Final = re.compile(r"\*|(?i:any)(?![A-Za-z0-9#-])")
_AND: Final = re.compile(r",|(?i:and)\b")
_OR: Final = re.compile(r"(?i:or)\b")
_MINUS: Final = re.compile(r"(?i:minus)\b")
_REVERSE: Final = re.compile(r"R(?![A-Za-z#-])|(?i:reverseOf)(?![A-Za-z#-])")
_TO: Final = re.compile(r"\.\.|(?i:to)\b")
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_MANY: Final = re.compile(r"\*|(?i:many)\b")
_TRUTH: Final = re.compile(r"(?i:true|false)(?![A-Za-z0-9#-])")
_FIELD: Final = re.compile(r"[A-Za-z]+")
_MEMBER_FILTER: Final = re.compile(rf"\{{\{{{SPACE}[mM](?![A-Za-z])")
_HISTORY: Final = re.compile(rf"\{{\{{{SPACE}\+")
_PROFILE: Final = re.compile(r"(?i:history)(?:[-_](?P<profile>(?i:min|mod|max)))?(?![A-Za-z])")
_BEHIND_NAME: Final = re.compile(r"[=!<>]|\{\{|(?i:not)\b")
_CONCEPT_EXPECTED: Final = "a concept, `*` or `(`"
_BRACKETS_EXPECTED: Final = "brackets around what is joined by another operator"
_PROFILES: Final[Mapping[str, Expression]] = MappingProxyType(
    {
        "min": Named(SAME_AS),
        "mod": Joined(Junction.OR, (Named(SAME_AS), Named(REPLACED_BY), Named(WAS_A), Named(PARTIALLY_EQUIVALENT_TO))),
        "max": Related(Relation.DESCENDANT, Named(HISTORICAL_ASSOCIATION)),
    }
)


def parse(text: str) -> Expression:
    """Return what an expression constraint says; raises BadConstraint, CostlyConstraint."""
    return _remembered(text) if len(text) <= MAX_REMEMBERED else _parsed(text)


def _parsed(text: str) -> Expression:
    scanner = Scanner(text)
    found = _Parser(scanner).expression()
    if not scanner.is_at_end:
        scanner.fail("the end")
    return found


_remembered = lru_cache(maxsize=256)(_parsed)


class _Parser:
    """Reads one constraint; a method a production, each of which takes the space behind what it reads."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._depth = 0
        self._filters = FilterParser(scanner, self.sub_expression)

    def expression(self) -> Expression:
        """ExpressionConstraint"""
        scanner, first = self._scanner, self.sub_expression()
        if scanner.takes(":"):
            return Refined(first, self._refinement())
        if scanner.sees_symbol("."):
            attributes = []
            while scanner.takes("."):
                attributes.append(self.sub_expression())
            return Dotted(first, tuple(attributes))
        return self._joined(first)

    def sub_expression(self) -> Expression:
        """SubExpressionConstraint"""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CostlyConstraint(f"An expression constraint has at most {MAX_DEPTH} constraints within each other.")
        relation = self._relation()
        found = self._membership()
        if relation is not None:
            found = Related(relation, found)
        filters = self._filters_of(None)
        if filters:
            found = Filtered(found, filters)
        if self._scanner.sees(_HISTORY):
            found = WithHistory(found, self._history())
        self._depth -= 1
        return found

    def _joined(self, first: Expression) -> Expression:
        junction, parts = self._junction(), [first]
        if junction is None:
            return first
        while True:
            parts.append(self.sub_expression())
            at, following = self._scanner.at, self._junction()
            if following is None:
                return Joined(junction, tuple(parts))
            if following is not junction or junction is Junction.MINUS:
                self._scanner.fail(_BRACKETS_EXPECTED, at)

    def _junction(self, *, has_minus: bool = True) -> Junction | None:
        if self._scanner.take(_AND):
            return Junction.AND
        if self._scanner.take(_OR):
            return Junction.OR
        return Junction.MINUS if has_minus and self._scanner.take(_MINUS) else None

    def _relation(self) -> Relation | None:
        symbol = self._scanner.take(_SYMBOLS)
        if symbol is not None:
            return Relation(symbol.group())
        word = self._scanner.take(_RELATION)
        return None if word is None else _LONG[word.group().lower()]

    def _membership(self) -> Expression:
        scanner, at = self._scanner, self._scanner.at
        if scanner.take(_CONTAINING):
            return Containing(self._focus(), self._filters_of(On.MEMBER))
        if not scanner.take(_MEMBERS):
            found = self._focus()
            if scanner.sees(_MEMBER_FILTER):
                scanner.fail("`^`, as filters on members need", at)
            return found
        fields, has_all = self._fields()
        return Members(self._focus(), fields, has_all, self._filters_of(On.MEMBER), at)

    def _fields(self) -> tuple[tuple[str, ...], bool]:
        scanner = self._scanner
        if not scanner.takes("["):
            return (), False
        if scanner.take(_ANY):
            scanner.needs("]")
            return (), True
        fields = [scanner.need(_FIELD, "the name of a field").group()]
        while scanner.takes(","):
            fields.append(scanner.need(_FIELD, "the name of a field").group())
        scanner.needs("]")
        return tuple(fields), False

    def _focus(self) -> Expression:
        scanner, at = self._scanner, self._scanner.at
        if scanner.takes("("):
            found = self.expression()
            scanner.needs(")")
            return found
        if scanner.take(_ANY):
            return Everything()
        concept = scanner.take(CONCEPT)
        if concept is not None:
            pass_term(scanner)
            return Named(concept.group())
        return self._identified(at)

    def _identified(self, at: int) -> Expression:
        scanner = self._scanner
        found = scanner.take(QUOTED_IDENTIFIED) or scanner.take(QUOTED_CODE) or scanner.take(IDENTIFIED)
        if found is None:
            scanner.fail(_CONCEPT_EXPECTED)
        pass_term(scanner)
        return Identified(found.group("scheme"), found.group("code"), at)

    def _filters_of(self, wanted: On | None) -> tuple[Filters, ...]:
        """Read filters on members, or else those on concepts and descriptions."""
        found: list[Filters] = []
        while self._sees_filter(wanted):
            found.append(self._filters.filters())
        return tuple(found)

    def _sees_filter(self, wanted: On | None) -> bool:
        scanner = self._scanner
        if wanted is On.MEMBER:
            return scanner.sees(_MEMBER_FILTER)
        is_other = scanner.sees(_MEMBER_FILTER) or scanner.sees(_HISTORY)
        return scanner.sees_symbol("{{") and not is_other

    def _history(self) -> Expression:
        scanner = self._scanner
        scanner.need(_HISTORY, "`{{ +`")
        profile = scanner.need(_PROFILE, "`HISTORY`").group("profile")
        refsets: Expression = _PROFILES[(profile or "max").lower()]
        if profile is None and scanner.takes("("):
            refsets = self.expression()
            scanner.needs(")")
            if refsets == Everything():
                refsets = _PROFILES["max"]
        scanner.needs("}}")
        return refsets

    def _refinement(self) -> Refinement:
        """EclRefinement"""
        return self._set(self._sub_refinement, Refinements)

    def _attribute_set(self) -> AttributeSet:
        """EclAttributeSet"""
        return self._set(self._sub_attribute_set, Attributes)

    def _set(self, part: Callable[[], T], together: Callable[[Junction, tuple[T, ...]], T]) -> T:
        """Read parts that are all joined alike."""
        parts = [part()]
        junction = self._junction(has_minus=False)
        if junction is None:
            return parts[0]
        while True:
            parts.append(part())
            at, following = self._scanner.at, self._junction(has_minus=False)
            if following is None:
                return together(junction, tuple(parts))
            if following is not junction:
                self._scanner.fail(_BRACKETS_EXPECTED, at)

    def _sub_refinement(self) -> Refinement:
        scanner = self._scanner
        if self._sees_bracketed_set():
            return self._bracketed(self._refinement)
        cardinality = self._cardinality()
        if not scanner.takes("{"):
            return self._attribute(cardinality)
        found = Group(cardinality, self._attribute_set())
        scanner.needs("}")
        return found

    def _sub_attribute_set(self) -> AttributeSet:
        if self._sees_bracketed_set():
            return self._bracketed(self._attribute_set)
        return self._attribute(self._cardinality())

    def _sees_bracketed_set(self) -> bool:
        """Tell whether a bracket is next that has attributes in it, not the name of one."""
        return self._scanner.sees_symbol("(") and not self._scanner.sees_behind_bracket(_BEHIND_NAME)

    def _bracketed(self, reading: Callable[[], T]) -> T:
        self._scanner.needs("(")
        found = reading()
        self._scanner.needs(")")
        return found

    def _cardinality(self) -> Cardinality:
        scanner, at = self._scanner, self._scanner.at
        if not scanner.takes("["):
            return Cardinality()
        least = int(scanner.need(_COUNT, "a number").group())
        scanner.need(_TO, "`..`")
        many = scanner.take(_MANY)
        most = None if many else int(scanner.need(_COUNT, "a number or `*`").group())
        scanner.needs("]")
        if most is not None and most < least:
            scanner.fail(f"a cardinality such as `[{most}..{least}]`", at)
        return Cardinality(least, most)

    def _attribute(self, cardinality: Cardinality) -> Attribute | Reversed:
        at, is_reverse = self._scanner.at, self._scanner.take(_REVERSE) is not None
        name = self.sub_expression()
        op = comparison(self._scanner)
        value = self._value(op)
        if not is_reverse:
            return Attribute(cardinality, name, op, value)
        if not isinstance(value, Concepts):
            self._scanner.fail("an attribute that is not reversed, whose values may be concrete,", at)
        return Reversed(cardinality, name, op, value.by, at)

    def _value(self, op: Op) -> Operand:
        scanner = self._scanner
        if scanner.sees_symbol("#"):
            return number(scanner)
        if op not in (Op.EQUAL, Op.NOT_EQUAL):
            scanner.fail("a number, as `#5`")
        if sees_text(scanner) or sees_texts(scanner):
            return text_operand(scanner, is_exact=True)
        truth = scanner.take(_TRUTH)
        if truth is not None:
            return Truth(truth.group().lower() == "true")
        return Concepts(self.sub_expression())
