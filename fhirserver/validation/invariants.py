"""Invariants of types and profiles: FHIRPath, compiled once for the type that it is about.

What can be told from which elements there are is told without running an expression. An invariant that cannot be
compiled, or not be run on a resource, is a warning: it never keeps a valid resource out.
Spec: http://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import FhirPathError, compile_fhirpath, parse
from fhirserver.fhirpath.items import Extended
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.certainty import Certainty, Keys, Test, certainty_of, heads_of
from fhirserver.validation.comparing import COMPARING
from fhirserver.validation.findings import Check, Finding, Findings, Rule
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

BY_HAND: Final = frozenset({"ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2"})
"""Those that the structural checks hold already."""
_BEST_PRACTICE: Final = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"
_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"

_BROKEN: Final = Text(
    "invariant",
    en="{path} must meet the rule {0}: {1}",
    fr="{path} doit respecter la règle {0} : {1}",
    nl="{path} moet voldoen aan regel {0}: {1}",
)
_UNTOLD: Final = Text(
    "invariant-untold",
    en="{path} must meet the rule {0}, which its values are too vague to tell: {1}",
    fr="{path} doit respecter la règle {0}, ce que ses valeurs trop vagues ne permettent pas d'établir : {1}",
    nl="{path} moet voldoen aan regel {0}, maar de waarden zijn te vaag om dat vast te stellen: {1}",
)
_NOT_READ: Final = Text(
    "invariant-unreadable",
    en="{path} was not checked by the rule {0} of `{1}`, whose expression cannot be compiled.",
    fr="{path} n'a pas été vérifié par la règle {0} de `{1}`, dont l'expression ne peut pas être compilée.",
    nl="{path} is niet gecontroleerd met regel {0} van `{1}`, waarvan de expressie niet gecompileerd kan worden.",
)
_NOT_RUN: Final = Text(
    "invariant-not-run",
    en="{path} was not checked by the rule {0} of `{1}`, whose expression could not be evaluated on it.",
    fr="{path} n'a pas été vérifié par la règle {0} de `{1}`, dont l'expression n'a pas pu être évaluée.",
    nl="{path} is niet gecontroleerd met regel {0} van `{1}`, waarvan de expressie niet uitgevoerd kon worden.",
)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One constraint of an element."""

    key: str
    expression: str
    human: str
    severity: Severity
    is_best_practice: bool
    rule: Rule


def read_invariants(element: Resource, profile: str, known: Iterable[str] = ()) -> list[Invariant]:
    """Return the constraints of an ElementDefinition that have an expression, except those that are ``known``."""
    passed = {*BY_HAND, *known}
    return [
        _read(one, element, profile)
        for one in element.get("constraint", ())
        if one.get("expression") and one.get("key") not in passed
    ]


