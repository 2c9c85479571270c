"""Single writes that need no search: create and update by id, and what every write shares.

Spec: http://hl7.org/fhir/R4/http.html#create, http.html#update, http.html#concurrency
"""

from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec import fhir_json
from fhirserver.codec.fhir_json import Body
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import BadRequest, Conflict, Issue, PreconditionFailed, Unprocessable
from fhirserver.kernel.version import Method
from fhirserver.repository.judging import errors_of, judge
from fhirserver.repository.permits import Permits
from fhirserver.repository.requests import Create, Effect, Update, Written
from fhirserver.repository.services import Services
from fhirserver.repository.staging import stage, written
from fhirserver.store.documents import Draft
from fhirserver.store.errors import DuplicateKey
from fhirserver.store.store import Current, Session

ATTEMPTS: Final = 8
"""How often a write without precondition yields to others before it gives up."""


async def create(services: Services, access: Access, write: Create) -> Written:
    """Store a new instance under an id of the server's choice. Raises Forbidden."""
    permits = Permits(services, access)
    permits.check_kind(write)
    remarks = check_body(services, write.resource_type, write.body)
    draft = stage(permits, write.body, services.new_id(), None, Method.POST)
    await permits.check_state(draft, None, Right.CREATE)
    await services.store.create(draft)
    return Written(Effect.CREATED, draft.version, remarks=remarks)


async def update(services: Services, access: Access, write: Update) -> Written:
    """Store the next version, or the first under the client's id. Raises PreconditionFailed, Conflict, Forbidden."""
    logical_id = write.logical_id or ""
    permits = Permits(services, access)
    permits.check_kind(write)
    remarks = check_body(services, write.resource_type, write.body)
    check_identity(write.body, logical_id)
    return (await _update(permits, write)).remarked(remarks)


async def _update(permits: Permits, write: Update) -> Written:
    services, logical_id = permits.services, write.logical_id or ""
    try:
        return await _update_at_once(permits, write)
    except (DuplicateKey, Conflict):
        if write.if_match is not None:
            raise _stale(write.resource_type, logical_id) from None
    for _ in range(ATTEMPTS):
        try:
            return await services.store.transaction(lambda session: _update_in_turn(permits, write, session))
        except DuplicateKey:
            continue
    raise Conflict(f"`{write.resource_type}/{logical_id}` is being changed by many writers; try again.")


async def _update_at_once(permits: Permits, write: Update) -> Written:
    """Update what is there now; raises Conflict or DuplicateKey when another writer was faster."""
    store = permits.services.store
    current = await store.replaceable(f"{write.resource_type}/{write.logical_id}")
    done, draft = await _next_version(permits, write, current)
    if draft is None:
        return done
    if current is None:
        await store.create(draft)
    else:
        await store.transaction(lambda session: store.replace_many([(current, draft)], session))
    return done


async def _update_in_turn(permits: Permits, write: Update, session: Session) -> Written:
    """Update what a transaction sees: it is the database that says who waits for whom."""
    store = permits.services.store
    current = await store.replaceable(f"{write.resource_type}/{write.logical_id}", session)
    done, draft = await _next_version(permits, write, current, session)
    if draft is not None and current is None:
        await store.create_many([draft], session)
    elif draft is not None and current is not None:
        await store.replace_many([(current, draft)], session)
    return done


async def _next_version(
    permits: Permits, write: Update, found: Current | None, session: Session | None = None
) -> tuple[Written, Draft | None]:
    """Return what an update will have done, and the version to store, if any."""
    logical_id = write.logical_id or ""
    current = await permits.there(found, f"{write.resource_type}/{logical_id}", Right.UPDATE, session)
    if current is None:
        permits.check_may_name(write.resource_type, logical_id)
    check_preconditions(write, current)
    draft = stage(permits, write.body, logical_id, current, Method.PUT)
    await permits.check_state(draft, current, Right.UPDATE)
    if current is not None and is_unchanged(current, draft):
        return Written(Effect.UNCHANGED, current.version), None
    return written(effect_on(current), draft), draft


def check_body(services: Services, resource_type: str, body: Body) -> tuple[Issue, ...]:
    """Refuse a resource of another type or one that breaks the definitions, with all the reasons.

    Returns what there is to say of one that is accepted.
    """
    found = body.value["resourceType"]
    if found != resource_type:
        known = services.definitions.is_resource_type(found)
        shown = f"a `{found}`" if known else "not a known resource type"
        raise BadRequest(f"The body is {shown}; the URL says `{resource_type}`.", expression=["resourceType"])
    issues = judge(services, body.value, resource_type)
    check = services.checks.get(resource_type)
    if check is not None and not errors_of(issues):
        issues = [*issues, *check(body.value)]
    if issues and errors_of(issues):
        raise Unprocessable(f"The `{resource_type}` breaks the FHIR definitions.", issues=issues)
    return tuple(issues)


def check_identity(body: Body, logical_id: str) -> None:
    """Refuse an update whose body and URL do not name the same instance."""
    if not is_id(logical_id):
        raise BadRequest("The id of the URL is not a FHIR id: 1 to 64 of `A-Z a-z 0-9 - .`.")
    if "id" not in body.value:
        raise BadRequest("The resource has no `id`; an update needs the id of its URL.", expression=["id"])
    if body.value["id"] != logical_id:
        raise BadRequest("The `id` of the resource is not the one of the URL.", expression=["id"])


def check_preconditions(write: Update, current: Current | None) -> None:
    """Refuse an update whose ``If-Match`` or ``If-None-Match`` does not hold."""
    exists = current is not None and current.version.content is not None
    if write.if_none_match and exists:
        raise PreconditionFailed(
            "The instance exists; `If-None-Match: *` asks that it does not.", expression=["http.If-None-Match"]
        )
    check_version(write.if_match, current)


def check_version(if_match: str | None, current: Current | None) -> None:
    """Refuse a write made for another version than the current one."""
    if if_match is None:
        return
    if current is None or if_match != str(current.version.version_id):
        raise PreconditionFailed("`If-Match` does not name the current version.", expression=["http.If-Match"])


def is_unchanged(current: Current, draft: Draft) -> bool:
    """Tell whether a write would store what is there already, but for version and time."""
    old, new = current.version.content, draft.version.content
    return old is not None and new is not None and current.version.native is None and fhir_json.same_content(old, new)


def effect_on(current: Current | None) -> Effect:
    """Say what writing a resource did: a deleted instance is created anew."""
    return Effect.CREATED if current is None or current.version.content is None else Effect.UPDATED


def _stale(resource_type: str, logical_id: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"`{resource_type}/{logical_id}` is not in the version `If-Match` names any more.",
        expression=["http.If-Match"],
    )
