"""Templates to pages, and the headers of every one of them.

No page has a script or a style in it: what there is comes from this origin, by name and digest.
Spec: https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/referrer-policy/
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
TEMPLATES: Final = _HERE / "templates"
STATIC_PATH: Final = "/auth/static"
MEDIA_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_DIGEST: Final = 12
_YEAR_S: Final = 31_536_000

_ALWAYS: Final = (
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
SCRIPT: Final = "script-src 'self'"
OWN_FORMS: Final = "form-action 'self'"
"""Not where a form may end at an app, whose address the browser would then hold against the redirect."""

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
}


@cache
def environment() -> Environment:
    """Return the templates, which escape every value and know no undefined ones."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = static_url
    return made


def page(template: str, context: Mapping[str, Any], *, status: int = 200, policy: tuple[str, ...] = ()) -> HTMLResponse:
    """Render a page; ``policy``: more directives of its Content-Security-Policy."""
    html = environment().get_template(template).render(context)
    headers = {**HEADERS, "Content-Security-Policy": "; ".join((*_ALWAYS, *policy))}
    return HTMLResponse(html, status, headers)


def static_url(name: str) -> str:
    """Return the address of a static file, which changes with its content."""
    return f"{STATIC_PATH}/{name}?{_content(name)[1]}"


def static_file(name: str) -> Response | None:
    """Return a static file that pages may keep for ever, or None."""
    if name not in _names():
        return None
    headers = {"Cache-Control": f"public, max-age={_YEAR_S}, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_content(name)[0], media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES)


@cache
def _content(name: str) -> tuple[bytes, str]:
    content = (STATIC / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:_DIGEST]
