"""The access policy of each site: its file, and the rules that are loaded by it."""

from pathlib import Path

import structlog

from fhirserver.access.policy_file import DEFAULT
from fhirserver.access.rule_book import PolicyFile, SiteRuleBook
from fhirserver.repository.facts import FactChanges, facts_now
from fhirserver.repository.services import LiveServices
from fhirserver.search.bind import Binder
from fhirserver.settings import Settings


def policy_path(settings: Settings, site: str) -> Path:
    """Return the policy file of a site: its own, or the one that ships."""
    own = settings.policy_dir / f"{site}.toml" if settings.policy_dir is not None else None
    return own if own is not None and own.is_file() else DEFAULT


def policy_file(settings: Settings, site: str, binder: Binder) -> PolicyFile:
    """Read the policy of a site; a later change that is wrong is logged and not taken. Raises PolicyProblem."""
    log = structlog.get_logger()
    return PolicyFile(
        policy_path(settings, site), binder, lambda problem: log.error("access policy not taken", problem=problem)
    )


def rule_book(settings: Settings, site: str, live: LiveServices) -> SiteRuleBook:
    """Return the rules of a site for whoever calls. Raises PolicyProblem."""
    policy = policy_file(settings, site, live.now.binder)
    return SiteRuleBook(lambda: policy.now, lambda: facts_now(live.now), FactChanges(lambda: live.now))
