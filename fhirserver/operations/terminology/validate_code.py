"""``$validate-code`` of ValueSet and of CodeSystem: is a code one of it, and rightly said?

Spec: http://hl7.org/fhir/R4/valueset-operation-validate-code.html,
http://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from typing import Final

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Resource
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.elsewhere import about, ask_elsewhere, is_elsewhere, systems_elsewhere
from fhirserver.operations.terminology.expand import asked_value_set
from fhirserver.operations.terminology.question import Question as Call
from fhirserver.operations.terminology.question import answer, coding_of, instance, library_of, question_of
from fhirserver.repository.repository import Repository
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.checking import all_of, checker_of
from fhirserver.terminology.issues import BadDefinition, TermError
from fhirserver.terminology.library import Library
from fhirserver.terminology.lookup import system_of
from fhirserver.terminology.options import Options, with_defaults
from fhirserver.terminology.validate_code import Form, Question, unanswerable, validate_code
from fhirserver.terminology.value_sets import ValueSet

_IN_VALUE_SET: Final = "ValueSet/$validate-code"
_CODED: Final = ("code", "display", "coding", "codeableConcept", "date")
IN_VALUE_SET: Final = (*_CODED, "url", "valueSet", "valueSetVersion", "context", "system", "systemVersion")
IN_SYSTEM: Final = (*_CODED, "url", "system", "codeSystem", "version")


async def validate_in_value_set(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer whether a code is in a value set."""
    return answer(await validated_in_value_set(question_of(request, IN_VALUE_SET), repository))


async def validated_in_value_set(call: Call, repository: Repository) -> Resource:
    """Return the answer to whether a code is in a value set; raises BadRequest, BadDefinition."""
    value_set, library = await asked_value_set(call, repository)
    arguments = call.arguments
    question = _coded(call, arguments.text("system"), arguments.text("systemVersion"))
    systems = [("CodeSystem", one.system) for one in question.codings if one.system]
    if systems and any(library.code_system(url) is None for _, url in systems):
        library = (await library_of(repository, systems, call.brought)).beside(library)
    elsewhere = _asked_elsewhere(repository, library, value_set, question)
    if elsewhere is not None:
        return await ask_elsewhere(call, repository, elsewhere, _IN_VALUE_SET, about(call, library, value_set))
    options = with_defaults(call.options, value_set.parameters(), value_set.resource.get("language"))
    return checked(library, value_set, options, question)


def checked(library: Library, value_set: ValueSet, options: Options, question: Question) -> Resource:
    """Return the answer to a question; what cannot be decided is answered too, unless the value set is wrong."""
    try:
        checker = checker_of(library, value_set, options)
    except BadDefinition:
        raise
    except TermError as problem:
        return unanswerable(problem, question, options)
    return validate_code(checker, library, question)


async def validate_in_system(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer whether a code is one of a code system."""
    return answer(await validated_in_system(question_of(request, IN_SYSTEM), repository))


async def validated_in_system(call: Call, repository: Repository) -> Resource:
    """Return the answer to whether a code is one of a code system; raises BadRequest, BadDefinition."""
    own = call.resource("codeSystem", "CodeSystem") or await instance(call.target, repository)
    arguments = call.arguments
    url = own.get("url") if own is not None else arguments.text("url") or arguments.text("system")
    version = own.get("version") if own is not None else arguments.text("version")
    question = _coded(call, url, version)
    url = url or question.codings[0].system
    if not url:
        raise BadRequest(
            "It takes the `url` of a code system, or a `coding` with its `system`.", expression=["http.url"]
        )
    library = await library_of(repository, [("CodeSystem", url)], [*call.brought, *([own] if own else [])])
    if own is None and is_elsewhere(repository, library, url):
        return await ask_elsewhere(call, repository, url, "CodeSystem/$validate-code")
    try:
        system = system_of(library, url, version or question.codings[0].version, call.options)
    except BadDefinition:
        raise
    except TermError as problem:
        return unanswerable(problem, question, call.options)
    return checked(library, all_of(library, system.head), call.options, question)


def _asked_elsewhere(repository: Repository, library: Library, value_set: ValueSet, question: Question) -> str | None:
    """Return a code system that only another server has, if a code is of it or may be."""
    found = systems_elsewhere(repository, library, value_set)
    may_be = any(one.system is None or one.system in found for one in question.codings)
    return found[0] if found and may_be else None


def _coded(call: Call, system: str | None, version: str | None) -> Question:
    """Return the codes that a call gives, in one of three forms; raises BadRequest."""
    concept, coding = call.element("codeableConcept", "CodeableConcept"), call.element("coding", "Coding")
    if concept is not None:
        given = concept.get("coding", ())
        if not isinstance(given, list) or not given:
            raise BadRequest("`codeableConcept` has no `coding`.", expression=["http.codeableConcept"])
        return Question(Form.CONCEPT, tuple(coding_of(one, "codeableConcept.coding") for one in given), concept)
    if coding is not None:
        return Question(Form.CODING, (coding_of(coding, "coding"),))
    code = call.arguments.text("code")
    if code is None or (not system and not call.options.infers_system):
        raise BadRequest(
            "Unable to find code to validate (looked for coding | codeableConcept | code+system | code+inferSystem in"
            " parameters",
            expression=["http.code"],
        )
    return Question(Form.CODE, (Coding(code, system, version, call.arguments.text("display")),))


VALIDATE_CODE: Final = Operation(
    name="validate-code",
    definition="http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=validate_in_value_set,
    resource_types=frozenset({"ValueSet"}),
)
VALIDATE_CODE_IN_SYSTEM: Final = Operation(
    name="validate-code",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=validate_in_system,
    resource_types=frozenset({"CodeSystem"}),
)
