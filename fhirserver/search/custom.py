"""SearchParameters that are stored as resources: which of them count, for which types, and what is wrong with one.

A SearchParameter counts while its status is ``active``. Its code is free on every type it is for, its expression
selects there what its type can index, and its components are parameters of the same resource.
Spec: http://hl7.org/fhir/R4/searchparameter.html
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import Component, SearchParameter, SearchType, compile_search_parameter
from fhirserver.fhirpath import FhirPathError, compile_fhirpath, parse
from fhirserver.kernel.outcome import Issue, IssueType
from fhirserver.kernel.resource import Resource

ACTIVE: Final = "active"
MAX_EXPRESSION: Final = 4000
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_SHOWN: Final = 200
_DIGITS: Final = 16
_TEXTS: Final = frozenset({"string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid"})
_INDEXABLE: Final[Mapping[SearchType, frozenset[str]]] = {
    SearchType.NUMBER: frozenset({"integer", "decimal", "positiveInt", "unsignedInt", "Range"}),
    SearchType.DATE: frozenset({"date", "dateTime", "instant", "Period", "Timing"}),
    SearchType.STRING: _TEXTS | {"HumanName", "Address"},
    SearchType.TOKEN: _TEXTS
    | {"boolean", "integer", "positiveInt", "unsignedInt", "Coding", "CodeableConcept", "Identifier", "ContactPoint"}
    | {"Quantity", "Money"},
    SearchType.REFERENCE: frozenset({"Reference", "canonical", "uri"}),
    SearchType.QUANTITY: frozenset(
        {"Quantity", "Money", "Range", "SampledData", "Age", "Distance", "Duration", "Count"}
    ),
    SearchType.URI: frozenset({"uri", "url", "canonical", "oid", "uuid"}),
}
"""The data types that each type of parameter finds values in: http://hl7.org/fhir/R4/search.html#table"""


@dataclass(frozen=True, slots=True)
class Customs:
    """The custom parameters of a site, by resource type; no two of a type share a code."""

    by_type: Mapping[str, tuple[SearchParameter, ...]] = field(default_factory=dict)
    by_id: Mapping[str, SearchParameter] = field(default_factory=dict)
    """By the logical id of the resource."""

    @property
    def types(self) -> Iterable[str]:
        """The resource types that have some."""
        return self.by_type.keys()

    def of(self, resource_type: str) -> tuple[SearchParameter, ...]:
        """Return those of one type, in the order in which they were stored."""
        return self.by_type.get(resource_type, ())

    def stored_but(self, logical_id: str | None) -> "Customs":
        """Return those of other stored resources than one; those of packages make room for what is stored."""
        own = self.by_id.get(logical_id or "")
        stored = {id(p) for p in self.by_id.values() if p is not own}
        return Customs({name: tuple(p for p in found if id(p) in stored) for name, found in self.by_type.items()})


NO_CUSTOMS: Final = Customs()


def collect_customs(
    definitions: Definitions, resources: Iterable[Resource], refused: list[tuple[str, str]] | None = None
) -> Customs:
    """Return what stored SearchParameters add, the older before the newer.

    ``refused`` hears the id and the problem of those that clash with an older one or do not fit the definitions.
    """
    by_type: dict[str, tuple[SearchParameter, ...]] = {}
    by_id: dict[str, SearchParameter] = {}
    for resource in resources:
        issues = check_custom(definitions, resource, Customs(by_type))
        if issues and refused is not None:
            refused.append((str(resource.get("id")), issues[0].diagnostics))
        if issues or not _counts(definitions, resource):
            continue
        parameter = by_id[resource["id"]] = _compact(definitions, resource)
        for resource_type in _types_of(definitions, parameter.base):
            by_type[resource_type] = (*by_type.get(resource_type, ()), parameter)
    return Customs(by_type, by_id)


def with_packaged(definitions: Definitions, customs: Customs, resources: Iterable[Resource]) -> Customs:
    """Return what packages add to the parameters of stored resources: where a code is taken, they leave it."""
    by_type = dict(customs.by_type)
    for resource in resources:
        if not _counts(definitions, resource) or check_custom(definitions, resource, Customs(by_type)):
            continue
        parameter = _compact(definitions, resource)
        for resource_type in _types_of(definitions, parameter.base):
            by_type[resource_type] = (*by_type.get(resource_type, ()), parameter)
    return Customs(by_type, customs.by_id)


