"""Query text to the operation that is to be run, within bounds.

Spec: https://spec.graphql.org/October2021/#sec-Document-Syntax
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    OperationType,
    parse,
)

from fhirserver.kernel.outcome import BadRequest, TooLong

MAX_CHARACTERS: Final = 256 * 1024
"""Of a query: a mutation carries a resource."""
_MAX_TOKENS: Final = 20_000


class QueryError(BadRequest):
    """The query asks for what there is not, or in a way that cannot be answered; knows where it says so."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        """Say what is wrong with a part of the query."""
        super().__init__(message, expression=["http.query"])
        self.places: list[dict[str, int]] = []
        if node is not None and node.loc is not None:
            start = node.loc.start_token
            self.places = [{"line": start.line, "column": start.column}]


@dataclass(frozen=True, slots=True)
class Query:
    """The operation to run, and the fragments it may use."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]

    @property
    def is_mutation(self) -> bool:
        """Whether it changes something."""
        return self.operation.operation is OperationType.MUTATION


def parse_query(text: str, operation_name: str | None) -> Query:
    """Read a document and choose one of its operations. Raises QueryError, TooLong."""
    if len(text) > MAX_CHARACTERS:
        raise TooLong(f"The query is longer than {MAX_CHARACTERS} characters; pass resources as variables.")
    try:
        document = parse(text, max_tokens=_MAX_TOKENS)
    except GraphQLSyntaxError as error:
        places = [{"line": each.line, "column": each.column} for each in error.locations or ()]
        where = f" at line {places[0]['line']}, column {places[0]['column']}" if places else ""
        problem = QueryError(f"The query is not GraphQL: there is a syntax error{where}.")
        problem.places = places
        raise problem from None
    except RecursionError:
        raise QueryError("The query is nested too deep.") from None
    operation = _choose(document, operation_name)
    if operation.operation is OperationType.SUBSCRIPTION:
        raise QueryError("There are no GraphQL subscriptions here.", operation)
    return Query(operation, _fragments(document))


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name:
        operations = [each for each in operations if each.name is not None and each.name.value == name]
    if not operations:
        raise QueryError("The document has no such operation." if name else "The document has no operation.")
    if len(operations) > 1:
        raise QueryError("The document has several operations; `operationName` must choose one.", operations[1])
    return operations[0]


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
