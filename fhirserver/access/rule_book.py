"""The rules of a site for whoever calls, at most half a second old: what is written binds every worker by then.

Callers who are alike share what is loaded for them, and so do requests that come while it is being loaded. Every half
second, when somebody calls, the changes of the record are looked at once for all callers: whose rules they may concern
has them loaded anew. What time alone changes counts within ``OLDEST_S``: then rules are loaded anew too, or only made
anew of the same facts where these do not expire, as those of a patient.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from fhirserver.access.changes import UNWATCHED, Changes, ChangeSource
from fhirserver.access.fact_source import FactSource
from fhirserver.access.facts import FactLoader
from fhirserver.access.policy import Policy
from fhirserver.access.policy_file import load_policy
from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.access.record_rules import RecordRules
from fhirserver.access.role_terms import RoleTerms, check_criteria
from fhirserver.access.site_rules import SiteRules
from fhirserver.access.vocabulary import Vocabulary, ticks
from fhirserver.kernel.caller import Caller
from fhirserver.search.bind import Binder

FRESH_S: Final = 0.5
OLDEST_S: Final = 10.0
_POLICY_S: Final = 0.25
"""How long a policy may serve before its file is looked at again."""
LONGEST_S: Final = 60.0
"""Facts that neither time nor any change concerns are loaded anew all the same."""
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
        if time.monotonic() - self._checked_s > _POLICY_S:
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
    """Rules of callers who are alike, and when they were begun to be loaded."""

    begun_s: float
    rules: asyncio.Future[SiteRules]
    longest_s: float
    """Until when the facts may serve, should neither time nor any change concern them."""
    now: SiteRules | None = None
    """The rules, once they are loaded."""

    def outlives(self, changes: Changes) -> bool:
        """Tell whether they are loaded, and what they were loaded from is as it was."""
        return self.now is not None and not self.now.facts.may_differ(changes)


class SiteRuleBook:
    """Loads the rules of callers from the record of a site."""

    def __init__(
        self,
        policy: Callable[[], Policy],
        source: Callable[[], FactSource],
        changes: ChangeSource = UNWATCHED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the policy and the record as they are whenever rules are loaded."""
        self._policy, self._source, self._changes, self._clock = policy, source, changes, clock
        self._loaded: OrderedDict[Key, _Loaded] = OrderedDict()
        self._keys: dict[int, tuple[Caller, Key]] = {}
        self._at_hand: dict[int, tuple[Caller, float, _Loaded]] = {}
        """What callers were given since the last look, and until when who comes again is given the same."""
        self._terms: RoleTerms | None = None
        self._looked_s = -inf
        self._looking: asyncio.Future[None] | None = None

    async def rules_for(self, caller: Caller) -> SiteRules:
        """Return the rules for a caller, which are at most half a second old."""
        if self._clock() - self._looked_s > FRESH_S:
            await self._catch_up()
        key = self._key_of(caller)
        found = self._loaded.get(key)
        if found is None or not (self._is_young(found) or self._goes_on(found)):
            found = self._begin(key, caller)
        until_s = min(self._looked_s + FRESH_S, found.begun_s + OLDEST_S)
        self._at_hand[id(caller)] = caller, until_s, found  # which keeps the caller, and so its identity
        return found.now if found.now is not None else await asyncio.shield(found.rules)

    def at_hand(self, caller: Caller) -> SiteRules | None:
        """Return the rules for a caller where nothing has to be asked for them; None: await ``rules_for``."""
        found = self._at_hand.get(id(caller))
        return found[2].now if found is not None and self._clock() <= found[1] else None

    def _key_of(self, caller: Caller) -> Key:
        """Return the key of a caller: that of one who asked before is known."""
        found = self._keys.get(id(caller))
        if found is None:
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            found = self._keys[id(caller)] = caller, _key(caller)  # which keeps the caller, and so its identity
        return found[1]

    async def _catch_up(self) -> None:
        """Look at what has changed: once for all who wait for it. Raises Unavailable."""
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
            self._looking.add_done_callback(self._has_looked)
        await asyncio.shield(self._looking)

    def _has_looked(self, looking: asyncio.Future[None]) -> None:
        self._looking = None

    async def _look(self) -> None:
        began_s = self._clock()
        changes = await self._changes.poll()
        for one in self._loaded.values() if changes.may_lack else ():
            one.longest_s = one.begun_s
        self._loaded = OrderedDict((key, one) for key, one in self._loaded.items() if one.outlives(changes))
        self._looked_s = began_s
        self._at_hand.clear()

    def _is_young(self, found: _Loaded) -> bool:
        """Tell whether rules are of the policy as it is now, and of a moment that is not long ago."""
        is_by_policy = found.now is None or found.now.records.policy is self._policy()
        return is_by_policy and self._clock() - found.begun_s <= OLDEST_S

    def _goes_on(self, found: _Loaded) -> bool:
        """Make rules of the same facts at this moment, where time does not change these; tell whether it could be."""
        rules, now_s = found.now, self._clock()
        if rules is None or not rules.facts.is_lasting or now_s > found.longest_s:
            return False
        source = self._source()
        if self._terms_of(source.binder) is not rules.terms:
            return False
        found.now, found.begun_s = rules.at(ticks(source.now_us)), now_s
        return True

    async def load(self, caller: Caller, source: FactSource, only: frozenset[str] | None = None) -> SiteRules:
        """Load the rules for a caller from a source, of now or of an instant; ``only``: on some patients."""
        terms = self._terms_of(source.binder)
        loader = FactLoader(source, terms.policy, terms.vocabulary)
        facts = await loader.load(caller, only_patient(caller) if only is None else only)
        return SiteRules(caller, facts, RecordRules(terms.policy, terms.vocabulary, facts), terms)

    def _begin(self, key: Key, caller: Caller) -> _Loaded:
        task = asyncio.ensure_future(self.load(caller, self._source()))
        now_s = self._clock()
        loaded = self._loaded[key] = _Loaded(now_s, task, now_s + LONGEST_S)
        self._loaded.move_to_end(key)
        if len(self._loaded) > _REMEMBERED:
            self._loaded.popitem(last=False)
        task.add_done_callback(lambda done: self._settle(key, loaded))
        return loaded

    def _settle(self, key: Key, loaded: _Loaded) -> None:
        """Keep what is loaded, and let what failed be tried again at once; who waits is told what it failed by."""
        failed = loaded.rules.cancelled() or loaded.rules.exception() is not None
        if not failed:
            loaded.now = loaded.rules.result()
        elif self._loaded.get(key) is loaded:
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
