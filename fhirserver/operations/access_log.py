"""``Patient/[id]/$access-log``: who had access to a patient's record, told in plain words, the latest first.

    GET [base]/Patient/1/$access-log?language=fr&date=ge2026-01-01&_count=50

Answers a Parameters with one ``access`` for each line. For the patient, who acts for them, and administrators.
"""

from typing import Final
from urllib.parse import quote

from fhirserver.audit.told import Teller, Told
from fhirserver.audit.words import LANGUAGES, language_of
from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.arguments import Arguments, arguments_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.repository.access_log import AccessLogRequest
from fhirserver.repository.repository import Repository

NAME: Final = "access-log"
_KNOWN: Final = ("language", "date", "_count", "_cursor")
_COUNT: Final = 100
_MOST: Final = 1000


async def access_log(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer one page of the log."""
    given = arguments_of(request, _KNOWN)
    language = _language(request, given)
    resource_type, logical_id = request.target.instance
    wanted = AccessLogRequest(
        patient=logical_id,
        count=_count(given),
        dates=tuple(text_of(each) for each in given.all("date")),
        cursor=given.text("_cursor"),
    )
    page = await repository.access_log(wanted)
    teller = Teller(language, page.named, f"{resource_type}/{logical_id}")
    parameters: list[Json] = [{"name": "language", "valueCode": language}]
    parameters += [_access(line, teller) for line in teller.tell(page.events)]
    if page.next_cursor is not None:
        parameters.append({"name": "next", "valueUri": _next(request, given, page.next_cursor)})
    answer = {"resourceType": "Parameters", "parameter": parameters}
    return FhirResponse(status=200, content=encode(answer), headers=(("Content-Language", language),))


def _language(request: FhirRequest, given: Arguments) -> str:
    language = language_of(given.text("language"), request.accept_language)
    if language is None:
        known = ", ".join(f"`{each}`" for each in LANGUAGES)
        raise BadRequest(f"The log is told in {known}.", expression=["http.language"])
    return language


def _count(given: Arguments) -> int:
    text = given.text("_count")
    if text is None:
        return _COUNT
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise BadSearchValue("`_count` is a number of events, 1 or more.", expression=["http._count"])
    return min(int(text), _MOST)


def _access(line: Told, teller: Teller) -> Json:
    texts = {
        "text": teller.sentence(line),
        "who": line.who,
        "role": line.role,
        "organization": line.organization,
        "why": line.purpose,
        "reason": line.reason,
        "site": line.site,
        "application": line.application,
        "address": line.address,
    }
    parts: list[Resource] = [{"name": "when", "valueInstant": line.latest}]
    if line.earliest != line.latest:
        parts.append({"name": "since", "valueInstant": line.earliest})
    parts += [{"name": name, "valueString": text} for name, text in texts.items() if text]
    parts.append({"name": "action", "valueCode": line.action})
    parts.append({"name": "refused", "valueBoolean": line.refused})
    parts += [{"name": "category", "valueString": one} for one in line.categories]
    parts += [{"name": "event", "valueReference": {"reference": key}} for key in line.events]
    return {"name": "access", "part": parts}


def _next(request: FhirRequest, given: Arguments, cursor: str) -> str:
    pairs = [(each["name"], text_of(each)) for each in given.parameters if each["name"] != "_cursor"]
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in (*pairs, ("_cursor", cursor)))
    return f"{request.base_url}/{'/'.join(request.target.instance)}/${NAME}?{query}"


ACCESS_LOG: Final = Operation(
    name=NAME,
    definition=f"urn:fhirserver:OperationDefinition:{NAME}",
    levels=frozenset({Level.INSTANCE}),
    handler=access_log,
    resource_types=frozenset({"Patient"}),
)
