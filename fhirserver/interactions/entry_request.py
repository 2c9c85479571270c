"""The entries of an incoming batch or transaction as requests of their own.

Spec: http://hl7.org/fhir/R4/http.html#transaction, http://hl7.org/fhir/R4/bundle.html
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from fhirserver.interactions.entries import Entry, EntryRequest, Incoming
from fhirserver.interactions.query import parse_path, parse_query, split_presentation
from fhirserver.kernel.exchange import FHIR_JSON, FhirRequest, Interaction, Prefer, Return, Target
from fhirserver.kernel.outcome import BadRequest, BadStructure, FhirError, Issue
from fhirserver.kernel.reference import parse_rest_reference

Locate: TypeAlias = Callable[[str, Sequence[str]], Target]
"""A method and a path below the base -> what they address."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]*")


class _PatchBinary(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""
    content_type: str = ""
    data: str = ""


_patch: Final = msgspec.json.Decoder(_PatchBinary)


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Reads entries as the requests they stand for."""

    locate: Locate
    own_bases: tuple[str, ...] = ()
    """Base URLs of this server beside the one that its caller used, without a trailing slash."""

    def read(self, outer: FhirRequest, incoming: Incoming, index: int) -> FhirRequest:
        """Read one entry; raises FhirError, without the entry's place."""
        entry = incoming.entries[index]
        asked = _asked_of(entry)
        path, _, query = self._below_base(outer.base_url, asked.url).partition("?")
        target = self.locate(asked.method, parse_path(path.encode()))
        if target.interaction is Interaction.TRANSACTION:
            raise BadRequest("A Bundle cannot be an entry's request.", expression=["request.url"])
        parameters, presentation = split_presentation(parse_query(query.encode()))
        body, content_type = _body(entry, asked.method)
        _check_full_url(entry.full_url, asked.method, target)
        return FhirRequest(
            target=target,
            base_url=outer.base_url,
            parameters=parameters,
            presentation=presentation,
            is_post=asked.method == "POST",
            body=body,
            resource=incoming.resources[index] if asked.method != "PATCH" else None,
            content_type=content_type,
            if_match=asked.if_match,
            if_none_match=asked.if_none_match,
            if_modified_since=asked.if_modified_since,
            if_none_exist=asked.if_none_exist,
            prefer=Prefer(outer.prefer.returns or Return.MINIMAL, outer.prefer.handling),
            full_url=entry.full_url,
            accept_language=outer.accept_language,
        )

    def _below_base(self, base_url: str, url: str) -> str:
        """Make ``request.url`` relative to the base; http and https name the same (http.html#root)."""
        scheme, colon, rest = url.partition("://")
        if not colon or scheme not in ("http", "https"):
            return url.removeprefix("/")
        for own in (base_url, *self.own_bases):
            base = own.partition("://")[2]
            if rest == base or rest.startswith((base + "/", base + "?")):
                return rest[len(base) :].removeprefix("/")
        raise BadRequest(
            f"`request.url` is on another server; expected a URL below `{base_url}` or one relative to it.",
            expression=["request.url"],
        )


def _asked_of(entry: Entry) -> EntryRequest:
    asked = entry.request
    if asked is None:
        raise BadRequest("The entry has no `request`.", expression=["request"])
    if asked.method not in _METHODS:
        known = ", ".join(f"`{method}`" for method in sorted(_METHODS))
        raise BadRequest(f"`request.method` must be one of {known}.", expression=["request.method"])
    if not asked.url:
        raise BadRequest("The entry has no `request.url`.", expression=["request.url"])
    return asked


def _body(entry: Entry, method: str) -> tuple[bytes, str | None]:
    resource = bytes(entry.resource)
    if method not in _WITH_BODY:
        return b"", None
    if not resource.startswith(b"{"):
        raise BadStructure(f"`{method}` needs a `resource`.", expression=["resource"])
    return _patch_document(resource) if method == "PATCH" else (resource, FHIR_JSON)


def _patch_document(resource: bytes) -> tuple[bytes, str]:
    """Return the bytes of a patch and their media type: what a Binary carries, or a Parameters (http.html#patch)."""
    try:
        binary = _patch.decode(resource)
        data = base64.b64decode("".join(binary.data.split()), validate=True)
    except (msgspec.ValidationError, binascii.Error, ValueError):
        raise BadStructure(
            "A patch is a Binary with `contentType` and base64 `data`.", expression=["resource"]
        ) from None
    if binary.resource_type == "Parameters":
        return resource, FHIR_JSON
    if binary.resource_type != "Binary":
        raise BadStructure("A patch is carried by a Binary, or is a Parameters.", expression=["resource"])
    return data, binary.content_type.partition(";")[0].strip().lower()


def _check_full_url(full_url: str | None, method: str, target: Target) -> None:
    """Hold ``fullUrl`` against the rules of bundle.html#bundle-unique: absolute, version-independent, the same id."""
    if full_url is None or method not in ("POST", "PUT"):
        return
    if ":" not in full_url:
        raise BadRequest("`fullUrl` must be absolute.", expression=["fullUrl"])
    found = parse_rest_reference(full_url)
    if found is None or not found.base:
        return
    if found.version_id is not None:
        raise BadRequest("`fullUrl` must not name a version.", expression=["fullUrl"])
    if target.logical_id is not None and found.key != f"{target.resource_type}/{target.logical_id}":
        raise BadRequest("`fullUrl` and `request.url` name different instances.", expression=["fullUrl"])


def place_error(error: FhirError, index: int) -> FhirError:
    """Let the issues of an entry's error name the entry; those placed within the Bundle already do."""
    error.issues = tuple(_place(issue, f"Bundle.entry[{index}]") for issue in error.issues)
    return error


def _place(issue: Issue, entry: str) -> Issue:
    if issue.expression and issue.expression[0].startswith("Bundle.entry["):
        return issue
    inside = tuple(_within(expression, entry) for expression in issue.expression)
    return replace(issue, expression=(*inside, entry))


def _within(expression: str, entry: str) -> str:
    """``Patient.name`` is ``Bundle.entry[2].resource.name``, ``request.url`` is ``Bundle.entry[2].request.url``."""
    head, dot, rest = expression.partition(".")
    if expression.startswith(("request", "fullUrl", "resource")):
        return f"{entry}.{expression}"
    return f"{entry}.resource{dot}{rest}" if _TYPE.fullmatch(head) else expression
