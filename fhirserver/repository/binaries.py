"""Binary in its own content type: the stream goes to GridFS, its resource keeps type and security context.

Spec: http://hl7.org/fhir/R4/binary.html#rest
"""

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec import fhir_json
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import BadRequest, Conflict
from fhirserver.kernel.version import Method
from fhirserver.repository.permits import Permits
from fhirserver.repository.requests import Effect, NativeBinary, Written
from fhirserver.repository.services import LiveServices
from fhirserver.repository.sight import require
from fhirserver.repository.staging import stage
from fhirserver.repository.writes import ATTEMPTS, check_body, check_version, effect_on
from fhirserver.store.documents import Content, Draft
from fhirserver.store.errors import DuplicateKey
from fhirserver.store.store import Current


async def write_binary(live: LiveServices, access: Access, binary: NativeBinary) -> Written:
    """Store the content, then its resource: a content without resource is never served. Raises Forbidden."""
    services, right = live.now, Right.CREATE if binary.logical_id is None else Right.UPDATE
    require(access, "Binary", right)
    if binary.logical_id is not None and not is_id(binary.logical_id):
        raise BadRequest("The id of the URL is not a FHIR id: 1 to 64 of `A-Z a-z 0-9 - .`.")
    logical_id = binary.logical_id or services.new_id()
    resource = {"resourceType": "Binary", "id": logical_id, "contentType": binary.content_type}
    if binary.security_context is not None:
        resource["securityContext"] = {"reference": binary.security_context}  # type: ignore[assignment]
    body = fhir_json.parse_resource(fhir_json.encode(resource))
    check_body(services, "Binary", body)
    await _check_early(Permits(services, access), binary, (logical_id, body), right)
    file_id, length = await services.store.contents.put(f"Binary/{logical_id}", binary.chunks)
    content = Content(file_id, binary.content_type, length)
    for _ in range(ATTEMPTS):
        try:
            with services.clock.writing():
                permits = Permits(await live.fresh(), access)
                return await _write_once(permits, binary, (logical_id, body), content)
        except (DuplicateKey, Conflict):
            if binary.if_match is not None:
                raise
    raise Conflict(f"`Binary/{logical_id}` is being changed by many writers; try again.")


async def _check_early(permits: Permits, binary: NativeBinary, named: tuple[str, fhir_json.Body], right: Right) -> None:
    """Refuse what may not be written before its content is received."""
    logical_id, body = named
    current = None
    if binary.logical_id is not None:
        current = await _current(permits, logical_id)
    await permits.check_state(stage(permits, body, logical_id, current, Method.PUT), current, right)


async def _current(permits: Permits, logical_id: str) -> Current | None:
    """Return what is there for the caller. Raises Forbidden, NotFound."""
    found = await permits.services.store.replaceable(f"Binary/{logical_id}")
    current = await permits.there(found, f"Binary/{logical_id}", Right.UPDATE, None)
    if current is None:
        permits.check_may_name("Binary", logical_id)
    return current


async def _write_once(
    permits: Permits, binary: NativeBinary, named: tuple[str, fhir_json.Body], content: Content
) -> Written:
    logical_id, body = named
    services = permits.services
    current = None if binary.logical_id is None else await _current(permits, logical_id)
    check_version(binary.if_match, current)
    method = Method.POST if binary.logical_id is None else Method.PUT
    staged = stage(permits, body, logical_id, current, method)
    await permits.check_state(staged, current, Right.CREATE if binary.logical_id is None else Right.UPDATE)
    draft = Draft(staged.version, staged.values, content)
    if current is None:
        await services.store.create(draft)
        return Written(Effect.CREATED, draft.version)
    await services.store.transaction(lambda session: services.store.replace_many([(current, draft)], session))
    return Written(effect_on(current), draft.version)
