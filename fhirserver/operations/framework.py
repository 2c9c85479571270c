"""What an operation is, and the table that finds one by level, type and name.

Spec: http://hl7.org/fhir/R4/operations.html#executing
"""

from collections.abc import Awaitable, Callable, Iterable, Set
from dataclasses import dataclass
from typing import TypeAlias

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level, Target
from fhirserver.kernel.outcome import NotAllowed, NotFound
from fhirserver.kernel.resource import Resource
from fhirserver.repository.repository import Repository

Handler: TypeAlias = Callable[[FhirRequest, Repository], Awaitable[FhirResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the server; ``resource_types`` empty means every type that ``levels`` reach."""

    name: str
    """Without the ``$``."""
    definition: str
    """The canonical of its OperationDefinition."""
    levels: frozenset[Level]
    handler: Handler
    resource_types: frozenset[str] = frozenset()
    affects_state: bool = False

    def serves(self, level: Level, resource_type: str | None) -> bool:
        """Tell whether the operation can be invoked there."""
        if level not in self.levels:
            return False
        return level is Level.SYSTEM or not self.resource_types or resource_type in self.resource_types


class OperationTable:
    """All operations of the server."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Hold ``operations``; the first that serves a target wins."""
        self._operations = tuple(operations)

    def find(self, target: Target, *, is_post: bool) -> Operation:
        """Return what a URL invokes; raises NotFound, or NotAllowed for a GET that would change something."""
        for operation in self._operations:
            if operation.name == target.operation and operation.serves(target.level, target.resource_type):
                if operation.affects_state and not is_post:
                    raise NotAllowed(f"`${operation.name}` must be invoked by POST.", headers={"Allow": "POST"})
                return operation
        where = target.resource_type or "the system"
        raise NotFound(f"`${(target.operation or '')[:64]}` is not an operation on {where} at {target.level} level.")

    def describe(self, levels: Set[Level], resource_type: str | None) -> list[Resource]:
        """List the operations at some levels of a type, as a CapabilityStatement does."""
        served = (o for o in self._operations if any(o.serves(level, resource_type) for level in levels))
        return [{"name": operation.name, "definition": operation.definition} for operation in served]
