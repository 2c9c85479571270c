"""Explaining access from the command line, while a server serves or without any; testing a policy file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from fhirserver.access.explained import Explanation
from fhirserver.access.policy import Policy
from fhirserver.access.policy_file import load_policy
from fhirserver.access.policy_tests import Failed, failures
from fhirserver.access.rights import Right
from fhirserver.access.role_terms import check_criteria
from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.sites import sites_of
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import ClientError, Unavailable
from fhirserver.repository.access_explained import explain_access
from fhirserver.repository.as_of import moment_of
from fhirserver.search.bind import Binder
from fhirserver.search.extract import IndexingRules
from fhirserver.settings import Settings

_SCOPES = ("user/*.cruds",)


class BadQuestion(Exception):
    """What is asked cannot be answered; one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who would do what."""

    who: str
    """``Practitioner/1``, ``Patient/1``, or a client's id."""
    what: str
    """``Observation/1``."""
    right: Right = Right.READ
    roles: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    purpose: str = "TREAT"
    at: str | None = None

    def caller(self) -> Caller:
        """Return whom the question is about."""
        return Caller(
            client_id=self.who,
            scopes=_SCOPES,
            fhir_user=self.who if "/" in self.who else None,
            roles=self.roles,
            organizations=self.organizations,
            purpose=self.purpose,
        )


def explain(settings: Settings, uri: str, site: str, question: Question) -> Explanation:
    """Answer a question about a site. Raises DatabaseProblem, LookupError, BadQuestion, PolicyProblem."""
    try:
        return asyncio.run(_explain(settings, uri, site, question))
    except Unavailable as problem:
        raise DatabaseProblem(str(problem)) from None
    except ClientError as problem:
        raise BadQuestion(problem.diagnostics) from None


async def _explain(settings: Settings, uri: str, site: str, question: Question) -> Explanation:
    zone = None if settings.time_zone == "UTC" else ZoneInfo(settings.time_zone)
    moment = moment_of((("_at", question.at),), zone) if question.at is not None else None
    async with sites_of(settings, uri, load_knowledge(settings)) as builder:
        opened = await builder.open(site)
        services = opened.live.now
        return await explain_access(
            services, opened.rules, question.caller(), question.what, question.right, moment_us=moment
        )


def check(settings: Settings, path: Path) -> tuple[Policy, Sequence[Failed]]:
    """Read a policy file and run its tests: the policy, and those that failed. Raises LookupError, PolicyProblem."""
    known = load_knowledge(settings)
    policy = load_policy(path, known.definitions.resource_types)
    check_criteria(policy, Binder(known.definitions, known.parameters, IndexingRules(ucum=known.ucum)))
    return policy, failures(policy)
