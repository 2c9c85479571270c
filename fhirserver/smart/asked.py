"""What an app asked for at the authorization endpoint, once it is known to be as it should be, and where answers go."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fhirserver.kernel.scopes import Context
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.scopes import LAUNCH_ENCOUNTER, LAUNCH_PATIENT, Scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the answer goes."""

    client: Client
    redirect_uri: str
    state: str | None
    issuer: str

    def with_code(self, code: str) -> str:
        """Return the URL that brings a code to the app."""
        return self._with(code=code)

    def with_error(self, problem: OAuthError) -> str:
        """Return the URL that brings a refusal to the app."""
        return self._with(error=problem.error, error_description=problem.description)

    def _with(self, **parameters: str) -> str:
        known = {**parameters, "state": self.state, "iss": self.issuer}
        query = urlencode({name: value for name, value in known.items() if value is not None})
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeRequest:
    """A request that is as it should be."""

    site: str
    asked: Scopes
    """Within what the client may have."""
    challenge: str
    launch: str | None = None
    nonce: str | None = None
    prompts: frozenset[str] = frozenset()
    max_age_s: float | None = None
    acr_values: str | None = None
    login_hint: str | None = None


def needs_patient(asked: Scopes) -> bool:
    """Tell whether there must be a patient: patient scopes say so as ``launch/patient`` does."""
    return LAUNCH_PATIENT in asked.beside or LAUNCH_ENCOUNTER in asked.beside or Context.PATIENT in asked.contexts()


def needs_encounter(asked: Scopes) -> bool:
    """Tell whether an encounter is asked for."""
    return LAUNCH_ENCOUNTER in asked.beside
