"""What another OpenID provider says of a person, as this server needs it: who, which resource, which roles, how sure.

Pure: an issuer's mapping and the claims of an ID token and of userinfo in, an identity or a refusal out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver.smart.people.account import BadAccount, checked_link
from fhirserver.smart.people.assurance import LEVELS, ONE_FACTOR, higher

Claims = Mapping[str, Any]
_LONGEST_NAME: Final = 200


class Refused(Exception):
    """The upstream login does not let the person in; ``reason`` names why, for the page and the log."""

    def __init__(self, reason: str) -> None:
        """Say why by a name."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class IdentifierClaim:
    """A claim that holds the value of a business identifier: by it the person's resource is found."""

    claim: str
    system: str
    resource_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """Where an issuer's claims say what; a path such as ``realm_access.roles`` goes into objects."""

    name: tuple[str, ...] = ("name",)
    """Claims that make the name, joined by spaces."""
    username: str | None = None
    fhir_user: str | None = None
    """A claim that holds ``Practitioner/1`` itself: of the site's own provider only."""
    identifiers: tuple[IdentifierClaim, ...] = ()
    roles_claim: str | None = None
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """From a value of that claim to roles here; values that are not named give none."""
    default_roles: tuple[str, ...] = ()
    levels: Mapping[str, str] = field(default_factory=dict)
    """From a value of ``acr`` to a level here; values that are not named are the lowest."""
    amr_levels: Mapping[str, str] = field(default_factory=dict)
    """The same for each value of ``amr``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person as an issuer described them."""

    key: str
    """``issuer|subject``"""
    name: str
    username: str | None
    fhir_user: str | None
    identifiers: tuple[tuple[str, str, str], ...]
    """(resource type, system, value)"""
    roles: tuple[str, ...]
    level: str
    amr: tuple[str, ...]


def identity_of(issuer: str, claims: Claims, mapping: ClaimMapping) -> Identity:
    """Return who a person is by an issuer's claims; raises Refused."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise Refused("no-subject")
    return Identity(
        key=f"{issuer}|{subject}",
        name=_name(claims, mapping) or subject[:_LONGEST_NAME],
        username=_text(claims, mapping.username),
        fhir_user=_link(claims, mapping),
        identifiers=tuple(_identifiers(claims, mapping)),
        roles=_roles(claims, mapping),
        level=level_of_claims(claims, mapping),
        amr=tuple(one for one in _values(claims.get("amr")) if one),
    )


def level_of_claims(claims: Claims, mapping: ClaimMapping) -> str:
    """Return the level that ``acr`` or ``amr`` stand for; never more than the mapping says of them."""
    level = mapping.levels.get(str(claims.get("acr", "")), ONE_FACTOR)
    for method in _values(claims.get("amr")):
        level = higher(level, mapping.amr_levels.get(method, ONE_FACTOR))
    return level


def check_mapping(mapping: ClaimMapping) -> None:
    """Raises ValueError when a mapping names a level that there is not."""
    for level in (*mapping.levels.values(), *mapping.amr_levels.values()):
        if level not in LEVELS:
            raise ValueError(f"`{level}` is not a level; expected one of {', '.join(LEVELS)}")


def value_at(claims: Claims, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a path of claims leads to; a claim whose own name has dots is taken as it is."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _link(claims: Claims, mapping: ClaimMapping) -> str | None:
    text = _text(claims, mapping.fhir_user)
    if text is None:
        return None
    try:
        return checked_link("/".join(text.rsplit("/", 2)[-2:]))
    except BadAccount:
        raise Refused("bad-fhir-user") from None


def _identifiers(claims: Claims, mapping: ClaimMapping) -> Iterable[tuple[str, str, str]]:
    for identifier in mapping.identifiers:
        value = _text(claims, identifier.claim)
        if value is not None:
            yield identifier.resource_type, identifier.system, value


def _roles(claims: Claims, mapping: ClaimMapping) -> tuple[str, ...]:
    values = _values(value_at(claims, mapping.roles_claim)) if mapping.roles_claim else ()
    mapped = [role for value in values for role in mapping.roles.get(value, ())]
    return tuple(dict.fromkeys([*mapping.default_roles, *mapped]))


def _name(claims: Claims, mapping: ClaimMapping) -> str:
    parts = [" ".join(_values(value_at(claims, claim))) for claim in mapping.name]
    return " ".join(part.strip() for part in parts if part.strip())[:_LONGEST_NAME]


def _text(claims: Claims, path: str | None) -> str | None:
    found = value_at(claims, path) if path else None
    return found if isinstance(found, str) and found else None


def _values(found: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    if isinstance(found, str):
        return (found,)
    return tuple(str(one) for one in found if isinstance(one, str | int)) if isinstance(found, list) else ()
