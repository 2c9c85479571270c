"""``AuditEvent/$tde``: a search of audit events, answered as the French TDE profile has them.

    GET [base]/AuditEvent/$tde?date=ge2026-01-01&date=lt2026-02-01&agent-name=Noël

Takes the search parameters of AuditEvent; bounds of ``date`` are mandatory, as in IHE ITI-81 there.
"""

from typing import Final

from fhirserver.audit.tde import project
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import Arguments, every_argument_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.operations.searchset import searchset
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import SearchRequest

_AUDIT_EVENT: Final = "AuditEvent"
_LOWER: Final = ("ge", "gt", "sa", "eq")
_UPPER: Final = ("le", "lt", "eb", "eq")


async def tde(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer one page of events, or one event."""
    if request.target.logical_id is not None:
        version = await repository.read(*request.target.instance)
        return FhirResponse(status=200, content=project(version.content or b"{}"), etag=version.etag)
    given = every_argument_of(request)
    pairs = tuple((each["name"], text_of(each)) for each in given.parameters)
    _check_dates([value for name, value in pairs if name == "date"])
    page = await repository.search(SearchRequest(resource_types=(_AUDIT_EVENT,), parameters=pairs))
    shown = [_projected(version) for version in page.matches]
    return searchset(request, Arguments(given.parameters), shown, total=page.total, next_cursor=page.next_cursor)


def _projected(version: Version) -> Version:
    return version._replace(content=project(version.content or b"{}"))


def _check_dates(dates: list[str]) -> None:
    """Refuse a search without a lower and an upper bound."""
    prefixes = [date[:2] if date[:2].isalpha() else "eq" for date in dates]
    if not (any(one in _LOWER for one in prefixes) and any(one in _UPPER for one in prefixes)):
        raise BadRequest(
            "The traces are asked for within bounds: `date=ge2026-01-01&date=lt2026-02-01`, or one `date`.",
            expression=["http.date"],
        )


TDE: Final = Operation(
    name="tde",
    definition="urn:fhirserver:OperationDefinition:tde",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=tde,
    resource_types=frozenset({_AUDIT_EVENT}),
)
