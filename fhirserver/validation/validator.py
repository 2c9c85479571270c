"""Validation whole: the base type, every profile that is claimed or asked for, and what is in the resource.

One walk checks all that is at hand; what is not is a ``Need``, for the caller to bring before the walk is done again.
Spec: http://hl7.org/fhir/R4/validation.html
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Environment
from fhirserver.kernel.outcome import Issue, IssueType
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.required import CodeSet, RequiredCodes
from fhirserver.ucum import Ucum
from fhirserver.validation.brought import NO_CODES, BroughtCodes
from fhirserver.validation.findings import Finding
from fhirserver.validation.invariants import Invariants
from fhirserver.validation.kinds import kinds_of
from fhirserver.validation.kinds.texts import strict_texts
from fhirserver.validation.narrative import Safe
from fhirserver.validation.profiles.deep_compiler import DeepCompiler
from fhirserver.validation.profiles.deep_walk import NOTHING, Brought, DeepWalk, Need
from fhirserver.validation.profiles.plans import Plans
from fhirserver.validation.profiles.sources import Codes, Structures
from fhirserver.validation.said import say
from fhirserver.validation.structure import MAX_DEPTH, OTHER_TYPE, UNKNOWN_TYPE, issues_of
from fhirserver.validation.walk import World

Mode: TypeAlias = Literal["create", "update", "delete"]
Find: TypeAlias = Callable[[str], Resource | None]
"""Finds another resource by canonical: a Questionnaire, a Measure."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to check by, beside the type."""

    profiles: tuple[str, ...] = ()
    """Profiles that the resource must meet, claimed or not."""
    declared: bool = True
    """Whether the profiles that the resource claims count."""
    mode: Mode | None = None
    """The write that is rehearsed, whose own rules are told by it and not here."""
    best_practice: bool = False
    """Whether to warn where good practice is not followed."""
    references: bool = False
    """Whether what is referred to elsewhere has to be brought and checked by the profiles of its reference."""
    no_markup: bool = False
    """Whether texts that look like HTML are errors."""
    no_examples: bool = False
    """Whether addresses in the domains of examples are errors."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and what was passed over because it is not at hand."""

    findings: list[Finding] = field(default_factory=list)
    needs: frozenset[Need] = frozenset()


ASKED: Final = Asked()
_Compilers: TypeAlias = dict[tuple[bool, bool, bool], DeepCompiler]


class Validator:
    """Checks resources by type and profiles."""

    def __init__(
        self,
        definitions: Definitions,
        required: RequiredCodes,
        structures: Structures,
        codes: Codes | None = None,
        *,
        ucum: Ucum | None = None,
        find: Find = lambda canonical: None,
        max_depth: int = MAX_DEPTH,
    ) -> None:
        """Take profiles from ``structures`` and the codes of their bindings from ``codes``, else from ``required``."""
        self._definitions = definitions
        self._required = required
        self._codes = BroughtCodes(codes if codes is not None else required)
        self._sources = structures, self._codes
        self._ucum = ucum
        self._world = world_of(ucum)
        self._max_depth = max_depth
        self._find = find
        self._compilers: _Compilers = {}

    def validate(
        self,
        resource: Resource,
        resource_type: str,
        asked: Asked = ASKED,
        brought: Brought = NOTHING,
        codes: Mapping[str, CodeSet] = NO_CODES,
    ) -> Report:
        """Check a resource that should be a ``resource_type``; never waits.

        ``brought``: what was found of the references that an earlier report needed; None: it is not there.
        ``codes``: the value sets that it needed.
        """
        refused = _misplaced(self._definitions, resource, resource_type)
        if refused is not None:
            return Report([refused])
        compiler = self._compiler(asked)
        compiler.plans.refresh()
        self._codes.brought = codes
        walk = DeepWalk(resource, self._max_depth, self._world)
        walk.brought, walk.asks_for_more = brought, asked.references
        found = compiler.whole(resource, walk, asked.profiles, is_declared=asked.declared)
        self._codes.brought = NO_CODES
        return Report(found, frozenset(walk.needs))

    def issues(self, resource: Resource, resource_type: str, asked: Asked = ASKED) -> list[Issue]:
        """Return what is found as the issues of an OperationOutcome."""
        return issues_of(self._definitions, resource_type, self.validate(resource, resource_type, asked).findings)

    @property
    def plans(self) -> Plans:
        """The compiled profiles."""
        return self.compiled(ASKED)

    def compiled(self, asked: Asked) -> Plans:
        """Return the compiled profiles of what is asked in this way."""
        return self._compiler(asked).plans

    def refresh(self) -> None:
        """Let go of what was compiled from definitions that have changed since."""
        for compiler in self._compilers.values():
            compiler.plans.refresh()

    def _compiler(self, asked: Asked) -> DeepCompiler:
        key = asked.best_practice, asked.no_markup, asked.no_examples
        found = self._compilers.get(key)
        if found is None:
            invariants = Invariants(self._definitions, warnings=True, best_practice=asked.best_practice)
            kinds = kinds_of(self._definitions, self._sources, self._find, self._ucum)
            strict = strict_texts(markup=asked.no_markup, examples=asked.no_examples)
            sources = self._sources
            found = DeepCompiler(self._definitions, self._required, invariants, sources, {**kinds, **strict})
            self._compilers[key] = found
        return found


def _misplaced(definitions: Definitions, resource: Resource, resource_type: str) -> Finding | None:
    if not definitions.is_resource_type(resource_type):
        return say(IssueType.STRUCTURE, UNKNOWN_TYPE, rule=None)
    if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
        return say(IssueType.STRUCTURE, OTHER_TYPE, resource_type, rule=None)
    return None


def world_of(ucum: Ucum | None) -> World:
    """Return what invariants may ask: units, the rules of narratives, the time."""
    markup = Safe()

    def world(resource: Resource, root: Resource) -> Environment:
        return Environment(
            resource=resource, root_resource=root, ucum=ucum, markup=markup, now_us=time.time_ns() // 1000
        )

    return world
