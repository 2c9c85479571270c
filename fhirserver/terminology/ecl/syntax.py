"""An expression constraint, read: what each production of the grammar comes to.

``at`` is where in the text something begins, for what is said of it.
Spec: the ABNF of the brief and the long syntax, version 2.3,
https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/design/5-syntax-specification
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Relation(StrEnum):
    """A constraint operator."""

    DESCENDANT = "<"
    DESCENDANT_OR_SELF = "<<"
    CHILD = "<!"
    CHILD_OR_SELF = "<<!"
    ANCESTOR = ">"
    ANCESTOR_OR_SELF = ">>"
    PARENT = ">!"
    PARENT_OR_SELF = ">>!"
    TOP = "!!>"
    BOTTOM = "!!<"


class Junction(StrEnum):
    """How parts are put together."""

    AND = "AND"
    OR = "OR"
    MINUS = "MINUS"


class Op(StrEnum):
    """A comparison."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Everything:
    """``*``"""


@dataclass(frozen=True, slots=True)
class Named:
    """A concept by its code; the term beside it says nothing."""

    code: str


@dataclass(frozen=True, slots=True)
class Identified:
    """A concept by a code of another scheme: ``LOINC#54486-6``."""

    scheme: str
    code: str
    at: int


@dataclass(frozen=True, slots=True)
class Related:
    """What is below or above others."""

    relation: Relation
    of: "Expression"


@dataclass(frozen=True, slots=True)
class Members:
    """What reference sets have in their fields; of no ``fields``, the components that they are of."""

    of: "Expression"
    fields: tuple[str, ...] = ()
    has_all_fields: bool = False
    filters: tuple["Filters", ...] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class Containing:
    """The reference sets that have any of some concepts."""

    of: "Expression"
    filters: tuple["Filters", ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Several constraints together."""

    junction: Junction
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Refined:
    """What has attributes."""

    of: "Expression"
    by: "Refinement"


@dataclass(frozen=True, slots=True)
class Dotted:
    """The values of attributes, of their values, and so on."""

    of: "Expression"
    attributes: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """What passes filters on concepts, or has a description that passes filters."""

    of: "Expression"
    by: tuple["Filters", ...]


@dataclass(frozen=True, slots=True)
class WithHistory:
    """Concepts with those that they have replaced, as the reference sets in ``refsets`` say."""

    of: "Expression"
    refsets: "Expression"


Expression: TypeAlias = (
    Everything
    | Named
    | Identified
    | Related
    | Members
    | Containing
    | Joined
    | Refined
    | Dotted
    | Filtered
    | WithHistory
)


@dataclass(frozen=True, slots=True)
class Cardinality:
    """How often; no ``most`` is any number."""

    least: int = 1
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What a text is compared with: words that begin its words in any order, or a pattern of it all."""

    text: str
    is_pattern: bool


@dataclass(frozen=True, slots=True)
class Concepts:
    """Concepts to compare with."""

    by: Expression


@dataclass(frozen=True, slots=True)
class Number:
    """A number to compare with."""

    value: float


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to compare with, one of which is enough."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Searches:
    """Searches in texts, one of which is enough."""

    values: tuple[Search, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """A truth to compare with."""

    value: bool


@dataclass(frozen=True, slots=True)
class Dates:
    """Days as 20260131 (0: none yet), one of which is enough."""

    values: tuple[int, ...]


Operand: TypeAlias = Concepts | Number | Texts | Searches | Truth | Dates


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute whose name and value are what is asked."""

    cardinality: Cardinality
    name: Expression
    op: Op
    value: Operand


@dataclass(frozen=True, slots=True)
class Reversed:
    """An attribute of other concepts, of which the concept is the value."""

    cardinality: Cardinality
    name: Expression
    op: Op
    sources: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Attributes:
    """Several attributes of one group together."""

    junction: Junction
    parts: tuple["AttributeSet", ...]


AttributeSet: TypeAlias = Attribute | Reversed | Attributes


@dataclass(frozen=True, slots=True)
class Group:
    """Attributes that are in one group."""

    cardinality: Cardinality
    by: AttributeSet


@dataclass(frozen=True, slots=True)
class Refinements:
    """Several refinements together."""

    junction: Junction
    parts: tuple["Refinement", ...]


Refinement: TypeAlias = Attribute | Reversed | Group | Refinements


class On(StrEnum):
    """What filters are on."""

    CONCEPT = "C"
    DESCRIPTION = "D"
    MEMBER = "M"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A language reference set, and how acceptable a term is in it: 1, 2 or, of nothing, any of the two."""

    by: Expression
    acceptability: frozenset[int]


@dataclass(frozen=True, slots=True)
class Dialects:
    """Language reference sets, one of which is enough."""

    values: tuple[Dialect, ...]


@dataclass(frozen=True, slots=True)
class Languages:
    """Languages, one of which is enough."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """Identifiers of descriptions, one of which is enough."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """Whether what is in use, what is not, or both is asked for."""

    values: frozenset[bool]


Wanted: TypeAlias = Operand | Dialects | Languages | Ids | Activity


@dataclass(frozen=True, slots=True)
class Test:
    """One filter; ``field`` is in the spelling of the grammar, or the name of a field of a reference set."""

    field: str
    op: Op
    wanted: Wanted
    at: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters that hold together: on a concept, of one description, of one row."""

    on: On
    tests: tuple[Test, ...]
