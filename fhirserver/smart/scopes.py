"""The scope parameter of OAuth: scopes of FHIR resources, of the launch, of OpenID Connect.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote

from fhirserver.kernel.memory import remembered
from fhirserver.kernel.scopes import ANY_TYPE, Context, Scope, parse_scope

IsResourceType: TypeAlias = Callable[[str], bool]

OPENID: Final = "openid"
FHIR_USER: Final = "fhirUser"
PROFILE: Final = "profile"
LAUNCH: Final = "launch"
LAUNCH_PATIENT: Final = "launch/patient"
LAUNCH_ENCOUNTER: Final = "launch/encounter"
OFFLINE: Final = "offline_access"
ONLINE: Final = "online_access"
BESIDE: Final = (OPENID, FHIR_USER, PROFILE, LAUNCH, LAUNCH_PATIENT, LAUNCH_ENCOUNTER, OFFLINE, ONLINE)
"""What a scope may be that is not of resources."""
_V1: Final = {"rs": "read", "cud": "write", "cruds": "*"}
_SAFE: Final = ":/|,."
SUPPORTED: Final = (*BESIDE, *(f"{context.value}/*.{rights}" for context in Context for rights in ("cruds", "rs", "*")))


@dataclass(frozen=True, slots=True)
class Scopes:
    """A scope parameter that was read; each scope once, in the order in which they stand."""

    resources: tuple[Scope, ...]
    beside: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What is none of both."""

    @property
    def texts(self) -> tuple[str, ...]:
        """All that are known, as they are written."""
        return (*self.beside, *(scope.text for scope in self.resources))

    def contexts(self) -> frozenset[Context]:
        """Whose data is asked for."""
        return frozenset(scope.context for scope in self.resources)


def read_scopes(text: str, is_resource_type: IsResourceType) -> Scopes:
    """Read a scope parameter."""
    words = dict.fromkeys(text.split())
    resources = {word: parse_scope(word, is_resource_type) for word in words if word not in BESIDE}
    return Scopes(
        resources=tuple(scope for scope in resources.values() if scope is not None),
        beside=tuple(word for word in words if word in BESIDE),
        unknown=tuple(word for word, scope in resources.items() if scope is None),
    )


class Ceiling:
    """The most that a client may ever have; what it asks for beyond is not granted."""

    def __init__(self, scopes: Scopes) -> None:
        """Allow what ``scopes`` do."""
        self._scopes = scopes

    def allows(self, scope: Scope) -> bool:
        """Tell whether a scope is within: every right of it, on every type of it."""
        return all(any(_holds(known, scope, right) for known in self._scopes.resources) for right in scope.rights)

    def within(self, asked: Scopes) -> Scopes:
        """Return what there may be of what is asked: of a scope that goes beyond, what both have."""
        resources = [scope for one in asked.resources for scope in self._parts(one)]
        return Scopes(
            resources=tuple(dict.fromkeys(resources)),
            beside=tuple(word for word in asked.beside if self._has(word)),
        )

    def _parts(self, scope: Scope) -> list[Scope]:
        if self.allows(scope):
            return [scope]
        common = (intersection(scope, known) for known in self._scopes.resources)
        return [part for part in common if part is not None]

    def _has(self, word: str) -> bool:
        implied = word in (LAUNCH_PATIENT, LAUNCH_ENCOUNTER) and LAUNCH in self._scopes.beside
        return implied or word in self._scopes.beside


def intersection(scope: Scope, known: Scope) -> Scope | None:
    """Return what two scopes have in common."""
    types = {scope.resource_type, known.resource_type} - {ANY_TYPE}
    rights = "".join(right for right in scope.rights if right in known.rights)
    if scope.context is not known.context or len(types) > 1 or not rights:
        return None
    criteria = tuple(dict.fromkeys((*scope.criteria, *known.criteria)))
    return scope_of(scope.context, types.pop() if types else ANY_TYPE, rights, criteria, v1=_is_v1(scope))


def scope_of(
    context: Context, resource_type: str, rights: str, criteria: tuple[tuple[str, str], ...] = (), *, v1: bool = False
) -> Scope:
    """Return a scope and write it; ``v1``: in the way of SMART 1 where that has words for it."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe=_SAFE)}" for name, value in criteria)
    written = _V1.get(rights, rights) if v1 and not criteria else rights
    text = f"{context.value}/{resource_type}.{written}{'?' if query else ''}{query}"
    return Scope(context, resource_type, rights, criteria, text)


def covers(known: Scopes, asked: Scopes) -> bool:
    """Tell whether nothing that is asked goes beyond what is known."""
    ceiling = Ceiling(known)
    return all(word in known.beside for word in asked.beside) and all(map(ceiling.allows, asked.resources))


def _holds(known: Scope, scope: Scope, right: str) -> bool:
    return (
        known.context is scope.context
        and known.resource_type in (ANY_TYPE, scope.resource_type)
        and right in known.rights
        and set(known.criteria) <= set(scope.criteria)
    )


def _is_v1(scope: Scope) -> bool:
    return scope.text.endswith((".read", ".write", ".*"))


def reader(is_resource_type: IsResourceType) -> Callable[[str], Scopes]:
    """Return a reader of scope parameters that remembers those it read."""
    return remembered(1024)(lambda text: read_scopes(text, is_resource_type))
