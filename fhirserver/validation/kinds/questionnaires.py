"""QuestionnaireResponses answer their Questionnaire: its items, their types, numbers, options and limits.

An item that is enabled by answers is required only where it certainly is: such a one is passed over here.
Spec: http://hl7.org/fhir/R4/questionnaireresponse.html#notes, questionnaire.html
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Finding, Findings
from fhirserver.validation.kinds.answers import answer_problems
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.profiles.sources import Codes
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_UNKNOWN: Final = Text(
    "questionnaire-unknown",
    en="{path} was not checked against the questionnaire `{0}`, which is not known here.",
    fr="{path} n'a pas été vérifié selon le questionnaire `{0}`, qui n'est pas connu ici.",
    nl="{path} is niet gecontroleerd volgens de vragenlijst `{0}`, die hier niet bekend is.",
)
_NO_ITEM: Final = Text(
    "questionnaire-link-id",
    en="{path} must be the `linkId` of an item that the questionnaire has here.",
    fr="{path} doit être le `linkId` d'un élément que le questionnaire a à cet endroit.",
    nl="{path} moet de `linkId` zijn van een item dat de vragenlijst hier heeft.",
)
_REQUIRED: Final = Text(
    "questionnaire-required",
    en="{path} must have an answer to the item `{0}`, which the questionnaire requires.",
    fr="{path} doit avoir une réponse à l'élément `{0}`, que le questionnaire exige.",
    nl="{path} moet een antwoord hebben op het item `{0}`, dat de vragenlijst verlangt.",
)
_ONCE: Final = Text(
    "questionnaire-repeats",
    en="{path} must have the item `{0}` and its answer once, as it does not repeat.",
    fr="{path} doit avoir l'élément `{0}` et sa réponse une seule fois, car il ne se répète pas.",
    nl="{path} mag het item `{0}` en zijn antwoord maar een keer hebben, want het herhaalt niet.",
)
_GROUP: Final = Text(
    "questionnaire-no-answer",
    en="{path} must have no answer: groups and displays have none.",
    fr="{path} ne doit pas avoir de réponse : les groupes et les affichages n'en ont pas.",
    nl="{path} mag geen antwoord hebben: groepen en teksten hebben er geen.",
)
_FINISHED: Final = frozenset({"completed", "amended"})
_SILENT: Final = frozenset({"group", "display"})


class Responses:
    """Checks QuestionnaireResponses."""

    def __init__(self, find: Callable[[str], Resource | None], codes: Codes) -> None:
        """Ask ``find`` for Questionnaires by canonical, and ``codes`` for the value sets of answers."""
        self._find = find
        self._codes = codes

    def check(self, value: Json, walk: Walk) -> Findings | None:
        """Check a response by its questionnaire, where that is known."""
        url = value.get("questionnaire")
        if type(url) is not str or not isinstance(walk, DeepWalk):
            return None
        questionnaire = walk.resolve(url) if url.startswith("#") else self._find(url)
        if questionnaire is None or questionnaire.get("resourceType") != "Questionnaire":
            return (say(IssueType.NOT_FOUND, _UNKNOWN, url, severity=Severity.WARNING, rule=None),)
        is_finished = value.get("status") in _FINISHED
        return [*self._items(value, _listed(questionnaire), is_finished)] or None

    def _items(self, owner: Resource, asked: Sequence[Resource], is_finished: bool) -> Iterator[Finding]:
        """Check the items of a response, of an item or of an answer by what is asked there."""
        by_link = {str(one.get("linkId")): one for one in asked}
        seen: dict[str, int] = {}
        for number, item in enumerate(_listed(owner)):
            path = f".item[{number}]"
            question = by_link.get(str(item.get("linkId")))
            if question is None:
                yield say(IssueType.STRUCTURE, _NO_ITEM, path=path + ".linkId", rule=None)
                continue
            link = str(question.get("linkId"))
            seen[link] = seen.get(link, 0) + 1
            for problem in self._item(item, question, is_finished):
                yield problem._replace(path=path + problem.path)
        for link, question in by_link.items():
            if seen.get(link, 0) > 1 and not (question.get("repeats") and question.get("type") == "group"):
                yield say(IssueType.STRUCTURE, _ONCE, link, rule=None)
            if not seen.get(link) and is_finished and _is_needed(question):
                yield say(IssueType.REQUIRED, _REQUIRED, link, rule=None)

    def _item(self, item: Resource, question: Resource, is_finished: bool) -> Iterator[Finding]:
        answers = _objects(item.get("answer"))
        link = str(question.get("linkId"))
        if question.get("type") in _SILENT:
            if answers:
                yield say(IssueType.STRUCTURE, _GROUP, rule=None)
            yield from self._items(item, _listed(question), is_finished)
            return
        if len(answers) > 1 and not question.get("repeats"):
            yield say(IssueType.STRUCTURE, _ONCE, link, rule=None)
        if not answers and is_finished and _is_needed(question):
            yield say(IssueType.REQUIRED, _REQUIRED, link, rule=None)
        yield from answer_problems(question, answers, self._codes)
        for number, answer in enumerate(answers):
            for problem in self._items(answer, _listed(question), is_finished):
                yield problem._replace(path=f".answer[{number}]{problem.path}")


def _is_needed(question: Resource) -> bool:
    """Tell whether an item must be answered whatever the other answers are."""
    if question.get("type") == "display" or not question.get("required") or question.get("enableWhen"):
        return False
    return not any("enableWhen" in str(one.get("url")) for one in _objects(question.get("extension")))


def _listed(owner: Resource) -> list[Resource]:
    return _objects(owner.get("item"))


def _objects(value: Json) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
