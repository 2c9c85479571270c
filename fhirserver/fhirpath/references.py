"""What a reference points to: its type from its text, the resource itself through a resolver.

Spec: http://hl7.org/fhir/R4/fhirpath.html#functions (resolve), http://hl7.org/fhir/R4/references.html
"""

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.items import Item, plain
from fhirserver.fhirpath.lowering import resource_item
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Json, Resource

_DEFINITION_URL = "http://hl7.org/fhir/StructureDefinition/"


def referenced_type(value: Json, frame: Frame, definitions: Definitions) -> str | None:
    """Return the type of the resource that a Reference, uri or canonical points to, where it can be known.

    In this order: the literal reference's own text, ``Reference.type``, what the resolver finds.
    """
    text, hint = _text(value), None
    if type(value) is dict:
        hint = value.get("type")
    if text is not None:
        found = _literal_type(text, frame, definitions)
        if found is not None:
            return found
    if type(hint) is str and definitions.is_resource_type(hinted := hint.removeprefix(_DEFINITION_URL)):
        return hinted
    resolver = frame.environment.resolver
    resource = resolver.resolve(text) if resolver is not None and text is not None else None
    return None if resource is None else resource.get("resourceType")


def _text(value: Json) -> str | None:
    text = value.get("reference") if type(value) is dict else plain(value)
    return text if type(text) is str else None


def _literal_type(text: str, frame: Frame, definitions: Definitions) -> str | None:
    head, slash, _ = text.partition("/")
    if slash and definitions.is_resource_type(head):
        return head
    if text.startswith("#"):
        resource = find_contained(text, frame)
        return None if resource is None else resource.get("resourceType")
    rest = parse_rest_reference(text)
    return rest.resource_type if rest is not None and definitions.is_resource_type(rest.resource_type) else None


def find_contained(text: str, frame: Frame) -> Resource | None:
    """Return the contained resource that ``#id`` names; ``#`` alone is the container."""
    root = frame.root_resource()
    if root is None or text == "#":
        return root
    return next((inner for inner in root.get("contained", ()) if inner.get("id") == text[1:]), None)


def resolve(value: Json, frame: Frame) -> Item | None:
    """Return the resource a Reference, uri or canonical points to; None where it cannot be found."""
    text = _text(value)
    if text is None:
        return None
    if text.startswith("#"):
        found = find_contained(text, frame)
    else:
        resolver = frame.environment.resolver
        found = None if resolver is None else resolver.resolve(text)
    return None if found is None else resource_item(found)
