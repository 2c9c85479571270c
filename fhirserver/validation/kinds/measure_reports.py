"""A MeasureReport has a score only where its Measure scores.

Spec: http://hl7.org/fhir/R4/measurereport.html
"""

from collections.abc import Callable
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Check, Findings
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_NO_SCORE: Final = Text(
    "measure-score",
    en="{path} must not be there, as the scoring of the measure is `cohort`.",
    fr="{path} ne doit pas être présent, car le mode de calcul de la mesure est `cohort`.",
    nl="{path} mag er niet zijn, want de meting wordt als `cohort` berekend.",
)


def measure_report_check(find: Callable[[str], Resource | None]) -> Check:
    """Return the check of a MeasureReport; ``find`` gives its Measure."""

    def check(value: Json, walk: Walk) -> Findings | None:
        url, groups = value.get("measure"), value.get("group")
        measure = find(url) if isinstance(url, str) else None
        if measure is None or not isinstance(groups, list) or not _is_cohort(measure):
            return None
        return [
            say(IssueType.BUSINESS_RULE, _NO_SCORE, path=f".group[{n}].measureScore", rule=None)
            for n, group in enumerate(groups)
            if isinstance(group, dict) and "measureScore" in group
        ] or None

    return check


def _is_cohort(measure: Resource) -> bool:
    scoring = measure.get("scoring")
    codings = scoring.get("coding") if isinstance(scoring, dict) else None
    return isinstance(codings, list) and any(isinstance(one, dict) and one.get("code") == "cohort" for one in codings)