def _read(one: Resource, element: Resource, profile: str) -> Invariant:
    is_best = any(e.get("url") == _BEST_PRACTICE and e.get("valueBoolean") for e in one.get("extension", ()))
    severity = Severity.WARNING if one.get("severity") == "warning" or is_best else Severity.ERROR
    element_id = str(element.get("id") or element.get("path"))
    rule = Rule(str(one.get("source") or profile), element_id, str(one.get("key")))
    return Invariant(rule.key, str(one["expression"]), str(one.get("human", "")), severity, is_best, rule)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A compiled invariant."""

    certainty: Certainty
    holds: Callable[[Json, Walk], bool | None]
    """None: nothing can be told of elements that are there."""
    broken: Finding
    untold: Finding
    not_run: Finding
    is_told: bool
    """Whether anyone wants to know that it could not be run."""


class Invariants:
    """Compiles invariants for the types of a set of definitions."""

    def __init__(self, definitions: Definitions, *, warnings: bool, best_practice: bool = False) -> None:
        """Compile for the types of ``definitions``; errors alone, or ``warnings`` and ``best_practice`` too."""
        self._definitions = definitions
        self._warnings = warnings
        self._best_practice = best_practice
        self._keys: dict[str, Keys] = {}

    def of_type(self, name: str) -> Check | None:
        """Return the check of the invariants that a base type has of its own."""
        return self.check(self._own(name), name)

    def of_child(self, owner: str, element: str, type_name: str) -> Check | None:
        """Return the check of what a base type says of one of its elements, beside what the element's type says."""
        path = f"{owner}.{element}"
        if "." in type_name:
            return None
        found = self._definition(owner)
        names = (path, path + "[x]")
        at = [e for e in (found or {}).get("snapshot", {}).get("element", ()) if e["path"] in names]
        return self.check([one for e in at for one in read_invariants(e, _BASE + owner)], type_name)

    def keys_of(self, name: str) -> frozenset[str]:
        """Return the keys of the invariants of a base type."""
        return frozenset(one.key for one in self._own(name))

    def _own(self, name: str) -> list[Invariant]:
        found = self._definition(name)
        if found is None:
            return []
        at = (e for e in found["snapshot"]["element"] if e["path"] == name)
        return [one for element in at for one in read_invariants(element, _BASE + name.partition(".")[0])]

    def _definition(self, name: str) -> Resource | None:
        return self._definitions.resource(_BASE + name.partition(".")[0])

    def check(self, invariants: Sequence[Invariant], type_name: str, *, best_practice: bool = False) -> Check | None:
        """Return the check of some invariants on values of a type; None: there is nothing to check."""
        wanted = [one for one in invariants if self._is_wanted(one)]
        ready: list[_Ready] = []
        unread: list[Finding] = []
        for one in wanted:
            compiled = self._compile(one, type_name)
            if isinstance(compiled, _Ready):
                ready.append(compiled)
            elif self._warnings:
                unread.append(compiled)
        if not ready:
            return _always(unread) if unread else None
        return _guarded(ready, unread)

    def _is_wanted(self, one: Invariant) -> bool:
        if one.is_best_practice:
            return self._best_practice
        return self._warnings or one.severity is Severity.ERROR

    def _compile(self, one: Invariant, type_name: str) -> "_Ready | Finding":
        try:
            compiled = compile_fhirpath(one.expression, type_name, self._definitions)
            tree = parse(one.expression)
        except FhirPathError:
            return _told(_NOT_READ, one)
        evaluate = compiled.evaluate
        keys = self._properties(type_name)
        heads = heads_of(tree, keys)

        def holds(value: Json, walk: Walk) -> bool | None:
            items = evaluate(value, walk.environment)
            if not items:  # nothing can be told, which is well where an element is absent
                is_absent = not heads or type(value) is not dict or any(names.isdisjoint(value) for names in heads)
                return is_absent or None
            return len(items) == 1 and _plain(items[0][1]) is not False

        broken = _broken(_BROKEN, one)
        untold = _broken(_UNTOLD, one) if one.expression in COMPARING else broken
        return _Ready(certainty_of(tree, keys), holds, broken, untold, _told(_NOT_RUN, one), self._warnings)

    def _properties(self, type_name: str) -> Keys:
        if not self._definitions.has_type(type_name) and "." not in type_name:
            return {}
        if self._definitions.type(type_name).kind is Kind.PRIMITIVE:
            return {}
        found = self._keys.get(type_name)
        if found is None:
            keys: dict[str, frozenset[str]] = {}
            for child in self._definitions.children(type_name).values():
                names = {child.json_name, "_" + child.json_name} if child.type_name[0].islower() else {child.json_name}
                keys[child.element.name] = keys.get(child.element.name, frozenset()) | names
            found = self._keys[type_name] = keys
        return found


def _plain(value: Json) -> Json:
    return value.value if type(value) is Extended else value


def _broken(text: Text, one: Invariant) -> Finding:
    human = one.human if one.human.endswith(".") else one.human + "."
    return say(IssueType.INVARIANT, text, one.key, human, severity=one.severity, rule=one.rule)


def _told(text: Text, one: Invariant) -> Finding:
    return say(IssueType.INVARIANT, text, one.key, one.rule.profile, severity=Severity.WARNING, rule=one.rule)


def _always(findings: Findings) -> Check:
    return lambda value, walk: findings


def _guarded(ready: list[_Ready], unread: list[Finding]) -> Check:
    """Return the check that runs what cannot be told by presence."""
    tests = [(_certain(one.certainty), one) for one in ready]

    def check(value: Json, walk: Walk) -> Findings | None:
        found: list[Finding] | None = None
        for is_certain, one in tests:
            if is_certain(value):
                continue
            problem = _run(one, value, walk)
            if problem is not None:
                found = [problem] if found is None else [*found, problem]
        return [*found, *unread] if found is not None and unread else found or (unread or None)

    triggers = [one.certainty.triggers for one in ready]
    if unread or any(each is None for each in triggers):
        return check
    any_trigger: frozenset[str] = frozenset().union(*(each for each in triggers if each is not None))
    return lambda value, walk: None if any_trigger.isdisjoint(value) else check(value, walk)


def _certain(certainty: Certainty) -> Test:
    return certainty.true or (lambda value: False)


def _run(one: _Ready, value: Json, walk: Walk) -> Finding | None:
    try:
        holds = one.holds(value, walk)
    except FhirPathError:
        return one.not_run if one.is_told else None
    if holds is None:
        return one.untold
    return None if holds else one.broken
