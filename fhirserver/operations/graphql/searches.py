"""``PatientList`` and ``PatientConnection``: searches, their arguments and their pages.

A cursor carries the parameters of its search beside the sealed place where the page begins: the client repeats
nothing. Spec: http://hl7.org/fhir/R4/graphql.html#searching
"""

import base64
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import msgspec
from graphql import FieldNode

from fhirserver.codec.fhir_json import decode_checked
from fhirserver.kernel.base64url import base64url
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.version import Version
from fhirserver.operations.graphql.document import QueryError
from fhirserver.operations.graphql.filters import FHIRPATH, Navigator
from fhirserver.operations.graphql.values import Arguments
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Parameters, SearchPage, SearchRequest

_REFERENCE: Final = "_reference"
_CURSORS: Final = frozenset({"cursor", "_cursor"})
_REFUSED: Final = frozenset({"_include", "_revinclude", "_contained", "_containedType", "_summary", "_elements"})
_BARE_COMMA: Final = re.compile(r"(?<!\\),")
_LIST_BOUND: Final = 1000
"""What a list may hold: all its matches, or it is refused."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as a field asks for it."""

    node: FieldNode
    resource_type: str
    parameters: Parameters
    fhirpath: Json = None
    cursor: str | None = None
    offset: int = 0

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What tells it from other searches."""
        return (self.resource_type, self.parameters, str(self.fhirpath), self.cursor, self.offset)


def read_search(node: FieldNode, resource_type: str, arguments: Arguments, focus: str | None) -> Asked:
    """Read the arguments of a search; ``focus`` is what the matches must refer to. Raises QueryError."""
    given = dict(arguments)
    cursor = next((given.pop(name) for name in sorted(_CURSORS) if name in given), None)
    if cursor is not None:
        if given or focus is not None:
            raise QueryError("With a `cursor` there are no other arguments, and it stands at the root.", node)
        return _unsealed(node, resource_type, cursor)
    reference = given.pop(_REFERENCE, None)
    if (reference is None) is not (focus is None):
        raise QueryError(f"`{_REFERENCE}` names the parameter that refers to the resource around, and only that.", node)
    fhirpath = given.pop(FHIRPATH, None)
    parameters = [pair for name, value in given.items() for pair in _parameters(node, name, value)]
    if focus is not None:
        parameters.insert(0, (_code(node, str(reference)), focus))
    return Asked(node, resource_type, tuple(parameters), fhirpath)


def _parameters(node: FieldNode, name: str, value: Json) -> Iterator[tuple[str, str]]:
    code = "_id" if name == "id" else _code(node, name)
    values = value if isinstance(value, list) else [value]
    if values:
        yield code, ",".join(_text(node, name, each) for each in values)


def _code(node: FieldNode, name: str) -> str:
    """Return the search parameter that an argument means: ``clinical_status`` is ``clinical-status``."""
    if name in _REFUSED:
        raise QueryError(f"`{name}` is not an argument here; select what you need instead.", node)
    return name[:1] + name[1:].replace("_", "-")


def _text(node: FieldNode, name: str, value: Json) -> str:
    """Write a value as a search has it; a comma in it is no separator, for a list is an array here."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | Decimal):
        raise QueryError(f"`{name[:64]}` takes a simple value or an array of them.", node)
    return _BARE_COMMA.sub(r"\\,", str(value))


async def find_list(asked: Asked, repository: Repository, navigator: Navigator) -> list[Resource]:
    """Return all matches, or as many as ``_count`` asks for. Raises TooCostly: more than a list may hold."""
    names = {name for name, _ in asked.parameters}
    own = asked.parameters if "_count" in names else (*asked.parameters, ("_count", str(_LIST_BOUND)))
    page = await _search(repository, replace(asked, parameters=(*own, ("_total", "none"))))
    if "_count" not in names and page.next_cursor is not None:
        raise TooCostly(
            f"`{asked.node.name.value}` has more than {_LIST_BOUND} matches; use "
            f"`{asked.resource_type}Connection`, or select more narrowly."
        )
    return _resources(asked, page, navigator)


async def find_page(asked: Asked, repository: Repository, navigator: Navigator) -> Resource:
    """Return a page of matches as a connection."""
    page = await _search(repository, asked)
    size = len(page.matches)
    resources = _resources(asked, page, navigator)
    counts = [value for name, value in page.applied if name == "_count"]
    pagesize = int(counts[0]) if counts else size
    fields: Resource = {"offset": asked.offset, "pagesize": pagesize, "pageSize": pagesize}
    if page.total is not None:
        fields["count"] = page.total
    fields["edges"] = [{"mode": "match", "resource": each} for each in resources]
    cursors = (("first", None, 0), ("previous", page.previous_cursor, max(0, asked.offset - pagesize)))
    for name, cursor, offset in (*cursors, ("next", page.next_cursor, asked.offset + size)):
        if cursor is not None or name == "first":
            fields[name] = _sealed(replace(asked, cursor=cursor, offset=offset))
    return fields


async def _search(repository: Repository, asked: Asked) -> SearchPage:
    own = () if asked.cursor is None else (("_cursor", asked.cursor),)
    return await repository.search(
        SearchRequest(resource_types=(asked.resource_type,), parameters=(*asked.parameters, *own))
    )


def _resources(asked: Asked, page: SearchPage, navigator: Navigator) -> list[Resource]:
    found = [decoded(version) for version in page.matches]
    if asked.fhirpath is None:
        return found
    return [each for each in found if navigator.holds(asked.node, asked.resource_type, each, asked.fhirpath)]


def decoded(version: Version) -> Resource:
    """Return a stored resource, its decimals exact."""
    resource: Resource = decode_checked(version.content or b"{}").value
    return resource


def _sealed(asked: Asked) -> str:
    content = msgspec.msgpack.encode([asked.parameters, asked.fhirpath, asked.cursor, asked.offset])
    return base64url(content)


def _unsealed(node: FieldNode, resource_type: str, text: Json) -> Asked:
    """Read a cursor back; what is altered is just another search, for the place in it is sealed with the rest."""
    try:
        content = base64.b64decode(str(text) + "=" * (-len(str(text)) % 4), altchars=b"-_", validate=True)
        parameters, fhirpath, cursor, offset = msgspec.msgpack.decode(
            content, type=tuple[tuple[tuple[str, str], ...], str | None, str | None, int]
        )
    except (ValueError, msgspec.DecodeError):
        raise QueryError("The `cursor` is not one of a connection.", node) from None
    return Asked(node, resource_type, parameters, fhirpath, cursor, offset)
