"""Extensions: where each may stand, whether it changes meaning, and what its definition asks of it.

Spec: http://hl7.org/fhir/R4/defining-extensions.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import FhirPathError, compile_fhirpath
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Finding, Findings, Rule, under
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.profiles.nodes import objects
from fhirserver.validation.profiles.plans import Plans
from fhirserver.validation.profiles.sites import Item
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_HL7: Final = "http://hl7.org/fhir/"
_ANYWHERE: Final = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/{name}"
    for name in ("structuredefinition-fhir-type", "structuredefinition-normative-version", "regex")
)
"""Extensions that R4's own definitions have where the contexts of these do not allow it."""
_CONTEXT: Final = Text(
    "extension-context",
    en="{path} must not have the extension `{0}`, whose definition does not allow it here.",
    fr="{path} ne doit pas avoir l'extension `{0}`, que sa définition n'autorise pas ici.",
    nl="{path} mag de extensie `{0}` niet hebben, want haar definitie laat ze hier niet toe.",
)
_MODIFIER: Final = Text(
    "extension-modifier",
    en="{path} must be a `modifierExtension`, as the definition of `{0}` says that it changes meaning.",
    fr="{path} doit être une `modifierExtension`, car la définition de `{0}` dit qu'elle modifie le sens.",
    nl="{path} moet een `modifierExtension` zijn, want volgens de definitie van `{0}` verandert ze de betekenis.",
)
_NO_MODIFIER: Final = Text(
    "extension-not-modifier",
    en="{path} must be an `extension`, as the definition of `{0}` does not say that it changes meaning.",
    fr="{path} doit être une `extension`, car la définition de `{0}` ne dit pas qu'elle modifie le sens.",
    nl="{path} moet een `extension` zijn, want de definitie van `{0}` zegt niet dat ze de betekenis verandert.",
)
_UNKNOWN: Final = Text(
    "extension-unknown",
    en="{path} was not checked: the extension `{0}` is not known here.",
    fr="{path} n'a pas été vérifié : l'extension `{0}` n'est pas connue ici.",
    nl="{path} is niet gecontroleerd: de extensie `{0}` is hier niet bekend.",
)
_NONE_SUCH: Final = Text(
    "extension-not-defined",
    en="{path} must have a url that HL7 defines: `{0}` is not known here.",
    fr="{path} doit avoir une url définie par HL7 : `{0}` n'est pas connue ici.",
    nl="{path} moet een url hebben die HL7 definieert: `{0}` is hier niet bekend.",
)
_NOT_AN_EXTENSION: Final = Text(
    "extension-other-type",
    en="{path} must not name `{0}`, which defines no extension.",
    fr="{path} ne doit pas nommer `{0}`, qui ne définit pas d'extension.",
    nl="{path} mag `{0}` niet noemen, want dat definieert geen extensie.",
)


@dataclass(frozen=True, slots=True)
class Host:
    """An element that may have extensions: its path in its own type, and its type with what that derives from."""

    path: str
    types: frozenset[str]
    is_extension: bool = False


def host_of(definitions: Definitions, path: str, type_name: str) -> Host:
    """Describe an element as contexts name it."""
    types = {type_name}
    current: str | None = type_name
    while current is not None and definitions.has_type(current):
        types.add(current)
        current = definitions.type(current).base
    return Host(path, frozenset(types), type_name == "Extension")


class Extensions:
    """Checks the extensions of elements by their definitions."""

    def __init__(self, plans: Plans) -> None:
        """Find definitions among ``plans``."""
        self._plans = plans

    def check(self, host: Host, value: Json, walk: Walk) -> list[Finding] | None:
        """Check all extensions of one element; those inside others are named by their definition."""
        if type(value) is not dict or not isinstance(walk, DeepWalk):
            return None
        found: list[Finding] = []
        for name in ("extension", "modifierExtension"):
            given = value.get(name)
            if type(given) is list:
                for n, one in enumerate(given):
                    problems = self._one(host, value, one, walk, is_modifier=name == "modifierExtension")
                    found += under(f".{name}[{n}]", problems)
        return found or None

    def _one(self, host: Host, owner: Resource, one: Json, walk: DeepWalk, *, is_modifier: bool) -> Findings:
        url = one.get("url") if type(one) is dict else None
        if type(url) is not str or ":" not in url:
            return ()
        plan = self._plans.plan(url)
        if plan is None:
            return (_unknown(url),)
        if plan.type_name != "Extension":
            return (say(IssueType.EXTENSION, _NOT_AN_EXTENSION, url, rule=Rule(url, "")),)
        found: list[Finding] = []
        structure = self._plans.structure(url) or {}
        contexts = [] if url in _ANYWHERE else self._contexts(structure)
        if contexts and not any(self._stands(each, host, owner, walk) for each in contexts):
            found.append(say(IssueType.EXTENSION, _CONTEXT, url, rule=Rule(url, "")))
        tree = plan.tree
        if tree is not None and bool(tree.definition.get("isModifier")) is not is_modifier:
            text = _NO_MODIFIER if is_modifier else _MODIFIER
            found.append(say(IssueType.EXTENSION, text, url, rule=Rule(url, "Extension")))
        found += self._plans.checked(plan, Item("", "Extension", one, None), walk) or ()
        return found

    def _contexts(self, structure: Resource) -> list[Resource]:
        return objects(structure.get("context"))

    def _stands(self, context: Resource, host: Host, owner: Resource, walk: DeepWalk) -> bool:
        expression = str(context.get("expression", ""))
        kind = context.get("type")
        if kind == "extension":
            return host.is_extension and owner.get("url") == expression
        if kind == "fhirpath":
            return self._selects(expression, owner, walk)
        return expression in host.types or expression in self._names(host) or self._leads(expression, host)

    def _names(self, host: Host) -> Iterable[str]:
        return (host.path, host.path + "[x]", "Element")  # HL7 puts extensions of elements on resources too

    def _leads(self, expression: str, host: Host) -> bool:
        """Tell whether a path through datatypes ends at an element; parts of other types count by their type."""
        owner, _, rest = expression.partition(".")
        if not rest or not self._plans.definitions.has_type(owner):
            return False
        parts = rest.split(".")
        for number, part in enumerate(parts):
            bare = part.removesuffix("[x]")
            children = [
                child
                for child in self._plans.definitions.children(owner).values()
                if bare in (child.element.name, child.json_name)
            ]
            if not children:
                return False
            place = f"{owner}.{children[0].element.name}"
            if number == len(parts) - 1:
                return place == host.path
            owner = children[0].type_name
        return False

    def _selects(self, expression: str, owner: Resource, walk: DeepWalk) -> bool:
        """Tell whether an element is among those that an expression selects; what cannot be told is allowed."""
        resource = walk.resource
        name = str(resource.get("resourceType"))
        try:
            compiled = compile_fhirpath(expression, name, self._plans.definitions)
            found = compiled.evaluate(resource, walk.environment)
        except FhirPathError:
            return True
        return any(value is owner or getattr(value, "element", None) is owner for _, value in found)


def _unknown(url: str) -> Finding:
    rule = Rule(url, "")
    if url.startswith(_HL7):
        return say(IssueType.EXTENSION, _NONE_SUCH, url, path=".url", rule=rule)
    return say(IssueType.EXTENSION, _UNKNOWN, url, severity=Severity.WARNING, rule=rule)