def check_custom(definitions: Definitions, resource: Resource, others: Customs) -> list[Issue]:
    """List what is wrong with a valid SearchParameter resource that is to count beside ``others``."""
    if not _counts(definitions, resource):
        return []
    absent = [_issue(name, "It has no value.", IssueType.REQUIRED) for name in _absent(resource)]
    return absent or list(_Check(definitions, _compact(definitions, resource), others).issues())


def mark_of(key: str, definition: SearchParameter, by_url: Mapping[str, SearchParameter]) -> str:
    """Return what tells apart which values stand under a key: two definitions that index alike have the same mark."""
    parts = [str(definition.type), definition.expression or ""]
    for component in definition.components:
        parts += [str(by_url[component.definition].type), component.expression]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{key}@{digest[:_DIGITS]}"


def split_union(expression: str) -> list[str]:
    """Split a SearchParameter expression at its outer ``|``."""
    parts, depth, quote, start, escaped = [], 0, "", 0, False
    for position, character in enumerate(expression):
        if quote:
            if character == quote and not escaped:
                quote = ""
            escaped = character == "\\" and not escaped
        elif character in "'`":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "|" and depth == 0:
            parts.append(expression[start:position].strip())
            start = position + 1
    return [part for part in [*parts, expression[start:].strip()] if part]


def _counts(definitions: Definitions, resource: Resource) -> bool:
    """Tell whether a stored SearchParameter adds something: an active one that no package has just so."""
    if resource.get("status") != ACTIVE:
        return False
    packaged = definitions.resource(str(resource.get("url"))) or {}
    return any(packaged.get(name) != resource.get(name) for name in ("code", "type", "base", "expression"))


def _absent(resource: Resource) -> list[str]:
    """Name what must have a value: to the structure of a resource an extension in its place is enough."""
    absent = [name for name in ("url", "code", "type") if not isinstance(resource.get(name), str)]
    absent += [name for name in ("base", "target") if None in resource.get(name, ())]
    absent += ["base"] if not resource.get("base") else []
    parts = enumerate(resource.get("component", ()))
    return absent + [f"component[{i}]" for i, part in parts if not {"definition", "expression"} <= part.keys()]


def _compact(definitions: Definitions, resource: Resource) -> SearchParameter:
    targets = resource.get("target", ())
    own = {"id": "", "component": _components(resource), "target": targets}
    if "Resource" in targets:
        own["target"] = definitions.resource_types
    compact = compile_search_parameter({**resource, **own})
    if compact is None:
        raise LookupError("a SearchParameter without base passed validation")
    return compact


def _components(resource: Resource) -> list[Resource]:
    """Return components whose definitions are named without their version."""
    found = resource.get("component", ())
    return [{**part, "definition": part["definition"].partition("|")[0]} for part in found]


def _types_of(definitions: Definitions, base: Iterable[str]) -> list[str]:
    """List the resource types that are of a base type: itself, or all of ``Resource`` or ``DomainResource``."""
    wanted = tuple(base)
    return [name for name in definitions.resource_types if any(definitions.is_subtype(name, b) for b in wanted)]


