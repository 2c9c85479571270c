"""Utility functions: tracing and the present. Spec: http://hl7.org/fhirpath/N1/#utility-functions"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.ast import Constant
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError, shown
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.externals import is_constant
from fhirserver.fhirpath.functions.filtering import project
from fhirserver.fhirpath.items import Items
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.types import DATE, DATE_TIME, STRING, TIME
from fhirserver.kernel.instant import render_instant

TABLE: Final = FunctionTable()


@TABLE.function("trace", 1, 2)
def trace(call: Call) -> Compiled:
    """The items themselves, after they (or a projection of them) have been shown to the trace sink."""
    source, name = call.focus.run, call.argument(0).run
    projection = call.criteria(1).run if len(call) > 1 else None

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        sink = frame.environment.trace_sink
        if sink is not None:
            shown = items if projection is None else project(frame, items, projection)
            sink.trace(value_of(name(frame, this), STRING) or "", shown)
        return items

    return Compiled(run, call.focus.types, call.focus.many)


@TABLE.function("defineVariable", 1, 2)
def define_variable(call: Call) -> Compiled:
    """The items themselves; for what is chained to them ``%name`` is the collection, or a value computed from it.

    Not in N1; from the draft of the next release. A name is given once.
    """
    name = _literal_name(call)
    source, focus = call.focus.run, call.focus
    value = call.scope.within(focus.types, many=True).compile(call.node.arguments[1]) if len(call) > 1 else None

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        if name in frame.environment.variables:
            raise FhirPathExecutionError(f"`%{shown(name)}` is defined already.")
        frame.define(name, items if value is None else value.run(frame, items))
        return items

    return Compiled(run, focus.types, focus.many, defines={name: (focus if value is None else value).types})


def _literal_name(call: Call) -> str:
    argument = call.node.arguments[0]
    if not isinstance(argument, Constant) or not isinstance(argument.value, str):
        raise FhirPathTypeError("`defineVariable()` takes a literal name.")
    if is_constant(argument.value) or argument.value in call.scope.variables:
        raise FhirPathTypeError(f"`%{shown(argument.value)}` is defined already.")
    return argument.value


def _enter(name: str, type_name: str, cut: Callable[[str], str]) -> None:
    def run(frame: Frame, this: Items) -> Items:
        now_us = frame.environment.now_us
        if now_us is None:
            raise FhirPathExecutionError(f"`{name}()` is not known here: the environment has no time.")
        return [(type_name, cut(render_instant(now_us)))]

    TABLE.function(name)(lambda call: Compiled(run, frozenset({type_name}), many=False))


_enter("now", DATE_TIME, lambda instant: instant[:23] + "Z")
_enter("today", DATE, lambda instant: instant[:10])
_enter("timeOfDay", TIME, lambda instant: instant[11:23])
