"""What can be searched on a type, and under which keys it is indexed.

Parameters whose expressions mean the same on a type share one key, a union of others is searched under theirs
(``combo-code`` is ``code`` or ``component-code``), and ``subject.where(resolve() is Patient)`` is ``subject``
limited to Patients: what is stored once is indexed once.
Spec: http://hl7.org/fhir/R4/searchparameter.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchParameter, SearchType
from fhirserver.fhirpath import CompiledExpression, compile_fhirpath
from fhirserver.search.custom import NO_CUSTOMS, Customs, mark_of, split_union
from fhirserver.search.entries import FIRST
from fhirserver.search.values.token import TokenForm

COMPUTED: Final = frozenset({"_id", "_lastUpdated"})
"""Parameters the store answers without index values of their own."""

_SWAPPED: Final = frozenset({"http://hl7.org/fhir/SearchParameter/DocumentReference-relationship"})
"""R4 4.0.1 gives the components of these composites each other's expressions; R4B has them right."""

_OF_TYPE: Final = re.compile(r"(?P<path>.+)\.where\(resolve\(\) is (?P<type>\w+)\)")
_MIME: Final = re.compile(r"\.(?:contentType|format|patchFormat)$")
"""Elements that are MIME types."""
_PLAIN: Final = re.compile(r"(?P<path>[A-Z]\w+\.[a-z]\w*)(?:\.as\(\w+\))?")
_AS: Final = re.compile(r"\((?P<path>[\w.]+) as (?P<type>\w+)\)|(?P<path2>[\w.]+)\.as\((?P<type2>\w+)\)")


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a composite, within its group."""

    key: str
    type: SearchType
    expressions: Mapping[str, tuple[CompiledExpression, ...]]
    """By the type of the composite's item."""
    form: TokenForm
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indexed:
    """One key and how its values are found in a resource."""

    key: str
    type: SearchType
    expressions: tuple[CompiledExpression, ...]
    parts: tuple[Part, ...] = ()
    """Of a composite: each evaluated on every item of the expressions."""
    is_custom: bool = False
    """Its expression comes from a stored SearchParameter: it may fail on a resource, which then has no value."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A parameter of one type, bound to the keys that answer it."""

    definition: SearchParameter
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    """Of a reference: the resource types it may point to."""
    form: TokenForm
    parts: tuple[Part, ...] = ()
    restricted: bool = False
    """The keys hold references to other types too; only ``targets`` count."""
    inline: bool = False
    """What it leads to is in the resource itself: the first entry of a Bundle."""
    whole: bool = False
    """Of a number: its elements are integers."""


@dataclass(frozen=True)
class TypeParameters:
    """Everything searchable on one resource type."""

    bound: Mapping[str, Bound]
    indexed: tuple[Indexed, ...]
    single: frozenset[str]
    """The keys under which a resource has one value at most."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Of custom parameters that have a key of their own: code to mark, whether served already or not."""

    @cached_property
    def references(self) -> tuple[Bound, ...]:
        """The parameters that are references."""
        return tuple(bound for bound in self.bound.values() if bound.definition.type is SearchType.REFERENCE)

    @cached_property
    def keys_to(self) -> Mapping[str, tuple[str, ...]]:
        """The keys of references to each type."""
        return keys_by_target(self.references)


def keys_by_target(references: Iterable[Bound]) -> dict[str, tuple[str, ...]]:
    """Return the keys under which references may lead to each type."""
    found: dict[str, dict[str, None]] = {}
    for bound in references:
        for target in bound.targets:
            found.setdefault(target, {}).update(dict.fromkeys(bound.keys))
    return {target: tuple(keys) for target, keys in found.items()}


