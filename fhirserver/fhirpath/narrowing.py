"""``as`` and ``ofType``: decided before the expression runs wherever the element model decides it.

Spec: http://hl7.org/fhirpath/N1/#oftypetype--type-specifier--collection
"""

from fhirserver.fhirpath.ast import TypeName
from fhirserver.fhirpath.environment import Run
from fhirserver.fhirpath.errors import shown
from fhirserver.fhirpath.expression import NOWHERE, Compiled, Rules, Scope, navigated
from fhirserver.fhirpath.items import only
from fhirserver.fhirpath.types import TypeTest, is_open, resolve_type


def narrow(focus: Compiled, specifier: TypeName, scope: Scope) -> Compiled:
    """Keep the items of a type; raises FhirPathTypeError when it is none."""
    wanted = resolve_type(specifier, scope.definitions, wrong_case=scope.rules is Rules.R4)
    opened = [name for name in focus.types if is_open(name) and wanted.may_be(name) and not wanted.selects(name)]
    kept = frozenset(name for name in focus.types if wanted.selects(name))
    if not kept and not opened:
        if focus.types:
            scope.notes.warn(f"What is selected is never a `{shown(str(specifier))}`.")
        return NOWHERE
    if kept == focus.types:
        return focus
    if not opened and focus.navigation is not None and focus.navigation.can_narrow():
        return navigated(focus.navigation.narrow(kept), focus.is_pure)
    found = kept.union(wanted.names) if opened else kept
    return Compiled(_selected(focus.run, wanted), found, focus.many, is_pure=focus.is_pure)


def narrow_one(focus: Compiled, specifier: TypeName, scope: Scope) -> Compiled:
    """Return the only item if it is of a type: the ``as`` of the language; R4 means a filter by it."""
    narrowed = narrow(focus, specifier, scope)
    if scope.rules is Rules.R4 or not focus.many or narrowed is NOWHERE:
        return narrowed
    source, run = focus.run, narrowed.run
    return Compiled(lambda frame, this: run(frame, this) if only(source(frame, this)) else [], narrowed.types, False)


class _Verdicts(dict[str, bool]):
    """Which types are selected, decided as they are met."""

    def __init__(self, wanted: TypeTest) -> None:
        self._wanted = wanted

    def __missing__(self, name: str) -> bool:
        self[name] = verdict = self._wanted.selects(name)
        return verdict


def _selected(run: Run, wanted: TypeTest) -> Run:
    verdicts = _Verdicts(wanted)
    return lambda frame, this: [item for item in run(frame, this) if verdicts[item[0]]]
