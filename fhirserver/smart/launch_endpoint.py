"""POST /auth/launch: a person who works in the record opens an app for a patient.

The desktop sends what the app is to know and gets the URL to open: ``launch_uri?iss=…&launch=…``. It is called with
the session cookie by this server's own pages, or with an access token of the person.
Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch, scopes-and-launch-context.html
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fhirserver.kernel.caller import Caller
from fhirserver.smart import network
from fhirserver.smart.access_tokens import caller_of
from fhirserver.smart.authorization import LaunchContext
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import ACCESS_DENIED, INVALID_REQUEST, INVALID_TOKEN, OAuthError
from fhirserver.smart.launches import Launch
from fhirserver.smart.logins import caller_in_person
from fhirserver.smart.record_door import door_for
from fhirserver.smart.refusals import refusals
from fhirserver.smart.scopes import LAUNCH
from fhirserver.smart.services import Services

_ID: Final = r"^[A-Za-z0-9\-.]{1,64}$"
_MAX_CONTEXT: Final = 20
_BEARER: Final = {"WWW-Authenticate": 'Bearer realm="fhirserver"'}
LogicalId = Annotated[str, Field(pattern=_ID)]


class FhirContext(BaseModel):
    """One further resource that the app is to know of."""

    model_config = ConfigDict(extra="forbid")

    reference: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}$")] | None = None
    canonical: Annotated[str, Field(pattern=r"^https?://", max_length=1024)] | None = None
    identifier: dict[str, Any] | None = None
    type: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}$")] | None = None
    role: Annotated[str, Field(min_length=1, max_length=1024)] | None = None

    @model_validator(mode="after")
    def _check(self) -> "FhirContext":
        if self.reference is None and self.canonical is None and self.identifier is None:
            raise ValueError("has a `reference`, a `canonical` or an `identifier`")
        if (self.reference or "").startswith(("Patient/", "Encounter/")) and self.role in (None, "launch"):
            raise ValueError("the patient and the encounter of the launch are members of their own")
        return self

    @property
    def types(self) -> set[str]:
        """The resource types that it names."""
        return {name for name in (self.type, (self.reference or "").partition("/")[0]) if name}


class LaunchRequest(BaseModel):
    """What to open, and with what."""

    model_config = ConfigDict(extra="forbid")

    client_id: Annotated[str, Field(max_length=256)]
    site: str | None = None
    """The first site, unless named."""
    patient: LogicalId | None = None
    encounter: LogicalId | None = None
    fhir_context: Annotated[list[FhirContext], Field(alias="fhirContext", max_length=_MAX_CONTEXT)] = []
    intent: Annotated[str, Field(max_length=256)] | None = None
    tenant: Annotated[str, Field(max_length=256)] | None = None
    need_patient_banner: bool | None = None


class LaunchAnswer(BaseModel):
    """What to give to the app."""

    iss: str
    launch: str
    launch_uri: str | None
    """The URL to open, where the app has registered one."""
    expires_in: int


@dataclass(frozen=True, slots=True)
class _Opener:
    """Who opens an app."""

    caller: Caller
    user: str


def launch_router(services: Services) -> APIRouter:
    """Return the endpoint."""
    router = APIRouter(tags=["launch"], responses=refusals(400, 401, 403, 421, 429, 503))

    @router.post(network.LAUNCH, status_code=201)
    async def launch(request: Request, wanted: LaunchRequest, response: Response) -> LaunchAnswer:
        """Make a launch, good once and for a few minutes, in the session of who asks for it."""
        response.headers["Cache-Control"] = "no-store"
        site = wanted.site or next(iter(services.network.mounts))
        opener = await _opener(services, request, site)
        client = await _client(services, wanted, site)
        await _check_context(services, wanted, opener.caller)
        origin = services.network.origin(request)
        context = LaunchContext(
            patient=wanted.patient,
            encounter=wanted.encounter,
            fhir_context=tuple(one.model_dump(exclude_none=True) for one in wanted.fhir_context),
            intent=wanted.intent,
            tenant=wanted.tenant,
            need_patient_banner=wanted.need_patient_banner,
            smart_style_url=origin + network.STYLE,
        )
        token = await services.launches.issue(
            Launch(
                client_id=client.client_id,
                site=site,
                user=opener.user,
                session_id=opener.caller.session_id,
                context=context,
            )
        )
        iss = services.network.base_of(origin, site)
        return LaunchAnswer(
            iss=iss,
            launch=token,
            launch_uri=_launch_uri(client, iss, token),
            expires_in=int(services.policy.launch_s),
        )

    return router


async def _opener(services: Services, request: Request, site: str) -> _Opener:
    """Return who asks: by a token of theirs, or by the cookie of this server's own pages. Raises OAuthError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        record = await services.access_tokens.record_of(token.strip())
        if record is None or record["user"] is None or record["site"] != site:
            raise OAuthError(INVALID_TOKEN, "The token is not of a user of the site.", status=401, headers=_BEARER)
        client = await services.clients.active(record["client_id"])
        if client is None or not client.trusted:
            raise OAuthError(ACCESS_DENIED, "Only an app of this network may open others.", status=403)
        return _Opener(caller_of(record), record["user"])
    origin = request.headers.get("origin")
    if origin is not None and origin != services.network.origin(request):
        raise OAuthError(ACCESS_DENIED, "Pages of another origin need an access token of the user.", status=403)
    login = await services.logins.current(request)
    if login is None or login.person.site != site:
        raise OAuthError(INVALID_TOKEN, "Nobody of the site has logged in.", status=401, headers=_BEARER)
    return _Opener(caller_in_person(login), login.person.user_id)


async def _client(services: Services, wanted: LaunchRequest, site: str) -> Client:
    client = await services.clients.active(wanted.client_id)
    if client is None or site not in client.sites:
        raise OAuthError(INVALID_REQUEST, "The client is not known, or the site has not approved it.")
    if LAUNCH not in services.read_scopes(client.scope).beside:
        raise OAuthError(INVALID_REQUEST, "The client is not registered for the scope `launch`.")
    return client


async def _check_context(services: Services, wanted: LaunchRequest, caller: Caller) -> None:
    """Refuse a context that who opens the app could not see."""
    unknown = {name for one in wanted.fhir_context for name in one.types if not services.is_resource_type(name)}
    if unknown:
        raise OAuthError(INVALID_REQUEST, f"`{min(unknown)}` is no resource type.")
    door = await door_for(caller, services.repository_for)
    for resource_type, logical_id in (("Patient", wanted.patient), ("Encounter", wanted.encounter)):
        if logical_id is not None and await door.read(resource_type, logical_id) is None:
            raise OAuthError(INVALID_REQUEST, f"There is no such {resource_type} for this user.")


def _launch_uri(client: Client, iss: str, token: str) -> str | None:
    if client.launch_uri is None:
        return None
    separator = "&" if "?" in client.launch_uri else "?"
    return f"{client.launch_uri}{separator}{urlencode({'iss': iss, 'launch': token})}"
