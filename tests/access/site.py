"""A site in memory: resources, and what rules are loaded from them; plans are asked by ``search.match``."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from fhirserver.access.decision import Decision, decide
from fhirserver.access.policy import Policy
from fhirserver.access.policy_file import DEFAULT, load_policy
from fhirserver.access.rights import Right
from fhirserver.access.rule_book import SiteRuleBook
from fhirserver.access.site_rules import SiteRules
from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.kernel.resource import Resource
from fhirserver.search.bind import Binder
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import Plan

Json: TypeAlias = dict[str, Any]
BASE = "http://localhost:8080/fhir/"
NOW_US = 1_795_500_000_000_000  # 2026-11-24T06:40:00Z
SCOPES = ("user/*.cruds",)


@dataclass
class Site:
    """Resources, and a rule book over them."""

    binder: Binder
    extractor: Extractor
    policy: Policy
    now_us: int = NOW_US
    stored: dict[str, Json] = field(default_factory=dict)

    def put(self, *resources: Json) -> "Site":
        """Return the same with more resources."""
        added = {f"{one['resourceType']}/{one['id']}": one for one in resources}
        return replace(self, stored={**self.stored, **added})

    def without(self, *keys: str) -> "Site":
        return replace(self, stored={key: one for key, one in self.stored.items() if key not in keys})

    def candidate(self, key: str) -> Candidate:
        return Candidate(key, self.now_us, self.extractor.extract(parse_json(encode(self.stored[key]))))

    def _matches(self, resource_type: str, plan: Plan) -> list[Candidate]:
        own = (self.candidate(key) for key in self.stored if key.startswith(f"{resource_type}/"))
        return [one for one in own if match(plan, one)]

    async def resources(self, resource_type: str, plan: Plan, limit: int) -> list[Resource] | None:
        found = [parse_json(encode(self.stored[one.key])) for one in self._matches(resource_type, plan)]
        return found if len(found) <= limit else None

    async def terms(self, resource_type: str, plan: Plan, prefixes: Sequence[str], limit: int) -> list[str] | None:
        found = self._matches(resource_type, plan)
        terms = [term for one in found for term in one.values.terms if term.startswith(tuple(prefixes))]
        return terms if len(found) <= limit else None

    async def rules(self, caller: Caller) -> SiteRules:
        return await SiteRuleBook(lambda: self.policy, lambda: self).load(caller, self)

    async def decide(self, caller: Caller, key: str, right: Right = Right.READ) -> Decision:
        """Decide on a resource; what the filter says of it must be the same."""
        rules = await self.rules(caller)
        decision = decide(rules, self.candidate(key), right)
        wanted = rules.filter(key.partition("/")[0], right)
        assert match(wanted, self.candidate(key)) is decision.permit, (decision, wanted)
        return decision

    async def sees(self, caller: Caller, key: str, right: Right = Right.READ) -> bool:
        return (await self.decide(caller, key, right)).permit


def site_of(knowledge: Knowledge, policy: Policy | None = None) -> Site:
    rules = IndexingRules(ucum=knowledge.ucum, own_bases=(BASE,))
    return Site(
        Binder(knowledge.definitions, knowledge.parameters, rules),
        Extractor(knowledge.definitions, knowledge.parameters, rules),
        policy or load_policy(DEFAULT, knowledge.definitions.resource_types),
    )


def caller(user: str | None, *roles: str, **fields: object) -> Caller:
    return Caller(client_id="app", scopes=SCOPES, fhir_user=user, roles=roles, **fields)  # type: ignore[arg-type]


def in_emergency(caller: Caller, patient: str) -> Caller:
    return replace(caller, emergency=Emergency(reason="unconscious", patient=patient, until_s=4e9))


def ref(key: str) -> Json:
    return {"reference": key}


def labels(*codes: str) -> Json:
    """``R``, ``PSY``: codes of v3; ``MASQUE_PS``: of TRE_A07."""
    return {"security": [{"system": _system(code), "code": code} for code in codes]}


def _system(code: str) -> str:
    if code in "UNRV":
        return "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    if "_" in code:
        return "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    return "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def patient(logical_id: str, **fields: object) -> Json:
    return {"resourceType": "Patient", "id": logical_id, **fields}


def observation(logical_id: str, of: str | None, *codes: str, **fields: object) -> Json:
    about = {"subject": ref(f"Patient/{of}")} if of else {}
    meta = {"meta": labels(*codes)} if codes else {}
    status = {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}}
    return {"resourceType": "Observation", "id": logical_id, **meta, **status, **about, **fields}


def encounter(logical_id: str, of: str, by: str, **fields: object) -> Json:
    return {
        "resourceType": "Encounter",
        "id": logical_id,
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": ref(f"Patient/{of}"),
        "participant": [{"individual": ref(by)}],
        "period": {"start": "2026-11-20"},
        **fields,
    }


def post(logical_id: str, practitioner: str, *codes: Json, **fields: object) -> Json:
    return {
        "resourceType": "PractitionerRole",
        "id": logical_id,
        "practitioner": ref(f"Practitioner/{practitioner}"),
        **({"code": [{"coding": list(codes)}]} if codes else {}),
        **fields,
    }


def consent(logical_id: str, of: str, provision: Json, **fields: object) -> Json:
    return {
        "resourceType": "Consent",
        "id": logical_id,
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": ref(f"Patient/{of}"),
        "policy": [{"uri": "https://policies.example.org/consent"}],
        "provision": provision,
        **fields,
    }


def actor(key: str) -> Json:
    return {"actor": [{"role": {"coding": [{"code": "IRCP"}]}, "reference": ref(key)}]}
