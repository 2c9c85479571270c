"""Pathways of births: mothers and their children."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Kind, Order, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

_FIRST_SCAN: Final = Scan(
    "obstetric ultrasound",
    0.1,
    Words("Grossesse évolutive unique de 12 semaines, clarté nucale 1,4 mm.", "Eenling van 12 weken, nekplooi 1,4 mm."),
)

_SECOND_SCAN: Final = Scan(
    "obstetric ultrasound",
    0.1,
    Words(
        "Morphologie normale à 22 semaines, croissance au 50e percentile.",
        "Normale morfologie op 22 weken, groei op percentiel 50.",
    ),
)

_THIRD_SCAN: Final = Scan(
    "obstetric ultrasound",
    0.1,
    Words(
        "Présentation céphalique, poids estimé 1900 g à 32 semaines.",
        "Hoofdligging, geschat gewicht 1900 g op 32 weken.",
    ),
)

_PREGNANT: Final = {
    "hb": ((-260, 12.9), (-190, 12.2), (-56, 10.7), (1, 9.9), (45, 12.0)),
    "ferritin": ((-260, 46), (-56, 12), (45, 28)),
    "hr": ((-260, 74), (-30, 88), (3, 76)),
}

_WEIGHT: Final = {"weight": ((-270, 1.0), (-126, 1.07), (-10, 1.19), (2, 1.10), (45, 1.05))}

_CHECKS: Final = (
    Contact(Kind.CONSULTATION, -196, "maternity", "pregnancy", labs=(("pregnancy", 0),), scans=(_FIRST_SCAN,)),
    Contact(Kind.CONSULTATION, -126, "maternity", "pregnancy", scans=(_SECOND_SCAN,)),
    Contact(Kind.CONSULTATION, -56, "maternity", "pregnancy", labs=(("blood count", 0),), scans=(_THIRD_SCAN,)),
)

_AFTER: Final = Contact(Kind.CONSULTATION, 45, "maternity", "birth", labs=(("haemoglobin", 0),))

PREGNANCY: Final = Story(
    key="pregnancy",
    ages=(22, 37),
    unit="maternity",
    woman=True,
    recency=(1, 520),
    episode="pregnancy",
    problems=(Problem("pregnancy", -262, 0), Problem("birth", 0, 0), Problem("iron deficiency", -56, 60)),
    curves={**_PREGNANT, "pain": ((-0.4, 7), (0, 3), (1, 2))},
    ratios=_WEIGHT,
    contacts=(
        *_CHECKS,
        Contact(
            Kind.STAY,
            0.1,
            "maternity",
            "birth",
            hours=82,
            watch=Watch(("bp", "temp", "pain", "hr"), 8, 10),
            labs=(("haemoglobin", 34),),
            acts=(Act("epidural", 2, 25), Act("vaginal birth", 7, 20)),
            orders=(Order("oxytocin", 0, 7.2), Order("paracetamol", 2, 9, 50)),
            course=Words(
                "Accouchement eutocique à terme sous péridurale, périnée intact. Suites de couches simples, "
                "allaitement maternel bien "
                "installé. Sage-femme à domicile prévenue.",
                "Normale bevalling op termijn onder epidurale, intact perineum. Vlot kraambed, borstvoeding goed "
                "op gang. "
                "Vroedvrouw aan huis verwittigd.",
            ),
        ),
        _AFTER,
    ),
    drugs=(Course("folic acid", -258, -180, "pregnancy"), Course("iron", -54, 60, "iron deficiency")),
)

PREGNANCY_AT_RISK: Final = Story(
    key="pregnancy at risk",
    ages=(29, 42),
    unit="maternity",
    woman=True,
    recency=(1, 430),
    episode="pregnancy",
    problems=(
        Problem("pregnancy", -262, 0),
        Problem("gestational diabetes", -98, 40),
        Problem("obesity", -4000),
        Problem("iron deficiency", -56, 60),
    ),
    curves={
        **_PREGNANT,
        "glucose": ((-260, 88), (-98, 108), (-60, 101), (-10, 94), (45, 90)),
        "sys": ((-260, 120), (-20, 136), (10, 122)),
    },
    ratios=_WEIGHT,
    contacts=(
        *_CHECKS,
        Contact(
            Kind.CONSULTATION,
            -95,
            "endocrinology",
            "gestational diabetes",
            labs=(("glycaemia", 0),),
            acts=(Act("diabetes education", 0.1, 45),),
        ),
        Contact(
            Kind.STAY,
            0,
            "maternity",
            "pregnancy",
            hours=106,
            planned=True,
            watch=Watch(("bp", "temp", "pain", "hr"), 8, 10),
            labs=(("blood count", 0.5), ("haemoglobin", 32)),
            acts=(Act("caesarean", 1, 45),),
            orders=(
                Order("cefazolin", 0, 0.8),
                Order("oxytocin", 0, 1.5),
                Order("paracetamol iv", 3, 3, 56),
                Order("enoxaparin", 1, 10),
                Order("ibuprofen", 2, 20, 60),
            ),
            course=Words(
                "Césarienne programmée à 39 semaines (diabète gestationnel, macrosomie estimée). Pertes 500 mL. "
                "Suites simples, "
                "glycémies normalisées sans insuline.",
                "Geplande keizersnede op 39 weken (zwangerschapsdiabetes, vermoeden van macrosomie). Bloedverlies "
                "500 mL. Vlot "
                "verloop, glykemie normaal zonder insuline.",
            ),
        ),
        _AFTER,
    ),
    drugs=(
        Course("folic acid", -258, -180, "pregnancy"),
        Course("iron", -54, 60, "iron deficiency"),
        Course("insulin glargine", -80, 0, "gestational diabetes"),
    ),
)

_FIRST_DAYS: Final = Contact(
    Kind.STAY,
    0.4,
    "maternity",
    "newborn",
    hours=74,
    watch=Watch(("temp", "weight", "hr"), 12, 24),
    acts=(),
    orders=(Order("vitamin k", 0, 1),),
    course=Words(
        "Nouveau-né à terme, bonne adaptation. Examen clinique normal, dépistage néonatal et dépistage auditif "
        "réalisés.",
        "Voldragen pasgeborene, goede adaptatie. Normaal klinisch onderzoek, hielprik en gehoorscreening uitgevoerd.",
    ),
)

_CHILD_VISITS: Final = tuple(
    Contact(Kind.CONSULTATION, day, "paediatrics", "growth") for day in (30, 61, 122, 275, 366, 490, 640)
)

NEWBORN: Final = Story(
    key="newborn",
    ages=(0, 0),
    unit="paediatrics",
    kin=("mother",),
    problems=(Problem("newborn", 0, 28),),
    curves={"apgar1": ((0, 9), (1, 9)), "apgar5": ((0, 10), (1, 10)), "skin bilirubin": ((0.5, 3), (2, 8.2), (4, 6))},
    ratios={"weight": ((0, 1.0), (2.5, 0.94), (9, 1.0))},
    contacts=(_FIRST_DAYS, *_CHILD_VISITS),
    drugs=(Course("vitamin d drops", 10, 365, "newborn"),),
)

INFANT: Final = Story(
    key="infant",
    ages=(0, 0),
    unit="paediatrics",
    kin=("mother", "father"),
    problems=(
        Problem("newborn", 0, 28),
        Problem("neonatal jaundice", 2, 6),
        Problem("bronchiolitis", 150, 158),
        Problem("otitis", 300, 308),
    ),
    curves={
        "apgar1": ((0, 8), (1, 8)),
        "apgar5": ((0, 10), (1, 10)),
        "skin bilirubin": ((0.5, 5), (2, 13.8), (3, 11.2), (5, 8)),
        "spo2": ((140, 98), (150, 91), (151, 94), (153, 98)),
        "resp": ((140, 32), (150, 58), (152, 40), (156, 30)),
        "temp": ((145, 36.8), (150, 38.2), (153, 36.9), (299, 36.8), (300, 39.0), (302, 37)),
    },
    ratios={"weight": ((0, 1.08), (2.5, 1.0), (9, 1.05))},
    contacts=(
        _FIRST_DAYS,
        Contact(
            Kind.STAY,
            150,
            "emergency",
            "bronchiolitis",
            hours=70,
            moves=(("paediatrics", 3),),
            watch=Watch(("spo2", "resp", "temp", "weight"), 12, 38),
            acts=(Act("oxygen therapy", 1, 900),),
            orders=(Order("oxygen", 0, 1, 40, dose=1, continuous=True),),
            course=Words(
                "Bronchiolite à VRS, oxygénothérapie 39 heures, alimentation fractionnée. Retour à domicile autonome.",
                "RSV-bronchiolitis, zuurstof gedurende 39 uur, gefractioneerde voeding. Naar huis zonder zuurstof.",
            ),
        ),
        Contact(Kind.EMERGENCY, 300, "emergency", "otitis", hours=2.5, watch=Watch(("hr", "temp", "weight"), 12, 2)),
        *_CHILD_VISITS,
    ),
    drugs=(Course("vitamin d drops", 10, 365, "newborn"), Course("amoxicillin", 300, 307, "otitis")),
)
