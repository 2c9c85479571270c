"""The simulator of access: what a caller may do with a resource, now or at an instant, by the facts of that moment."""

from fhirserver.access import Unrestricted
from fhirserver.access.decision import decide
from fhirserver.access.explained import Explanation, Question
from fhirserver.access.facts import MAX_PATIENTS
from fhirserver.access.relations_found import RelationFinder, Shown
from fhirserver.access.rule_book import SiteRuleBook
from fhirserver.access.site_rules import SiteRules
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import NotFound
from fhirserver.kernel.version import Version
from fhirserver.repository.as_of import AT, moment_of, read_as_of
from fhirserver.repository.facts import RecordFacts, facts_at, facts_now
from fhirserver.repository.services import Services
from fhirserver.repository.sight import Sight
from fhirserver.search.match import Candidate


async def explain_access(services: Services, book: SiteRuleBook, question: Question) -> Explanation:
    """Explain one decision. Raises NotFound, Deleted, BadSearchValue."""
    at = moment_of(((AT, question.at),), services.binder.rules.zone) if question.at is not None else None
    caller, key = question.caller(), question.what
    version = await _version(services, key, at)
    source = facts_now(services) if at is None else facts_at(services, at)
    candidate = Candidate(key, version.last_updated_us, services.extractor.extract(parse_json(version.content or b"")))
    rules = await book.load(caller, source)
    decision = decide(rules, candidate, question.right)
    if not decision.permit:  # the Consents of patients without a relation were not looked for
        rules = await book.load(caller, source, decision.patients)
        decision = decide(rules, candidate, question.right)
    shown = await _evidence(rules, source, decision.patients)
    return Explanation(
        who=question.who if caller.fhir_user is not None else f"client {question.who}",
        what=key,
        right=question.right,
        at=render_instant(source.now_us),
        roles=tuple(role.name for role in rules.facts.roles),
        decision=decision,
        evidence=tuple(dict.fromkeys(shown)),
    )


async def _version(services: Services, key: str, moment_us: int | None) -> Version:
    if moment_us is not None:
        return await read_as_of(Sight(services, Unrestricted()), key, moment_us)
    current = await services.store.current(key)
    if current is None or current.version.content is None:
        raise NotFound(f"`{key}` is not known.")
    return current.version


async def _evidence(rules: SiteRules, source: RecordFacts, patients: frozenset[str]) -> list[Shown]:
    finder = RelationFinder(source, rules.policy, rules.records.vocabulary, MAX_PATIENTS)
    found: list[Shown] = []
    for role in rules.facts.roles:
        for patient in sorted(patients):
            found += await finder.shown(rules.facts.asker, role, patient)
    return found
