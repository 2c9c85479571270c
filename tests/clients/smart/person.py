"""Somebody with a browser without scripts: cookies, redirects within the server, the forms of its pages."""

import re
from html import unescape
from typing import Final
from urllib.parse import urlencode

import httpx2

_INPUT: Final = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE: Final = re.compile(r'([a-z-]+)="([^"]*)"')
_MOST_PAGES: Final = 12


class Person:
    """Logs in, chooses, allows."""

    def __init__(self, origin: str) -> None:
        """Look at the server of an origin."""
        self._origin = origin
        self._http = httpx2.Client(base_url=origin)

    def log_in(self, username: str, password: str) -> None:
        """Log in at the page of logins."""
        page = self._send(self._open("/auth/login"), ("username", username), ("password", password))
        assert page.request.url.path != "/auth/login", page.text

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser keeps of the server."""
        return dict(self._http.cookies)

    def may_administer(self) -> bool:
        """Tell whether the endpoints of administrators let this login in."""
        return self._http.get("/auth/admin/users").status_code == 200

    def authorize(self, url: str, patient: str = "") -> str:
        """Open an app's request, choose ``patient`` where one is asked for, allow; return where the app is next."""
        answer = self._open(url)
        for _ in range(_MOST_PAGES):
            if answer.is_redirect:
                return str(answer.headers["location"])
            path = answer.request.url.path
            if path == "/auth/pick/patient":
                answer = self._send(answer, ("patient", patient))
            elif path == "/auth/consent":
                answer = self._send(answer, ("decision", "allow"))
            else:
                raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
        raise AssertionError("no end of pages")

    def launch(self, **wanted: object) -> dict[str, str]:
        """Open an app from the record; return what it is given."""
        answer = self._http.post("/auth/launch", json=wanted)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def _open(self, url: str) -> httpx2.Response:
        return self._follow(self._http.get(url))

    def _send(self, page: httpx2.Response, *fields: tuple[str, str]) -> httpx2.Response:
        """Send the form of a page as it stands, with what is typed in addition."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self._origin}
        form = urlencode([*_fields(page.text), *fields])
        return self._follow(self._http.post(page.request.url, content=form, headers=headers))

    def _follow(self, answer: httpx2.Response) -> httpx2.Response:
        while answer.is_redirect and not _is_elsewhere(answer, self._origin):
            answer = self._http.get(answer.headers["location"])
        return answer


def _is_elsewhere(answer: httpx2.Response, origin: str) -> bool:
    location = answer.headers["location"]
    return not location.startswith(("/", f"{origin}/"))


def _fields(page: str) -> list[tuple[str, str]]:
    """Return what the form of a page sends as it stands: hidden fields, and boxes that are ticked."""
    found = []
    for tag in _INPUT.findall(page):
        attributes = {name: unescape(value) for name, value in _ATTRIBUTE.findall(tag)}
        kind = attributes.get("type", "text")
        if "name" in attributes and (kind == "hidden" or (kind == "checkbox" and re.search(r"\bchecked\b", tag))):
            found.append((attributes["name"], attributes["value"]))
    return found
