"""Labels: the profiles, tags and security labels in use, and those of an instance, changed without a new version.

Spec: http://hl7.org/fhir/R4/resource.html#Meta, http://hl7.org/fhir/R4/resource-operations.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec import fhir_json
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import Deleted, NotFound, TooCostly
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.permits import Permits
from fhirserver.repository.services import Services
from fhirserver.repository.sight import require
from fhirserver.repository.writes import check_body
from fhirserver.search.index import SEPARATOR, VARIANT_END
from fhirserver.search.plan import ALL, NONE, HasTerm, Plan, all_of
from fhirserver.store.documents import Draft
from fhirserver.store.labels import distinct_terms, types_in_use
from fhirserver.store.store import Session

LABELS_BOUND: Final = 1000
"""Labels of one kind that are listed of one type."""
_TIME_LIMIT_MS: Final = 10_000

Relabel = Callable[[Resource], Resource]
"""What is made of the ``meta`` of an instance."""
System = str
Code = str


@dataclass(frozen=True, slots=True)
class Labels:
    """What is in use, each once and in order; codings as (system or nothing, code)."""

    profiles: tuple[str, ...]
    security: tuple[tuple[System, Code], ...]
    tags: tuple[tuple[System, Code], ...]


async def labels_in_use(services: Services, access: Access, resource_type: str | None) -> Labels:
    """Return the labels of all resources of a type, or of all types, that the caller may find. Raises TooCostly."""
    if resource_type is not None:
        require(access, resource_type, Right.SEARCH)
    types = [resource_type] if resource_type is not None else await types_in_use(services.store)
    allowed = [(name, access.filter(name, Right.SEARCH)) for name in types]
    found = {
        code: sorted({term for name, plan in allowed for term in await _values(services, name, code, plan)})
        for code in ("_profile", "_security", "_tag")
    }
    return Labels(tuple(found["_profile"]), _codings(found["_security"]), _codings(found["_tag"]))


async def _values(services: Services, resource_type: str, code: str, allowed: Plan) -> list[str]:
    """Return the values of one parameter that at least one resource of those allowed has."""
    if allowed == NONE:
        return []
    prefix = f"{resource_type}.{code}="
    terms = await distinct_terms(services.store, prefix, LABELS_BOUND + 1, _TIME_LIMIT_MS)
    if len(terms) > LABELS_BOUND:
        raise TooCostly(f"More than {LABELS_BOUND} labels are in use by `{resource_type}` resources.")
    whole = [term for term in terms if VARIANT_END not in term]
    if allowed != ALL:
        whole = [t for t in whole if await services.searcher.keys(all_of(HasTerm((t,)), allowed), 1)]
    return [term.removeprefix(prefix) for term in whole]


def _codings(values: Sequence[str]) -> tuple[tuple[System, Code], ...]:
    return tuple((system, code) for code, _, system in (value.partition(SEPARATOR) for value in values))


async def relabel(services: Services, access: Access, key: str, change: Relabel) -> Version:
    """Change the ``meta`` of a current version in place. Raises NotFound, Deleted, Unprocessable, Forbidden."""
    permits = Permits(services, access)
    require(access, key.partition("/")[0], Right.UPDATE)

    async def run(session: Session) -> Version:
        found = await services.store.replaceable(key, session)
        current = await permits.there(found, key, Right.UPDATE, session)
        if current is None:
            raise NotFound(f"`{key}` is not known.")
        if current.version.content is None:
            raise Deleted(f"`{key}` was deleted.", headers={"ETag": current.version.etag})
        draft = _relabelled(services, current.version, change)
        await permits.check_state(draft, current, Right.UPDATE)
        if draft.version.content != current.version.content:
            await services.store.relabel(current, draft, session)
        return draft.version

    return await services.store.transaction(run)


def _relabelled(services: Services, version: Version, change: Relabel) -> Draft:
    """Return the same version with other labels, and what is found by them."""
    resource = fhir_json.decode_literal(version.content or b"")
    changed = {**resource, "meta": change(resource["meta"])}
    body = fhir_json.parse_resource(fhir_json.encode_literal(changed))
    check_body(services, version.resource_type, body)
    instant = render_instant(version.last_updated_us)
    content = fhir_json.stamp(body, version.logical_id, version.version_id, instant)
    return Draft(version._replace(content=content), services.extractor.extract(body.value))
