"""An Identifier of a national system has the form of its numbers, and their check digits.

The urls that mean one system, the forms and the rules are ``fhirserver/identifiers/``; docs/identifiers.md lists them.
"""

from typing import Final

from fhirserver.identifiers.judging import KEPT_AS_IT_IS, Fault, Judgement, judged
from fhirserver.identifiers.kinds import KINDS, RPPS
from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Json
from fhirserver.kernel.texts import Text
from fhirserver.validation.findings import Finding, Findings
from fhirserver.validation.walk import Walk

_FORM: Final = Text(
    "identifier-form",
    en="{path} must have the form of a number of `{0}`: `{1}`.",
    fr="{path} doit avoir la forme d'un numéro `{0}` : `{1}`.",
    nl="{path} moet de vorm van een nummer van `{0}` hebben: `{1}`.",
)
_CHECK: Final = Text(
    "identifier-check",
    en="{path} must have the check digits of a number of `{0}`; the extension `{1}` keeps another, with the reason.",
    fr="{path} doit avoir la clé d'un numéro `{0}` ; l'extension `{1}` en garde un autre, avec sa raison.",
    nl="{path} moet het controlegetal van een `{0}`-nummer hebben; de extensie `{1}` bewaart een ander, met reden.",
)
_DOUBTFUL: Final = Text(
    "identifier-check-doubtful",
    en="{path} should have the check digits of a number of `{0}`.",
    fr="{path} devrait avoir la clé d'un numéro `{0}`.",
    nl="{path} hoort het controlegetal van een nummer van `{0}` te hebben.",
)


_ROLE: Final = "PractitionerRole"
"""The directory of France numbers places of work in the system of professionals, in another form."""
_OVERRIDE: Final = KEPT_AS_IT_IS.removeprefix("/StructureDefinition/")
_SAID: Final[dict[Judgement, Findings]] = {
    **{
        Judgement(Fault.FORM, kind): (Finding(".value", IssueType.VALUE, _FORM, (kind.name, kind.form.pattern)),)
        for kind in KINDS
    },
    **{
        Judgement(Fault.CHECK, kind): (Finding(".value", IssueType.VALUE, _CHECK, (kind.name, _OVERRIDE)),)
        for kind in KINDS
    },
    **{
        Judgement(Fault.DOUBTFUL_CHECK, kind): (
            Finding(".value", IssueType.VALUE, _DOUBTFUL, (kind.name,), Severity.WARNING),
        )
        for kind in KINDS
    },
}


def check_identifier(value: Json, walk: Walk) -> Findings | None:
    """Judge the number of an Identifier, where it is of a national system."""
    found = judged(value)
    if found is None or (found.kind is RPPS and walk.resource.get("resourceType") == _ROLE):
        return None
    return _SAID[found]
