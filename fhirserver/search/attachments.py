"""Terms of the server's own that say which Binary a resource shows, and in whose context a Binary is.

    @attachment=Binary/1        an ``Attachment.url`` of the resource is the address of this Binary
    @context=Patient/1          of a Binary: its ``securityContext``

No request can ask for them: who may see a Binary is decided by them. Databases that are older than this have them once
they are reindexed. Spec: http://hl7.org/fhir/R4/binary.html#security
"""

from collections.abc import Callable, Iterator
from typing import Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.values.reference import resolved

ATTACHED: Final = "@attachment="
CONTEXT: Final = "@context="

BINARY: Final = "Binary"


def showing(resource_type: str, definitions: Definitions) -> frozenset[str]:
    """Return the JSON properties of a type that hold attachments, at any depth; extensions are not looked into."""
    children = definitions.children(resource_type).items()
    return frozenset(name for name, child in children if _holds(child.type_name, definitions, frozenset()))


def _holds(type_name: str, definitions: Definitions, within: frozenset[str]) -> bool:
    if type_name == "Attachment":
        return True
    if type_name in within or type_name == "Extension":
        return False
    if definitions.type(type_name).kind is Kind.PRIMITIVE or definitions.is_subtype(type_name, "Resource"):
        return False
    inner = definitions.children(type_name).values()
    return any(_holds(child.type_name, definitions, within | {type_name}) for child in inner)


def terms_of(
    resource: Resource, showing_of: Callable[[str], frozenset[str]], own_bases: tuple[str, ...]
) -> Iterator[str]:
    """Yield the terms of a resource and of what it contains."""
    if resource["resourceType"] == BINARY:
        context = resource.get("securityContext", {}).get("reference")
        if context is not None:
            yield f"{CONTEXT}{resolved(context, own_bases)}"
        return
    for one in (resource, *resource.get("contained", ())):
        for name in showing_of(one["resourceType"]):
            for url in _urls(one.get(name)):
                address = resolved(url, own_bases)
                if address.startswith(f"{BINARY}/"):
                    yield ATTACHED + address


def _urls(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _urls(item)
    elif isinstance(value, dict):
        url = value.get("url")
        if isinstance(url, str):
            yield url
        for inner in value.values():
            if isinstance(inner, dict | list):
                yield from _urls(inner)
