"""Utility functions: tracing and the present. Spec: http://hl7.org/fhirpath/N1/#utility-functions"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
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
