"""The one place where an exception becomes a response: an OperationOutcome with the status of its class.

Spec: http://hl7.org/fhir/R4/http.html#Status-Codes
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.exchange import FhirResponse
from fhirserver.kernel.outcome import Fault, FhirError
from fhirserver.kernel.texts import ENGLISH, language_of
from fhirserver.rest.body import ClientGone

OnFault: TypeAlias = Callable[[BaseException, str], None]
"""Called with a defect and the id of the request it broke: logs the stack, never a resource."""


async def answered(
    answer: Awaitable[FhirResponse], request_id: str, on_fault: OnFault, accept_language: str | None = None
) -> FhirResponse:
    """Await an answer; whatever went wrong is answered too. Only ClientGone passes: no one listens any more."""
    try:
        return await answer
    except ClientGone:
        raise
    except FhirError as error:
        return respond_error(error, language_of(accept_language))
    except Exception as error:
        on_fault(error, request_id)
        return respond_error(Fault(f"The server failed. Request id: {request_id}."))


def respond_error(error: FhirError, language: str = ENGLISH) -> FhirResponse:
    """Write an error as a response, in a language as far as it is translated."""
    headers = tuple(error.headers.items())
    return FhirResponse(
        status=error.status,
        content=encode(error.outcome(language)),
        is_outcome=True,
        headers=(*headers, ("Content-Language", language)) if error.is_translated else headers,
    )
