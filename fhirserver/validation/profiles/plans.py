"""The compiled profiles: each one once, as long as the structures they come from stay the same.

Spec: http://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.snapshots.generator import generate
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Findings, Rule
from fhirserver.validation.invariants import Invariants
from fhirserver.validation.profiles import told
from fhirserver.validation.profiles.compiling import NodeCompiler
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.profiles.nodes import BadSnapshot, Node, read_tree
from fhirserver.validation.profiles.sites import Item, ItemCheck
from fhirserver.validation.profiles.sources import BASE, Codes, Structures
from fhirserver.validation.profiles.versions import in_version, stand_in, tolerant
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Scope, Walk

_MAX_PLANS: Final = 2_000
_MAX_PROBLEMS: Final = 10
_UNKNOWN: Final = Text(
    "profile-unknown",
    en="{path} was not checked against the profile `{0}`, which is not known here.",
    fr="{path} n'a pas été vérifié selon le profil `{0}`, qui n'est pas connu ici.",
    nl="{path} is niet gecontroleerd volgens het profiel `{0}`, dat hier niet bekend is.",
)
_OTHER_VERSION: Final = Text(
    "profile-version",
    en="{path} was checked by version `{1}` of the profile `{0}`: the version that is named is not known here.",
    fr="{path} a été vérifié selon la version `{1}` du profil `{0}` : la version nommée n'est pas connue ici.",
    nl="{path} is gecontroleerd volgens versie `{1}` van het profiel `{0}`: de genoemde versie is hier niet bekend.",
)
_UNREADABLE: Final = Text(
    "profile-unreadable",
    en="{path} was not checked against the profile `{0}`, whose snapshot cannot be read at `{1}`.",
    fr="{path} n'a pas été vérifié selon le profil `{0}`, dont le snapshot est illisible à `{1}`.",
    nl="{path} is niet gecontroleerd volgens het profiel `{0}`, waarvan de snapshot bij `{1}` onleesbaar is.",
)
_PROBLEM: Final = Text(
    "profile-faulty",
    en="{path} was checked by the profile `{0}`, which breaks the rule of profiling `{2}` at `{1}`.",
    fr="{path} a été vérifié selon le profil `{0}`, qui enfreint la règle de profilage `{2}` à `{1}`.",
    nl="{path} is gecontroleerd volgens het profiel `{0}`, dat bij `{1}` de profileringsregel `{2}` overtreedt.",
)
_ABSTRACT: Final = Text(
    "profile-abstract",
    en="{path} must not claim the profile `{0}`, which is abstract.",
    fr="{path} ne doit pas déclarer le profil `{0}`, qui est abstrait.",
    nl="{path} mag het profiel `{0}` niet opgeven, want dat is abstract.",
)
_OTHER_TYPE: Final = Text(
    "profile-type",
    en="{path} must not claim the profile `{0}`, which is of the type `{1}`.",
    fr="{path} ne doit pas déclarer le profil `{0}`, qui porte sur le type `{1}`.",
    nl="{path} mag het profiel `{0}` niet opgeven, want dat is van het type `{1}`.",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One profile, ready: the type it is of, and what it adds to that."""

    url: str
    type_name: str
    is_abstract: bool
    problems: Findings
    """What is wrong with the profile itself; told of whatever is checked by it."""
    tree: Node | None
    check: ItemCheck | None


