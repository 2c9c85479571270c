"""What a write answers: status, Location, ETag and, as ``Prefer`` has it, the resource, an outcome or nothing.

Spec: http://hl7.org/fhir/R4/http.html#ops
"""

from typing import Final

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Prefer, Return
from fhirserver.kernel.outcome import Issue, IssueType, Severity, outcome_of
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Effect, Written

_SENTENCE: Final = {
    Effect.CREATED: "The resource was created.",
    Effect.UPDATED: "The resource was updated.",
    Effect.DELETED: "The resource was deleted.",
    Effect.UNCHANGED: "Nothing had to be changed.",
}


def respond_written(request: FhirRequest, written: Written) -> FhirResponse:
    """Answer a create, update or patch."""
    version = written.version
    if version is None:
        return FhirResponse(status=200, content=render_effect(written.effect), is_outcome=True)
    is_created = written.effect is Effect.CREATED
    returns = request.prefer.returns
    return FhirResponse(
        status=201 if is_created else 200,
        content=_content(returns, written.effect, version),
        is_outcome=returns is Return.OPERATION_OUTCOME,
        etag=version.etag,
        last_modified_us=version.last_updated_us,
        location=version_url(request.base_url, version) if is_created or _found_by_create(request) else None,
        headers=applied_return(request.prefer),
    )


def _content(returns: Return | None, effect: Effect, version: Version) -> bytes | None:
    if returns is Return.MINIMAL:
        return None
    return render_effect(effect) if returns is Return.OPERATION_OUTCOME else version.content


def _found_by_create(request: FhirRequest) -> bool:
    """Whether this is a conditional create: its caller needs to learn which resource was found."""
    return request.if_none_exist is not None


def render_effect(effect: Effect) -> bytes:
    """Write the OperationOutcome of a success."""
    return encode(outcome_of([Issue(IssueType.INFORMATIONAL, _SENTENCE[effect], Severity.INFORMATION)]))


def version_url(base_url: str, version: Version) -> str:
    """Return the version-specific URL that ``Location`` carries."""
    return f"{base_url}/{version.key}/_history/{version.version_id}"


def applied_return(prefer: Prefer) -> tuple[tuple[str, str], ...]:
    """Say which return preference was honoured (RFC 7240 §3)."""
    return (("Preference-Applied", f"return={prefer.returns}"),) if prefer.returns else ()
