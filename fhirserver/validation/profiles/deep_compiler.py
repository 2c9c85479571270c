"""Base checks with what needs more than the base: extensions, claimed profiles, targets, rules of kinds of resources.

Spec: http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Mapping
from typing import Final

from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.compiler import Compiler
from fhirserver.validation.findings import Check, Finding, Findings, Rule, both
from fhirserver.validation.invariants import Invariants
from fhirserver.validation.objects import ShadowCheck
from fhirserver.validation.profiles import told
from fhirserver.validation.profiles.bound import bound_check
from fhirserver.validation.profiles.compiling import NodeCompiler
from fhirserver.validation.profiles.contracts import Above
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.profiles.extensions import Extensions, host_of
from fhirserver.validation.profiles.nodes import Node
from fhirserver.validation.profiles.plans import Plans
from fhirserver.validation.profiles.sites import Item, ItemCheck
from fhirserver.validation.profiles.sources import BASE, Codes, Structures
from fhirserver.validation.profiles.targets import type_named
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_SAME_ID: Final = (
    say(
        IssueType.BUSINESS_RULE,
        Text(
            "element-id-unique",
            en="{path} must be an id that no other element of the resource has.",
            fr="{path} doit être un id qu'aucun autre élément de la ressource ne porte.",
            nl="{path} moet een id zijn die geen ander element van de resource heeft.",
        ),
        rule=None,
    ),
)
_EXTENSION_NAMES: Final = ("extension", "modifierExtension")


class DeepCompiler(Compiler):
    """Compiles the checks of types as ``$validate`` wants them."""

    def __init__(
        self,
        definitions: Definitions,
        codes: RequiredCodes,
        invariants: Invariants,
        sources: tuple[Structures, Codes],
        kinds: Mapping[str, Check],
    ) -> None:
        """Compile from ``definitions``; profiles from ``sources``, and rules by type from ``kinds``."""
        super().__init__(definitions, codes, invariants)
        self.plans = Plans(definitions, *sources, invariants)
        self.extensions = Extensions(self.plans)
        self._kinds = kinds

    def _rule(self, name: str) -> Check | None:
        rule, kind = super()._rule(name), self._kinds.get(name) if name[0].isupper() else None
        if rule is None or kind is None:
            return rule or kind
        return both(rule, kind)

    def _item(self, owner: str, child: Child) -> Check:
        check = super()._item(owner, child)
        for extra in self._extras(owner, child):
            check = both(check, extra)
        return check

    def _extras(self, owner: str, child: Child) -> list[Check]:
        if child.element.is_xml_attribute and child.json_name == "id":
            return [_check_id] if owner != "ElementDefinition" else []  # which has the same in both views
        if child.type_name in ("Resource", "Extension"):
            return [self._nested(f"{owner}.{child.element.name}")] if child.type_name == "Extension" else []
        strict = self._kinds.get(child.type_name) if self._is_primitive(child.type_name) else None
        found = [extra for extra in (strict, self._targets(child), *self._written(owner, child)) if extra is not None]
        if not self._is_primitive(child.type_name):
            found.append(self._hosting(f"{owner}.{child.element.name}", child.type_name))
        return found

    def _nested(self, path: str) -> Check:
        """Check extensions in an extension."""
        return self._hosting(path, "Extension")

    def _hosting(self, path: str, type_name: str) -> Check:
        host, check_all = host_of(self._definitions, path, type_name), self.extensions.check

        def check(value: Json, walk: Walk) -> Findings | None:
            if type(value) is dict and ("extension" in value or "modifierExtension" in value):
                return check_all(host, value, walk)
            return None

        return check

    def _shadow(self, owner: str, shadow_name: str) -> ShadowCheck | None:
        plain = super()._shadow(owner, shadow_name)
        child = self._definitions.children(owner).get(shadow_name[1:])
        if plain is None or child is None:
            return plain
        host = host_of(self._definitions, f"{owner}.{child.element.name}", child.type_name)
        is_many = child.element.repeats

        def check(value: Resource, walk: Walk) -> Findings | None:
            found = list(plain(value, walk) or ())
            shadow = value[shadow_name]
            if is_many and isinstance(shadow, list):
                for n, one in enumerate(shadow):
                    more = self.extensions.check(host, one, walk) or ()
                    found += [each._replace(path=f"[{n}]{each.path}") for each in more]
            elif not is_many:
                found += self.extensions.check(host, shadow, walk) or ()
            return found or None

        return check

    def _targets(self, child: Child) -> Check | None:
        """Compile the resource types that a Reference may lead to by the base."""
        targets = frozenset(target for ref in child.element.types if ref.name == "Reference" for target in ref.targets)
        names = frozenset(target.rpartition("/")[2] for target in targets)
        if child.type_name != "Reference" or not names or "Resource" in names:
            return None
        shown = ", ".join(f"`{name}`" for name in sorted(names))
        wrong = (say(IssueType.STRUCTURE, told.WRONG_TARGET, shown, rule=Rule(BASE + "Reference", "")),)
        is_type = self._definitions.is_resource_type

        def check(value: Json, walk: Walk) -> Findings | None:
            if type(value) is not dict:
                return None
            named = type_named(value)
            return wrong if named is not None and named not in names and is_type(named) else None

        return check

    def _written(self, owner: str, child: Child) -> list[Check]:
        """Compile what the base says beyond structure: extensible bindings, and profiles of datatypes."""
        written = self.plans.written(owner, child.element.name)
        if written is None:
            return []
        node = Node(written, str(written.get("id")), child.element.name)
        compiler = NodeCompiler(self.plans, BASE + owner.partition(".")[0])
        checks = (
            None
            if child.element.required_binding is not None
            else bound_check(compiler, node, child.type_name, Above()),
            compiler.type_profiles(node, child.type_name, Above(child.element)),
        )
        return [_on_item(check, child.type_name) for check in checks if check is not None]

    def whole(self, value: Resource, walk: DeepWalk, profiles: tuple[str, ...], *, is_declared: bool) -> list[Finding]:
        """Check a resource by its type, by the profiles that it claims and by others."""
        name = str(value["resourceType"])
        return [*(self.type_check(name)(value, walk) or ()), *self._more(name, value, walk, profiles, is_declared)]

    def _check_nested(self, value: Json, walk: Walk) -> Findings | None:
        if not isinstance(walk, DeepWalk) or type(value) is not dict:
            return super()._check_nested(value, walk)
        is_bundle = value.get("resourceType") == "Bundle"
        walk.bundles += [value] if is_bundle else []
        found = super()._check_nested(value, walk)
        more = self._inside(value, walk)
        if is_bundle:
            walk.bundles.pop()
        return [*(found or ()), *more] or None

    def _inside(self, value: Resource, walk: DeepWalk) -> list[Finding]:
        """Check what profiles say of a resource in a Bundle, in a scope of its own."""
        outer, around = walk.scope, walk.resource
        walk.enter(value)
        more = self._more(str(value.get("resourceType")), value, walk, (), is_declared=True)
        walk.scope, walk.resource = outer, around
        return more

    def _check_contained(self, value: Json, walk: Walk) -> Findings | None:
        found = super()._check_contained(value, walk)
        if not isinstance(walk, DeepWalk) or type(value) is not dict:
            return found
        around, walk.resource = walk.resource, value
        more = self._more(str(value.get("resourceType")), value, walk, (), is_declared=True)
        walk.resource = around
        return [*(found or ()), *more] or None

    def _more(
        self, name: str, value: Resource, walk: DeepWalk, profiles: tuple[str, ...], is_declared: bool
    ) -> list[Finding]:
        if not self._definitions.is_resource_type(name):
            return []
        found: list[Finding] = []
        if any(key in value for key in _EXTENSION_NAMES):
            found += self.extensions.check(host_of(self._definitions, name, name), value, walk) or ()
        claimed = _claimed(value) if is_declared else ()
        item = Item("", name, value, None)
        for profile in dict.fromkeys((*claimed, *profiles)):
            if self.plans.type_of(profile) != name or profile != BASE + name:
                found += self.plans.claimed(profile, item, walk) or ()
        return found


def _check_id(value: Json, walk: Walk) -> Findings | None:
    """Check that no other element of the resource has the same id."""
    if type(value) is not str or not isinstance(walk, DeepWalk) or walk.is_new_id(value):
        return None
    return _SAME_ID


def _claimed(resource: Resource) -> tuple[str, ...]:
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return tuple(one for one in profiles if isinstance(one, str)) if isinstance(profiles, list) else ()


def _on_item(check: ItemCheck, type_name: str) -> Check:
    return lambda value, walk: check(Item("", type_name, value, None), walk)
