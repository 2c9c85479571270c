"""``CodeSystem/$subsumes``: which of two codes means more.

Spec: http://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from typing import Final

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import Question, answer, coding_of, instance, library_of, question_of
from fhirserver.repository.repository import Repository
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.lookup import subsumes, system_of

_KNOWN: Final = ("codeA", "codeB", "system", "version", "codingA", "codingB")


async def subsumes_codes(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer how the first of two codes is to the second."""
    question, own = question_of(request, _KNOWN), await instance(request, repository)
    url = question.arguments.text("system") if own is None else own.get("url")
    version = question.arguments.text("version") if own is None else own.get("version")
    first, second = (_coding(question, letter, url, version) for letter in "AB")
    if first.system != second.system:
        raise BadRequest("`codingA` and `codingB` are of one code system.", expression=["http.codingB"])
    url = str(first.system)
    library = await library_of(repository, [("CodeSystem", url)], [*question.brought, *([own] if own else [])])
    system = system_of(library, url, first.version or second.version, question.options)
    outcome = subsumes(system, first.code, second.code)
    return answer({"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": outcome}]})


def _coding(question: Question, letter: str, url: str | None, version: str | None) -> Coding:
    given = question.element(f"coding{letter}", "Coding")
    if given is not None:
        found = coding_of(given, f"coding{letter}")
    else:
        found = Coding(question.arguments.text(f"code{letter}") or "", url, version)
    if not found.code or not found.system:
        raise BadRequest(
            f"`$subsumes` needs `code{letter}` and the `system`, or `coding{letter}`.",
            expression=[f"http.code{letter}"],
        )
    return found


SUBSUMES: Final = Operation(
    name="subsumes",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=subsumes_codes,
    resource_types=frozenset({"CodeSystem"}),
)
