"""How every endpoint below ``/auth`` that programs call refuses: the JSON of OAuth, whatever went wrong.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhirserver.kernel.outcome import FhirError
from fhirserver.smart.errors import ACCESS_DENIED, INVALID_REQUEST, INVALID_TOKEN, OAuthError

_NO_STORE: Final = {"Cache-Control": "no-store"}
_BUSY: Final = "temporarily_unavailable"
_ERRORS: Final[Mapping[int, str]] = {401: INVALID_TOKEN, 403: ACCESS_DENIED, 429: _BUSY, 503: _BUSY}


class Refusal(BaseModel):
    """Why a request is refused: one of OAuth's codes, and one sentence for developers."""

    error: str
    error_description: str


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a description of endpoints says that they refuse with these."""
    return {status: {"model": Refusal} for status in statuses}


async def refuse(request: Request, problem: Exception) -> Response:
    """Answer what an endpoint of OAuth has refused."""
    if not isinstance(problem, OAuthError):
        raise problem
    return JSONResponse(problem.to_json(), problem.status, headers=problem.headers)


async def fail(request: Request, problem: Exception) -> Response:
    """Answer what happened below: the database away, too many attempts."""
    if not isinstance(problem, FhirError):
        raise problem
    error = _ERRORS.get(problem.status, "server_error")
    return _answer(error, problem.diagnostics, problem.status, problem.headers)


async def explain(request: Request, problem: Exception) -> Response:
    """Name the first part of a request that is not as it should be; repeat no value."""
    if not isinstance(problem, RequestValidationError):
        raise problem
    first = problem.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "json_invalid":
        return _answer(INVALID_REQUEST, "The body is not JSON.", 400)
    sentence = f"`{place}`: {first['msg']}." if place else f"The body: {first['msg']}."
    return _answer(INVALID_REQUEST, sentence, 400)


async def of_http(request: Request, problem: Exception) -> Response:
    """Answer what the framework has refused, or an administrators' endpoint by its status alone."""
    if not isinstance(problem, HTTPException):
        raise problem
    error = _ERRORS.get(problem.status_code, INVALID_REQUEST)
    return _answer(error, problem.detail, problem.status_code, problem.headers)


def _answer(error: str, sentence: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    body = {"error": error, "error_description": sentence}
    return JSONResponse(body, status, headers={**_NO_STORE, **(headers or {})})
