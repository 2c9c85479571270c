"""Scopes in plain words: what is asked of a user, and which scopes an answer grants.

Pure. A scope is one question. One of all types can be narrowed to kinds of data, one of Observation or Condition to
categories; what is narrowed is granted as SMART 2 scopes, each within the one that was asked for.
Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fhirserver.kernel.scopes import ANY_TYPE, Context, Scope, parse_scope
from fhirserver.smart.pages.texts import Texts

OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
CONDITION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
CATEGORIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "Observation": (
        OBSERVATION_CATEGORY,
        (
            *("vital-signs", "laboratory", "imaging", "exam", "procedure"),
            *("survey", "social-history", "activity", "therapy"),
        ),
    ),
    "Condition": (CONDITION_CATEGORY, ("problem-list-item", "encounter-diagnosis")),
}
KINDS: Final = (
    "Patient", "AllergyIntolerance", "Condition", "Observation", "DiagnosticReport", "DocumentReference", "Binary",
    "MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense", "Immunization",
    "Procedure", "Encounter", "Appointment", "CarePlan", "CareTeam", "Goal", "ServiceRequest", "ImagingStudy",
    "FamilyMemberHistory", "QuestionnaireResponse", "Device", "Coverage", "Consent", "Communication", "Task",
    "RelatedPerson", "Provenance", "Practitioner", "PractitionerRole", "Organization", "Location",
)  # fmt: skip
"""What a scope of all types can be narrowed to."""
_IDENTITY: Final = ("openid", "fhirUser", "profile")
_LASTING: Final = {"offline_access": "offline", "online_access": "online"}
_WORDS: Final = (("r", "read"), ("s", "read"), ("c", "create"), ("u", "update"), ("d", "delete"))
_SAFE: Final = ":/|,."


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a scope, or a few that belong together, may be granted."""

    key: str
    """The name of its check box."""
    scopes: tuple[str, ...]
    scope: Scope | None = None
    """The one of resources; None for those beside."""
    choices: tuple[str, ...] = ()
    """What it can be narrowed to: kinds of data, or codes of categories."""

    @property
    def rights(self) -> tuple[str, ...]:
        """What may be done, as keys of the texts below ``rights``."""
        rights = self.scope.rights if self.scope else ""
        return tuple(dict.fromkeys(word for letter, word in _WORDS if letter in rights))

    @property
    def is_of_all(self) -> bool:
        """Tell whether it is about data of every type."""
        return self.scope is not None and self.scope.resource_type == ANY_TYPE


def questions_of(scopes: Sequence[str]) -> tuple[list[Question], list[Question]]:
    """Return the questions about resources, and those beside them; what a launch brings about is no question."""
    resources = []
    for number, text in enumerate(scopes):
        scope = parse_scope(text, str.isalpha)
        if scope is not None:
            resources.append(Question(f"s{number}", (text,), scope, _choices(scope)))
    identity = tuple(scope for scope in _IDENTITY if scope in scopes)
    beside = [Question("openid", identity)] if identity else []
    beside += [Question(key, (scope,)) for scope, key in _LASTING.items() if scope in scopes]
    return resources, beside


def granted_by(
    scopes: Sequence[str], ticked: Collection[str], narrowed: Mapping[str, Collection[str]]
) -> tuple[str, ...]:
    """Return the scopes that an answer grants.

    ``ticked``: keys of questions. ``narrowed``: of each question with choices, those that are ticked.
    """
    resources, beside = questions_of(scopes)
    asked = {text for question in (*resources, *beside) for text in question.scopes}
    granted = [scope for scope in scopes if scope not in asked and not parse_scope(scope, str.isalpha)]
    for question in resources:
        if question.key in ticked:
            granted += _narrowed(question, narrowed.get(question.key, ()))
    granted += [scope for question in beside if question.key in ticked for scope in question.scopes]
    return tuple(dict.fromkeys(granted))


def grants_nothing(scopes: Sequence[str], granted: Iterable[str]) -> bool:
    """Tell whether an answer grants none of what it was asked about."""
    resources, beside = questions_of(scopes)
    unasked = set(scopes).difference(*(question.scopes for question in (*resources, *beside)))
    return bool(resources or beside) and unasked.issuperset(granted)


def sentences(scopes: Sequence[str], texts: Texts) -> list[str]:
    """Say granted scopes in words, one line each."""
    resources, beside = questions_of(scopes)
    lines = [sentence(question, texts) for question in resources]
    return list(dict.fromkeys(lines + [texts(f"consent.{question.key}") for question in beside]))


def sentence(question: Question, texts: Texts) -> str:
    """Say one scope in words: ``measurements and results (laboratory results): see``."""
    scope = question.scope
    if scope is None:
        return texts(f"consent.{question.key}")
    kind = texts.type_name(scope.resource_type)
    criteria = criterion(scope, texts)
    rights = ", ".join(texts(f"rights.{right}") for right in question.rights)
    return f"{kind} ({criteria}): {rights}" if criteria else f"{kind}: {rights}"


def criterion(scope: Scope, texts: Texts) -> str:
    """Say to what a granular scope is limited; "" for one that is not."""
    parts = []
    for name, value in scope.criteria:
        codes = [one.rpartition("|")[2] for one in value.split(",")]
        known = name == "category" and all(texts.has(f"categories.{code}") for code in codes)
        said = ", ".join(texts(f"categories.{code}") for code in codes) if known else f"{name} = {value}"
        parts.append(said if known else texts("consent.criteria", criteria=said))
    return "; ".join(parts)


def _choices(scope: Scope) -> tuple[str, ...]:
    if scope.criteria:
        return ()
    if scope.resource_type == ANY_TYPE:
        return KINDS
    return CATEGORIES[scope.resource_type][1] if scope.resource_type in CATEGORIES else ()


def _narrowed(question: Question, chosen: Collection[str]) -> list[str]:
    """Return a scope, or its parts when not all of its choices are ticked."""
    scope = question.scope
    if scope is None or not question.choices or set(question.choices) <= set(chosen):
        return list(question.scopes)
    left = [choice for choice in question.choices if choice in chosen]
    if question.is_of_all:
        return [f"{scope.context.value}/{kind}.{scope.rights}" for kind in left]
    system = CATEGORIES[scope.resource_type][0]
    head = f"{scope.context.value}/{scope.resource_type}.{scope.rights}"
    return [f"{head}?category={quote(f'{system}|{code}', safe=_SAFE)}" for code in left]


def contexts_of(scopes: Sequence[str]) -> frozenset[Context]:
    """Return whose data scopes are about."""
    known = (parse_scope(scope, str.isalpha) for scope in scopes)
    return frozenset(scope.context for scope in known if scope is not None)