class SearchParameters:
    """The parameters of all types as they are at one moment, compiled for each on first use.

    ``customs`` are those of stored SearchParameters. One that has values of its own is *served* once every stored
    resource has them: until then resources are indexed by it, and ``waiting`` says what a search by it is told.
    """

    def __init__(self, definitions: Definitions) -> None:
        """Take parameters from the installed packages."""
        self._definitions = definitions
        self._core: dict[str, _Compiler] = {}
        self._types: dict[str, TypeParameters] = {}
        self.customs: Customs = NO_CUSTOMS
        self.served: frozenset[str] = frozenset()
        self.waiting: Mapping[str, str] = {}

    def of(self, resource_type: str) -> TypeParameters:
        """Return what can be searched on a type."""
        found = self._types.get(resource_type)
        if found is None:
            found = self._compile(resource_type)
            self._types[resource_type] = found
        return found

    def extended(self, customs: Customs, served: frozenset[str], waiting: Mapping[str, str]) -> "SearchParameters":
        """Return the same with these custom parameters; what is compiled already is shared."""
        extended = SearchParameters(self._definitions)
        extended._core = self._core
        if customs == self.customs and served == self.served:
            extended._types = self._types
        extended.customs, extended.served, extended.waiting = customs, served, waiting
        return extended

    def marks(self) -> frozenset[str]:
        """Return the marks of all custom parameters that have values of their own."""
        return frozenset(mark for name in self.customs.types for mark in self.of(name).marks.values())

    def listed(self, resource_type: str) -> Iterable[tuple[SearchParameter, str | None]]:
        """Yield the custom parameters of a type, each with what keeps it from being served."""
        for definition in self.customs.of(resource_type):
            yield definition, self.waiting_for(self.of(resource_type).marks.get(definition.code))

    def refusal(self, resource_type: str, code: str) -> str | None:
        """Say why a parameter of this code is not served yet; None when there is no such parameter."""
        return self.waiting_for(self.of(resource_type).marks.get(code))

    def waiting_for(self, mark: str | None) -> str | None:
        """Say what a custom parameter waits for; None when it is served."""
        if mark is None or mark in self.served:
            return None
        return self.waiting.get(mark, "Its index is not complete yet.")

    def _compile(self, resource_type: str) -> TypeParameters:
        core = self._core.get(resource_type)
        if core is None:
            core = self._core[resource_type] = _Compiler(self._definitions, resource_type)
        customs = self.customs.of(resource_type)
        return _Extension(core, customs).compile(self.served) if customs else core.compiled


class LiveParameters:
    """The search parameters of one site as they are now: replaced as a whole when they change."""

    def __init__(self, now: SearchParameters) -> None:
        """Begin with ``now``."""
        self.now = now


@dataclass(frozen=True, slots=True)
class _Branch:
    """One alternative of a union, as it applies to the type."""

    text: str
    expression: CompiledExpression


@dataclass(frozen=True, slots=True)
class _Candidate:
    definition: SearchParameter
    branches: tuple[_Branch, ...]
    meaning: frozenset[str]
    """What decides whether two parameters index the same: branches, and component expressions of composites."""
    limit: str | None
    """The type in ``.where(resolve() is T)`` when every branch has it."""


