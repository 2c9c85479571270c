"""What a client says of itself when it is registered, by itself or by an administrator: read, checked, completed.

Spec: https://www.rfc-editor.org/rfc/rfc7591#section-2, RFC 8252 (native apps), SMART App Launch 2.2, "App registration"
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fhirserver.kernel.scopes import Context
from fhirserver.settings import is_loopback
from fhirserver.smart.clients import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, GRANT_TYPES, REFRESH_TOKEN, AuthMethod
from fhirserver.smart.errors import INVALID_CLIENT_METADATA, INVALID_REDIRECT_URI, OAuthError
from fhirserver.smart.key_sets import BadKeys, check_registered
from fhirserver.smart.scopes import Scopes

ReadScopes = Callable[[str], Scopes]

_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""Of a native app: a domain name backwards (RFC 8252 §7.1); ``javascript:`` and the like have no dot."""
_CHARACTERS: Final = re.compile(r"[!-~]+")
_WORDS: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri")

Name = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(min_length=1, max_length=2000)]


class ClientMetadata(BaseModel):
    """The members that count here; others are ignored (RFC 7591 §2)."""

    model_config = ConfigDict(extra="ignore")

    client_name: Name
    redirect_uris: Annotated[list[Url], Field(max_length=50)] = []
    grant_types: list[str] | None = None
    response_types: list[str] | None = None
    token_endpoint_auth_method: str = AuthMethod.BASIC.value
    scope: Annotated[str, Field(max_length=10_000)] = ""
    jwks_uri: Url | None = None
    jwks: dict[str, Any] | None = None
    launch_uri: Url | None = None
    """Where the record opens the app."""
    client_uri: Url | None = None
    logo_uri: Url | None = None
    policy_uri: Url | None = None
    tos_uri: Url | None = None
    contacts: Annotated[list[Name], Field(max_length=20)] = []
    software_id: Name | None = None
    software_version: Name | None = None


def metadata_of(document: dict[str, Any]) -> ClientMetadata:
    """Read the metadata of a client; raises OAuthError."""
    try:
        return ClientMetadata.model_validate(document)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        error = INVALID_REDIRECT_URI if place.startswith("redirect_uris") else INVALID_CLIENT_METADATA
        raise OAuthError(error, f"`{place}`: {first['msg']}.") from None


def checked(metadata: ClientMetadata, read_scopes: ReadScopes, *, by_certificate: bool = False) -> dict[str, Any]:
    """Return the fields of a client, whose keys are in its certificate or registered; raises OAuthError."""
    method = _method(metadata)
    grant_types = _grant_types(metadata)
    is_service = CLIENT_CREDENTIALS in grant_types
    _check_redirections(metadata, is_service)
    if not by_certificate:
        _check_keys(metadata, method)
    _check_scopes(metadata.scope, is_service, read_scopes)
    if is_service and method is AuthMethod.NONE:
        raise _wrong("`token_endpoint_auth_method`: a backend service proves who it is.")
    for name in _WORDS:
        _check_page(name, getattr(metadata, name))
    return {
        **metadata.model_dump(exclude={"response_types"}),
        "token_endpoint_auth_method": method,
        "grant_types": grant_types,
        "redirect_uris": tuple(metadata.redirect_uris),
        "contacts": tuple(metadata.contacts),
    }


def _wrong(text: str) -> OAuthError:
    return OAuthError(INVALID_CLIENT_METADATA, text)


def _method(metadata: ClientMetadata) -> AuthMethod:
    try:
        return AuthMethod(metadata.token_endpoint_auth_method)
    except ValueError:
        known = ", ".join(method.value for method in AuthMethod)
        raise _wrong(f"`token_endpoint_auth_method` is one of {known}.") from None


def _grant_types(metadata: ClientMetadata) -> tuple[str, ...]:
    asked = (AUTHORIZATION_CODE,) if metadata.grant_types is None else tuple(dict.fromkeys(metadata.grant_types))
    if not asked or not set(asked) <= set(GRANT_TYPES):
        raise _wrong(f"`grant_types` are of {', '.join(GRANT_TYPES)}.")
    if CLIENT_CREDENTIALS in asked and len(asked) > 1:
        raise _wrong("`grant_types`: a backend service has `client_credentials` alone; register an app beside it.")
    if REFRESH_TOKEN in asked and AUTHORIZATION_CODE not in asked:
        raise _wrong("`grant_types`: `refresh_token` goes with `authorization_code`.")
    responses = metadata.response_types
    if responses is not None and responses != (["code"] if AUTHORIZATION_CODE in asked else []):
        raise _wrong("`response_types` is `code` with `authorization_code`, and empty without it.")
    return asked


def _check_redirections(metadata: ClientMetadata, is_service: bool) -> None:
    if is_service and (metadata.redirect_uris or metadata.launch_uri):
        raise OAuthError(INVALID_REDIRECT_URI, "A backend service has no `redirect_uris` and no `launch_uri`.")
    if not is_service and not metadata.redirect_uris:
        raise OAuthError(INVALID_REDIRECT_URI, "`redirect_uris` has at least one.")
    for uri in metadata.redirect_uris:
        if not is_redirection(uri):
            raise OAuthError(
                INVALID_REDIRECT_URI,
                "`redirect_uris` are of https, of http on a loopback host, or of an app's own scheme such as "
                "`org.example.app:/back`; they have no fragment and no user.",
            )
    if metadata.launch_uri is not None and not _is_page(metadata.launch_uri):
        raise _wrong("`launch_uri` is a URL of https, or of http on a loopback host.")


def is_redirection(uri: str) -> bool:
    """Tell whether codes may be sent to a URI."""
    if not _CHARACTERS.fullmatch(uri) or "#" in uri or "*" in uri:
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return _is_page(uri)
    return uri.startswith(f"{parts.scheme}:/") and _PRIVATE_SCHEME.fullmatch(parts.scheme) is not None


def _is_page(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not _CHARACTERS.fullmatch(uri) or host is None or parts.username is not None or "#" in uri:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def _check_page(name: str, uri: str | None) -> None:
    if uri is not None and not _is_page(uri):
        raise _wrong(f"`{name}` is a URL of https, or of http on a loopback host.")


def _check_keys(metadata: ClientMetadata, method: AuthMethod) -> None:
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        raise _wrong("There is `jwks` or `jwks_uri`, not both.")
    has_keys = metadata.jwks is not None or metadata.jwks_uri is not None
    if has_keys is not (method is AuthMethod.PRIVATE_KEY):
        raise _wrong("`jwks` or `jwks_uri` go with `private_key_jwt`, which needs one of them.")
    if metadata.jwks is not None:
        try:
            check_registered(metadata.jwks)
        except BadKeys as problem:
            raise _wrong(f"`jwks`: {problem}") from None
    if metadata.jwks_uri is not None and urlsplit(metadata.jwks_uri).scheme not in ("https", "http"):
        raise _wrong("`jwks_uri` is a URL of https.")


def _check_scopes(scope: str, is_service: bool, read_scopes: ReadScopes) -> None:
    scopes = read_scopes(scope)
    if scopes.unknown:
        raise _wrong(f"`scope`: `{scopes.unknown[0][:200]}` is no scope.")
    foreign = {Context.PATIENT, Context.USER} if is_service else {Context.SYSTEM}
    if foreign.intersection(scopes.contexts()) or (is_service and scopes.beside):
        raise _wrong("`scope`: backend services have scopes such as `system/*.rs` alone, apps have none of these.")
