"""One visit of a page: the browser it comes from, the session it has, the language it speaks, and its answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fhirserver.kernel.outcome import FhirError, ServerError
from fhirserver.smart.noted import note_user
from fhirserver.smart.pages import render
from fhirserver.smart.pages.forms import Form, read_form
from fhirserver.smart.pages.language import LANGUAGES, NAMES, language_of
from fhirserver.smart.pages.services import PageServices
from fhirserver.smart.pages.texts import Texts, texts_in
from fhirserver.smart.people import cookies
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.attempts import TooManyAttempts
from fhirserver.smart.people.passkeys import Passkeys, RelyingParty
from fhirserver.smart.people.session import Place, Session, browser_of
from fhirserver.smart.people.stations import Station

HOME: Final = "/auth/account"
_OWN_POLICY: Final = (render.SCRIPT, render.OWN_FORMS)
_OWN_PAGES: Final = (None, "same-origin", "none")
_QUIET: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_LONGEST_NEXT: Final = 16 * 1024


class PageProblem(Exception):
    """Ends a visit with the page of a problem; ``problem`` is a key of the texts below ``error``."""

    def __init__(self, problem: str, status: int = 400) -> None:
        """Say what is wrong by a key."""
        super().__init__(problem)
        self.problem = problem
        self.status = status


class LoginNeeded(Exception):
    """Ends a visit with the way to the login, and back."""

    def __init__(self, *, fresh: bool = False) -> None:
        """Ask for a login, or for a new one."""
        super().__init__()
        self.fresh = fresh


@dataclass(slots=True)
class Visit:
    """What a page has at hand."""

    request: Request
    services: PageServices
    texts: Texts
    browser: str
    """The secret of the browser's cookie."""
    session: Session | None
    station: Station | None
    is_new_browser: bool = False
    _cookies: list[Callable[[Response], None]] = field(default_factory=list)

    @property
    def browser_digest(self) -> str:
        """What flows are bound to."""
        return cookies.digest(self.browser)

    @property
    def form_token(self) -> str:
        """What every form of this visit carries."""
        return cookies.form_token(self.browser, self.session.id if self.session else None)

    @property
    def address(self) -> str | None:
        """Where on the network the visit comes from."""
        return self.request.client.host if self.request.client else None

    def query(self, name: str) -> str:
        """Return a parameter of the URL; "" when it is absent."""
        return self.request.query_params.get(name, "")

    @property
    def next(self) -> str:
        """Where to go when the login is done: a path of this server."""
        return local_path(self.query("next"))

    def signed_in(self) -> Session:
        """Return the session; raises LoginNeeded."""
        if self.session is None:
            raise LoginNeeded
        session = self.session
        note_user(session.name, session.site, session.fhir_user, session.roles, session.organizations)
        return session

    def freshly_signed_in(self) -> Session:
        """Return a session whose login is recent enough for changing how one logs in; raises LoginNeeded."""
        session, people = self.signed_in(), self.services.people
        if people.clock() - session.auth_time_s > people.options.sessions.fresh_s:
            raise LoginNeeded(fresh=True)
        return session

    async def account(self, session: Session) -> Account:
        """Return the account of a session; raises LoginNeeded when it is gone."""
        account = await self.services.people.account(session.user_id)
        if account is None:
            raise LoginNeeded
        return account

    async def form(self) -> Form:
        """Return the form that was sent; raises PageProblem when it is not of this browser and session."""
        headers, own = self.request.headers, self.services.origin_of(self.request)
        # Pages that send no referrer send the origin `null` with their forms; then Sec-Fetch-Site tells.
        if headers.get("origin") not in (None, "null", own) or headers.get("sec-fetch-site") not in _OWN_PAGES:
            raise PageProblem("form", 403)
        form = await read_form(self.request)
        session_id = self.session.id if self.session else None
        if self.is_new_browser or not cookies.is_form_token(form("token"), self.browser, session_id):
            raise PageProblem("form", 403)
        return form

    @property
    def passkeys(self) -> Passkeys:
        """Passkeys of the origin that the browser shows."""
        origin = self.services.origin_of(self.request)
        party = RelyingParty(origin, urlsplit(origin).hostname or "localhost", self.services.name)
        return Passkeys(party, self.services.people.clock)

    @property
    def place(self) -> Place:
        """Where the session that is begun now belongs."""
        agent = browser_of(self.request.headers.get("user-agent", ""))
        return Place(agent, self.address or "", self.station.id if self.station else None)

    def set_cookie(self, name: str, value: str, max_age_s: int | None = None) -> None:
        """Set a cookie with the answer."""
        jar, request = self.services.people.cookies, self.request
        self._cookies.append(lambda response: jar.write(request, response, name, value, max_age_s))

    def drop_cookie(self, name: str) -> None:
        """Take a cookie back with the answer."""
        jar, request = self.services.people.cookies, self.request
        self._cookies.append(lambda response: jar.drop(request, response, name))

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        policy: tuple[str, ...] = _OWN_POLICY,
        **values: Any,  # noqa: ANN401 - what the template shows
    ) -> Response:
        """Answer with a page."""
        context = {
            "t": self.texts,
            "language": self.texts.language,
            "languages": [(code, NAMES[code]) for code in LANGUAGES],
            "site_name": self.services.name,
            "session": self.session,
            "station": self.station,
            "token": self.form_token,
            "here": self.here,
            "errors": {},
            "notice": None,
            **values,
        }
        return self.finished(render.page(template, context, status=status, policy=policy))

    def redirect(self, path: str) -> Response:
        """Answer with the way to another page, to be got (RFC 9110 §15.4.4)."""
        return self.finished(RedirectResponse(path, 303, _QUIET))

    def finished(self, response: Response) -> Response:
        """Set what cookies are to be set."""
        if self.is_new_browser:
            self.set_cookie(cookies.BROWSER, self.browser)
        for write in self._cookies:
            write(response)
        return response

    @property
    def here(self) -> str:
        """The present page, for coming back to it in another language: what was posted is not posted again."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path


Page: TypeAlias = Callable[[Visit], Awaitable[Response]]


def endpoint(services: PageServices, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """Return what the router calls for a page; every problem ends as a page too."""

    async def answer(request: Request) -> Response:
        visit: Visit | None = None
        try:
            visit = await visit_of(services, request)
            return await page(visit)
        except LoginNeeded as needed:
            return _to_login(visit or bare_visit(services, request), fresh=needed.fresh)
        except (PageProblem, FhirError) as problem:
            return problem_page(visit or bare_visit(services, request), problem)

    return answer


def problem_page(visit: Visit, problem: PageProblem | FhirError) -> Response:
    """Answer with the page of a problem."""
    if isinstance(problem, PageProblem):
        key, status = problem.problem, problem.status
    else:
        key, status = _key_of(problem), problem.status
    seconds = problem.wait_s if isinstance(problem, TooManyAttempts) else 0
    text = visit.texts(f"error.{key}", seconds=seconds)
    response = visit.page("error.html", status=status, text=text)
    for name, value in problem.headers.items() if isinstance(problem, FhirError) else ():
        response.headers[name] = value
    return response


async def visit_of(services: PageServices, request: Request) -> Visit:
    """Return a visit, with the session and the station that its cookies prove."""
    visit = bare_visit(services, request)
    people = services.people
    visit.session = await people.current_session(request)
    visit.station = await people.stations.of_cookie(people.cookies.read(request, cookies.STATION))
    chosen = people.cookies.read(request, cookies.LANGUAGE)
    if chosen is None and visit.session is not None and visit.session.language in LANGUAGES:
        visit.texts = texts_in(str(visit.session.language))
    return visit


def bare_visit(services: PageServices, request: Request) -> Visit:
    """Return a visit of nobody, which needs no database."""
    jar = services.people.cookies
    browser = jar.read(request, cookies.BROWSER)
    wished = request.query_params.get("ui_locales", "").replace(" ", ",")  # OpenID Connect Core §3.1.2.1
    accepted = wished or request.headers.get("accept-language", "")
    language = language_of(jar.read(request, cookies.LANGUAGE), accepted)
    return Visit(
        request=request,
        services=services,
        texts=texts_in(language),
        browser=browser or cookies.new_secret(),
        session=None,
        station=None,
        is_new_browser=browser is None,
    )


def local_path(text: str) -> str:
    """Return a path of this server, whatever is asked for: nobody is sent elsewhere by a link to our login."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\")) and len(text) <= _LONGEST_NEXT
    return text if is_path and text.isprintable() and "\\" not in text else HOME


def with_query(path: str, **parameters: str | None) -> str:
    """Return a path with parameters; those that are None or empty are left out."""
    known = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(known)}" if known else path


def _to_login(visit: Visit, *, fresh: bool) -> Response:
    is_get = visit.request.method in ("GET", "HEAD")
    back = visit.here if is_get else HOME
    return visit.redirect(with_query("/auth/login", next=back, fresh="1" if fresh else None))


def _key_of(problem: FhirError) -> str:
    if isinstance(problem, TooManyAttempts):
        return "wait"
    if isinstance(problem, ServerError):
        return "unavailable" if problem.status == 503 else "fault"
    return {404: "not_found", 403: "forbidden", 409: "conflict"}.get(problem.status, "form")
