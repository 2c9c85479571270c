"""The rules of a site for whoever calls, as of half a second ago at the earliest: what is written binds every worker.

Callers who are alike share what is loaded for them, and so do requests that come while it is being loaded. It is loaded
again when something has changed of a type that it was read from, and after some seconds, for periods begin and end.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhirserver.access.fact_source import FactSource
from fhirserver.access.facts import FactLoader
from fhirserver.access.freshness import Changes, Noting
from fhirserver.access.policy import Policy
from fhirserver.access.policy_file import load_policy
from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.access.record_rules import RecordRules
from fhirserver.access.role_terms import RoleTerms, check_criteria
from fhirserver.access.site_rules import SiteRules
from fhirserver.access.vocabulary import Vocabulary
from fhirserver.kernel.caller import Caller
from fhirserver.search.bind import Binder

FRESH_S: Final = 0.5
UNCHANGED_S: Final = 5.0
"""How long rules hold while nothing changes that they were read from."""
_REMEMBERED: Final = 1000
_ONE_PATIENT: Final = "patient/"

Key = tuple[object, ...]


class PolicyFile:
    """A policy file, read again when it changes; one that is broken leaves the policy as it was."""

    def __init__(self, path: Path, binder: Binder, on_problem: Callable[[str], None]) -> None:
        """Read ``path``. Raises PolicyProblem."""
        self._path, self._binder, self._on_problem = path, binder, on_problem
        self._seen = self._mark()
        self._checked_s = time.monotonic()
        self._policy = self._read()

    @property
    def now(self) -> Policy:
        """The policy as it is now."""
        if time.monotonic() - self._checked_s > FRESH_S:
            self._checked_s = time.monotonic()
            self._look()
        return self._policy

    def _look(self) -> None:
        mark = self._mark()
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self._policy = self._read()
        except PolicyProblem as problem:
            self._on_problem(str(problem))

    def _read(self) -> Policy:
        policy = load_policy(self._path, self._binder.definitions.resource_types)
        check_criteria(policy, self._binder)
        return policy

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class _Loaded:
    """Rules of callers who are alike, when they were begun to be loaded, and from what they were read."""

    begun_s: float
    policy: Policy
    rules: asyncio.Future[SiteRules] = field(init=False)
    counts: Mapping[str, int] | None = None
    """Of the changes of the types it was read from, as of before it was; None: not all were looked at then."""


class SiteRuleBook:
    """Loads the rules of callers from the record of a site."""

    def __init__(
        self, policy: Callable[[], Policy], source: Callable[[], FactSource], changes: Changes | None = None
    ) -> None:
        """Take the policy and the record as they are whenever rules are loaded; without ``changes``, often."""
        self._policy, self._source, self._changes = policy, source, changes
        self._loaded: OrderedDict[Key, _Loaded] = OrderedDict()
        self._terms: RoleTerms | None = None

    async def rules_for(self, caller: Caller) -> SiteRules:
        """Return the rules for a caller, which are at most half a second old."""
        key = _key(caller)
        found = self._loaded.get(key)
        if found is None or not await self._holds(found):
            found = self._begin(key, caller)
        return await asyncio.shield(found.rules)

    async def _holds(self, loaded: _Loaded) -> bool:
        """Tell whether loaded rules say what the record says now, or said half a second ago. Raises Unavailable."""
        age_s = time.monotonic() - loaded.begun_s
        if age_s <= FRESH_S:
            return True
        if self._changes is None or age_s > UNCHANGED_S or loaded.policy is not self._policy():
            return False
        await asyncio.shield(loaded.rules)
        return loaded.counts is not None and await self._changes.counts(loaded.counts.keys()) == loaded.counts

    async def load(self, caller: Caller, source: FactSource, only: frozenset[str] | None = None) -> SiteRules:
        """Load the rules for a caller from a source, of now or of an instant; ``only``: on some patients."""
        terms = self._terms_of(source.binder)
        loader = FactLoader(source, terms.policy, terms.vocabulary)
        facts = await loader.load(caller, only_patient(caller) if only is None else only)
        return SiteRules(caller, facts, RecordRules(terms.policy, terms.vocabulary, facts), terms)

    def _begin(self, key: Key, caller: Caller) -> _Loaded:
        loaded = self._loaded[key] = _Loaded(time.monotonic(), self._policy())
        loaded.rules = task = asyncio.ensure_future(self._load(caller, loaded))
        self._loaded.move_to_end(key)
        if len(self._loaded) > _REMEMBERED:
            self._loaded.popitem(last=False)
        task.add_done_callback(lambda done: self._forget(key, loaded))
        return loaded

    async def _load(self, caller: Caller, loaded: _Loaded) -> SiteRules:
        """Load rules, and note since when changes of what they are read from count."""
        if self._changes is None:
            return await self.load(caller, self._source())
        before, source = await self._changes.known(), Noting(self._source())
        rules = await self.load(caller, source)
        if before.keys() >= source.types:
            loaded.counts = {name: before[name] for name in source.types}
        else:
            await self._changes.counts(source.types)  # they are looked at before the next load
        return rules

    def _forget(self, key: Key, loaded: _Loaded) -> None:
        """Let what failed be tried again at once; who waits is told what it failed by."""
        failed = loaded.rules.cancelled() or loaded.rules.exception() is not None
        if failed and self._loaded.get(key) is loaded:
            del self._loaded[key]

    def _terms_of(self, binder: Binder) -> RoleTerms:
        policy, terms = self._policy(), self._terms
        if terms is None or terms.policy is not policy or terms.vocabulary.binder.parameters is not binder.parameters:
            terms = self._terms = RoleTerms(policy, Vocabulary(binder))
        return terms


def only_patient(caller: Caller) -> frozenset[str] | None:
    """Return the patient to whom a token keeps; None when its scopes go further."""
    if caller.patient is None or not all(scope.startswith(_ONE_PATIENT) for scope in caller.scopes):
        return None
    return frozenset({caller.patient})


def _key(caller: Caller) -> Key:
    """Return all that rules depend on."""
    user = caller.fhir_user or f"client {caller.client_id}"
    return (user, caller.roles, caller.organizations, caller.purpose, caller.emergency, only_patient(caller))
