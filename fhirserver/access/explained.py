"""Why a caller may use a resource or not, in words: the simulator's answer.

It is for administrators: it says what a refusal must not say to the caller itself.
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.access.decision import Decision, Rule
from fhirserver.access.relations_found import Shown
from fhirserver.access.rights import Right
from fhirserver.kernel.caller import Caller

_REFUSED: Final = {
    Rule.CLOSED: "it bears a label that is closed by law to the role",
    Rule.EXCLUSION: "a Consent of the patient excludes the caller by name",
    Rule.OPPOSITION: "a Consent of the patient opposes it",
    Rule.NO_CONSENT: "the role needs a Consent of the patient, and there is none",
    Rule.RELATION: "there is no relation of care",
    Rule.MATRIX: "the role has no such right on it",
    Rule.LABEL: "it bears a security label beyond the role",
    Rule.RELEASE: "it is not released to the caller yet",
}
_PERMITTED: Final = {
    Rule.RELATION: "there is a relation of care",
    Rule.MATRIX: "the role has the right without a relation",
    Rule.EMERGENCY: "the glass is broken for this patient",
}
_SCOPES: Final = ("user/*.cruds",)
"""The question is about rules, not about scopes."""
_VERBS: Final = {
    Right.CREATE: "create",
    Right.READ: "read",
    Right.UPDATE: "update",
    Right.DELETE: "delete",
    Right.SEARCH: "find",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who would do what."""

    who: str
    """``Practitioner/1``, ``Patient/1``, or a client's id."""
    what: str
    """``Observation/1``."""
    right: Right = Right.READ
    roles: tuple[str, ...] = ()
    """Of the account; none: what the user's posts show."""
    organizations: tuple[str, ...] = ()
    purpose: str = "TREAT"
    at: str | None = None
    """A date or an instant; None: now."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, what it was asked of, and what shows the relation."""

    who: str
    what: str
    right: Right
    at: str
    """An instant."""
    roles: tuple[str, ...]
    decision: Decision
    evidence: tuple[Shown, ...]

    def sentence(self) -> str:
        """Say it in one sentence."""
        decision = self.decision
        may = "may" if decision.permit else "may not"
        why = (_PERMITTED if decision.permit else _REFUSED)[decision.rule]
        role = f" as {decision.role}" if decision.role is not None else ""
        return f"{self.who} {may} {_VERBS[self.right]} {self.what}{role}: {why} ({decision.rule.value})."

    def details(self) -> list[tuple[str, str]]:
        """Return what else there is to know, each with its name."""
        decision = self.decision
        known = [
            ("rule", decision.rule.value),
            ("role", decision.role or ""),
            ("roles", ", ".join(self.roles)),
            ("patients", ", ".join(f"Patient/{one}" for one in sorted(decision.patients))),
            ("evidence", ", ".join(f"{one.kind.value} {one.key}" for one in self.evidence)),
            ("labels", ", ".join(decision.labels)),
            ("emergency", "would open it" if decision.may_break_glass else ""),
            ("at", self.at),
            ("policy", decision.policy_version),
        ]
        return [(name, value) for name, value in known if value]