class Plans:
    """Compiles profiles when they are first asked for."""

    def __init__(self, definitions: Definitions, structures: Structures, codes: Codes, invariants: Invariants) -> None:
        """Compile from ``structures``."""
        self.definitions = definitions
        self.codes = codes
        self.invariants = invariants
        self.structure = tolerant(structures)
        """Finds structures by canonical, in another version where need be."""
        self._structures = structures
        self._mark = structures.mark
        self._plans: dict[str, Plan | None] = {}
        self._trees: dict[str, Node | None] = {}
        self._types: dict[str, str | None] = {}
        self._snapshots: dict[str, dict[str, Resource]] = {}

    def refresh(self) -> None:
        """Forget everything when the structures have changed."""
        mark = self._structures.mark
        if mark != self._mark or len(self._plans) > _MAX_PLANS:
            self._plans, self._trees, self._types = {}, {}, {}
            self._mark = mark

    def is_resource(self, name: str) -> bool:
        """Tell whether a type is a resource type."""
        return self.definitions.is_resource_type(name)

    def type_of(self, canonical: str) -> str | None:
        """Return the type that a profile is of; None: it is not known."""
        name = canonical.removeprefix(BASE)
        if self.definitions.has_type(name) and canonical.startswith(BASE):
            return name
        if canonical not in self._types:
            found = self.structure(canonical)
            self._types[canonical] = None if found is None else str(found.get("type"))
        return self._types[canonical]

    def tree(self, canonical: str) -> Node | None:
        """Return the root of a profile's snapshot; None: there is none that can be read."""
        plan = self.plan(canonical)
        return None if plan is None else plan.tree

    def plan(self, canonical: str) -> Plan | None:
        """Return a profile by canonical; None: it is not known."""
        if canonical not in self._plans:
            structure = self._structures.structure(canonical)
            found = self._in_other_version(canonical) if structure is None else self._compile(structure, canonical)
            self._plans[canonical] = found
        return self._plans[canonical]

    def _in_other_version(self, canonical: str) -> Plan | None:
        """Return the profile in the version that stands in for one that is not here, of which its findings tell."""
        version = stand_in(self._structures, canonical)
        plan = None if version is None else self.plan(in_version(canonical, version))
        return None if plan is None else replace(plan, problems=(*self._other_version(canonical), *plan.problems))

    def _other_version(self, canonical: str) -> Findings:
        """Tell of a version that is not here and of the one that stands in for it."""
        version = None if self._structures.structure(canonical) else stand_in(self._structures, canonical)
        if version is None:
            return ()
        rule = Rule(canonical, "")
        return (say(IssueType.NOT_FOUND, _OTHER_VERSION, canonical, version, severity=Severity.WARNING, rule=rule),)

    def _compile(self, structure: Resource, canonical: str) -> Plan:
        url = str(structure.get("url", canonical))
        type_name = str(structure.get("type", ""))
        is_abstract = structure.get("abstract") is True
        if not isinstance(structure.get("type"), str) or not self.definitions.has_type(type_name):
            return Plan(url, type_name, is_abstract, self._unreadable(url, "type"), None, None)
        if structure.get("derivation") != "constraint":
            return Plan(url, type_name, is_abstract, (), None, None)
        elements, problems = self._elements(structure, url)
        try:
            tree = read_tree(elements)
        except BadSnapshot as bad:
            found = (*problems, *self._unreadable(url, bad.place))
            return Plan(url, type_name, is_abstract, found, None, None)
        lazy = _Lazy(lambda: NodeCompiler(self, url).item(tree, type_name))
        return Plan(url, type_name, is_abstract, problems, tree, lazy)

    def _elements(self, structure: Resource, url: str) -> tuple[Json, Findings]:
        snapshot = structure.get("snapshot")
        if isinstance(snapshot, dict) and snapshot.get("element"):
            return snapshot["element"], ()
        made = generate(structure, self.structure)
        told_of = (
            say(
                IssueType.PROCESSING,
                _PROBLEM,
                url,
                one.element,
                one.rule.value,
                severity=Severity.WARNING,
                rule=Rule(url, one.element),
            )
            for one in made.problems[:_MAX_PROBLEMS]
        )
        return made.elements, (*self._other_version(str(structure.get("baseDefinition"))), *told_of)

    def written(self, owner: str, name: str) -> Resource | None:
        """Return the ElementDefinition of an element of a base type."""
        root = owner.partition(".")[0]
        if root not in self._snapshots:
            structure = self.definitions.resource(BASE + root) or {}
            elements = structure.get("snapshot", {}).get("element", ())
            self._snapshots[root] = {one["path"]: one for one in elements}
        found = self._snapshots[root]
        return found.get(f"{owner}.{name}") or found.get(f"{owner}.{name}[x]")

    def _unreadable(self, url: str, place: str) -> Findings:
        rule = Rule(url, place)
        return (say(IssueType.PROCESSING, _UNREADABLE, url, place, severity=Severity.WARNING, rule=rule),)

    def claimed(self, canonical: str, item: Item, walk: DeepWalk) -> Findings | None:
        """Check a resource against a profile that it claims, or that it is asked for."""
        plan = self.plan(canonical)
        rule = Rule(canonical, "")
        if plan is None:
            return (say(IssueType.NOT_FOUND, _UNKNOWN, canonical, severity=Severity.WARNING, rule=rule),)
        if not self.definitions.is_subtype(item.type_name, plan.type_name):
            return (say(IssueType.STRUCTURE, _OTHER_TYPE, canonical, plan.type_name, rule=rule),)
        if plan.is_abstract:
            return (say(IssueType.STRUCTURE, _ABSTRACT, canonical, rule=rule),)
        return self.checked(plan, item, walk)

    def checked(self, plan: Plan, item: Item, walk: Walk) -> Findings | None:
        """Check a value against a profile."""
        if plan.check is None:
            return plan.problems or None
        key = id(item.value), plan.url
        if isinstance(walk, DeepWalk):
            walk.judged.setdefault(key, True)
        found = plan.check(item, walk)
        if isinstance(walk, DeepWalk):
            walk.judged[key] = not _has_errors(found)
        return [*(found or ()), *plan.problems] if plan.problems else found

    def any_of(self, profiles: Sequence[str], rule: Rule) -> ItemCheck:
        """Return the check of a value that must meet one of some profiles."""
        if len(profiles) == 1:
            return self._one_of(profiles[0])
        shown = ", ".join(f"`{url}`" for url in profiles)
        wrong = (say(IssueType.STRUCTURE, told.NOT_THE_PROFILE, shown, rule=rule),)

        def check(item: Item, walk: Walk) -> Findings | None:
            return None if self.is_of(item, profiles, walk) else wrong

        return check

    def _one_of(self, profile: str) -> ItemCheck:
        rule = Rule(profile, "")
        unknown = (say(IssueType.NOT_FOUND, _UNKNOWN, profile, severity=Severity.WARNING, rule=rule),)

        def check(item: Item, walk: Walk) -> Findings | None:
            plan = self.plan(profile)
            return unknown if plan is None else self.checked(plan, item, walk)

        return check

    def is_of(self, item: Item, profiles: Sequence[str], walk: Walk) -> bool:
        """Tell whether a value meets one of some profiles; one that is not known is met by any value."""
        for url in profiles:
            plan = self.plan(url)
            if plan is None:
                return True
            if self._is_type(item.type_name, plan.type_name) and not _has_errors(self.checked(plan, item, walk)):
                return True
        return False

    def _is_type(self, name: str, wanted: str) -> bool:
        return name == wanted or self.definitions.is_subtype(name, wanted)

    def conforms(self, resource: Resource, canonical: str, walk: DeepWalk) -> bool:
        """Tell whether a resource that is referred to meets a profile and the rules of its type."""
        plan = self.plan(canonical)
        if plan is None or plan.check is None:
            return True
        key = id(resource), plan.url
        known = walk.judged.get(key)
        if known is None:
            walk.judged[key] = True
            known = walk.judged[key] = self._conforms(plan, resource, walk)
        return known

    def _conforms(self, plan: Plan, resource: Resource, walk: DeepWalk) -> bool:
        name = str(resource.get("resourceType"))
        if plan.check is None or not self._is_type(name, plan.type_name):
            return plan.check is None
        scope, around = walk.scope, walk.resource
        if _is_contained(resource, scope):
            walk.resource = resource
        else:
            walk.enter(resource)
        found = plan.check(Item("", name, resource, None), walk)
        walk.scope, walk.resource = scope, around
        return not _has_errors(found)


def _is_contained(resource: Resource, scope: Scope) -> bool:
    contained = scope.container.get("contained")
    return isinstance(contained, list) and any(one is resource for one in contained)


def _has_errors(found: Findings | None) -> bool:
    return found is not None and any(one.severity is Severity.ERROR for one in found)


class _Lazy:
    """A check that is compiled when it is first used: profiles may name each other, and themselves."""

    def __init__(self, compile_check: Callable[[], ItemCheck | None]) -> None:
        self._compile = compile_check
        self._check: ItemCheck | None = None
        self._is_compiled = False

    def __call__(self, item: Item, walk: Walk) -> Findings | None:
        if not self._is_compiled:
            self._check = self._compile()
            self._is_compiled = True
        return None if self._check is None else self._check(item, walk)
