"""A walk that knows profiles: what contains what, which resources were judged already, what has to be fetched.

Spec: http://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from fhirserver.fhirpath.environment import Environment
from fhirserver.kernel.resource import Resource
from fhirserver.validation.walk import Scope, Walk, World

Kind: TypeAlias = Literal["value set", "code", "reference"]
Links: TypeAlias = dict[str, Resource]
Brought: TypeAlias = Mapping[str, Resource | None]
"""Resources by the references that lead to them; None: there is none."""
NOTHING: Final[Brought] = MappingProxyType({})
_HISTORY: Final = "/_history/"


class Need(NamedTuple):
    """What a walk had to pass over because it is not at hand."""

    kind: Kind
    name: str


class DeepWalk(Walk):
    """One pass over one resource with its profiles."""

    __slots__ = ("_ids", "_links", "asks_for_more", "brought", "bundles", "judged", "needs")

    def __init__(self, resource: Resource, max_depth: int, world: World) -> None:
        """Start at ``resource``."""
        super().__init__(resource, max_depth, world)
        self.bundles: list[Resource] = [resource] if resource.get("resourceType") == "Bundle" else []
        """The Bundles that the walk is in, the innermost last."""
        self.judged: dict[tuple[int, str], bool] = {}
        """Whether a resource conforms to a profile; true while that is being found out."""
        self.needs: set[Need] = set()
        self.brought: Brought = NOTHING
        self.asks_for_more = False
        """Whether references to what is not held are needs."""
        self._links: dict[int, Links] = {}
        self._ids: dict[int, set[str]] = {}

    def is_new_id(self, element_id: str) -> bool:
        """Tell whether no element of the same resource had this id before."""
        seen = self._ids.setdefault(id(self.resource), set())
        if element_id in seen:
            return False
        seen.add(element_id)
        return True

    def enter(self, resource: Resource) -> None:
        """Go into a resource that is a container of its own."""
        self.scope = Scope(resource)
        self.resource = resource

    @property
    def environment(self) -> Environment:
        """What an invariant may ask where the walk is; references lead to what the walk holds."""
        if self._of is not self.resource:
            known = self.world(self.resource, self.scope.container)
            self._environment = replace(known, resolver=Linked(self))
            self._of = self.resource
        return self._environment

    def resolve(self, reference: str) -> Resource | None:
        """Return the resource that a literal reference names: one that is held, or was brought."""
        found = self.held(reference)
        if found is not None or reference.startswith("#"):
            return found
        if reference not in self.brought and self.asks_for_more:
            self.needs.add(Need("reference", reference))
        return self.brought.get(reference)

    def held(self, reference: str) -> Resource | None:
        """Return the contained or bundled resource that a literal reference names."""
        if reference.startswith("#"):
            return self._contained(reference[1:])
        for bundle in reversed(self.bundles):
            found = self._linked(bundle).get(reference.partition(_HISTORY)[0])
            if found is not None:
                return found
        return None

    def _contained(self, name: str) -> Resource | None:
        container = self.scope.container
        if not name:
            return container
        contained = container.get("contained")
        inner = contained if isinstance(contained, list) else []
        return next((one for one in inner if isinstance(one, dict) and one.get("id") == name), None)

    def _linked(self, bundle: Resource) -> Links:
        links = self._links.get(id(bundle))
        if links is None:
            links = self._links[id(bundle)] = links_of(bundle)
        return links


def links_of(bundle: Resource) -> Links:
    """Return the resources of a Bundle by full url and by ``Type/id``."""
    links: Links = {}
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        full_url = entry.get("fullUrl")
        if isinstance(full_url, str):
            links.setdefault(full_url, resource)
            links.setdefault("/".join(full_url.rsplit("/", 2)[-2:]), resource)
        links.setdefault(f"{resource.get('resourceType')}/{resource.get('id')}", resource)
    return links


class Linked:
    """Resolves references for FHIRPath inside what a walk holds."""

    def __init__(self, walk: DeepWalk) -> None:
        """Ask ``walk``."""
        self._walk = walk

    def resolve(self, reference: str) -> Resource | None:
        """Return the resource, or None where it is not held."""
        return self._walk.resolve(reference)
