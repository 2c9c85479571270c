"""$reindex: compute the index values of what is stored anew, while the server serves; this server's own operation.

``POST [base]/$reindex`` or ``[base]/[type]/$reindex`` answers 202 with the URL of its status in ``Content-Location``,
as asynchronous requests do: 202 with ``X-Progress`` while it goes on, then 200.
``$reindex-pause``, ``$reindex-resume`` and ``$reindex-cancel`` take the ``job``.
Spec: http://hl7.org/fhir/R4/async.html
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import encode
from fhirserver.jobs.reindex_control import ReindexControl, ReindexStatus
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Resource
from fhirserver.operations.arguments import Arguments, arguments_of, text_of
from fhirserver.operations.framework import Handler, Operation
from fhirserver.repository.repository import Repository

STATUS: Final = "$reindex-status"
_DEFINITION: Final = "urn:fhirserver:OperationDefinition:"
_STARTING: Final = ("type", "parameter", "dryRun")
_SYSTEM: Final = frozenset({Level.SYSTEM})

_Change: TypeAlias = Callable[[str], Awaitable[ReindexStatus]]


def reindex_operations(control: ReindexControl) -> tuple[Operation, ...]:
    """Return the operations over the reindexes of one site."""
    changes: dict[str, _Change] = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
    return (
        _operation("reindex", _starting(control), _SYSTEM | {Level.TYPE}, affects_state=True),
        *(_operation(f"reindex-{verb}", _changing(change), affects_state=True) for verb, change in changes.items()),
        _operation("reindex-status", _telling(control)),
    )


def _operation(
    name: str, handler: Handler, levels: frozenset[Level] = _SYSTEM, *, affects_state: bool = False
) -> Operation:
    definition = f"{_DEFINITION}{name}"
    return Operation(name=name, definition=definition, levels=levels, handler=handler, affects_state=affects_state)


def _starting(control: ReindexControl) -> Handler:
    async def start(request: FhirRequest, repository: Repository) -> FhirResponse:
        repository.check_admin()
        arguments = arguments_of(request, _STARTING)
        types = [text_of(parameter) for parameter in arguments.all("type")]
        if request.target.resource_type is not None:
            types.append(request.target.resource_type)
        urls = [text_of(parameter) for parameter in arguments.all("parameter")]
        status = await control.start(types, urls, dry_run=_is_dry_run(arguments))
        place = ("Content-Location", f"{request.base_url}/{STATUS}?job={status.id}")
        return FhirResponse(status=202, content=encode(_parameters([status])), headers=(place,))

    return start


def _is_dry_run(arguments: Arguments) -> bool:
    text = arguments.text("dryRun")
    if text not in (None, "true", "false"):
        raise BadSearchValue("`dryRun` is `true` or `false`.", expression=["http.dryRun"])
    return text == "true"


def _changing(change: _Change) -> Handler:
    async def handle(request: FhirRequest, repository: Repository) -> FhirResponse:
        repository.check_admin()
        job_id = arguments_of(request, ("job",)).text("job")
        if job_id is None:
            raise BadRequest("`job` is missing: the id of a reindex job.", expression=["http.job"])
        return FhirResponse(status=200, content=encode(_parameters([await change(job_id)])))

    return handle


def _telling(control: ReindexControl) -> Handler:
    async def tell(request: FhirRequest, repository: Repository) -> FhirResponse:
        repository.check_admin()
        job_id = arguments_of(request, ("job",)).text("job")
        if job_id is None:
            return FhirResponse(status=200, content=encode(_parameters(await control.latest())))
        status = await control.status(job_id)
        content = encode(_parameters([status]))
        if status.is_final:
            return FhirResponse(status=200, content=content)
        progress = (("X-Progress", f"{status.state}, {status.percent} %"), ("Retry-After", "1"))
        return FhirResponse(status=202, content=content, headers=progress)

    return tell


def _parameters(found: list[ReindexStatus]) -> Resource:
    resource: Resource = {"resourceType": "Parameters"}
    if found:
        resource["parameter"] = [{"name": "job", "part": _parts(status)} for status in found]
    return resource


def _parts(status: ReindexStatus) -> list[Resource]:
    parts: list[Resource] = [
        {"name": "id", "valueId": status.id},
        {"name": "state", "valueCode": status.state},
        *({"name": "type", "valueCode": name} for name in status.types),
        {"name": "dryRun", "valueBoolean": status.dry_run},
        {"name": "percent", "valueInteger": status.percent},
        {"name": "total", "valueInteger": status.total},
        {"name": "done", "valueInteger": status.done},
        {"name": "changed", "valueInteger": status.changed},
    ]
    if status.problem is not None:
        parts.append({"name": "problem", "valueString": status.problem})
    return parts
