"""The checks of JSON objects and arrays: which elements there are, and how many of each.

One pass over an object's own members; anything that is not a plain, valid element of the type is settled
afterwards, so that the valid case stays cheap. Spec: http://hl7.org/fhir/R4/json.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

from fhirserver.definitions.elements import Element
from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.texts import Text
from fhirserver.validation.findings import MAX_FINDINGS, Check, Finding, Findings, both, one, under
from fhirserver.validation.walk import Walk

_NOT_AN_OBJECT: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-object",
        en="{path} must be a JSON object.",
        fr="{path} doit être un objet JSON.",
        nl="{path} moet een JSON-object zijn.",
    ),
)
NOT_AN_ARRAY: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-array",
        en="{path} repeats and must be a JSON array.",
        fr="{path} est répétable et doit être un tableau JSON.",
        nl="{path} is herhaalbaar en moet een JSON-array zijn.",
    ),
)
_NOT_REPEATING: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-no-array",
        en="{path} does not repeat and must not be a JSON array.",
        fr="{path} n'est pas répétable et ne doit pas être un tableau JSON.",
        nl="{path} is niet herhaalbaar en mag geen JSON-array zijn.",
    ),
)
_EMPTY_ARRAY: Final = one(
    IssueType.STRUCTURE,
    Text(
        "empty-array",
        en="{path} must not be an empty array; leave it out instead.",
        fr="{path} ne doit pas être un tableau vide ; il faut l'omettre.",
        nl="{path} mag geen lege array zijn; laat het element dan weg.",
    ),
)
_EMPTY_OBJECT: Final = one(
    IssueType.STRUCTURE,
    Text(
        "empty-object",
        en="{path} must have a value or children; leave it out instead.",
        fr="{path} doit avoir une valeur ou des éléments enfants ; sinon il faut l'omettre.",
        nl="{path} moet een waarde of onderliggende elementen hebben; laat het element anders weg.",
    ),
)
NULL: Final = one(
    IssueType.STRUCTURE,
    Text(
        "json-null",
        en="{path} must not be null; an element without a value is left out.",
        fr="{path} ne doit pas être null ; un élément sans valeur est omis.",
        nl="{path} mag niet null zijn; een element zonder waarde wordt weggelaten.",
    ),
)
_UNKNOWN: Final = Text(
    "element-unknown",
    en="{path} does not have `{0}`; only elements that R4 defines are accepted.",
    fr="{path} n'a pas d'élément `{0}` ; seuls les éléments définis par R4 sont acceptés.",
    nl="{path} heeft geen `{0}`; alleen elementen die R4 definieert worden aanvaard.",
)
_UNNAMED: Final = Text(
    "element-unknown-name",
    en="{path} does not have an element of this name; only elements that R4 defines are accepted.",
    fr="{path} n'a pas d'élément de ce nom ; seuls les éléments définis par R4 sont acceptés.",
    nl="{path} heeft geen element met deze naam; alleen elementen die R4 definieert worden aanvaard.",
)
_TOO_DEEP: Final = Text(
    "nesting",
    en="{path} is nested too deep; {0} levels of its kind are accepted.",
    fr="{path} est imbriqué trop profondément ; {0} niveaux de ce genre sont acceptés.",
    nl="{path} is te diep genest; {0} niveaus van deze soort worden aanvaard.",
)


ShadowCheck: TypeAlias = Callable[[Resource, Walk], Findings | None]
_T = TypeVar("_T")


class Lazy(Generic[_T]):
    """Something compiled for each JSON property of a type when a resource first has it.

    Unknown names are not kept, so that clients cannot fill the memory.
    """

    def __init__(self, compile_property: Callable[[str], _T | None]) -> None:
        """Start empty."""
        self._compile = compile_property
        self.known: dict[str, _T] = {}

    def get(self, name: str) -> _T | None:
        """Return what is compiled for a property, or None: the type has none of this name."""
        compiled = self.known.get(name)
        if compiled is None:
            compiled = self._compile(name)
            if compiled is not None:
                self.known[name] = compiled
        return compiled


@dataclass(frozen=True, slots=True)
class Choice:
    """An element of which one type may be given, or must."""

    names: frozenset[str]
    needed: bool
    missing: Finding
    twice: Finding

    def settle(self, value: Resource) -> Finding | None:
        """Judge an object in which ``_valueString`` may stand for ``valueString``."""
        given = len(self.names.intersection(name.removeprefix("_") for name in value))
        if given > 1:
            return self.twice
        return self.missing if self.needed and not given else None


@dataclass(frozen=True, slots=True)
class Shape:
    """All that is known of a type before it is checked."""

    properties: Lazy[Check]
    shadows: Lazy[ShadowCheck]
    """The check of ``_name`` together with ``name``, under ``_name``."""
    element: Callable[[str], Element]
    """Gives the element of a JSON property: that of ``valueQuantity`` is ``value``."""
    required: Mapping[str, Finding]
    """What to say when an element that must be there is not; choices apart."""
    choices: tuple[Choice, ...]
    may_be_bare: bool
    """Whether an ``id`` is enough: elements need more (ele-1), resources and primitives with a value do not."""
    rule: Check | None
    """What holds between the elements. Called with an object, whatever is in it."""
    invariants: Check | None = None
    """The invariants of the type: called with an object of which no element is wrong by itself."""


def object_check(shape: Shape) -> Check:
    """Return the check of one type."""
    known, compile_property = shape.properties.known, shape.properties.get
    required = tuple(shape.required)
    choices = tuple((choice.names, choice.needed) for choice in shape.choices)
    more = bool(required or choices)
    needs_more_than_id = not shape.may_be_bare
    rule = _joined(shape.rule, shape.invariants)

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not dict:
            return _NOT_AN_OBJECT
        found: dict[str, Findings] | None = None
        unsettled = needs_more_than_id and len(value) < 2 and (not value or "id" in value)
        for name, item in value.items():
            try:
                child = known[name]
            except KeyError:  # the cheapest way, as long as nothing is raised
                child = compile_property(name) or _pass_over
                unsettled = unsettled or child is _pass_over
            if (problems := child(item, walk)) is not None:
                found = found or {}
                found[name] = NULL if item is None else problems
        if more and _is_unsettled(value, required, choices):
            unsettled = True
        if unsettled or found is not None:
            return _settle(shape, value, found or {}, walk)
        return rule(value, walk) if rule is not None else None

    return check


def _joined(rule: Check | None, invariants: Check | None) -> Check | None:
    if rule is None or invariants is None:
        return rule or invariants
    return both(rule, invariants)


def _pass_over(value: Json, walk: Walk) -> Findings | None:
    """Stand for the check of a property that the type may not have; `_settle` finds out."""
    return None


def _is_unsettled(value: Resource, required: tuple[str, ...], choices: tuple[tuple[frozenset[str], bool], ...]) -> bool:
    """Tell whether a required element may be missing, or a choice is given twice."""
    for name in required:
        if name not in value:
            return True
    for names, needed in choices:
        given = len(names.intersection(value))
        if given > 1 or (needed and not given):
            return True
    return False


def _settle(shape: Shape, value: Resource, found: dict[str, Findings], walk: Walk) -> Findings | None:
    """Put together what is wrong with one object, once something may be."""
    if not shape.may_be_bare and not value.keys() - {"id"}:
        return _EMPTY_OBJECT
    own = _settle_names(shape, value, found, walk)
    own += [missing for name, missing in shape.required.items() if name not in value and "_" + name not in value]
    own += [judged for choice in shape.choices if (judged := choice.settle(value)) is not None]
    if shape.rule is not None:
        own += shape.rule(value, walk) or ()
    if shape.invariants is not None and not own and not any(map(_is_direct, found.values())):
        own += shape.invariants(value, walk) or ()
    for name, problems in found.items():
        element = shape.element(name)
        own += under("." + element.name, _retold(value.get(name), element, problems))
        if len(own) > MAX_FINDINGS:
            break
    return own or None


def _is_direct(problems: Findings) -> bool:
    """Tell whether something is wrong with an element itself, not only deeper."""
    return any("." not in one.path for one in problems)


def _retold(value: Json, element: Element, problems: Findings) -> Findings:
    """Say what is wrong with an array where none may be."""
    return _NOT_REPEATING if isinstance(value, list) and not element.repeats else problems


def _settle_names(shape: Shape, value: Resource, found: dict[str, Findings], walk: Walk) -> list[Finding]:
    """Check ``_name`` beside ``name``, which replaces what was found of ``name`` alone; report unknown names."""
    unknown = []
    for name in value:
        if shape.properties.get(name) is not None:
            continue
        shadow = shape.shadows.get(name)
        if shadow is None:
            unknown.append(_unknown(name))
        else:
            problems = shadow(value, walk)
            found.pop(name[1:], None)
            if problems is not None:
                found[name[1:]] = problems
        if len(unknown) > MAX_FINDINGS:
            break
    return unknown


def _unknown(name: str) -> Finding:
    if len(name) <= 64 and name.isascii() and name.isidentifier():
        return Finding("", IssueType.STRUCTURE, _UNKNOWN, (name,))
    return Finding("", IssueType.STRUCTURE, _UNNAMED)


def array_check(item_check: Check) -> Check:
    """Return the check of an element that repeats."""

    def check(value: Json, walk: Walk) -> Findings | None:
        if type(value) is not list or not value:
            return NOT_AN_ARRAY if type(value) is not list else _EMPTY_ARRAY
        if len(value) == 1:
            problems = item_check(value[0], walk)
            return None if problems is None else under("[0]", NULL if value[0] is None else problems)
        found: list[Finding] | None = None
        for index, item in enumerate(value):
            problems = item_check(item, walk)
            if problems is not None:
                found = found or []
                found += under(f"[{index}]", NULL if item is None else problems)
                if len(found) > MAX_FINDINGS:
                    break
        return found

    return check


def bounded(check: Check) -> Check:
    """Return ``check`` for a value that may hold another of its kind: refuses to go too deep."""

    def descend(value: Json, walk: Walk) -> Findings | None:
        if walk.depth >= walk.max_depth:
            return one(IssueType.TOO_LONG, _TOO_DEEP, str(walk.max_depth))
        walk.depth += 1
        problems = check(value, walk)
        walk.depth -= 1
        return problems

    return descend