class _Compiler:
    """Compiles the parameters of one type."""

    def __init__(self, definitions: Definitions, resource_type: str) -> None:
        self._definitions = definitions
        self._type = resource_type
        self._by_url = {p.url: p for p in definitions.search_parameters(resource_type).values()}

    @cached_property
    def candidates(self) -> list[_Candidate]:
        return [c for c in map(self._candidate, self._searchable()) if c is not None]

    @cached_property
    def owners(self) -> dict[str, _Candidate]:
        return self._owners(self.candidates)

    @cached_property
    def compiled(self) -> TypeParameters:
        candidates, owners = self.candidates, self.owners
        indexed = tuple(self._indexed(candidate) for candidate in owners.values())
        bound = {c.definition.code: self._bind(c, owners) for c in candidates}
        bound.update({code: self._computed(code) for code in COMPUTED})
        single = frozenset(key for key, candidate in owners.items() if self._is_single(candidate))
        return TypeParameters(bound, indexed, single)

    def _is_single(self, candidate: _Candidate) -> bool:
        """Tell whether a parameter is that of one element of the resource itself, which does not repeat."""
        paths = {found["path"] if (found := _PLAIN.fullmatch(b.text)) else None for b in candidate.branches}
        path = paths.pop()
        if path is None or paths:
            return False
        name = path.partition(".")[2]
        children = self._definitions.children(self._type).values()
        return any(child.element.name == name and not child.element.repeats for child in children)

    def _searchable(self) -> Iterable[SearchParameter]:
        parameters = self._definitions.search_parameters(self._type).values()
        return (p for p in parameters if p.expression is not None and p.code not in COMPUTED)

    def _computed(self, code: str) -> Bound:
        definition = self._definitions.search_parameters(self._type)[code]
        return Bound(definition, (), (), TokenForm(frozenset({"id"})))

    def _candidate(self, definition: SearchParameter) -> _Candidate | None:
        branches = []
        for text in split_union(definition.expression or ""):
            expression = compile_fhirpath(text, self._type, self._definitions)
            if expression.types == {"Extension"}:  # stands for its value
                expression = compile_fhirpath(f"({text}).value", self._type, self._definitions)
            if expression.types:
                branches.append(_Branch(_canonical_text(text), expression))
        if not branches:
            return None
        limits = {found["type"] if (found := _OF_TYPE.fullmatch(b.text)) else None for b in branches}
        limit = limits.pop() if len(limits) == 1 else None
        suffix = "".join(f" ${component.expression}" for component in definition.components)
        texts = (_OF_TYPE.fullmatch(b.text)["path"] if limit else b.text for b in branches)  # type: ignore[index]
        return _Candidate(definition, tuple(branches), frozenset(text + suffix for text in texts), limit)

    def _owners(self, candidates: list[_Candidate]) -> dict[str, _Candidate]:
        """Choose which parameters are indexed: by key, those that no others stand for."""
        by_meaning: dict[tuple[SearchType, frozenset[str]], _Candidate] = {}
        for candidate in sorted(candidates, key=lambda c: (c.limit is not None, c.definition.code)):
            unlimited = (candidate.definition.type, candidate.meaning)
            limited = (candidate.definition.type, candidate.meaning | {f"is {candidate.limit}"})
            if unlimited not in by_meaning:
                by_meaning.setdefault(unlimited if candidate.limit is None else limited, candidate)
        owners = by_meaning.values()
        return {self._key(c): c for c in owners if not self._covering(c, [o for o in owners if o is not c])}

    def _covering(self, candidate: _Candidate, others: Iterable[_Candidate]) -> list[_Candidate]:
        """Return smaller parameters of the type whose union is the candidate's meaning; none when gaps remain."""
        smaller = [
            o
            for o in others
            if o.definition.type is candidate.definition.type
            and o.limit is None
            and o.meaning < candidate.meaning
            and candidate.limit is None
        ]
        covered = frozenset().union(*(o.meaning for o in smaller)) if smaller else frozenset()
        return smaller if covered == candidate.meaning else []

    def _key(self, candidate: _Candidate) -> str:
        return f"{self._type}.{candidate.definition.code}"

    def _indexed(self, candidate: _Candidate) -> Indexed:
        expressions = tuple(branch.expression for branch in candidate.branches)
        return Indexed(self._key(candidate), candidate.definition.type, expressions, self._parts(candidate))

    def _parts(self, candidate: _Candidate) -> tuple[Part, ...]:
        contexts = sorted(set().union(*(b.expression.types for b in candidate.branches)))
        parts = []
        components = candidate.definition.components
        texts = [component.expression for component in components]
        if candidate.definition.url in _SWAPPED:
            texts.reverse()
        for number, (component, text) in enumerate(zip(components, texts, strict=True), 1):
            expressions = {context: self._relative(text, context) for context in contexts}
            definition = self._by_url[component.definition]
            form = self._form([e for found in expressions.values() for e in found], None)
            parts.append(Part(str(number), definition.type, expressions, form, definition.targets))
        return tuple(parts)

    def _relative(self, expression: str, context: str) -> tuple[CompiledExpression, ...]:
        compiled = (compile_fhirpath(text, context, self._definitions) for text in split_union(expression))
        return tuple(e for e in compiled if e.types)

    def _bind(self, candidate: _Candidate, owners: dict[str, _Candidate]) -> Bound:
        definition = candidate.definition
        keys = self._keys(candidate, owners)
        expressions = [branch.expression for branch in candidate.branches]
        inline = candidate.meaning == {FIRST}
        restricted = inline or (candidate.limit is not None and self._key(candidate) not in keys)
        targets = (candidate.limit,) if candidate.limit else definition.targets
        form = self._form(expressions, definition)
        types = frozenset().union(*(e.types for e in expressions))
        whole = types <= {"integer", "positiveInt", "unsignedInt"}
        parts = owners[keys[0]] if definition.components else candidate
        return Bound(definition, keys, targets, form, self._parts(parts), restricted, inline, whole)

    def _keys(self, candidate: _Candidate, owners: dict[str, _Candidate]) -> tuple[str, ...]:
        same_type = {k: o for k, o in owners.items() if o.definition.type is candidate.definition.type}
        for key, owner in same_type.items():
            if owner.meaning == candidate.meaning and owner.limit in (None, candidate.limit):
                return (key,)
        smaller = self._covering(candidate, same_type.values())
        return tuple(self._key(o) for o in smaller)

    def _form(self, expressions: Iterable[CompiledExpression], definition: SearchParameter | None) -> TokenForm:
        types = frozenset().union(*(e.types for e in expressions))
        implied = self._implied_systems(definition) if definition is not None and "code" in types else frozenset()
        mime = definition is not None and types == {"code"} and bool(_MIME.search(definition.expression or ""))
        return TokenForm(types, implied, mime)

    def _implied_systems(self, definition: SearchParameter) -> frozenset[str]:
        """Return the systems of the value sets bound to the ``code`` elements of a parameter."""
        found: set[str] = set()
        for text in split_union(definition.expression or ""):
            owner, _, name = text.rpartition(".")
            if owner == self._type or owner.startswith(f"{self._type}."):
                found |= self._bound_systems(owner, name)
        return frozenset(found)

    def _bound_systems(self, owner: str, name: str) -> set[str]:
        if not self._definitions.has_type(owner):
            return set()
        child = self._definitions.children(owner).get(name)
        if child is None or child.type_name != "code" or child.element.required_binding is None:
            return set()
        value_set = self._definitions.resource(child.element.required_binding) or {}
        includes = value_set.get("compose", {}).get("include", ())
        return {include["system"] for include in includes if "system" in include}


