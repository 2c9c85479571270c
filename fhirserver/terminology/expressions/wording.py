"""Expressions as text, with what each concept is called.

Spec: https://confluence.ihtsdotools.org/display/DOCSCG (5.1 normative specification)
"""

from collections.abc import Callable
from typing import TypeAlias

from fhirserver.terminology.expressions.syntax import (
    Attribute,
    AttributeSet,
    Expression,
    Literal,
    Reference,
    SubExpression,
    Value,
)

Calling: TypeAlias = Callable[[str], str | None]
"""Says what a concept is called."""


def worded(expression: Expression, called: Calling) -> str:
    """Return an expression with the terms of its concepts, and no more space than they have."""
    return f"{expression.status or ''}{_sub_expression(expression.of, called)}"


def _sub_expression(one: SubExpression, called: Calling) -> str:
    focus = "+".join(_reference(each, called) for each in one.focus)
    said = [_attributes(one.attributes, called)] if one.attributes else []
    said += [f"{{{_attributes(group, called)}}}" for group in one.groups]
    return f"{focus}:{','.join(said)}" if said else focus


def _attributes(attributes: AttributeSet, called: Calling) -> str:
    return ",".join(_attribute(one, called) for one in attributes)


def _attribute(one: Attribute, called: Calling) -> str:
    return f"{_reference(one.name, called)}={_value(one.value, called)}"


def _value(value: Value, called: Calling) -> str:
    if isinstance(value, Literal):
        return value.written
    return _reference(value, called) if isinstance(value, Reference) else f"({_sub_expression(value, called)})"


def _reference(one: Reference, called: Calling) -> str:
    term = called(one.code)
    return one.code if term is None else f"{one.code}|{term}|"
