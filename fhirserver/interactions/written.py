"""What a write answers: status, Location, ETag and, as ``Prefer`` has it, the resource, an outcome or nothing.

Spec: http://hl7.org/fhir/R4/http.html#ops
"""

from collections.abc import Sequence
from typing import Final

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Prefer, Return
from fhirserver.kernel.outcome import Issue, IssueType, Severity, outcome_of
from fhirserver.kernel.texts import Text, language_of
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Effect, Written

_TEXTS: Final = {
    Effect.CREATED: Text(
        "resource-created",
        en="The resource was created.",
        fr="La ressource a été créée.",
        nl="De resource is aangemaakt.",
    ),
    Effect.UPDATED: Text(
        "resource-updated",
        en="The resource was updated.",
        fr="La ressource a été mise à jour.",
        nl="De resource is bijgewerkt.",
    ),
    Effect.DELETED: Text(
        "resource-deleted",
        en="The resource was deleted.",
        fr="La ressource a été supprimée.",
        nl="De resource is verwijderd.",
    ),
    Effect.UNCHANGED: Text(
        "resource-unchanged",
        en="Nothing had to be changed.",
        fr="Rien n'était à modifier.",
        nl="Er hoefde niets te worden gewijzigd.",
    ),
}


def respond_written(request: FhirRequest, written: Written) -> FhirResponse:
    """Answer a create, update or patch."""
    version = written.version
    if version is None:
        return FhirResponse(
            status=200,
            content=render_effect(request, written.effect),
            is_outcome=True,
            headers=(content_language(request),),
        )
    is_created = written.effect is Effect.CREATED
    returns = request.prefer.returns
    return FhirResponse(
        status=201 if is_created else 200,
        content=_content(request, written, version),
        is_outcome=returns is Return.OPERATION_OUTCOME,
        etag=version.etag,
        last_modified_us=version.last_updated_us,
        location=version_url(request.base_url, version) if is_created or _found_by_create(request) else None,
        headers=_headers(request),
    )


def _headers(request: FhirRequest) -> tuple[tuple[str, str], ...]:
    applied = applied_return(request.prefer)
    return (*applied, content_language(request)) if request.prefer.returns is Return.OPERATION_OUTCOME else applied


def _content(request: FhirRequest, written: Written, version: Version) -> bytes | None:
    returns = request.prefer.returns
    if returns is Return.MINIMAL:
        return None
    return (
        render_effect(request, written.effect, written.remarks)
        if returns is Return.OPERATION_OUTCOME
        else version.content
    )


def _found_by_create(request: FhirRequest) -> bool:
    """Whether this is a conditional create: its caller needs to learn which resource was found."""
    return request.if_none_exist is not None


def render_effect(request: FhirRequest, effect: Effect, remarks: Sequence[Issue] = ()) -> bytes:
    """Write the OperationOutcome of a success, and what validation had to say."""
    issue = Issue.of(IssueType.INFORMATIONAL, _TEXTS[effect].told(), Severity.INFORMATION)
    return encode(outcome_of([issue, *remarks], language_of(request.accept_language)))


def content_language(request: FhirRequest) -> tuple[str, str]:
    """Say in which language the outcome is."""
    return "Content-Language", language_of(request.accept_language)


def version_url(base_url: str, version: Version) -> str:
    """Return the version-specific URL that ``Location`` carries."""
    return f"{base_url}/{version.key}/_history/{version.version_id}"


def applied_return(prefer: Prefer) -> tuple[tuple[str, str], ...]:
    """Say which return preference was honoured (RFC 7240 §3)."""
    return (("Preference-Applied", f"return={prefer.returns}"),) if prefer.returns else ()