class _Extension(_Compiler):
    """Adds custom parameters to those of a type, whose keys stay as they are: documents have them already."""

    def __init__(self, core: _Compiler, customs: Iterable[SearchParameter]) -> None:
        super().__init__(core._definitions, core._type)
        self._extended = core
        self._customs = tuple(customs)
        self._by_url |= {p.url: p for p in self._customs}

    def compile(self, served: frozenset[str]) -> TypeParameters:
        core = self._extended.compiled
        bound, marks = dict(core.bound), {}
        indexed, single = list(core.indexed), set(core.single)
        for candidate in filter(None, map(self._candidate, self._customs)):
            definition = candidate.definition
            owners = self._extended.owners
            if not self._keys(candidate, owners):  # else the values are there already
                own = self._key(candidate)
                owners = {**owners, own: candidate}
                marks[definition.code] = mark_of(own, definition, self._by_url)
                indexed.append(replace(self._indexed(candidate), is_custom=True))
                single |= {own} if self._is_single(candidate) else set()
            if marks.get(definition.code) in {None, *served}:
                bound[definition.code] = self._bind(candidate, owners)
        return TypeParameters(bound, tuple(indexed), frozenset(single), marks)


def _canonical_text(text: str) -> str:
    """Write ``(path as Type)`` and ``path.as(Type)`` alike, without outer parentheses."""
    return _AS.sub(lambda m: f"{m['path'] or m['path2']}.as({m['type'] or m['type2']})", text)
