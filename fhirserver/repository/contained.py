"""Searches for contained resources: ``_contained`` and ``_containedType``.

``_contained=true`` finds resources by what they contain, ``both`` by either; the answer has the containers or,
``_containedType=contained``, the contained resources themselves, each as ``[container]#[id]``.
Spec: http://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.kernel.outcome import BadRequest, Issue, IssueType
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.asked import Asked
from fhirserver.repository.planning import resolve, types_of, within_access
from fhirserver.repository.requests import SearchRequest
from fhirserver.repository.services import Services
from fhirserver.search.contained import containing, within
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import Plan, all_of, any_of

_MAX_TYPES: Final = 10


class ContainedVersion(Version):
    """A resource inside another: its logical id is the address ``Container/id#inner``."""

    @property
    def key(self) -> str:
        """``Container/id#inner``."""
        return self.logical_id


@dataclass(frozen=True, slots=True)
class ContainedSearch:
    """What a search asks of contained resources, by their types."""

    plans: Mapping[str, Plan]
    plain: Plan | None
    """What it asks of resources that are in no other, for ``both``."""
    unwrapped: bool
    """Whether the answer has the contained resources, not their containers."""

    def plan(self, services: Services, access: Access) -> Plan:
        """Return what selects the containers that the caller may see, and with ``both`` the resources themselves."""
        asked = any_of(*(containing(resource_type, plan) for resource_type, plan in self.plans.items()))
        types = services.definitions.resource_types
        containers = types_of([(name, within_access(access, name, (asked,), Right.SEARCH)) for name in types])
        return containers if self.plain is None else any_of(self.plain, containers)

    def found(self, services: Services, versions: Sequence[Version]) -> Iterator[Version]:
        """Yield what a page has for some matches."""
        for version in versions:
            resource = parse_json(version.content) if self.unwrapped and version.content is not None else {}
            if not self.unwrapped or self._is_found(services, version, resource):
                yield version
            if self.unwrapped:
                yield from self._inside(services, version, resource)

    def _is_found(self, services: Services, version: Version, resource: Resource) -> bool:
        return self.plain is not None and match(self.plain, self._candidate(services, version, resource))

    def _inside(self, services: Services, version: Version, resource: Resource) -> Iterator[Version]:
        for inner in resource.get("contained", ()):
            plan = self.plans.get(inner["resourceType"])
            if plan is None:
                continue
            address = f"{version.key}#{inner.get('id', '')}"
            candidate = self._candidate(services, version, {**inner, "id": inner.get("id", "")})
            candidate.values.terms.append(f"{inner['resourceType']}/{inner.get('id', '')}")
            if match(within(plan), candidate):
                own = version._replace(resource_type=inner["resourceType"], logical_id=address, content=encode(inner))
                yield ContainedVersion(*own)

    def _candidate(self, services: Services, version: Version, resource: Resource) -> Candidate:
        return Candidate(version.key, version.last_updated_us, services.extractor.extract(resource))


async def contained_search(
    services: Services, access: Access, request: SearchRequest, asked: Asked, plain: Plan
) -> ContainedSearch | None:
    """Read what a search asks of contained resources, if anything; ``plain`` is what it asks of all others."""
    result = asked.result
    if result.contained == "false":
        return None
    if request.compartment is not None or len(asked.bound) > _MAX_TYPES:
        message = f"`_contained` takes a type, or `_type` with {_MAX_TYPES} of them at most, and no compartment."
        raise BadRequest(message, issues=[Issue(IssueType.NOT_SUPPORTED, message, expression=("http._contained",))])
    plans = {name: await resolve(services, access, all_of(*bound)) for name, bound in asked.bound.items()}
    own = plain if result.contained == "both" else None
    return ContainedSearch(plans, own, result.contained_type == "contained")
