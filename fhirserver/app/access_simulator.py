"""Explaining access from the command line, while a server serves or without any; testing a policy file."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fhirserver.access.explained import Explanation, Question
from fhirserver.access.policy import Policy
from fhirserver.access.policy_file import load_policy
from fhirserver.access.policy_tests import Failed, failures
from fhirserver.access.role_terms import check_criteria
from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.sites import sites_of
from fhirserver.kernel.outcome import ClientError, Unavailable
from fhirserver.repository.access_explained import explain_access
from fhirserver.search.bind import Binder
from fhirserver.search.extract import IndexingRules
from fhirserver.settings import Settings


class BadQuestion(Exception):
    """What is asked cannot be answered; one sentence."""


def explain(settings: Settings, uri: str, site: str, question: Question) -> Explanation:
    """Answer a question about a site. Raises DatabaseProblem, LookupError, BadQuestion, PolicyProblem."""
    try:
        return asyncio.run(_explain(settings, uri, site, question))
    except Unavailable as problem:
        raise DatabaseProblem(str(problem)) from None
    except ClientError as problem:
        raise BadQuestion(problem.diagnostics) from None


async def _explain(settings: Settings, uri: str, site: str, question: Question) -> Explanation:
    async with sites_of(settings, uri, load_knowledge(settings)) as builder:
        opened = await builder.open(site)
        return await explain_access(opened.live.now, opened.rules, question)


def check(settings: Settings, path: Path) -> tuple[Policy, Sequence[Failed]]:
    """Read a policy file and run its tests: the policy, and those that failed. Raises LookupError, PolicyProblem."""
    known = load_knowledge(settings)
    policy = load_policy(path, known.definitions.resource_types)
    check_criteria(policy, Binder(known.definitions, known.parameters, IndexingRules(ucum=known.ucum)))
    return policy, failures(policy)
