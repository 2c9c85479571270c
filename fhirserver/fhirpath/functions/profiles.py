"""What profiles say of elements. Spec: http://hl7.org/fhir/R4/fhirpath.html#functions

What validation knows comes from the environment's ``Conformance``.
"""

from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Conformance, Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import Items, boolean, only, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.navigation import Navigation
from fhirserver.fhirpath.types import STRING

TABLE: Final = FunctionTable()
_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"


@TABLE.function("conformsTo", 1)
def conforms_to(call: Call) -> Compiled:
    """True when the item is valid against a profile; a base type's own profile is decided without validation."""
    source, argument, definitions = call.focus.run, call.argument(0).run, call.scope.definitions

    def run(frame: Frame, this: Items) -> Items:
        item, profile = only(source(frame, this)), value_of(argument(frame, this), STRING)
        if item is None or profile is None:
            return []
        name = profile.removeprefix(_DEFINITIONS)
        if name != profile and definitions.has_type(name):
            return boolean(definitions.is_subtype(item[0], name))
        checker = frame.environment.conformance
        verdict = None if checker is None else checker.conforms(item[1], profile)
        if verdict is None:
            raise FhirPathExecutionError("The profile of `conformsTo()` is not known.")
        return boolean(verdict)

    return boolean_result(run)


@TABLE.function("slice", 2)
def slice_(call: Call) -> Compiled:
    """The items that are in a slice of a profile; an error when there is no such slice."""
    source, structure, name = call.focus.run, call.argument(0).run, call.argument(1).run

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        url, wanted = value_of(structure(frame, this), STRING), value_of(name(frame, this), STRING)
        if not items or url is None or wanted is None:
            return []
        checker = frame.environment.conformance
        return [item for item in items if _is_in_slice(checker, plain(item[1]), url, wanted)]

    return Compiled(run, call.focus.types, call.focus.many)


def _is_in_slice(checker: Conformance | None, value: object, structure: str, name: str) -> bool:
    verdict = None if checker is None else checker.is_in_slice(value, structure, name)
    if verdict is None:
        raise FhirPathExecutionError("The slice of `slice()` is not known.")
    return verdict


@TABLE.function("elementDefinition")
def element_definition(call: Call) -> Compiled:
    """The definition of each element, as the base definitions have it; nothing where its path is not known."""
    source, navigation, definitions = call.focus.run, call.focus.navigation, call.scope.definitions
    if not call.focus.types:
        return NOWHERE
    paths = _paths(navigation) if navigation is not None and navigation.steps else {}
    known: dict[str, Items] = {}

    def run(frame: Frame, this: Items) -> Items:
        found: Items = []
        for name, _ in source(frame, this):
            path = paths.get(name) if navigation is not None and navigation.steps else name
            if path is not None and path not in known:
                known[path] = _definition(path, definitions)
            found += known[path] if path is not None else []
        return found

    return Compiled(run, frozenset({"ElementDefinition"}), call.focus.many)


def _paths(navigation: Navigation) -> dict[str, str]:
    """Return the paths of the elements that the last step finds, by their types; none where a type has several."""
    found: dict[str, set[str]] = {}
    for parent, branches in navigation.steps[-1].items():
        for branch in branches:
            found.setdefault(branch.type, set()).add(f"{parent}.{branch.element}")
    return {name: next(iter(paths)) for name, paths in found.items() if len(paths) == 1}


def _definition(path: str, definitions: Definitions) -> Items:
    owner = definitions.resource(_DEFINITIONS + path.partition(".")[0])
    elements = [] if owner is None else owner.get("snapshot", {}).get("element", [])
    return [("ElementDefinition", element) for element in elements if element["path"] == path][:1]
