"""XML Patch: add, replace and remove nodes of an XML document, each found by a selector that must find one.

A resource is changed in its XML form; narratives that no operation touched keep their own text.
Spec: https://www.rfc-editor.org/rfc/rfc5261, http://hl7.org/fhir/R4/http.html#patch
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from fhirserver.codec.fhir_json import MAX_DEPTH, decode_literal, encode_literal
from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.codec.fhir_xml_read import hardened_parser, parse_hardened
from fhirserver.codec.json_patch import MAX_OPERATIONS, with_identity
from fhirserver.codec.xml_patch_select import (
    BadSelector,
    Kind,
    Node,
    Selected,
    Selection,
    Step,
    Unselectable,
    parse_selector,
)
from fhirserver.kernel.outcome import BadStructure, TooLong, Unprocessable
from fhirserver.kernel.resource import Json, Resource

MAX_VISITS: Final = 500_000
"""Nodes that the selectors of a patch may visit together."""

_ROOTS: Final = frozenset({"diff", "patch"})
_POSITIONS: Final = frozenset({"prepend", "before", "after"})
_BLANKS: Final = frozenset({"before", "after", "both"})
_QNAME: Final = re.compile(r"@(?:([^\W\d][\w.\-]*):)?([^\W\d][\w.\-]*)")
_LINE: Final = re.compile(r"^Line \d+: ")
_MARKUP: Final = (Kind.ELEMENT, Kind.COMMENT, Kind.INSTRUCTION)


@dataclass(frozen=True, slots=True)
class XmlOperation:
    """One operation; ``content`` is its own element, whose text and children are the content."""

    index: int
    name: str
    steps: tuple[Step, ...]
    content: Node
    position: str | None = None
    attribute: str | None = None
    """The name of the attribute that an ``add`` makes."""
    blanks: str | None = None

    def refuse(self, reason: str) -> Unprocessable:
        """Say why the operation cannot be applied, naming it."""
        return Unprocessable(f"Operation {self.index} (`{self.name}`) cannot be applied: {reason}.")


class _Unappliable(LookupError):
    """The node that was found is not one for the operation; the message says why."""


def parse_xml_patch(body: bytes) -> tuple[XmlOperation, ...]:
    """Read a patch document; raises BadStructure naming the operation, or TooLong."""
    root = _parse_checked(body)
    if etree.QName(root).localname not in _ROOTS:
        raise BadStructure("The root element of an XML Patch is `diff`, or `patch`.")
    operations = [child for child in root if isinstance(child.tag, str)]
    if len(operations) > MAX_OPERATIONS:
        raise TooLong(f"The patch has {len(operations)} operations; at most {MAX_OPERATIONS} are accepted.")
    return tuple(_parse_operation(index, element, root) for index, element in enumerate(operations))


def _parse_checked(body: bytes) -> Node:
    """Parse what a caller sent: once by expat, which refuses what is not allowed, then as a tree."""
    parser, depth = hardened_parser(), 0

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise BadStructure(f"The body is nested more than {MAX_DEPTH} levels deep.")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parse_hardened(parser, body)
    try:
        return _parse(body, huge=False)
    except etree.XMLSyntaxError:
        raise BadStructure("The body cannot be read as XML: a value in it is too long.") from None


def _parse(document: bytes, *, huge: bool) -> Node:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=huge, strip_cdata=False
    )
    return etree.fromstring(document, parser)


def _parse_operation(index: int, element: Node, root: Node) -> XmlOperation:
    qname = etree.QName(element)
    if qname.localname not in _APPLY or qname.namespace != etree.QName(root).namespace:
        raise _malformed(index, "it must be `add`, `replace` or `remove`, in the namespace of the root element")
    position, blanks = element.get("pos"), element.get("ws")
    if position is not None and (position not in _POSITIONS or qname.localname != "add"):
        raise _malformed(index, "`pos` of an `add` must be `prepend`, `before` or `after`")
    if blanks is not None and (blanks not in _BLANKS or qname.localname != "remove"):
        raise _malformed(index, "`ws` of a `remove` must be `before`, `after` or `both`")
    try:
        steps = parse_selector(element.get("sel", ""), element.nsmap)
    except BadSelector as reason:
        raise _malformed(index, f"`sel` is no selector of RFC 5261: {reason}") from None
    attribute = _attribute_name(index, element) if qname.localname == "add" else None
    return XmlOperation(index, qname.localname, steps, element, position, attribute, blanks)


def _attribute_name(index: int, element: Node) -> str | None:
    """Read the ``type`` of an ``add``, which makes an attribute of its text."""
    wanted = element.get("type")
    if wanted is None:
        return None
    found = _QNAME.fullmatch(wanted)
    namespace = element.nsmap.get(found[1]) if found is not None and found[1] else None
    if found is None or (found[1] and namespace is None):
        raise _malformed(index, "`type` must be `@` and the name of an attribute")
    return f"{{{namespace}}}{found[2]}" if namespace else found[2]


def _malformed(index: int, reason: str) -> BadStructure:
    return BadStructure(f"Operation {index} of the patch is malformed: {reason}.")


def change_xml_resource(operations: tuple[XmlOperation, ...], resource: Resource, xml: FhirXml) -> Resource:
    """Apply a patch to a decoded resource; raises Unprocessable naming the operation, and as ``with_identity`` does."""
    document = xml.from_json(encode_literal(resource))
    try:
        patched = xml.to_json(apply_xml_patch(operations, document))
    except BadStructure as error:
        reason = _LINE.sub("", error.diagnostics)
        places = error.issues[0].expression
        raise Unprocessable(f"After the patch the XML is no resource any more: {reason}", expression=places) from None
    changed: Resource = decode_literal(patched)
    _keep_narratives(changed, resource)
    return with_identity(changed, resource)


def apply_xml_patch(operations: tuple[XmlOperation, ...], document: bytes) -> bytes:
    """Return the changed document; raises Unprocessable naming the first operation that fails."""
    try:
        root = _parse(document, huge=True)
    except etree.XMLSyntaxError:
        raise Unprocessable("The narrative of the resource is nested too deep for an XML Patch.") from None
    selection = Selection(root, MAX_VISITS)
    for operation in operations:
        try:
            _APPLY[operation.name](selection, operation)
        except (Unselectable, _Unappliable) as reason:
            raise operation.refuse(str(reason)) from None
    return etree.tostring(selection.root.getroottree(), encoding="UTF-8")


def _keep_narratives(changed: Resource, original: Resource) -> None:
    """Give narratives their own text again where the parser alone has rewritten it."""
    own = {_rewritten(owner["div"]): owner["div"] for owner in _narratives(original)}
    for owner in _narratives(changed):
        owner["div"] = own.get(owner["div"], owner["div"])


def _rewritten(div: str) -> str:
    text: str = etree.tostring(_parse(div.encode(), huge=True), encoding="unicode")
    return text


def _narratives(value: Json) -> Iterator[Resource]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("div"), str):
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _add(selection: Selection, operation: XmlOperation) -> None:
    target = selection.only(operation.steps)
    node = target.node
    if operation.attribute is not None:
        _add_attribute(target, operation)
    elif operation.position in ("before", "after"):
        parent = node.getparent()
        if target.kind not in _MARKUP or parent is None:
            raise _Unappliable("nothing can stand beside what `sel` selects")
        place = parent.index(node) + (operation.position == "after")
        _insert(parent, place, operation.content, after_text=operation.position == "before")
    elif target.kind is not Kind.ELEMENT:
        raise _Unappliable("content can be added to elements only")
    elif operation.position == "prepend":
        _insert(node, 0, operation.content, after_text=False)
    else:
        _insert(node, len(node), operation.content, after_text=True)


def _add_attribute(target: Selected, operation: XmlOperation) -> None:
    if target.kind is not Kind.ELEMENT or len(operation.content):
        raise _Unappliable("`type` makes an attribute, of an element and from a text")
    name = operation.attribute or ""
    if name in target.node.attrib:
        raise _Unappliable("the attribute is there already")
    target.node.set(name, operation.content.text or "")


def _insert(parent: Node, place: int, content: Node, *, after_text: bool) -> None:
    """Put content before the child at ``place``: after the text that stands there, or before it."""
    text = _text_at(parent, place)
    copies = _copies(content, etree.QName(parent).namespace)
    lead = content.text or ""
    for offset, node in enumerate(copies):
        parent.insert(place + offset, node)
    _set_text(parent, place, text + lead if after_text else lead)
    if not after_text:
        end = place + len(copies)
        _set_text(parent, end, _text_at(parent, end) + text)


def _copies(content: Node, namespace: str | None) -> list[Node]:
    """Copy content; its elements without a namespace take that of their new parent."""
    copies = [copy.deepcopy(child) for child in content]
    if namespace is not None:
        for node in copies:
            for element in node.iter("{}*"):
                element.tag = f"{{{namespace}}}{element.tag}"
    return copies


def _text_at(parent: Node, place: int) -> str:
    """Return the text before the child at ``place``."""
    return (parent.text if place == 0 else parent[place - 1].tail) or ""


def _set_text(parent: Node, place: int, text: str) -> None:
    if place == 0:
        parent.text = text or None
    else:
        parent[place - 1].tail = text or None


def _replace(selection: Selection, operation: XmlOperation) -> None:
    target = selection.only(operation.steps)
    content = operation.content
    if target.kind in _MARKUP:
        _replace_node(selection, target, content)
    elif len(content) or target.kind is Kind.NAMESPACE:
        raise _Unappliable("a text or the value of an attribute is replaced by a text")
    elif target.kind is Kind.ATTRIBUTE:
        target.node.set(target.attribute, content.text or "")
    else:
        _set_text(target.node, target.text, content.text or "")


def _replace_node(selection: Selection, target: Selected, content: Node) -> None:
    node, parent = target.node, target.node.getparent()
    if len(content) != 1 or (isinstance(content[0].tag, str) is not (target.kind is Kind.ELEMENT)):
        raise _Unappliable("a node is replaced by exactly one node of its kind")
    namespace = etree.QName(parent).namespace if parent is not None else None
    new = _copies(content, namespace)[0]
    new.tail = node.tail
    if parent is not None:
        parent.replace(node, new)
    elif target.kind is Kind.ELEMENT:
        selection.root = new
    else:
        raise _Unappliable("what stands outside the root element is no content")


def _remove(selection: Selection, operation: XmlOperation) -> None:
    target = selection.only(operation.steps)
    if target.kind is Kind.ATTRIBUTE:
        del target.node.attrib[target.attribute]
    elif target.kind is Kind.TEXT:
        _set_text(target.node, target.text, "")
    elif target.kind in _MARKUP:
        _remove_node(target.node, operation.blanks)
    else:
        raise _Unappliable("namespace declarations are no content")


def _remove_node(node: Node, blanks: str | None) -> None:
    parent = node.getparent()
    if parent is None:
        raise _Unappliable("the root element cannot be removed")
    place = parent.index(node)
    before, after = _text_at(parent, place), node.tail or ""
    if (blanks in ("before", "both") and before.strip()) or (blanks in ("after", "both") and after.strip()):
        raise _Unappliable("`ws` removes white space only, and there is a text")
    parent.remove(node)
    before = "" if blanks in ("before", "both") else before
    after = "" if blanks in ("after", "both") else after
    _set_text(parent, place, before + after)


_APPLY: Final[Mapping[str, Callable[[Selection, XmlOperation], None]]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}
