"""What an app asks for at the authorization endpoint, checked in two steps: who is told of a problem is the difference.

Until client and redirection URI are known good, problems are shown to the user; after that, told to the app.
Spec: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1, https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

from typing import Final

from fhirserver.kernel.scopes import Context
from fhirserver.smart.asked import AuthorizeRequest, Target
from fhirserver.smart.clients import AUTHORIZATION_CODE, REFRESH_TOKEN, Client
from fhirserver.smart.codes import is_challenge
from fhirserver.smart.errors import (
    INVALID_REQUEST,
    INVALID_SCOPE,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_RESPONSE_TYPE,
    OAuthError,
)
from fhirserver.smart.forms import Form
from fhirserver.smart.scopes import LAUNCH, OFFLINE, ONLINE, Ceiling, Scopes
from fhirserver.smart.services import Services

PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 2048
_MOST_BYTES: Final = 6000
"""Of all values together: the browser carries them, sealed, in the URL of the login."""


class NotRedirected(Exception):
    """A problem that the app must not hear of; ``problem`` names the page that its user sees."""

    def __init__(self, problem: str) -> None:
        """Name the problem: ``client``, ``redirect`` …"""
        super().__init__(problem)
        self.problem = problem


async def target_of(services: Services, form: Form, issuer: str) -> Target:
    """Return where the answer to a request goes; raises NotRedirected."""
    client = await services.clients.active(form.get("client_id", ""))
    if client is None:
        raise NotRedirected("client")
    redirect_uri = form.get("redirect_uri")
    if redirect_uri is None or redirect_uri not in client.redirect_uris:
        raise NotRedirected("redirect")
    state = form.get("state")
    return Target(client=client, redirect_uri=redirect_uri, state=state, issuer=issuer)


def read_request(services: Services, form: Form, client: Client) -> AuthorizeRequest:
    """Read a request; raises OAuthError, which the app hears of."""
    _check_kind(form, client)
    site = _site(services, form, client)
    asked = _scopes(services, form, client)
    prompts = frozenset(form.get("prompt", "").split())
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise OAuthError(INVALID_REQUEST, f"`prompt` is of {', '.join(sorted(PROMPTS))}; `none` stands alone.")
    max_age = form.get("max_age")
    if max_age is not None and not (max_age.isascii() and max_age.isdigit() and len(max_age) < 10):
        raise OAuthError(INVALID_REQUEST, "`max_age` is a number of seconds.")
    return AuthorizeRequest(
        site=site,
        asked=asked,
        challenge=form["code_challenge"],
        launch=form.get("launch"),
        nonce=form.get("nonce"),
        prompts=prompts,
        max_age_s=None if max_age is None else float(max_age),
        acr_values=form.get("acr_values"),
        login_hint=form.get("login_hint"),
    )


def _check_lengths(form: Form) -> None:
    if too_long := [name for name, value in form.items() if len(value) > _LONGEST]:
        raise OAuthError(INVALID_REQUEST, f"`{too_long[0][:40]}` is longer than {_LONGEST} characters.")
    if sum(len(value.encode()) for value in form.values()) > _MOST_BYTES:
        raise OAuthError(INVALID_REQUEST, f"The parameters are longer than {_MOST_BYTES} bytes together.")


def _check_kind(form: Form, client: Client) -> None:
    _check_lengths(form)
    for name in ("request", "request_uri"):
        if name in form:
            raise OAuthError(f"{name}_not_supported", f"`{name}` is not taken; send the parameters themselves.")
    if "response_type" not in form:
        raise OAuthError(INVALID_REQUEST, "`response_type` is missing.")
    if form["response_type"] != "code":
        raise OAuthError(UNSUPPORTED_RESPONSE_TYPE, "`response_type` is `code`.")
    if form.get("response_mode", "query") != "query":
        raise OAuthError(INVALID_REQUEST, "`response_mode` is `query`.")
    if AUTHORIZATION_CODE not in client.grant_types:
        raise OAuthError(UNAUTHORIZED_CLIENT, "The client is not registered for users.")
    if "state" not in form:
        raise OAuthError(INVALID_REQUEST, "`state` is missing.")
    if form.get("code_challenge_method") != "S256" or not is_challenge(form.get("code_challenge", "")):
        raise OAuthError(INVALID_REQUEST, "`code_challenge` is missing or no digest; the method is `S256`.")


def _site(services: Services, form: Form, client: Client) -> str:
    audience = form.get("aud", form.get("resource"))
    if audience is None:
        raise OAuthError(INVALID_REQUEST, "`aud` is missing: the FHIR base that the token is for.")
    site = services.network.site_of(audience)
    if site is None:
        raise OAuthError(INVALID_REQUEST, "`aud` is no FHIR base of this server.")
    if site not in client.sites:
        raise OAuthError(UNAUTHORIZED_CLIENT, "The site has not approved this client.")
    return site


def _scopes(services: Services, form: Form, client: Client) -> Scopes:
    asked = services.read_scopes(form.get("scope", ""))
    strange = [word for word in asked.unknown if "/" in word]
    strange += [scope.text for scope in asked.resources if scope.context is Context.SYSTEM]
    if strange:
        raise OAuthError(INVALID_SCOPE, f"`{strange[0][:200]}` is no scope of an app, such as `patient/Patient.rs`.")
    within = Ceiling(services.read_scopes(_ceiling_of(client))).within(asked)
    if not within.texts:
        raise OAuthError(INVALID_SCOPE, "The client is not registered for any of these scopes.")
    if LAUNCH in within.beside and "launch" not in form:
        raise OAuthError(INVALID_REQUEST, "The scope `launch` comes with the `launch` that the record gave the app.")
    if "launch" in form and LAUNCH not in within.beside:
        raise OAuthError(INVALID_REQUEST, "`launch` comes with the scope `launch`, for which the client is registered.")
    return within


def _ceiling_of(client: Client) -> str:
    """Return the most that a client may be granted: access that lasts only if it is registered to refresh tokens."""
    if REFRESH_TOKEN in client.grant_types:
        return client.scope
    return " ".join(word for word in client.scope.split() if word not in (OFFLINE, ONLINE))
