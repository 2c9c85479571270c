"""Pathways of births, of children, of cancer, and of the small accidents of life."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Goal, Kind, Order, Plan, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

_FIRST_SCAN: Final = Scan("obstetric ultrasound", 0.1, Words(
    "Grossesse évolutive unique de 12 semaines, clarté nucale 1,4 mm.", "Eenling van 12 weken, nekplooi 1,4 mm."))  # fmt: skip
_SECOND_SCAN: Final = Scan("obstetric ultrasound", 0.1, Words(
    "Morphologie normale à 22 semaines, croissance au 50e percentile.", "Normale morfologie op 22 weken, groei op percentiel 50."))  # fmt: skip
_THIRD_SCAN: Final = Scan("obstetric ultrasound", 0.1, Words(
    "Présentation céphalique, poids estimé 1900 g à 32 semaines.", "Hoofdligging, geschat gewicht 1900 g op 32 weken."))  # fmt: skip

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
            Kind.STAY, 0.1, "maternity", "birth", hours=82,
            watch=Watch(("bp", "temp", "pain", "hr"), 8, 10),
            labs=(("haemoglobin", 34),),
            acts=(Act("epidural", 2, 25), Act("vaginal birth", 7, 20)),
            orders=(Order("oxytocin", 0, 7.2), Order("paracetamol", 2, 9, 50)),
            course=Words(
                "Accouchement eutocique à terme sous péridurale, périnée intact. Suites de couches simples, allaitement maternel bien "
                "installé. Sage-femme à domicile prévenue.",
                "Normale bevalling op termijn onder epidurale, intact perineum. Vlot kraambed, borstvoeding goed op gang. "
                "Vroedvrouw aan huis verwittigd.",
            ),
        ),
        _AFTER,
    ),
    drugs=(Course("folic acid", -258, -180, "pregnancy"), Course("iron", -54, 60, "iron deficiency")),
)  # fmt: skip

PREGNANCY_AT_RISK: Final = Story(
    key="pregnancy at risk",
    ages=(29, 42),
    unit="maternity",
    woman=True,
    recency=(1, 430),
    episode="pregnancy",
    problems=(
        Problem("pregnancy", -262, 0), Problem("gestational diabetes", -98, 40), Problem("obesity", -4000),
        Problem("iron deficiency", -56, 60),
    ),
    curves={**_PREGNANT, "glucose": ((-260, 88), (-98, 108), (-60, 101), (-10, 94), (45, 90)), "sys": ((-260, 120), (-20, 136), (10, 122))},
    ratios=_WEIGHT,
    contacts=(
        *_CHECKS,
        Contact(Kind.CONSULTATION, -95, "endocrinology", "gestational diabetes", labs=(("glycaemia", 0),),
                acts=(Act("diabetes education", 0.1, 45),)),
        Contact(
            Kind.STAY, 0, "maternity", "pregnancy", hours=106, planned=True,
            watch=Watch(("bp", "temp", "pain", "hr"), 8, 10),
            labs=(("blood count", 0.5), ("haemoglobin", 32)),
            acts=(Act("caesarean", 1, 45),),
            orders=(Order("cefazolin", 0, 0.8), Order("oxytocin", 0, 1.5), Order("paracetamol iv", 3, 3, 56),
                    Order("enoxaparin", 1, 10), Order("ibuprofen", 2, 20, 60)),
            course=Words(
                "Césarienne programmée à 39 semaines (diabète gestationnel, macrosomie estimée). Pertes 500 mL. Suites simples, "
                "glycémies normalisées sans insuline.",
                "Geplande keizersnede op 39 weken (zwangerschapsdiabetes, vermoeden van macrosomie). Bloedverlies 500 mL. Vlot "
                "verloop, glykemie normaal zonder insuline.",
            ),
        ),
        _AFTER,
    ),
    drugs=(
        Course("folic acid", -258, -180, "pregnancy"), Course("iron", -54, 60, "iron deficiency"),
        Course("insulin glargine", -80, 0, "gestational diabetes"),
    ),
)  # fmt: skip

_FIRST_DAYS: Final = Contact(
    Kind.STAY, 0.4, "maternity", "newborn", hours=74,
    watch=Watch(("temp", "weight", "hr"), 12, 24),
    acts=(),
    orders=(Order("vitamin k", 0, 1),),
    course=Words(
        "Nouveau-né à terme, bonne adaptation. Examen clinique normal, dépistage néonatal et dépistage auditif réalisés.",
        "Voldragen pasgeborene, goede adaptatie. Normaal klinisch onderzoek, hielprik en gehoorscreening uitgevoerd.",
    ),
)  # fmt: skip
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
    drugs=(Course("vitamin d", 10, 365, "newborn"),),
)

INFANT: Final = Story(
    key="infant",
    ages=(0, 0),
    unit="paediatrics",
    kin=("mother", "father"),
    problems=(
        Problem("newborn", 0, 28), Problem("neonatal jaundice", 2, 6), Problem("bronchiolitis", 150, 158), Problem("otitis", 300, 308),
    ),
    curves={
        "apgar1": ((0, 8), (1, 8)), "apgar5": ((0, 10), (1, 10)), "skin bilirubin": ((0.5, 5), (2, 13.8), (3, 11.2), (5, 8)),
        "spo2": ((140, 98), (150, 91), (151, 94), (153, 98)), "resp": ((140, 32), (150, 58), (152, 40), (156, 30)),
        "temp": ((145, 36.8), (150, 38.2), (153, 36.9), (299, 36.8), (300, 39.0), (302, 37)),
    },
    ratios={"weight": ((0, 1.08), (2.5, 1.0), (9, 1.05))},
    contacts=(
        _FIRST_DAYS,
        Contact(
            Kind.STAY, 150, "emergency", "bronchiolitis", hours=70, moves=(("paediatrics", 3),),
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
    drugs=(Course("vitamin d", 10, 365, "newborn"), Course("amoxicillin", 300, 307, "otitis")),
)  # fmt: skip

BREAST_CANCER: Final = Story(
    key="breast cancer",
    ages=(41, 72),
    unit="oncology",
    woman=True,
    recency=(60, 520),
    episode="breast cancer",
    problems=(Problem("breast cancer", -5, severity="severe"), Problem("neutropenia", 70, 130)),
    curves={
        "neutrophils": ((40, 4.4), (52, 4.2), (62, 1.1), (73, 3.1), (83, 0.9), (94, 2.8), (104, 1.0), (115, 2.6), (160, 3.9)),
        "wbc": ((40, 7.2), (52, 7), (62, 2.6), (73, 5.2), (83, 2.4), (94, 4.9), (104, 2.5), (115, 4.6), (160, 6.4)),
        "hb": ((-20, 13.4), (30, 12.6), (73, 11.4), (115, 10.6), (220, 12.6)),
        "platelets": ((40, 260), (62, 168), (73, 240), (115, 205), (200, 250)),
        "pain": ((24, 0), (25, 5), (27, 2), (40, 0)),
    },
    contacts=(
        Contact(Kind.CONSULTATION, -12, "surgery", "breast lump",
                scans=(Scan("mammography", 0.2, Words("Opacité spiculée de 17 mm du quadrant supéro-externe gauche, ACR 5.",
                                                      "Gespiculeerde opaciteit van 17 mm, buitenste bovenkwadrant links, BI-RADS 5.")),),
                acts=(Act("breast biopsy", 0.5, 20),)),
        Contact(Kind.CONSULTATION, 0, "oncology", "breast cancer", labs=(("chemotherapy", 0),)),
        Contact(
            Kind.STAY, 25, "surgery", "breast cancer", hours=52, planned=True,
            watch=Watch(("bp", "temp", "pain"), 12, 14),
            labs=(("blood count", 1),),
            acts=(Act("lumpectomy", 3, 70), Act("sentinel node", 4.2, 25)),
            orders=(Order("cefazolin", 0, 2.6), Order("paracetamol", 3, 6), Order("enoxaparin", 1, 12)),
            course=Words(
                "Tumorectomie gauche et ganglion sentinelle. Carcinome infiltrant de 18 mm, grade 2, RE + RP + HER2 -, un ganglion "
                "micrométastatique sur deux, marges saines. Concertation : chimiothérapie, radiothérapie, hormonothérapie.",
                "Lumpectomie links en schildwachtklier. Invasief carcinoom van 18 mm, graad 2, ER + PR + HER2 -, één klier met "
                "micrometastase op twee, vrije snijranden. MOC: chemotherapie, radiotherapie, hormoontherapie.",
            ),
        ),
        *(
            Contact(Kind.DAY_CARE, day, "oncology", "breast cancer", hours=5, watch=Watch(("bp", "temp", "weight"), 12, 2),
                    labs=(("chemotherapy", 0.2),), acts=(Act("chemotherapy", 1, 180),),
                    orders=(Order("ondansetron", 0, 0.8), Order("epirubicin", 0, 1), Order("cyclophosphamide", 0, 2)))
            for day in (52, 73, 94, 115)
        ),
        Contact(Kind.CONSULTATION, 150, "oncology", "breast cancer", acts=(Act("radiotherapy", 0.3, 15),)),
        Contact(Kind.CONSULTATION, 215, "oncology", "breast cancer", labs=(("chemotherapy", 0),)),
        Contact(Kind.CONSULTATION, 395, "oncology", "breast cancer", labs=(("chemotherapy", 0),),
                scans=(Scan("mammography", 0.2, Words("Remaniements post-opératoires, pas de lésion suspecte, ACR 2.",
                                                      "Postoperatieve veranderingen, geen verdachte letsels, BI-RADS 2.")),)),
        Contact(Kind.CONSULTATION, 580, "oncology", "breast cancer"),
    ),
    drugs=(Course("letrozole", 160, reason="breast cancer"),),
    plan=Plan(
        Words("Plan personnalisé de soins en oncologie", "Oncologisch zorgplan"), "breast cancer", 28,
        (
            ("", Words("Infirmière de coordination : appel avant chaque cure", "Borstverpleegkundige: oproep voor elke kuur")),
            ("229065009", Words("Activité physique adaptée", "Aangepaste beweging")),
        ),
        (Goal(Words("Neutrophiles au-dessus de 1,5 G/L avant la cure", "Neutrofielen boven 1,5 G/L voor de kuur"), "neutrophils", 1.5, above=True),),
    ),
)  # fmt: skip

SPRAIN: Final = Story(
    key="sprain",
    ages=(15, 48),
    unit="emergency",
    recency=(0, 200),
    problems=(Problem("ankle sprain", 0, 30, "mild"),),
    curves={"pain": ((-0.1, 6), (1, 3))},
    contacts=(
        Contact(
            Kind.EMERGENCY, 0, "emergency", "ankle sprain", hours=3, watch=Watch(("bp", "hr", "pain"), 12, 2),
            scans=(Scan("ankle x-ray", 0.8, Words("Pas de fracture visible.", "Geen zichtbare fractuur.")),),
            acts=(Act("splint", 1.6, 15),), orders=(Order("paracetamol", 0, 0.4),),
            course=Words("Entorse externe de cheville, ligaments testables. Attelle, glace, béquilles.",
                         "Inversietrauma van de enkel, stabiel. Spalk, ijs, krukken."),
        ),
    ),
    drugs=(Course("ibuprofen", 0, 6, "ankle sprain"),),
)  # fmt: skip

COLIC: Final = Story(
    key="renal colic",
    ages=(24, 63),
    unit="emergency",
    recency=(0, 180),
    problems=(Problem("renal colic", 0, 10),),
    curves={"pain": ((-0.1, 9), (0.05, 8), (0.12, 3), (1, 1)), "hr": ((-1, 74), (0, 102), (0.2, 80))},
    contacts=(
        Contact(
            Kind.EMERGENCY, 0, "emergency", "renal colic", hours=5, watch=Watch(("pain", "bp", "hr", "temp"), 4, 5),
            labs=(("admission", 0.4),),
            scans=(Scan("kidney ultrasound", 1.2, Words("Dilatation pyélocalicielle gauche modérée, calcul urétéral distal de 4 mm.",
                                                        "Matige dilatatie links, distale uretersteen van 4 mm.")),),
            orders=(Order("ketorolac", 0, 0.5), Order("paracetamol iv", 0, 0.5), Order("morphine", 0, 0.9)),
            course=Words("Colique néphrétique gauche non compliquée, soulagée. Tamisage des urines, tamsulosine dix jours.",
                         "Ongecompliceerde nierkoliek links, pijnvrij. Urine zeven, tamsulosine tien dagen."),
        ),
        Contact(Kind.CONSULTATION, 26, "internal", "renal colic", labs=(("kidney", 0),)),
    ),
    drugs=(Course("tamsulosin", 0, 10, "renal colic"), Course("ibuprofen", 0, 5, "renal colic")),
)  # fmt: skip

WOUND: Final = Story(
    key="wound",
    ages=(18, 66),
    unit="emergency",
    recency=(0, 220),
    problems=(Problem("hand wound", 0, 12, "mild"),),
    curves={"pain": ((-0.1, 4), (0.1, 1))},
    contacts=(
        Contact(
            Kind.EMERGENCY, 0, "emergency", "hand wound", hours=2, watch=Watch(("bp", "hr", "pain"), 12, 2),
            acts=(Act("wound suture", 0.8, 25),), orders=(Order("paracetamol", 0, 0.2),),
            course=Words("Plaie de la main gauche par couteau, sans lésion tendineuse. Cinq points. Vaccination antitétanique vérifiée.",
                         "Snijwonde van de linkerhand, geen peesletsel. Vijf hechtingen. Tetanusvaccinatie nagekeken."),
        ),
    ),
    drugs=(Course("paracetamol", 0, 3, "hand wound"),),
)  # fmt: skip

GASTROENTERITIS: Final = Story(
    key="gastroenteritis",
    ages=(2, 30),
    unit="emergency",
    recency=(0, 120),
    kin=("mother",),
    problems=(Problem("gastroenteritis", -1, 4),),
    curves={"temp": ((-2, 36.8), (0, 38.3), (2, 36.9)), "hr": ((-2, 80), (0, 112), (2, 82))},
    contacts=(
        Contact(
            Kind.EMERGENCY, 0, "emergency", "gastroenteritis", hours=4, watch=Watch(("hr", "temp", "weight"), 3, 4),
            labs=(("kidney", 0.6),), orders=(Order("ondansetron", 0, 0.5, dose=4),),
            course=Words("Gastro-entérite aiguë, déshydratation légère, bonne tolérance de la réhydratation orale.",
                         "Acute gastro-enteritis, lichte dehydratatie, orale rehydratatie goed verdragen."),
        ),
    ),
)  # fmt: skip

THYROID: Final = Story(
    key="thyroid",
    ages=(28, 64),
    unit="endocrinology",
    recency=(5, 150),
    problems=(Problem("hypothyroidism", -720),),
    curves={"tsh": ((-720, 9.8), (-600, 4.6), (0, 2.1))},
    contacts=(
        Contact(Kind.CONSULTATION, -365, "endocrinology", "hypothyroidism", labs=(("thyroid", 0),)),
        Contact(Kind.CONSULTATION, 0, "endocrinology", "hypothyroidism", labs=(("thyroid", 0),)),
        Contact(Kind.CONSULTATION, 182, "endocrinology", "hypothyroidism"),
    ),
    drugs=(Course("levothyroxine", -715, reason="hypothyroidism"),),
)

MIGRAINE: Final = Story(
    key="migraine",
    ages=(18, 52),
    unit="neurology",
    recency=(3, 120),
    problems=(Problem("migraine", -2400),),
    contacts=(
        Contact(Kind.CONSULTATION, 0, "neurology", "migraine"),
        Contact(Kind.CONSULTATION, 120, "neurology", "migraine"),
    ),
    drugs=(Course("sumatriptan", -900, reason="migraine"),),
)
