"""Everything that is not FHIR: the start page for people, health, readiness and metrics.

``/healthz`` says that the process runs, ``/readyz`` that it can serve: a load balancer asks the latter.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from typing import Final, Literal

from fastapi import FastAPI, Response, status
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from fhirserver.app.metrics import CONTENT_TYPE, Metrics

Problems = Callable[[], Awaitable[list[str]]]
"""Says what keeps the server from serving: nothing, or sentences."""

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}"
    "code{background:#8882;padding:.1em .3em;border-radius:.2em}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Health(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether FHIR requests can be served now."""

    status: Literal["ready", "not ready"]
    problems: list[str] = []


def build_pages(version: str, sites: Sequence[str], problems: Problems, metrics: Metrics) -> FastAPI:
    """Return the application for all paths that belong to no site."""
    pages = FastAPI(title="fhirserver", version=version, docs_url=None, redoc_url=None)
    start_page = _start_page(version, sites)

    @pages.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def start() -> HTMLResponse:
        return HTMLResponse(start_page, headers=_HEADERS)

    @pages.get("/healthz", tags=["operation"])
    async def healthz() -> Health:
        """Tell that the process runs, whatever the state of the database."""
        return Health()

    @pages.get("/readyz", tags=["operation"], responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """Tell whether the database is reachable and its indexes are built."""
        found = await problems()
        if found:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            response.headers["Retry-After"] = "2"
            return Readiness(status="not ready", problems=found)
        return Readiness(status="ready")

    @pages.get("/metrics", tags=["operation"], response_class=Response)
    def prometheus() -> Response:
        """Show the counts of all workers in Prometheus' text format."""
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return pages


def _start_page(version: str, sites: Sequence[str]) -> str:
    bases = "".join(_base_item(f"/{site}/fhir") for site in sites[1:])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>fhirserver</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>
<body><h1>fhirserver {escape(version)}</h1>
<p>A FHIR R4 (4.0.1) server. Programs talk to the FHIR base; browsers may look around:</p>
<ul>{_base_item("/fhir")}{bases}</ul>
<p>Operation: <a href="/healthz">health</a>, <a href="/readyz">readiness</a>, <a href="/metrics">metrics</a>,
<a href="/openapi.json">OpenAPI</a>. The API: <a href="http://hl7.org/fhir/R4/http.html">FHIR R4 RESTful API</a>,
<a href="http://hl7.org/fhir/R4/search.html">search</a>.</p>
</body></html>
"""


def _base_item(base: str) -> str:
    return (
        f'<li><code>{base}</code>: <a href="{base}/metadata">what it can do</a>, '
        f'<a href="{base}/Patient?_count=10">patients</a>, <a href="{base}?_type=Patient,Observation&amp;_count=10">'
        "patients and observations</a></li>"
    )
