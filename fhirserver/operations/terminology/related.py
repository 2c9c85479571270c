"""``ValueSet/$related``: how the codes of one value set are to those of another.

Spec: http://hl7.org/fhir/6.0.0-ballot3/valueset-operation-related.html
"""

from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.threads import in_thread
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import (
    Question,
    answer,
    instance,
    library_of,
    question_of,
    value_set_in,
)
from fhirserver.repository.repository import Repository
from fhirserver.terminology.comparing import Comparer, related
from fhirserver.terminology.library import Library
from fhirserver.terminology.value_sets import ValueSet

_SIDES: Final = ("this", "other")
_KNOWN: Final = tuple(f"{side}{what}" for side in _SIDES for what in ("Url", "ValueSet", "Version"))


async def relate_value_sets(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer how a value set is to another."""
    question = question_of(request, _KNOWN)
    own = await instance(request, repository)
    given = {side: question.resource(f"{side}ValueSet", "ValueSet") for side in _SIDES}
    given["this"] = given["this"] or own
    urls = {side: _url(question, side, given[side]) for side in _SIDES}
    names = [("ValueSet", parse_canonical(url).url) for url in urls.values() if url is not None]
    needed = [one for one in given.values() if one is not None]
    library = await library_of(repository, names, [*question.brought, *needed])
    this, other = (_value_set(question, library, side, given[side], urls[side]) for side in _SIDES)
    relation = await in_thread(Comparer(library, question.options).compare, this, other)
    has_codes = question.arguments.text("diagnostics") == "true"
    return answer(related(relation, this, other, has_codes=has_codes))


def _url(question: Question, side: str, given: Resource | None) -> str | None:
    url = None if given is not None else question.arguments.text(f"{side}Url")
    if given is None and url is None:
        what = f"`{side}Url` or `{side}ValueSet`"
        raise BadRequest(f"`$related` compares two value sets: it needs {what}.", expression=[f"http.{side}Url"])
    return url


def _value_set(question: Question, library: Library, side: str, given: Resource | None, url: str | None) -> ValueSet:
    if given is not None:
        return ValueSet(given)
    return value_set_in(library, str(url), question.arguments.text(f"{side}Version"), question.options)


RELATED: Final = Operation(
    name="related",
    definition="http://hl7.org/fhir/OperationDefinition/ValueSet-related",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=relate_value_sets,
    resource_types=frozenset({"ValueSet"}),
)
