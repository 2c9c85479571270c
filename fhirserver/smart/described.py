"""OpenAPI of the authorization server: what FastAPI knows of its typed endpoints, and those of OAuth beside them.

Forms are read by hand (RFC 6749 is stricter than any framework), so what they take is said here.
Spec: https://spec.openapis.org/oas/v3.1.0
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from fhirserver.smart import network
from fhirserver.smart.client_metadata import ClientMetadata
from fhirserver.smart.clients import GRANT_TYPES
from fhirserver.smart.refusals import Refusal

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{model}"
_TEXT: Final = {"type": "string"}
_CREDENTIALS: Final = ("client_id", "client_secret", "client_assertion", "client_assertion_type")
_GRANTS: Final = ("code", "redirect_uri", "code_verifier", "refresh_token", "scope")
_ASKED: Final = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge", "code_challenge_method"),
    *("launch", "nonce", "prompt", "max_age", "acr_values", "login_hint"),
)
_TOKEN: Final = {"access_token": _TEXT, "token_type": _TEXT, "expires_in": {"type": "integer"}, "scope": _TEXT}
_KNOWN: Final = {"active": {"type": "boolean"}}
_REFUSED: Final = (400, 401, 403, 413, 421, 429, 503)


def describe(server: FastAPI) -> Json:
    """Return the description of a server's endpoints for programs."""
    found = get_openapi(title=server.title, version=server.version, routes=server.routes)
    found["paths"] = {**_without_422(found["paths"]), **_oauth()}
    _, models = models_json_schema([(ClientMetadata, "validation"), (Refusal, "validation")], ref_template=_REF)
    schemas = found["components"]["schemas"]
    schemas.update(models["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return found


def _without_422(paths: Mapping[str, Json]) -> Json:
    """Leave out what FastAPI would answer by itself: here the framework's refusals are 400."""
    for operations in paths.values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    return dict(paths)


def _oauth() -> Json:
    registered = _answers({201: _object({"client_id": _TEXT})})
    entry = _answers({200: _object({"client_id": _TEXT})})
    client_id = {"name": "client_id", "in": "path", "required": True, "schema": _TEXT}
    user = _answers({200: _object({"sub": _TEXT})})
    return {
        network.TOKEN: {
            "post": _form(
                "Get an access token", ("grant_type",), (*_GRANTS, *_CREDENTIALS), _answers({200: _object(_TOKEN)})
            )
        },
        network.INTROSPECT: {
            "post": _form(
                "Ask what a token is",
                ("token",),
                _CREDENTIALS,
                _answers({200: _object({"active": {"type": "boolean"}})}),
            )
        },
        network.REVOKE: {"post": _form("End a token", ("token",), _CREDENTIALS, _answers({200: None}))},
        network.USERINFO: {
            "get": {"summary": "Ask who the user is", "tags": ["oauth"], "responses": user},
            "post": {"summary": "Ask who the user is", "tags": ["oauth"], "responses": user},
        },
        network.REGISTER: {"post": _json("Register a client", registered)},
        f"{network.REGISTER}/{{client_id}}": {
            "parameters": [client_id],
            "get": {"summary": "Show a registered client", "tags": ["oauth"], "responses": entry},
            "put": _json("Change a registered client", entry),
            "delete": {"summary": "Remove a registered client", "tags": ["oauth"], "responses": _answers({204: None})},
        },
        network.AUTHORIZE: {"get": _authorize_by_get(), "post": _form("Ask a user", (), _ASKED, _pages())},
    }


def _authorize_by_get() -> Json:
    parameters = [{"name": name, "in": "query", "schema": _TEXT} for name in _ASKED]
    return {"summary": "Ask a user", "tags": ["oauth"], "parameters": parameters, "responses": _pages()}


def _pages() -> Json:
    """Return the answers to a browser: it is sent on, or shown what an app must not hear."""
    page = {"content": {"text/html": {"schema": _TEXT}}}
    return {
        "303": {"description": "Onwards"},
        "400": {"description": "Refused", **page},
        **_refused(413, 421, 429, 503),
    }


def _form(summary: str, required: Sequence[str], more: Sequence[str], responses: Json) -> Json:
    properties: Json = dict.fromkeys((*required, *more), _TEXT)
    if "grant_type" in properties:
        properties["grant_type"] = {"type": "string", "enum": list(GRANT_TYPES)}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    body = {"required": True, "content": content}
    return {"summary": summary, "tags": ["oauth"], "requestBody": body, "responses": responses}


def _json(summary: str, responses: Json) -> Json:
    content = {"application/json": {"schema": {"$ref": _REF.format(model=ClientMetadata.__name__)}}}
    body = {"required": True, "content": content}
    return {"summary": summary, "tags": ["oauth"], "requestBody": body, "responses": responses}


def _object(required: Mapping[str, Json]) -> Json:
    return {"type": "object", "properties": dict(required), "required": list(required)}


def _answers(good: Mapping[int, Json | None]) -> Json:
    shown = {
        str(status): {
            "description": "Done",
            **({} if schema is None else {"content": {"application/json": {"schema": schema}}}),
        }
        for status, schema in good.items()
    }
    return {**shown, **_refused(*_REFUSED)}


def _refused(*statuses: int) -> Json:
    schema = {"$ref": _REF.format(model=Refusal.__name__)}
    answer = {"description": "Refused", "content": {"application/json": {"schema": schema}}}
    return {str(status): answer for status in statuses}
