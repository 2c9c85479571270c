"""Works out expression constraints on a version of SNOMED CT, to masks: what they select, concept by concept.

What is in the substrate: all concepts, also those no longer in use, which have no relationships; active rows of all
else where no filter says otherwise. A code that is no concept of the version selects nothing.
Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, sections 6 and 5.4
"""

from collections.abc import Callable, Sequence
from functools import singledispatchmethod
from typing import Final

import numpy as np

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.ecl.columns import of_rows
from fhirserver.terminology.ecl.descriptions import Described, cost
from fhirserver.terminology.ecl.errors import BadConstraint, CostlyConstraint
from fhirserver.terminology.ecl.hierarchy import related
from fhirserver.terminology.ecl.members import Membership
from fhirserver.terminology.ecl.metadata import DEFINED, PRIMITIVE, SCHEMES
from fhirserver.terminology.ecl.ontology import Ints, Ontology
from fhirserver.terminology.ecl.refinement import Refining, dotted
from fhirserver.terminology.ecl.syntax import (
    Attributes,
    AttributeSet,
    Concepts,
    Containing,
    Dotted,
    Everything,
    Expression,
    Filtered,
    Group,
    Identified,
    Joined,
    Junction,
    Members,
    Named,
    On,
    Op,
    Refined,
    Refinement,
    Refinements,
    Related,
    Test,
    WithHistory,
)

MAX_STEPS: Final = 2000
"""Of one constraint: each takes a millisecond or two."""
_OF_SET: Final = 6
_OF_DOT: Final = 3


class Evaluation:
    """Works out one constraint; ``first_rows`` gives the first rows of the groups of relationships."""

    def __init__(self, ontology: Ontology, first_rows: Callable[[], Ints]) -> None:
        """Ask ``ontology``."""
        self._ontology = ontology
        self._first_rows = first_rows
        self._steps = 0

    def selected(self, expression: Expression) -> Mask:
        """Return what a whole constraint selects; raises BadConstraint, CostlyConstraint."""
        if isinstance(expression, Members):
            return self._members(expression)
        return self.mask(expression)

    @singledispatchmethod
    def mask(self, expression: Expression) -> Mask:
        """Return what a constraint within another one selects, in an array of its own."""
        raise NotImplementedError(type(expression))

    @mask.register
    def _(self, expression: Everything) -> Mask:
        return np.ones(len(self._ontology), np.bool_)

    @mask.register
    def _(self, expression: Named) -> Mask:
        number = self._ontology.number(expression.code)
        return self._of(() if number is None else (number,))

    @mask.register
    def _(self, expression: Identified) -> Mask:
        code = SCHEMES.get(expression.scheme.lower())
        if code is None:
            known = ", ".join(f"`{one}`" for one in sorted(SCHEMES))
            raise BadConstraint(
                f"`{expression.scheme}` (position {expression.at + 1}) is no scheme of identifiers; known are {known}."
            )
        scheme = self._ontology.number(code)
        return self._of(() if scheme is None else self._ontology.identified(scheme, expression.code))

    @mask.register
    def _(self, expression: Related) -> Mask:
        self._spend(1 if isinstance(expression.of, Named) else _OF_SET)
        return related(self._ontology, expression.relation, self.mask(expression.of))

    @mask.register
    def _(self, expression: Members) -> Mask:
        if len(expression.fields) > 1 or expression.has_all_fields:
            raise BadConstraint(
                f"Several fields of members (position {expression.at + 1}) are at the outermost place of a constraint"
                " only."
            )
        return self._members(expression)

    @mask.register
    def _(self, expression: Containing) -> Mask:
        self._spend(1 + len(expression.filters))
        return self._membership.containing(expression)

    @mask.register
    def _(self, expression: Joined) -> Mask:
        first, *others = expression.parts
        found = self._any_named(expression) if expression.junction is Junction.OR else self.mask(first)
        for other in others:
            if expression.junction is Junction.AND:
                found &= self.mask(other)
            elif expression.junction is Junction.MINUS:
                found &= ~self.mask(other)
        return found

    @mask.register
    def _(self, expression: Refined) -> Mask:
        self._spend(_attributes(expression.by))
        return self.mask(expression.of) & self._refining.mask(expression.by)

    @mask.register
    def _(self, expression: Dotted) -> Mask:
        found = self.mask(expression.of)
        for attribute in expression.attributes:
            self._spend(_OF_DOT)
            found = dotted(self._ontology.relationships, found, self.mask(attribute))
        return found

    @mask.register
    def _(self, expression: Filtered) -> Mask:
        found = self.mask(expression.of)
        for filters in expression.by:
            self._spend(sum(map(cost, filters.tests)))
            if filters.on is On.CONCEPT:
                for test in filters.tests:
                    found &= self._passing(test)
            else:
                found = Described(self._ontology, self.mask).mask(filters, found)
        return found

    @mask.register
    def _(self, expression: WithHistory) -> Mask:
        self._spend()
        found = self.mask(expression.of)
        return found | self._membership.replaced(found, self.mask(expression.refsets))

    def _any_named(self, expression: Joined) -> Mask:
        """Return what any part selects; many a constraint is a list of concepts."""
        named = [self._ontology.number(one.code) for one in expression.parts if isinstance(one, Named)]
        found = self._of([number for number in named if number is not None])
        for part in expression.parts:
            if not isinstance(part, Named):
                found |= self.mask(part)
        return found

    def _members(self, expression: Members) -> Mask:
        self._spend(1 + len(expression.filters))
        return self._membership.members(expression)

    def _passing(self, test: Test) -> Mask:
        """Return the concepts that pass a filter on concepts."""
        on_rows = of_rows(test, self.mask)
        if on_rows is not None:
            return on_rows(self._ontology.rows)
        wanted = test.wanted.by if isinstance(test.wanted, Concepts) else Everything()
        accepted = [self._has(wanted, code) is (test.op is Op.EQUAL) for code in (PRIMITIVE, DEFINED)]
        found: Mask = np.array(accepted, np.bool_)[self._ontology.defined.astype(np.intp)]
        return found

    def _has(self, expression: Expression, code: str) -> bool:
        """Tell whether a constraint selects a concept of the metadata, which the version may do without."""
        number = self._ontology.number(code)
        if number is not None:
            return bool(self.mask(expression)[number])
        parts = expression.parts if isinstance(expression, Joined) else (expression,)
        return Named(code) in parts

    def _of(self, numbers: Sequence[int]) -> Mask:
        found = np.zeros(len(self._ontology), np.bool_)
        found[list(numbers)] = True
        return found

    def _spend(self, steps: int = 1) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise CostlyConstraint(f"An expression constraint takes at most {MAX_STEPS} steps to work out.")

    @property
    def _membership(self) -> Membership:
        return Membership(self._ontology, self.mask)

    @property
    def _refining(self) -> Refining:
        return Refining(self._ontology, self._first_rows(), self.mask, self._spend)


def _attributes(refinement: Refinement) -> int:
    """Return how many attributes a refinement has."""
    pending: list[Refinement | AttributeSet] = [refinement]
    found = 0
    while pending:
        one = pending.pop()
        if isinstance(one, (Refinements, Attributes)):
            pending.extend(one.parts)
        elif isinstance(one, Group):
            pending.append(one.by)
        else:
            found += 1
    return found
