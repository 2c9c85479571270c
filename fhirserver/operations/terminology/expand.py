"""``ValueSet/$expand``: the concepts of a value set.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.threads import in_thread
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.elsewhere import about, ask_elsewhere, systems_elsewhere
from fhirserver.operations.terminology.question import (
    Question,
    answer,
    instance,
    library_of,
    question_of,
    value_set_in,
)
from fhirserver.repository.repository import Repository
from fhirserver.terminology.expansion import expand
from fhirserver.terminology.library import Library
from fhirserver.terminology.memory import Named
from fhirserver.terminology.options import MAX_EXPANSION, with_defaults
from fhirserver.terminology.value_sets import ValueSet

_KNOWN: Final = ("url", "valueSet", "valueSetVersion", "context", "contextDirection", "date", "exclude-system")


async def expand_value_set(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer a value set with its expansion."""
    question = question_of(request, _KNOWN)
    value_set, library = await asked_value_set(question, repository)
    elsewhere = systems_elsewhere(repository, library, value_set)
    if elsewhere:
        parameters = about(question, library, value_set)
        return answer(await ask_elsewhere(question, repository, elsewhere[0], "ValueSet/$expand", parameters))
    options = with_defaults(question.options, value_set.parameters(), value_set.resource.get("language"))
    limit = _limit(request.max_expansion)
    return answer(await in_thread(expand, library, value_set, options, limit))


async def asked_value_set(question: Question, repository: Repository) -> tuple[ValueSet, Library]:
    """Return the value set that a call is about, and the definitions it depends on; raises BadRequest, TermError."""
    given = question.resource("valueSet", "ValueSet") or await _own(question.target, repository)
    canonical, brought = question.arguments.text("url"), question.brought
    if given is not None:
        return ValueSet(given), await library_of(repository, (), [*brought, given])
    if canonical is None:
        raise BadRequest("It takes a `url`, a `valueSet`, or a ValueSet to be invoked on.", expression=["http.url"])
    names: list[Named] = [("ValueSet", parse_canonical(canonical).url)]
    library = await library_of(repository, names, brought)
    return value_set_in(library, canonical, question.arguments.text("valueSetVersion"), question.options), library


async def _own(request: FhirRequest, repository: Repository) -> Resource | None:
    return await instance(request, repository)


def _limit(asked: str | None) -> int:
    if asked is not None and asked.isascii() and asked.isdigit() and len(asked) < 9:
        return min(int(asked), MAX_EXPANSION)
    return MAX_EXPANSION


EXPAND: Final = Operation(
    name="expand",
    definition="http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=expand_value_set,
    resource_types=frozenset({"ValueSet"}),
)
