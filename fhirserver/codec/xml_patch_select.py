"""The selectors of an XML Patch: the few XPath forms that RFC 5261 knows, parsed by hand and run with bounded work.

``f:Patient/f:name[2]/f:given[@value='Ann']/@value`` and the like. As FHIR keeps its values in attributes, a predicate
may also follow a path to one: ``f:identifier[f:system/@value='urn:x']``.
Spec: https://www.rfc-editor.org/rfc/rfc5261#section-4.1
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn, TypeAlias

from lxml import etree

Node: TypeAlias = etree._Element
Namespaces: TypeAlias = Mapping[str | None, str]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>[^\W\d][\w.\-]*)|(?P<number>[0-9]{1,9})|(?P<string>\"[^\"]*\"|'[^']*')|(?P<symbol>::|[:/@*.\[\]()=]))"
)
_MAX_LENGTH: Final = 2000
_PASSED: Final = 16
"""Children that are passed over at the cost of one that is looked at."""


class Kind(Enum):
    """What a step selects."""

    ELEMENT = "element"
    ATTRIBUTE = "attribute"
    TEXT = "text()"
    COMMENT = "comment()"
    INSTRUCTION = "processing-instruction()"
    NAMESPACE = "namespace::"
    ITSELF = "."
    IDENTIFIED = "id()"


_NODE_TESTS: Final = {
    "text": Kind.TEXT,
    "comment": Kind.COMMENT,
    "processing-instruction": Kind.INSTRUCTION,
    "id": Kind.IDENTIFIED,
}


@dataclass(frozen=True, slots=True)
class Name:
    """A name test; ``local`` is ``*`` for any."""

    namespace: str | None
    local: str
    has_prefix: bool

    @property
    def full(self) -> str:
        """The name as lxml writes it."""
        return f"{{{self.namespace}}}{self.local}" if self.namespace else self.local


@dataclass(frozen=True, slots=True)
class Predicate:
    """A position, or a path to a text or an attribute with the value that it must have."""

    position: int = 0
    path: tuple[Name, ...] = ()
    attribute: Name | None = None
    value: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path."""

    kind: Kind
    name: Name | None = None
    literal: str = ""
    predicates: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Selected:
    """A node: an element, comment or instruction; or the ``attribute`` of an element; or its nth ``text``."""

    kind: Kind
    node: Node
    attribute: str = ""
    text: int = 0


class BadSelector(ValueError):
    """A selector that RFC 5261 does not know; the message says where."""


class Unselectable(LookupError):
    """A selector does not select exactly one node; the message says why."""


def parse_selector(text: str, namespaces: Namespaces) -> tuple[Step, ...]:
    """Read a selector; raises BadSelector."""
    if len(text) > _MAX_LENGTH:
        raise BadSelector(f"it is longer than {_MAX_LENGTH} characters")
    parser = _Parser(text, namespaces)
    steps = parser.path()
    parser.end()
    return steps


