"""What people of an age also have, beside the story they live."""

from dataclasses import replace
from typing import Final

from fhirserver.demo.dice import Dice
from fhirserver.demo.moments import TODAY, age_at
from fhirserver.demo.population import Case
from fhirserver.demo.story import Course, Problem

# term, ages, probability, woman (None: both), drug
POOL: Final = (
    ("hypertension", (50, 99), 0.35, None, "amlodipine"),
    ("hyperlipidaemia", (48, 99), 0.30, None, "rosuvastatin"),
    ("hypothyroidism", (35, 99), 0.14, True, "levothyroxine"),
    ("reflux", (32, 99), 0.18, None, "pantoprazole"),
    ("knee arthrosis", (58, 99), 0.22, None, "paracetamol"),
    ("prostate enlargement", (60, 99), 0.35, False, "tamsulosin"),
    ("atrial fibrillation", (72, 99), 0.16, None, "apixaban"),
    ("osteoporosis", (68, 99), 0.20, True, "vitamin d"),
    ("gout", (55, 99), 0.10, False, "allopurinol"),
    ("migraine", (17, 55), 0.12, True, "sumatriptan"),
    ("smoking", (19, 70), 0.16, None, None),
    ("iron deficiency", (18, 99), 0.08, True, "iron"),
)
LONGEST: Final = 3
"""So many comorbidities at most."""


def burden(case: Case) -> Case:
    """Return the case with what its patient also has, and the drugs for it."""
    person, dice = case.person, Dice(f"comorbidity/{case.person.key}")
    age = age_at(person.birth, TODAY)
    known = {problem.term for problem in case.story.problems}
    given = {course.drug for course in case.story.drugs}
    problems: list[Problem] = []
    drugs: list[Course] = []
    for term, (youngest, oldest), probability, woman, drug in POOL:
        likely = dice.chance(probability)
        if (
            not likely
            or not youngest <= age <= oldest
            or term in known
            or woman not in {None, person.woman}
            or len(problems) >= LONGEST
        ):
            continue
        since = -dice.between(200, 200 + max(0, age - youngest) * 300)
        problems.append(Problem(term, since))
        if drug and drug not in given:
            drugs.append(Course(drug, since + 10, reason=term))
    story = replace(case.story, problems=(*case.story.problems, *problems), drugs=(*case.story.drugs, *drugs))
    return replace(case, story=story)
