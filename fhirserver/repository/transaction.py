"""Transactions: all writes or none, conditional ones resolved and links rewritten inside the same snapshot.

A conditional write alone is a transaction of one. Races between conditional writes of the same criteria are
closed by a claim on them, written in the transaction.
Spec: http://hl7.org/fhir/R4/http.html#transaction, http.html#trules, http.html#ccreate, http.html#cond-update
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.masks import restored, without
from fhirserver.codec import fhir_json
from fhirserver.codec.fhir_json import Body
from fhirserver.kernel.outcome import (
    BadRequest,
    Conflict,
    Deleted,
    FhirError,
    Issue,
    MultipleMatches,
    NotFound,
    PreconditionFailed,
    TooCostly,
)
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Method
from fhirserver.repository.attesting import attesting
from fhirserver.repository.permits import Permits, right_of
from fhirserver.repository.planning import plan_criteria, resolve
from fhirserver.repository.requests import Create, Delete, Effect, Parameters, Patch, Update, Write, Written
from fhirserver.repository.services import Services
from fhirserver.repository.sight import require
from fhirserver.repository.staging import stage, tombstone, written
from fhirserver.repository.writes import (
    ATTEMPTS,
    check_body,
    check_identity,
    check_preconditions,
    check_version,
    effect_on,
    is_unchanged,
)
from fhirserver.search.plan import ALL, Plan, all_of
from fhirserver.store.documents import Draft, content_of
from fhirserver.store.errors import DuplicateKey
from fhirserver.store.store import Current, Session
from fhirserver.validation.links import LinkKind
from fhirserver.validation.references import Renaming

_STRIDE: Final = 32
"""Writes worked on in one go, a few milliseconds."""


async def transact(services: Services, access: Access, writes: Sequence[Write]) -> list[Written]:
    """Do all writes or none; an error carries ``write_index``, the place of the write that caused it."""
    work = _Transaction(services, access, writes)
    await work.check()
    for _ in range(ATTEMPTS):
        try:
            done = await services.store.transaction(work.run)
            return [one.remarked(work.remarks.get(index, ())) for index, one in enumerate(done)]
        except DuplicateKey:
            continue
    raise Conflict("The same resources are being created by other writers; try again.")


@dataclass(slots=True)
class _Target:
    """What one write is about, once its criteria are resolved."""

    keys: list[str]
    """The instances it touches; a create has its new one."""
    matched: bool = False
    """The instance was found by criteria."""


@dataclass(slots=True)
class _Outcome:
    """What a transaction is about to store."""

    created: list[Draft] = field(default_factory=list)
    replaced: list[tuple[Current, Draft]] = field(default_factory=list)


class _Transaction:
    """One attempt may follow another: ``run`` leaves nothing behind but in the session."""

    def __init__(self, services: Services, access: Access, writes: Sequence[Write]) -> None:
        self._services = services
        self._access = access
        self._permits = Permits(services, access)
        self._writes = writes
        self._ids = [services.new_id() for _ in writes]
        self.remarks: dict[int, tuple[Issue, ...]] = {}
        """What validation says of resources that are accepted, by the place of their write."""

    async def check(self) -> None:
        """Refuse what no state of the database can make right."""
        for index, write in enumerate(self._writes):
            await _give_way(index)
            with _Naming(index):
                self._permits.check_kind(write)
                if isinstance(write, Create | Update):
                    remarks = check_body(self._services, write.resource_type, write.body)
                    if remarks:
                        self.remarks[index] = remarks
                if isinstance(write, Update) and write.criteria is None:
                    check_identity(write.body, write.logical_id or "")

    async def run(self, session: Session) -> list[Written]:
        targets = [await self._target(index, write, session) for index, write in enumerate(self._writes)]
        self._check_unique(targets)
        currents = await self._currents(targets, session)
        renaming = Renaming.of({**self._assigned(targets), **await self._conditional_references(session)})
        outcome = _Outcome()
        results: list[Written] = []
        for index, (write, target) in enumerate(zip(self._writes, targets, strict=True)):
            await _give_way(index)
            with _Naming(index):
                wanted = attesting(write, results)
                results.append(await self._apply(wanted, target, currents, renaming, outcome))
        if outcome.created:
            await self._services.store.create_many(outcome.created, session)
        if outcome.replaced:
            await self._services.store.replace_many(outcome.replaced, session)
        return results

    async def _currents(self, targets: list[_Target], session: Session) -> dict[str, Current]:
        """Return what is there of the instances touched; nothing can be under the ids of creates, which are new."""
        touching = {
            key: (index, Right.SEARCH if isinstance(write, Create) else right_of(write))
            for index, (write, target) in enumerate(zip(self._writes, targets, strict=True))
            if target.matched or not isinstance(write, Create)
            for key in target.keys
        }
        found = await self._services.store.current_many(list(touching), session) if touching else {}
        if self._access.caller is None:
            return found
        there = {}
        for key, (index, right) in touching.items():
            with _Naming(index):
                current = await self._permits.there(found.get(key), key, right, session)
            if current is not None:
                there[key] = current
        return there

    async def _target(self, index: int, write: Write, session: Session) -> _Target:
        criteria = write.if_none_exist if isinstance(write, Create) else write.criteria
        with _Naming(index):
            if criteria is None:
                known_id = self._ids[index] if isinstance(write, Create) else write.logical_id
                return _Target([f"{write.resource_type}/{known_id}"])
            found = await self._select(write, criteria, session)
            if found:
                return _Target(found, matched=True)
            return _Target(self._unmatched(index, write))

    async def _select(self, write: Write, criteria: Parameters, session: Session) -> list[str]:
        limit = self._services.limits.delete_bound if isinstance(write, Delete) else 1
        allowed = self._access.filter(write.resource_type, Right.DELETE) if isinstance(write, Delete) else ALL
        found = await self._matches(write.resource_type, criteria, limit + 1, session, allowed)
        if len(found) <= limit:
            return found
        if isinstance(write, Delete):
            raise TooCostly(f"The criteria select more than {limit} resources to delete.")
        raise MultipleMatches("The criteria select more than one resource.")

    async def _matches(
        self, resource_type: str, criteria: Parameters, limit: int, session: Session, allowed: Plan = ALL
    ) -> list[str]:
        """Return what criteria select of what may be searched and, beside, is allowed."""
        await self._services.store.claim(_claim_name(resource_type, criteria), session)
        plan = plan_criteria(self._services, self._access, resource_type, criteria, Right.SEARCH)
        plan = all_of(plan, allowed)
        return await self._services.searcher.keys(
            await resolve(self._services, self._access, plan, session), limit, session
        )

    def _unmatched(self, index: int, write: Write) -> list[str]:
        """Say what a conditional write touches when nothing matches."""
        if isinstance(write, Delete):
            return []
        if isinstance(write, Patch):
            raise NotFound("The criteria select no resource to patch.")
        if isinstance(write, Update):
            require(self._access, write.resource_type, Right.CREATE)
        if isinstance(write, Update) and "id" in write.body.value:
            check_identity(write.body, write.body.value["id"])
            self._permits.check_may_name(write.resource_type, write.body.value["id"])
            return [f"{write.resource_type}/{write.body.value['id']}"]
        return [f"{write.resource_type}/{self._ids[index]}"]

    def _check_unique(self, targets: list[_Target]) -> None:
        seen: set[str] = set()
        for index, (write, target) in enumerate(zip(self._writes, targets, strict=True)):
            if isinstance(write, Create) and target.matched:
                continue
            for key in target.keys:
                if key in seen:
                    error = BadRequest(f"`{key}` is written twice in one transaction.")
                    error.write_index = index
                    raise error
                seen.add(key)

    def _assigned(self, targets: list[_Target]) -> dict[str, str]:
        """Map what entries call each other to the instances they are."""
        mapping: dict[str, str] = {}
        for write, target in zip(self._writes, targets, strict=True):
            if write.full_url is None or not target.keys or isinstance(write, Delete):
                continue
            mapping[write.full_url] = target.keys[0]
            rest = parse_rest_reference(write.full_url)
            if rest is not None and rest.key != target.keys[0]:
                mapping[rest.key] = target.keys[0]
        return mapping

    async def _conditional_references(self, session: Session) -> dict[str, str]:
        """Resolve ``Patient?identifier=…`` in the bodies; each must select exactly one resource."""
        mapping: dict[str, str] = {}
        for index, write in enumerate(self._writes):
            if not isinstance(write, Create | Update) or b"?" not in write.body.raw:
                continue
            links = self._services.links.find(write.body.value, write.resource_type, self._is_conditional)
            for reference in dict.fromkeys(link.value for link in links if link.kind is LinkKind.REFERENCE):
                if reference not in mapping:
                    with _Naming(index):
                        mapping[reference] = await self._one_match(reference, session)
        return mapping

    def _is_conditional(self, text: str) -> bool:
        resource_type, question_mark, _ = text.partition("?")
        return bool(question_mark) and self._services.definitions.is_resource_type(resource_type)

    async def _one_match(self, reference: str, session: Session) -> str:
        resource_type, _, query = reference.partition("?")
        found = await self._matches(resource_type, tuple(parse_qsl(query, keep_blank_values=True)), 2, session)
        if len(found) != 1:
            which = "more than one resource" if found else "no resource"
            raise PreconditionFailed(f"A conditional reference to `{resource_type}` selects {which}.")
        return found[0]

    async def _apply(
        self, write: Write, target: _Target, currents: dict[str, Current], renaming: Renaming, outcome: _Outcome
    ) -> Written:
        match write:
            case Create():
                return await self._apply_create(write, target, currents, renaming, outcome)
            case Update():
                return await self._apply_update(write, target, currents, renaming, outcome)
            case Patch():
                return await self._apply_patch(write, currents.get(target.keys[0]), outcome)
            case Delete():
                return self._apply_delete(write, [currents.get(key) for key in target.keys], outcome)

    async def _apply_create(
        self, write: Create, target: _Target, currents: dict[str, Current], renaming: Renaming, outcome: _Outcome
    ) -> Written:
        if target.matched:
            return Written(Effect.UNCHANGED, currents[target.keys[0]].version)
        body = self._linked(write.body, renaming)
        draft = stage(self._permits, body, target.keys[0].partition("/")[2], None, Method.POST)
        await self._permits.check_state(draft, None, Right.CREATE, self._new_keys)
        outcome.created.append(draft)
        return Written(Effect.CREATED, draft.version)

    async def _apply_update(
        self, write: Update, target: _Target, currents: dict[str, Current], renaming: Renaming, outcome: _Outcome
    ) -> Written:
        current = currents.get(target.keys[0])
        logical_id = target.keys[0].partition("/")[2]
        if write.criteria is not None:
            _check_conditional_identity(write, target, current, logical_id)
        if current is None and not self._is_named_here(target):
            self._permits.check_may_name(write.resource_type, logical_id)
        check_preconditions(write, current)
        body = self._linked(write.body, renaming)
        draft = stage(self._permits, body, logical_id, current, Method.PUT)
        right = Right.CREATE if current is None and write.criteria is not None else Right.UPDATE
        await self._permits.check_state(draft, current, right, self._new_keys)
        if current is not None and is_unchanged(current, draft):
            return Written(Effect.UNCHANGED, current.version)
        return _store(current, draft, outcome)

    async def _apply_patch(self, write: Patch, current: Current | None, outcome: _Outcome) -> Written:
        if current is None:
            raise NotFound("There is no resource to patch.")
        if current.version.content is None:
            raise Deleted(f"`{current.version.key}` was deleted.", headers={"ETag": current.version.etag})
        check_version(write.if_match, current)
        changed = self._changed(write, fhir_json.decode_literal(current.version.content))
        body = fhir_json.parse_resource(fhir_json.encode_literal(changed))
        remarks = check_body(self._services, write.resource_type, body)
        check_identity(body, current.version.logical_id)
        draft = stage(self._permits, body, current.version.logical_id, current, Method.PATCH)
        await self._permits.check_state(draft, current, Right.UPDATE, self._new_keys)
        if current.version.native is not None and "data" not in body.value:
            draft = _keep_content(draft, current, body.value["contentType"])
        if is_unchanged(current, draft):
            return Written(Effect.UNCHANGED, current.version, remarks=remarks)
        return _store(current, draft, outcome).remarked(remarks)

    def _apply_delete(self, write: Delete, currents: list[Current | None], outcome: _Outcome) -> Written:
        last = currents[0] if currents else None
        check_version(write.if_match, last)
        living = [current for current in currents if current is not None and current.version.content is not None]
        if not living:
            return Written(Effect.UNCHANGED, last.version if last is not None else None)
        drafts = [(current, tombstone(self._services, current)) for current in living]
        outcome.replaced += drafts
        deleted = tuple((draft.version, current.version) for current, draft in drafts)
        return Written(Effect.DELETED, deleted[0][0], len(deleted), deleted)

    def _changed(self, write: Patch, resource: Resource) -> Resource:
        """Apply a patch to what the caller sees of a resource, and leave the rest as it is. Raises Forbidden."""
        mask_of, definitions = self._access.mask, self._services.definitions
        changed = write.change(without(resource, mask_of, definitions), definitions)
        return restored(changed, resource, mask_of, definitions)

    @property
    def _new_keys(self) -> Iterator[str]:
        """What the writes create under ids of the server's choice."""
        return (f"{write.resource_type}/{own}" for write, own in zip(self._writes, self._ids, strict=True))

    def _is_named_here(self, target: _Target) -> bool:
        """Tell whether the server chose the id of what is to be written."""
        return target.keys[0].partition("/")[2] in self._ids

    def _linked(self, body: Body, renaming: Renaming) -> Body:
        """Rewrite the links of a body that name other entries or conditional references."""
        if not renaming.names:
            return body
        raw = self._services.links.rename(body.raw, body.value, renaming)
        return body if raw == body.raw else fhir_json.decode_checked(raw)


