"""The validation policy of each site, from its file: which profiles are required, which rules only warn yet.

docs/validation.md describes the file.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Final

from fhirserver.access.policy_reader import PolicyProblem, Table
from fhirserver.definitions.registry import Definitions
from fhirserver.settings import Settings
from fhirserver.validation.policy import ValidationPolicy

_RULES: Final = "rules"


def validation_policy(settings: Settings, site: str, definitions: Definitions) -> ValidationPolicy:
    """Return the policy of a site; one without a file requires nothing. Raises PolicyProblem."""
    path = settings.validation_dir / f"{site}.toml" if settings.validation_dir is not None else None
    if path is None or not path.is_file():
        return ValidationPolicy(settings.validation)
    return parse_validation_policy(_text(path), settings, definitions, str(path))


def parse_validation_policy(
    text: str, settings: Settings, definitions: Definitions, name: str = "validation policy"
) -> ValidationPolicy:
    """Read the text of a policy file. Raises PolicyProblem."""
    try:
        root = Table(tomllib.loads(text), (), text, name)
    except tomllib.TOMLDecodeError as problem:
        raise PolicyProblem(f"{name}: {problem}.") from None
    types = [key for key in root.names() if key != _RULES]
    required = {key: _profiles(root, key, definitions) for key in types}
    rules = root.table(_RULES)
    return ValidationPolicy(settings.validation, required, {key: _until(rules, key) for key in rules.names()})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise PolicyProblem(f"`{path}` cannot be read: {problem}.") from None


def _profiles(root: Table, resource_type: str, definitions: Definitions) -> tuple[str, ...]:
    if not definitions.is_resource_type(resource_type):
        raise root.problem(resource_type, "is neither a resource type nor `rules`")
    table = root.table(resource_type)
    profiles = tuple(table.texts("profiles"))
    table.finish()
    return profiles


def _until(rules: Table, key: str) -> date:
    table = rules.table(key)
    text = table.text("warn_until", "")
    table.finish()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise table.problem("warn_until", f"is `{text}`; expected a date, as `2027-01-01`") from None
