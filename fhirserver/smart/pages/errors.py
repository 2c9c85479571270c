"""The page of a problem, for endpoints that must not redirect: what an app did wrong is told to its user, here."""

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.smart.pages.services import PageServices
from fhirserver.smart.pages.view import PageProblem, bare_visit, problem_page


def error_page(services: PageServices, request: Request, problem: str, *, status: int = 400) -> Response:
    """Return the page of a problem; ``problem`` is a key of the texts below ``error``: ``client``, ``redirect`` …"""
    return problem_page(bare_visit(services, request), PageProblem(problem, status))