def _check_conditional_identity(write: Update, target: _Target, current: Current | None, logical_id: str) -> None:
    """Refuse a conditional update whose body names another instance than its criteria."""
    named = write.body.value.get("id")
    if target.matched and named is not None and named != logical_id:
        raise BadRequest("The `id` of the resource is not that of the one the criteria select.", expression=["id"])
    if not target.matched and current is not None and current.version.content is not None:
        raise Conflict(f"`{current.version.key}` exists, but the criteria do not select it.")


def _keep_content(draft: Draft, current: Current, content_type: str) -> Draft:
    """Let a patched Binary have the native content that the version before it has."""
    content = content_of(current.stored)
    return draft if content is None else replace(draft, content=replace(content, content_type=content_type))


def _store(current: Current | None, draft: Draft, outcome: _Outcome) -> Written:
    if current is None:
        outcome.created.append(draft)
    else:
        outcome.replaced.append((current, draft))
    return written(effect_on(current), draft)


def _claim_name(resource_type: str, criteria: Parameters) -> str:
    text = "\x00".join((resource_type, *(f"{name}={value}" for name, value in sorted(criteria))))
    return hashlib.sha256(text.encode()).hexdigest()


async def _give_way(index: int) -> None:
    """Let other requests run now and then while a long Bundle is worked on."""
    if index % _STRIDE == _STRIDE - 1:
        await asyncio.sleep(0)


class _Naming:
    """Marks an error with the write that caused it; a class, because it is entered three times for each write."""

    __slots__ = ("_index",)

    def __init__(self, index: int) -> None:
        self._index = index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FhirError) and error.write_index is None:
            error.write_index = self._index
