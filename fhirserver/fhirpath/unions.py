"""Unions of compiled operands, for the operator and for the function.

Spec: http://hl7.org/fhirpath/N1/#unionother--collection
"""

from collections.abc import Callable

from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.equality import distinct, distinct_complex
from fhirserver.fhirpath.expression import NOWHERE, Compiled
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.types import QUANTITY, SYSTEM_TYPES, Types, is_open
from fhirserver.ucum import Ucum


def union_of(operands: list[Compiled]) -> Compiled:
    """Join compiled operands."""
    if not operands:
        return NOWHERE
    first = operands[0]
    if len(operands) == 1:
        return first if not first.many else Compiled(_distinct(first), first.types, is_pure=first.is_pure)
    types = frozenset().union(*(operand.types for operand in operands))
    literals = [operand.constant for operand in operands if operand.constant is not None]
    if len(literals) == len(operands) and QUANTITY not in types:
        items = distinct(literals)
        return Compiled(lambda frame, this: items, types, is_pure=True)
    is_pure = all(operand.is_pure for operand in operands)
    return Compiled(_joined([operand.run for operand in operands], _remover(types)), types, is_pure=is_pure)


def _remover(types: Types) -> Callable[[Items, Ucum | None], Items]:
    return distinct if any(name in SYSTEM_TYPES or is_open(name) for name in types) else distinct_complex


def _distinct(operand: Compiled) -> Run:
    source, without_duplicates = operand.run, _remover(operand.types)

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        return without_duplicates(items, frame.environment.ucum) if len(items) > 1 else items

    return run


def _joined(runs: list[Run], without_duplicates: Callable[[Items, Ucum | None], Items]) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        items: Items = []
        for each in runs:
            items += each(frame, this)
        if len(items) > 1:
            frame.spend(len(items))
            frame.check_size(items)
        return without_duplicates(items, frame.environment.ucum) if len(items) > 1 else items

    return run
