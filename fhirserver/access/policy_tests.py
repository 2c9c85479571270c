"""The tests that a policy file brings: rows of role, types and rights, held against its own grants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhirserver.access.policy import Policy, PolicyTest
from fhirserver.access.rights import Right


@dataclass(frozen=True, slots=True)
class Failed:
    """A row that does not hold, and why."""

    line: int
    sentence: str


def failures(policy: Policy) -> Sequence[Failed]:
    """Return the rows of a policy's tests that do not hold."""
    found = ((test, sentence) for test in policy.tests for sentence in _problems(policy, test))
    return [Failed(test.line, sentence) for test, sentence in found]


def _problems(policy: Policy, test: PolicyTest) -> Iterator[str]:
    role = policy.roles[test.role]
    for resource_type in sorted(test.types):
        for right in Right:
            grants = role.grants_of(resource_type, right)
            what = f"`{test.role}` {{}} `{right.value}` on `{resource_type}`"
            if right in test.cannot and grants:
                yield f"{what.format('has')}; it should not."
            if right not in test.can:
                continue
            if not grants:
                yield f"{what.format('has no')}; it should."
            elif test.relation is not None and any(grant.relation is not test.relation for grant in grants):
                needs = "needs no relation" if test.relation else "needs a relation"
                yield f"{what.format('has')}, which {needs}; it should be the other way."


def matrix(policy: Policy, groups: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """Return a table of roles by types: the rights, in small letters, those without a relation in capitals."""
    head = ["role", *(name for name, _ in groups)]
    rows = [[name, *(_cell(policy, name, types) for _, types in groups)] for name in policy.roles]
    return [head, *rows]


def _cell(policy: Policy, role: str, types: Sequence[str]) -> str:
    """Say what a role may do with all of some types."""
    letters = []
    for right in Right:
        grants = [policy.roles[role].grants_of(resource_type, right) for resource_type in types]
        if all(grants):
            free = all(any(not grant.relation for grant in some) for some in grants)
            letters.append(right.value.upper() if free else right.value)
    return "".join(letters) or "-"
