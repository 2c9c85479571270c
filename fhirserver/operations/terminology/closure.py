"""``$closure``: a client's table of which of its concepts are above which, kept step by step.

Spec: http://hl7.org/fhir/R4/conceptmap-operation-closure.html
"""

from collections.abc import Sequence
from typing import Final

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, Conflict, Unprocessable
from fhirserver.kernel.threads import in_thread
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import Question, answer, coding_of, library_of, question_of
from fhirserver.repository.repository import Repository
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.closure import Closure, Table, concept_map

_KNOWN: Final = ("name", "concept", "version")
_TRIES: Final = 5
_MAX_NAME: Final = 256
_MAX_GIVEN: Final = 1000
"""Concepts of one request."""


async def keep_closure(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Begin a table, add concepts to it, or tell what a client has missed."""
    question = question_of(request, _KNOWN)
    name, version = question.arguments.text("name"), question.arguments.text("version")
    if not name or len(name) > _MAX_NAME:
        raise BadRequest(f"`$closure` needs a `name` of up to {_MAX_NAME} characters.", expression=["http.name"])
    codings = _codings(question)
    if version is not None and codings:
        raise BadRequest("`concept` and `version` do not go together.", expression=["http.version"])
    if version is not None:
        table, since = await _told_again(repository, name, version)
    elif codings:
        table = await _extended(repository, question, name, codings)
        since = table.version - 1
    else:
        table, since = await repository.closures.begin(name), 0
    library = await library_of(repository, [("CodeSystem", url) for url in table.systems], question.brought)
    entries = await in_thread(Closure(library, question.options).entries, table, since)
    return answer(concept_map(name, table, entries))


def _codings(question: Question) -> list[Coding]:
    given = question.arguments.all("concept")
    if len(given) > _MAX_GIVEN:
        raise BadRequest(f"`concept` may be given {_MAX_GIVEN} times in one request.", expression=["http.concept"])
    codings = [coding_of(one.get("valueCoding"), "concept") for one in given]
    if any(not one.code or not one.system for one in codings):
        raise BadRequest("A `concept` has a `system` and a `code`.", expression=["http.concept"])
    return codings


async def _told_again(repository: Repository, name: str, version: str) -> tuple[Table, int]:
    """Return a table and the version of it that a client has."""
    table = await _table(repository, name)
    if not (version.isascii() and version.isdigit() and int(version) <= table.version):
        raise Unprocessable(
            f"The closure table is at version {table.version}. Begin it anew, with its `name` alone.",
            expression=["http.version"],
        )
    return table, int(version)


async def _extended(repository: Repository, question: Question, name: str, codings: Sequence[Coding]) -> Table:
    """Add concepts to a table, after those that others add at the same time."""
    for _ in range(_TRIES):
        table = await _table(repository, name)
        urls = {*table.systems, *(str(one.system) for one in codings)}
        library = await library_of(repository, [("CodeSystem", url) for url in urls], question.brought)
        after = Closure(library, question.options).extended(table, codings)
        if await repository.closures.replace(name, table, after):
            return after
    raise Conflict("Others are changing the closure table; try again.")


async def _table(repository: Repository, name: str) -> Table:
    table = await repository.closures.get(name)
    if table is None:
        raise Unprocessable(
            "There is no such closure table: begin it, with its `name` alone.", expression=["http.name"]
        )
    return table


CLOSURE: Final = Operation(
    name="closure",
    definition="http://hl7.org/fhir/OperationDefinition/ConceptMap-closure",
    levels=frozenset({Level.SYSTEM}),
    handler=keep_closure,
    affects_state=True,
)