@dataclass(frozen=True, slots=True)
class _Check:
    """The examination of one definition; a later part is left out where an earlier one makes it meaningless."""

    definitions: Definitions
    parameter: SearchParameter
    others: Customs

    def issues(self) -> Iterator[Issue]:
        basic = [*self._basic(), *self._clashes()]
        yield from basic
        if basic:
            return
        expression = list(self._expression())
        yield from expression
        if not expression:
            yield from self._components()

    def _basic(self) -> Iterator[Issue]:
        parameter = self.parameter
        if not _CODE.fullmatch(parameter.code):
            yield _issue("code", "The code is not a letter and up to 63 of `A-Z a-z 0-9 _ -` after it.")
        if parameter.type is SearchType.SPECIAL:
            yield _issue("type", "A `special` parameter is one that the server knows; it cannot be defined.")
        if not all(_types_of(self.definitions, (name,)) for name in parameter.base):
            yield _issue("base", "A base is not a resource type.")
        if any(not self.definitions.is_resource_type(name) for name in parameter.targets):
            yield _issue("target", "A target is not a resource type.")
        if parameter.type is SearchType.REFERENCE and not parameter.targets:
            yield _issue("target", "A parameter of type `reference` names the resource types it may refer to.")
        if (parameter.type is SearchType.COMPOSITE) != bool(parameter.components):
            yield _issue("component", "Parameters of type `composite`, and no others, have components.")

    @property
    def _types(self) -> list[str]:
        return _types_of(self.definitions, self.parameter.base)

    def _clashes(self) -> Iterator[Issue]:
        code = self.parameter.code
        for name in self._types:
            own = self.definitions.search_parameters(name).get(code)
            other = next((p for p in self.others.of(name) if p.code == code), None)
            if own is not None or other is not None:
                whose = "of FHIR R4" if own is not None else "of another stored SearchParameter that is active"
                yield _issue("code", f"`{name}` has a search parameter of this code already, one {whose}.")
                return

    def _expression(self) -> Iterator[Issue]:
        expression = self.parameter.expression
        if not expression:
            yield _issue("expression", "Without an expression nothing can be indexed.", IssueType.REQUIRED)
        elif len(expression) > MAX_EXPRESSION:
            yield _issue("expression", f"The expression has more than {MAX_EXPRESSION} characters.")
        else:
            problem = self._problem(expression)
            if problem is not None:
                yield _issue("expression", problem)

    def _problem(self, expression: str) -> str | None:
        """Say why an expression cannot be indexed; a base that stands for many types needs it on one of them."""
        try:
            parse(expression)
            for base in self.parameter.base:
                types = _types_of(self.definitions, (base,))
                found = frozenset().union(*(self._selected(expression, name) for name in types))
                problem = self._misfit(base, found)
                if problem is not None:
                    return problem
        except FhirPathError as error:
            return f"The expression cannot be compiled. {_shown(str(error))}"
        except RecursionError:
            return "The expression is nested too deeply."
        return None

    def _misfit(self, base: str, found: frozenset[str]) -> str | None:
        kind = self.parameter.type
        if not found:
            return f"The expression selects nothing of a `{base}`."
        if kind is SearchType.COMPOSITE or found & {"System.Any", *_INDEXABLE[kind]}:
            return None
        listed = ", ".join(f"`{name}`" for name in sorted(found)[:8])
        return f"The expression selects {listed} of a `{base}`, in which a `{kind}` parameter finds no values."

    def _selected(self, expression: str, context: str) -> frozenset[str]:
        """Return the types that an expression selects of a type; an extension stands for its value."""
        found: frozenset[str] = frozenset()
        for text in split_union(expression):
            types = compile_fhirpath(text, context, self.definitions).types
            if types == {"Extension"} and self.parameter.type is not SearchType.COMPOSITE:
                types = compile_fhirpath(f"({text}).value", context, self.definitions).types
            found |= types
        return found

    def _components(self) -> Iterator[Issue]:
        for number, component in enumerate(self.parameter.components):
            problem = self._component_problem(component)
            if problem is not None:
                yield _issue(f"component[{number}]", problem)

    def _component_problem(self, component: Component) -> str | None:
        contexts: set[str] = set()
        for name in self._types:
            known = (*self.definitions.search_parameters(name).values(), *self.others.of(name))
            part = next((p for p in known if p.url == component.definition), None)
            if part is None or part.type not in _INDEXABLE:
                return f"Its definition is not a search parameter of `{name}` that can be part of a composite."
            contexts |= self._selected(self.parameter.expression or "", name)
        try:
            parse(component.expression)
            found = frozenset().union(*(self._selected(component.expression, context) for context in contexts))
        except FhirPathError as error:
            return f"Its expression cannot be compiled. {_shown(str(error))}"
        except RecursionError:
            return "Its expression is nested too deeply."
        return None if found else "Its expression selects nothing of what the composite's expression selects."


def _issue(element: str, diagnostics: str, code: IssueType = IssueType.INVALID) -> Issue:
    return Issue(code, diagnostics, expression=(f"SearchParameter.{element}",))


def _shown(text: str) -> str:
    """Cut what an author reads of an error in his own expression."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}…"
