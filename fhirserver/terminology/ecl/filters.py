"""The filters of value sets on SNOMED CT: expression constraints, members of reference sets, attributes.

``constraint = <expression constraint>``, ``concept in <reference set>`` and attributes by their code; all else is as
in every code system.
Spec: http://hl7.org/fhir/R4/snomedct.html
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhirserver.terminology import filters
from fhirserver.terminology.concepts import Filter, Mask, UnknownFilter
from fhirserver.terminology.ecl.answers import Test, holding, selected
from fhirserver.terminology.ecl.metadata import REFSET
from fhirserver.terminology.ecl.ontology import Ontology

CONSTRAINTS: Final = frozenset({"constraint", "expression"})
"""What a filter with an expression constraint names: the second one in value sets of earlier versions of FHIR."""
FILTERS: Final = CONSTRAINTS | {"concept", "moduleId", "inactive", "sufficientlyDefined"}
"""What a version of SNOMED CT says in its head that filters may name."""
_CONCEPT: Final = frozenset({"concept", "code"})
_CODE: Final = re.compile(r"[1-9][0-9]{5,17}", re.ASCII)
_CONSTRAINTS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("inactive", "true"): "* {{ C active = 0 }}",
        ("inactive", "false"): "* {{ C active = 1 }}",
        ("sufficientlyDefined", "true"): "* {{ C definitionStatus = defined }}",
        ("sufficientlyDefined", "false"): "* {{ C definitionStatus = primitive }}",
    }
)


def select(ontology: Ontology, wanted: Filter) -> Mask:
    """Return the concepts a filter selects; raises UnknownFilter, Undecidable, BadConstraint."""
    constraint = constraint_of(ontology, wanted)
    return filters.select(ontology, wanted) if constraint is None else selected(ontology, constraint)


def holds(ontology: Ontology, wanted: Filter) -> Test:
    """Return what tells whether a filter selects a concept; raises as ``select`` does."""
    constraint = constraint_of(ontology, wanted)
    return filters.holds(ontology, wanted) if constraint is None else holding(ontology, constraint)


def constraint_of(ontology: Ontology, wanted: Filter) -> str | None:
    """Return the expression constraint that says what a filter does, if one does; raises UnknownFilter."""
    name, op, value = wanted.property, wanted.op, wanted.value
    if name in CONSTRAINTS:
        if op != "=":
            raise UnknownFilter(f"`{name}` takes `=`, not `{op}`.")
        return value
    if op == "=" and (name, value) in _CONSTRAINTS:
        return _CONSTRAINTS[name, value]
    return _of_codes(ontology, wanted)


def _of_codes(ontology: Ontology, wanted: Filter) -> str | None:
    """Return the constraint of a filter that compares with concepts."""
    name, op = wanted.property, wanted.op
    codes = [code.strip() for code in wanted.value.split(",")] if op == "in" else [wanted.value]
    if op not in ("=", "in") or not all(map(_CODE.fullmatch, codes)):
        return None
    listed = codes[0] if len(codes) == 1 else f"({' OR '.join(codes)})"
    if name in _CONCEPT:
        return f"^ {listed}" if op == "in" and _are_refsets(ontology, codes) else listed
    if name == "moduleId":
        return f"* {{{{ C moduleId = {listed} }}}}"
    return f"* : {name} = {listed}" if _CODE.fullmatch(name) else None


def _are_refsets(ontology: Ontology, codes: list[str]) -> bool:
    """Tell whether one of some concepts is a reference set, with members in this version or without."""
    top, refsets = ontology.number(REFSET), set(ontology.refsets())
    numbers = [number for number in map(ontology.number, codes) if number is not None]
    return any(one in refsets or (top is not None and ontology.subsumes(top, one)) for one in numbers)
