"""``_summary`` and ``_elements``: parts of a resource cut out of its bytes, marked SUBSETTED.

Whatever stays keeps its literals; mandatory and modifier elements always stay.
Spec: http://hl7.org/fhir/R4/search.html#summary, #elements
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from fhirserver.codec.fhir_json import decode_literal, encode, encode_literal, members_of
from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Query
from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import SUBSETTED, Json
from fhirserver.repository.requests import Summary

SUBSET_PARAMETERS: Final = frozenset({"_summary", "_elements"})
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_KEPT_WITHIN: Final = frozenset({"id", "extension"})
"""Not marked as summary, kept below the top level: without them a value may become empty or change its meaning."""


def parse_subset(parameters: Query) -> tuple[Summary, tuple[str, ...]]:
    """Read what asks for a part of a single resource; raises BadSearchValue, BadRequest."""
    summary, elements = Summary.FALSE, list[str]()
    for name, value in parameters:
        if name == "_summary":
            summary = _parse_summary(value)
        elif name == "_elements":
            elements += [element.strip() for element in value.split(",") if element.strip()]
    if elements and summary is not Summary.FALSE:
        raise BadRequest("`_summary` and `_elements` exclude each other.", expression=["http._elements"])
    return summary, tuple(elements)


def _parse_summary(value: str) -> Summary:
    if value not in ("true", "text", "data", "false"):
        raise BadSearchValue(
            "`_summary` of one resource takes `true`, `text`, `data` or `false`.", expression=["http._summary"]
        )
    return Summary(value)


class Subset:
    """Cuts resources down as the definitions of their types allow."""

    def __init__(self, definitions: Definitions) -> None:
        """Know the types of ``definitions``."""
        self._definitions = definitions
        self._summaries: dict[str, Mapping[str, str]] = {}

    def shorten(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        """Cut the resource of a response as the request asks, whatever the interaction."""
        if not request.parameters or response.content is None or response.is_outcome:
            return response
        summary, elements = parse_subset(request.parameters)
        if summary is Summary.FALSE and not elements:
            return response
        resource_type = request.target.resource_type or _type_of(response.content)
        return replace(response, content=self.apply(resource_type, response.content, summary, elements))

    def apply(self, resource_type: str, content: bytes, summary: Summary, elements: tuple[str, ...] = ()) -> bytes:
        """Return the part of a resource that was asked for."""
        if not elements and summary in (Summary.FALSE, Summary.COUNT):
            return content
        kept = self._kept(resource_type, summary, elements)
        members = members_of(content)
        members.setdefault("meta", b"{}")
        parts = []
        for name, raw in members.items():
            if name == "meta":
                parts.append(b'"meta":' + _mark(raw))
            elif _stays(name, kept):
                part = self._within(kept[name], raw) if name in kept else raw
                if part is not None:
                    parts.append(b"%b:%b" % (encode(name), part))
        return b"{" + b",".join(parts) + b"}"

    def _kept(self, resource_type: str, summary: Summary, elements: tuple[str, ...]) -> Mapping[str, str]:
        """Map the JSON names that stay to the type whose summary they are cut to, empty for all of it."""
        if not elements and summary is Summary.TRUE:
            return self._summary(resource_type)
        chosen = self._chosen(resource_type, summary, elements)
        return {child.json_name: "" for child in chosen} | dict.fromkeys(_ALWAYS, "")

    def _chosen(self, resource_type: str, summary: Summary, elements: tuple[str, ...]) -> Iterator[Child]:
        wanted = {name.removeprefix(f"{resource_type}.").removesuffix("[x]").partition(".")[0] for name in elements}
        for child in self._definitions.children(resource_type).values():
            element = child.element
            if elements:
                stays = not wanted.isdisjoint((element.name, child.json_name)) or element.is_modifier
            else:
                stays = (element.name == "text") is (summary is Summary.TEXT)
            if stays or (element.min > 0 and summary is not Summary.DATA):
                yield child

    def _summary(self, type_name: str) -> Mapping[str, str]:
        kept = self._summaries.get(type_name)
        if kept is None:
            top = self._definitions.type(type_name).kind is Kind.RESOURCE
            always = _ALWAYS if top else _KEPT_WITHIN
            children = self._definitions.children(type_name).values()
            stay = {c.json_name: self._cut_to(c) for c in children if c.element.is_summary or c.element.min > 0}
            kept = stay | {name: "" for name in always if name not in stay}
            self._summaries[type_name] = kept
        return kept

    def _cut_to(self, child: Child) -> str:
        """Name the type whose summary an element is cut to; primitives and extensions stay whole."""
        name = child.type_name
        if name == "Extension" or self._definitions.type(name).kind is Kind.PRIMITIVE:
            return ""
        return name

    def _within(self, type_name: str, raw: bytes) -> bytes | None:
        if not type_name:
            return raw
        cut = self._cut(type_name, decode_literal(raw))
        return None if cut is None else encode_literal(cut)

    def _cut(self, type_name: str, value: Json) -> Json:
        """Keep the summary of a decoded value; None when nothing is left of it."""
        if isinstance(value, list):
            return [cut for item in value if (cut := self._cut(type_name, item)) is not None] or None
        if not isinstance(value, dict):
            return value
        kept = self._summary(value.get("resourceType", type_name))
        left = {}
        for name, inner in value.items():
            if _stays(name, kept):
                cut = self._cut(kept[name], inner) if kept.get(name) else inner
                if cut is not None:
                    left[name] = cut
        return left or None


def _type_of(content: bytes) -> str:
    resource_type: str = decode_literal(members_of(content)["resourceType"])
    return resource_type


def _stays(name: str, kept: Mapping[str, str]) -> bool:
    return name in kept or (name.startswith("_") and name[1:] in kept)


def _mark(meta: bytes) -> bytes:
    """Add the SUBSETTED tag to ``meta``, once."""
    members = members_of(meta)
    tags = decode_literal(members.get("tag", b"[]"))
    if not any(tag.get("code") == SUBSETTED["code"] and tag.get("system") == SUBSETTED["system"] for tag in tags):
        members["tag"] = encode_literal([*tags, SUBSETTED])
    return b"{" + b",".join(b"%b:%b" % (encode(name), raw) for name, raw in members.items()) + b"}"
