"""``CodeSystem/$lookup``: what a code system says of a code.

Spec: http://hl7.org/fhir/R4/codesystem-operation-lookup.html
"""

from typing import Final

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.elsewhere import ask_elsewhere, is_elsewhere
from fhirserver.operations.terminology.question import answer, coding_of, instance, library_of, question_of
from fhirserver.repository.repository import Repository
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.lookup import lookup, system_of

_KNOWN: Final = ("code", "system", "version", "coding", "date")


async def lookup_code(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the name, display, designations and properties of a code."""
    question = question_of(request, _KNOWN)
    arguments, own = question.arguments, await instance(request, repository)
    given = question.element("coding", "Coding")
    if given is not None:
        coding = coding_of(given, "coding")
    else:
        coding = Coding(arguments.text("code") or "", arguments.text("system"), arguments.text("version"))
    url = own.get("url") if own is not None else coding.system
    if not coding.code or not url:
        raise BadRequest("`$lookup` needs a `code` and its `system`, or a `coding`.", expression=["http.code"])
    library = await library_of(repository, [("CodeSystem", url)], [*question.brought, *([own] if own else [])])
    if is_elsewhere(repository, library, url):
        return answer(await ask_elsewhere(question, repository, url, "CodeSystem/$lookup"))
    version = own.get("version") if own is not None else coding.version
    return answer(lookup(system_of(library, url, version, question.options), coding.code, question.options))


LOOKUP: Final = Operation(
    name="lookup",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=lookup_code,
    resource_types=frozenset({"CodeSystem"}),
)
