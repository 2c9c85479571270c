"""What a differential says that it may not: values, never exceptions."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Rule(StrEnum):
    """The rule of profiling that was broken."""

    MALFORMED = "malformed"
    BASE_UNKNOWN = "base-unknown"
    BASE_CIRCULAR = "base-circular"
    NO_ELEMENTS = "no-elements"
    PATH_UNKNOWN = "path-unknown"
    TYPE_UNKNOWN = "type-unknown"
    TYPE_AMBIGUOUS = "type-ambiguous"
    TYPE_NOT_ALLOWED = "type-not-allowed"
    TARGET_NOT_ALLOWED = "target-not-allowed"
    PROFILE_CIRCULAR = "profile-circular"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    CARDINALITY_WIDENED = "cardinality-widened"
    CARDINALITY_IMPOSSIBLE = "cardinality-impossible"
    BINDING_WEAKENED = "binding-weakened"
    FIXED_CHANGED = "fixed-changed"
    MUST_SUPPORT_REMOVED = "must-support-removed"
    CONSTRAINT_CHANGED = "constraint-changed"
    SLICING_MISSING = "slicing-missing"
    SLICING_CHANGED = "slicing-changed"
    SLICES_EXCEED = "slices-exceed"
    SLICE_NOT_ALLOWED = "slice-not-allowed"


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule; ``element`` is the id of the element, or of the structure where none is at fault."""

    element: str
    rule: Rule
    text: str


Report: TypeAlias = Callable[[Rule, str], None]
"""Says that the element at hand breaks a rule."""
