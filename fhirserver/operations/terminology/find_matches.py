"""``CodeSystem/$find-matches``: the concepts of a code system that have some properties.

Compositional matches are those that a code system lists: no expression is made up.
Spec: http://hl7.org/fhir/R4/codesystem-operation-find-matches.html
"""

from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, Unprocessable
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.threads import in_thread
from fhirserver.operations.arguments import arguments_of
from fhirserver.operations.framework import Operation
from fhirserver.operations.terminology.question import Question, answer, instance, library_of, parts_of
from fhirserver.repository.repository import Repository
from fhirserver.terminology.concepts import UnknownFilter, is_listed
from fhirserver.terminology.lookup import system_of
from fhirserver.terminology.matching import Sought, find_matches
from fhirserver.terminology.options import NAMES, read_options

_PROPERTY: Final = "property"
_KNOWN: Final = ("system", "version", "exact", "compositional")
_VALUES: Final = frozenset(
    {"valueCode", "valueCoding", "valueString", "valueInteger", "valueBoolean", "valueDateTime", "valueDecimal"}
)


async def find_codes(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the concepts that have the properties of a request."""
    arguments = arguments_of(request, (*_KNOWN, *NAMES))
    options = read_options(one for one in arguments.parameters if one["name"] != _PROPERTY)
    question, own = Question(arguments, options, request), await instance(request, repository)
    url = question.arguments.text("system") if own is None else own.get("url")
    version = question.arguments.text("version") if own is None else own.get("version")
    exact, sought = question.arguments.text("exact"), list(_sought(question))
    if not url or not sought:
        raise BadRequest("`$find-matches` needs a `system` and a `property`.", expression=["http.property"])
    if exact not in ("true", "false"):
        raise BadRequest("`exact` is `true` or `false`, and is needed.", expression=["http.exact"])
    library = await library_of(repository, [("CodeSystem", url)], [*question.brought, *([own] if own else [])])
    system = system_of(library, url, version, question.options)
    if not is_listed(system):
        raise Unprocessable(f"The code system `{url}` does not list its codes.", expression=["http.system"])
    try:
        found = await in_thread(find_matches, system, sought, question.options, is_exact=exact == "true")
    except UnknownFilter as problem:
        raise BadRequest(str(problem), expression=["http.property"]) from None
    return answer(found)


def _sought(question: Question) -> Iterator[Sought]:
    """Yield the properties that are sought, those within others among them; raises BadRequest."""
    for parameter in question.arguments.all(_PROPERTY):
        yield from _of(parameter, is_inner=False)


def _of(parameter: Resource, *, is_inner: bool) -> Iterator[Sought]:
    parts = parts_of(parameter, _PROPERTY)
    named = {str(one.get("name")): one for one in parts}
    code, value = named.get("code", {}).get("valueCode"), named.get("value")
    inner = [one for one in parts if one.get("name") == "subproperty"]
    key = None if value is None else next((name for name in value if name in _VALUES), None)
    if not isinstance(code, str) or (key is None and (is_inner or not inner)):
        raise BadRequest(
            "A `property` has the parts `code`, a code, and `value`, or `subproperty` in its place.",
            expression=["http.property"],
        )
    if key is not None and value is not None:
        yield Sought(code, key, value[key])
    for one in inner:
        yield from _of(one, is_inner=True)


FIND_MATCHES: Final = Operation(
    name="find-matches",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-find-matches",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=find_codes,
    resource_types=frozenset({"CodeSystem"}),
)
