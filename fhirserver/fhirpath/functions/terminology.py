"""Value sets and hierarchies of codes. Spec: http://hl7.org/fhir/R4/fhirpath.html#functions

What is known of codes comes from the environment's ``Terminology``.
"""

from itertools import product
from typing import Final

from fhirserver.fhirpath.environment import Coded, Frame, Terminology
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import Item, Items, boolean, only, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.types import STRING

TABLE: Final = FunctionTable()


@TABLE.function("memberOf", 1)
def member_of(call: Call) -> Compiled:
    """True when a code, Coding or CodeableConcept is in a value set; empty when that is not known."""
    source, argument = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        item, value_set = only(source(frame, this)), value_of(argument(frame, this), STRING)
        if item is None or value_set is None:
            return []
        terminology = _terminology(frame, "memberOf")
        return _any([terminology.is_member(system, code, value_set) for system, code in _codings(item)])

    return boolean_result(run)


@TABLE.function("subsumes", 1)
def subsumes(call: Call) -> Compiled:
    """True when a code is the given one or an ancestor of it; empty when no code system relates them."""
    return _subsumption(call, "subsumes")


@TABLE.function("subsumedBy", 1)
def subsumed_by(call: Call) -> Compiled:
    """True when a code is the given one or a descendant of it; empty when no code system relates them."""
    return _subsumption(call, "subsumedBy")


def _subsumption(call: Call, name: str) -> Compiled:
    source, argument = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        mine, given = only(source(frame, this)), only(argument(frame, this))
        if mine is None or given is None:
            return []
        broader, narrower = (mine, given) if name == "subsumes" else (given, mine)
        pairs = list(product(_codings(broader), _codings(narrower)))
        frame.spend(len(pairs))
        terminology = _terminology(frame, name)
        return _any([True if one == two else terminology.subsumes(one, two) for one, two in pairs])

    return boolean_result(run)


def _terminology(frame: Frame, name: str) -> Terminology:
    terminology = frame.environment.terminology
    if terminology is None:
        raise FhirPathExecutionError(f"`{name}()` is not known here: the environment has no terminology.")
    return terminology


def _any(verdicts: list[bool | None]) -> Items:
    """Tell whether one is true; not known where one of the others is not."""
    return boolean(True if True in verdicts else None if None in verdicts else False)


def _codings(item: Item) -> list[Coded]:
    value = plain(item[1])
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return []
    codings = value.get("coding", ()) if item[0] == "CodeableConcept" else (value,)
    return [(coding.get("system"), coding["code"]) for coding in codings if "code" in coding]