class _Parser:
    """Recursive descent without recursion: nothing nests but a predicate in a step."""

    def __init__(self, text: str, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
        self._tokens = list(_tokens(text))
        self._next = 0

    def path(self) -> tuple[Step, ...]:
        self._take("/")
        steps = [self._step()]
        while self._take("/"):
            steps.append(self._step())
        ends = [step for step in steps[:-1] if step.kind not in (Kind.ELEMENT, Kind.ITSELF, Kind.IDENTIFIED)]
        if ends:
            raise BadSelector("only an element can have another step after it")
        return tuple(steps)

    def end(self) -> None:
        if self._next < len(self._tokens):
            self._fail()

    def _step(self) -> Step:
        if self._take("."):
            return Step(Kind.ITSELF)
        if self._take("@"):
            return Step(Kind.ATTRIBUTE, self._name(is_attribute=True))
        if self._peek(1) in ("(", "::"):
            return self._node_test()
        return Step(Kind.ELEMENT, self._name(), predicates=tuple(self._predicates()))

    def _node_test(self) -> Step:
        word = self._word()
        if self._take("::"):
            if word != "namespace":
                self._fail()
            return Step(Kind.NAMESPACE, literal=self._word())
        kind = _NODE_TESTS.get(word)
        if kind is None:
            self._fail()
        self._expect("(")
        literal = "" if self._peek() == ")" else self._string()
        self._expect(")")
        return Step(kind, literal=literal, predicates=tuple(self._predicates()))

    def _name(self, *, is_attribute: bool = False) -> Name:
        if self._take("*"):
            return Name(None, "*", has_prefix=False)
        first = self._word()
        if not self._take(":"):
            namespace = None if is_attribute else self._namespaces.get(None)
            return Name(namespace, first, has_prefix=False)
        namespace = self._namespaces.get(first)
        if namespace is None:
            raise BadSelector("it uses a namespace prefix that is not declared")
        return Name(namespace, self._word(), has_prefix=True)

    def _predicates(self) -> Iterator[Predicate]:
        while self._take("["):
            yield self._predicate()
            self._expect("]")

    def _predicate(self) -> Predicate:
        position = self._peek()
        if position.isdigit():
            self._next += 1
            return Predicate(position=int(position))
        path, attribute = self._compared()
        self._expect("=")
        return Predicate(path=path, attribute=attribute, value=self._string())

    def _compared(self) -> tuple[tuple[Name, ...], Name | None]:
        path: list[Name] = []
        if self._take("."):
            return (), None
        while not self._take("@"):
            path.append(self._name())
            if not self._take("/"):
                return tuple(path), None
        return tuple(path), self._name(is_attribute=True)

    def _peek(self, ahead: int = 0) -> str:
        place = self._next + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def _take(self, symbol: str) -> bool:
        found = self._peek() == symbol
        self._next += found
        return found

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            self._fail()

    def _word(self) -> str:
        word = self._peek()
        if not (word[:1].isalpha() or word[:1] == "_"):
            self._fail()
        self._next += 1
        return word

    def _string(self) -> str:
        token = self._peek()
        if token[:1] not in ("'", '"'):
            self._fail()
        self._next += 1
        return token[1:-1]

    def _fail(self) -> NoReturn:
        raise BadSelector(f"it cannot be read at its part {self._next + 1}")


def _tokens(text: str) -> Iterator[str]:
    place, text = 0, text.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise BadSelector(f"it cannot be read at character {place + 1}")
        yield found[0].strip()
        place = found.end()


class Selection:
    """Runs selectors on one document; all of them together may visit ``budget`` nodes."""

    def __init__(self, root: Node, budget: int) -> None:
        """Select from the document of ``root``."""
        self.root = root
        self.budget = budget

    def only(self, steps: Sequence[Step]) -> Selected:
        """Return the one node that a selector selects; raises Unselectable when it is not one."""
        contexts: list[Node | None] = [None]
        for step in steps[:-1]:
            contexts = [found.node for context in contexts for found in self._step(context, step)]
        found = [selected for context in contexts for selected in self._step(context, steps[-1])]
        if len(found) != 1:
            what = f"{len(found)} nodes" if found else "nothing"
            raise Unselectable(f"`sel` selects {what}; one node is expected")
        return found[0]

    def _step(self, context: Node | None, step: Step) -> list[Selected]:
        """Take a step from an element, or from the document (None)."""
        found = [one for one in _STEPS[step.kind](self, context, step)]
        for predicate in step.predicates:
            if predicate.position:
                found = found[predicate.position - 1 : predicate.position]
            else:
                found = [one for one in found if self._holds(one.node, predicate)]
        return found

    def children(self, context: Node | None) -> list[Node]:
        """Return what is inside an element or the document."""
        found = list(context) if context is not None else _top(self.root)
        self.charge(len(found) + 1)
        return found

    def charge(self, visits: int) -> None:
        """Count work; raises Unselectable when it was too much."""
        self.budget -= visits
        if self.budget < 0:
            raise Unselectable("the selectors of the patch visit too many nodes")

    def named(self, context: Node | None, name: Name) -> list[Node]:
        """Return child elements by name; a name without prefix that fits none fits those of any namespace."""
        if context is None:
            return [self.root] if _fits(self.root, name) else []
        found = list(context.iterchildren(name.full))
        if not found and not name.has_prefix:
            found = list(context.iterchildren(f"{{*}}{name.local}"))
        self.charge(1 + len(found) + len(context) // _PASSED)
        return found

    def _holds(self, node: Node, predicate: Predicate) -> bool:
        nodes = [node]
        for name in predicate.path:
            nodes = [child for parent in nodes for child in self.named(parent, name)]
        if predicate.attribute is not None:
            return any(one.get(predicate.attribute.full) == predicate.value for one in nodes)
        return any(self._content(one) == predicate.value for one in nodes)

    def _content(self, node: Node) -> str:
        text = "".join(str(part) for part in node.itertext())
        self.charge(1 + len(text) // 16)
        return text


def _fits(root: Node, name: Name) -> bool:
    return (
        name.local == "*"
        or root.tag == name.full
        or (not name.has_prefix and etree.QName(root).localname == name.local)
    )


def _top(root: Node) -> list[Node]:
    before = list(root.itersiblings(preceding=True))[::-1]
    return [*before, root, *root.itersiblings()]


def _elements(selection: Selection, context: Node | None, step: Step) -> Iterator[Selected]:
    if step.name is not None:
        for child in selection.named(context, step.name):
            yield Selected(Kind.ELEMENT, child)


def _itself(selection: Selection, context: Node | None, _: Step) -> Iterator[Selected]:
    yield Selected(Kind.ELEMENT, selection.root if context is None else context)


def _attribute(_: Selection, context: Node | None, step: Step) -> Iterator[Selected]:
    if context is not None and step.name is not None and step.name.full in context.attrib:
        yield Selected(Kind.ATTRIBUTE, context, step.name.full)


def _texts(selection: Selection, context: Node | None, _: Step) -> Iterator[Selected]:
    """Yield the texts of an element: the one before its children is 0, the one after its nth child is n."""
    if context is not None:
        texts = [context.text, *(child.tail for child in selection.children(context))]
        yield from (Selected(Kind.TEXT, context, text=index) for index, text in enumerate(texts) if text)


def _comments(selection: Selection, context: Node | None, _: Step) -> Iterator[Selected]:
    nodes = selection.children(context)
    return (Selected(Kind.COMMENT, node) for node in nodes if isinstance(node, etree._Comment))


def _instructions(selection: Selection, context: Node | None, step: Step) -> Iterator[Selected]:
    for node in selection.children(context):
        if isinstance(node, etree._ProcessingInstruction) and step.literal in ("", node.target):
            yield Selected(Kind.INSTRUCTION, node)


def _namespace(_: Selection, context: Node | None, step: Step) -> Iterator[Selected]:
    if context is not None:
        yield Selected(Kind.NAMESPACE, context, step.literal)


def _identified(selection: Selection, _: Node | None, step: Step) -> Iterator[Selected]:
    for node in selection.root.iter("*"):
        selection.charge(1)
        if node.get("id") == step.literal:
            yield Selected(Kind.ELEMENT, node)


_STEPS: Final[Mapping[Kind, Callable[[Selection, Node | None, Step], Iterator[Selected]]]] = {
    Kind.ELEMENT: _elements,
    Kind.ITSELF: _itself,
    Kind.ATTRIBUTE: _attribute,
    Kind.TEXT: _texts,
    Kind.COMMENT: _comments,
    Kind.INSTRUCTION: _instructions,
    Kind.NAMESPACE: _namespace,
    Kind.IDENTIFIED: _identified,
}
