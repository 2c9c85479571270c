"""Which JSON properties an expression cannot do without: what lacks them is passed over unread.

    Observation.value.as(Quantity)         valueQuantity
    Patient.name.family                    name
    Patient.extension('http://x').value    extension
    Observation.value                      valueQuantity, valueString …

Read off the syntax tree, so that nothing depends on how an expression is spelled.
"""

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import parse
from fhirserver.fhirpath.ast import Function, Identifier, Indexer, Invocation, Node, TypeOperation
from fhirserver.search.parameters import Indexed

_NARROWING = frozenset({"where", "as", "ofType", "first", "last", "resolve", "exists"})
"""Functions after which a path is still at the same element, or at a part of it."""


def needed_properties(resource_type: str, indexed: Indexed, source: str, definitions: Definitions) -> frozenset[str]:
    """Return the properties of which a resource must have one for an expression to index it; empty: not known."""
    found = properties_read(resource_type, source, definitions)
    if found or not indexed.parts or str(parse(source)) != resource_type:
        return found
    for part in reversed(indexed.parts):  # a composite of the resource itself: the value is absent more often
        read = [properties_read(resource_type, e.source, definitions) for e in part.expressions.get(resource_type, ())]
        if len(read) == 1 and read[0]:
            return read[0]
    return frozenset()


def properties_read(resource_type: str, source: str, definitions: Definitions) -> frozenset[str]:
    """Return the properties of which a resource must have one for a path to select anything; empty: not known."""
    steps = _steps(parse(source))
    match steps:
        case [Identifier(name), *more] if definitions.has_type(name) and definitions.is_subtype(resource_type, name):
            steps = more
    match steps:
        case [Function("extension"), *_]:
            return frozenset({"extension"})
        case [Identifier(name), *more]:
            wanted = _type_asked(more)
        case _:
            return frozenset()
    children = definitions.children(resource_type).items()
    return frozenset(
        json_name
        for json_name, child in children
        if child.element.name == name and (wanted is None or definitions.is_subtype(child.type_name, wanted))
    )


def path_read(resource_type: str, source: str, definitions: Definitions) -> tuple[str, ...]:
    """Return the elements that a path leads through, as far as that can be told: empty, where it may read anything.

    Patient.telecom.where(system='email')      telecom
    Patient.name.given                         name, given
    """
    steps = _steps(parse(source))
    match steps:
        case [Identifier(name), *more] if definitions.has_type(name) and definitions.is_subtype(resource_type, name):
            steps = more
    found: list[str] = []
    for step in steps:
        if isinstance(step, Identifier):
            found.append(step.name)
        elif not (isinstance(step, TypeOperation) or (isinstance(step, Function) and step.name in _NARROWING)):
            break
    return tuple(found)


def _steps(node: Node) -> list[Node]:
    """Return a path as its steps, the first one first; the operand of a type test has the test after it."""
    steps: list[Node] = []
    while True:
        match node:
            case Invocation(target, member):
                steps.append(member)
                node = target
            case TypeOperation("as", operand, _):
                steps.append(node)
                node = operand
            case Indexer(target, _):
                node = target
            case Identifier():
                return [node, *reversed(steps)]
            case _:
                return []


def _type_asked(steps: list[Node]) -> str | None:
    """Return the type that the first step after an element narrows it to."""
    match steps:
        case [TypeOperation(_, _, wanted), *_] if wanted.namespace in (None, "FHIR"):
            return wanted.name
        case [Function("as" | "ofType", (Identifier(name),)), *_]:
            return name
        case _:
            return None
