"""How a client proves who it is, at the endpoints that programs call.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-2.3, https://hl7.org/fhir/smart-app-launch/STU2.2/client-authentication.html
"""

import base64
from collections.abc import Callable
from urllib.parse import unquote_plus

from starlette.requests import Request

from fhirserver.smart.assertions import Assertions, Proven, check_type
from fhirserver.smart.clients import AuthMethod, Client, Clients
from fhirserver.smart.errors import OAuthError, invalid_client, invalid_request
from fhirserver.smart.forms import Form
from fhirserver.smart.udap import Udap


class ClientAuthentication:
    """Finds the client of a request."""

    def __init__(self, clients: Clients, assertions: Assertions, udap: Udap | None = None) -> None:
        """Know ``clients``, with ``udap`` also those of a trust community."""
        self._udap = udap
        self._clients = clients
        self._assertions = assertions

    async def prove(self, request: Request, form: Form, is_for_us: Callable[[str], bool]) -> Proven:
        """Return the client; ``is_for_us`` knows the URLs that an assertion may be for. Raises OAuthError."""
        basic = _basic(request.headers.get("authorization"))
        given = [basic is not None, "client_secret" in form, _has_assertion(form)]
        if given.count(True) > 1:
            raise invalid_request("The client proves itself in one way at a time.")
        if _has_assertion(form):
            check_type(form.get("client_assertion_type"))
            assertion = form.get("client_assertion")
            if assertion is None:
                raise invalid_request("`client_assertion` is missing.")
            if form.get("udap") == "1" and self._udap is not None:
                return await self._udap.prove(assertion, is_for_us)
            return await self._assertions.prove(assertion, form.get("client_id"), is_for_us)
        if basic is not None:
            return Proven(await self._by_basic(*basic, form))
        return Proven(await self._by_form(form))

    async def _by_basic(self, client_id: str, secret: str, form: Form) -> Client:
        if form.get("client_id", client_id) != client_id:
            raise invalid_request("`client_id` differs from that of the `Authorization` header.")
        client = await self._clients.active(client_id)
        if not _proves(client, AuthMethod.BASIC, secret):
            raise invalid_client("The client is not known, or its secret is wrong.", with_basic=True)
        return _known(client)

    async def _by_form(self, form: Form) -> Client:
        client_id = form.get("client_id")
        if client_id is None:
            raise invalid_client("The request does not say which client makes it.")
        client = await self._clients.active(client_id)
        secret = form.get("client_secret")
        if secret is not None:
            if not _proves(client, AuthMethod.POST, secret):
                raise invalid_client("The client is not known, or its secret is wrong.")
        elif client is None or not client.is_public:
            raise invalid_client("The client is not known, or did not prove who it is.")
        return _known(client)


def has_credentials(request: Request, form: Form) -> bool:
    """Tell whether a request says, or proves, which client makes it."""
    return "authorization" in request.headers or "client_id" in form or "client_secret" in form or _has_assertion(form)


def _proves(client: Client | None, method: AuthMethod, secret: str) -> bool:
    return client is not None and client.token_endpoint_auth_method is method and client.proves_secret(secret)


def _known(client: Client | None) -> Client:
    if client is None:
        raise invalid_client("The client is not known.")
    return client


def _has_assertion(form: Form) -> bool:
    return "client_assertion" in form or "client_assertion_type" in form


def _basic(header: str | None) -> tuple[str, str] | None:
    """Read HTTP Basic credentials, which are form-encoded (RFC 6749 §2.3.1); None where there are none."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        raise OAuthError("invalid_request", "The `Authorization` header is no HTTP Basic.") from None
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
