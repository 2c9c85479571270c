"""Pathways of long diseases of adults, followed at consultations."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Goal, Kind, Order, Plan, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

DIABETES: Final = Story(
    key="type 2 diabetes",
    ages=(46, 77),
    unit="endocrinology",
    recency=(4, 80),
    problems=(
        Problem("type 2 diabetes", -2900),
        Problem("hypertension", -2500),
        Problem("hyperlipidaemia", -2500),
        Problem("obesity", -5000),
        Problem("neuropathy", -300, severity="mild"),
    ),
    curves={
        "hba1c": ((-1100, 7.4), (-730, 8.6), (-365, 9.4), (-182, 8.0), (0, 7.1), (100, 6.9)),
        "glucose": ((-1100, 148), (-730, 182), (-365, 208), (-182, 158), (0, 128)),
        "cholesterol": ((-730, 226), (-365, 204), (0, 158)),
        "hdl": ((-730, 38), (0, 43)),
        "triglycerides": ((-730, 242), (-365, 216), (0, 148)),
        "acr": ((-730, 24), (-365, 48), (0, 31)),
        "sys": ((-730, 154), (-365, 148), (-182, 140), (0, 132)),
        "dia": ((-730, 90), (0, 80)),
    },
    ratios={"weight": ((-730, 1.10), (-365, 1.09), (-182, 1.03), (0, 0.97), (100, 0.95))},
    contacts=(
        Contact(
            Kind.CONSULTATION,
            -730,
            "endocrinology",
            "type 2 diabetes",
            labs=(("glycaemia", 0),),
            acts=(Act("foot check", 0.2, 10),),
        ),
        Contact(
            Kind.CONSULTATION,
            -365,
            "endocrinology",
            "type 2 diabetes",
            labs=(("diabetes", 0),),
            acts=(Act("eye check", 0.3, 15), Act("foot check", 0.2, 10)),
            course=Words(
                "Équilibre glycémique insuffisant (HbA1c au-dessus de 9 %). Arrêt du gliclazide, début de "
                "l'empagliflozine puis du "
                "sémaglutide, éducation thérapeutique en groupe.",
                "Onvoldoende glykemieregeling (HbA1c boven 9 %). Stop gliclazide, start empagliflozine en daarna "
                "semaglutide, "
                "groepseducatie.",
            ),
        ),
        Contact(
            Kind.CONSULTATION, -350, "endocrinology", "type 2 diabetes", acts=(Act("diabetes education", 0.1, 60),)
        ),
        Contact(Kind.CONSULTATION, -182, "endocrinology", "type 2 diabetes", labs=(("glycaemia", 0),)),
        Contact(
            Kind.CONSULTATION,
            0,
            "endocrinology",
            "type 2 diabetes",
            labs=(("diabetes", 0),),
            acts=(Act("foot check", 0.2, 10),),
        ),
        Contact(Kind.CONSULTATION, 92, "endocrinology", "type 2 diabetes"),
    ),
    drugs=(
        Course("metformin", -2850, reason="type 2 diabetes"),
        Course("gliclazide", -1500, -350, "type 2 diabetes"),
        Course("empagliflozin", -350, reason="type 2 diabetes"),
        Course("semaglutide", -182, reason="type 2 diabetes"),
        Course("atorvastatin", -2400, reason="hyperlipidaemia"),
        Course("perindopril", -2400, reason="hypertension"),
    ),
    plan=Plan(
        Words("Trajet de soins diabète", "Zorgtraject diabetes"),
        "type 2 diabetes",
        -350,
        (
            ("6143009", Words("Éducation au diabète par l'infirmier", "Diabeteseducatie door de verpleegkundige")),
            ("226234005", Words("Conseil diététique", "Dieetadvies")),
        ),
        (
            Goal(Words("HbA1c à 7 % ou moins", "HbA1c 7 % of minder"), "hba1c", 7.0),
            Goal(Words("Pression systolique sous 135 mmHg", "Systolische druk onder 135 mmHg"), "sys", 135),
        ),
    ),
)

KIDNEY: Final = Story(
    key="kidney disease",
    ages=(54, 83),
    unit="nephrology",
    recency=(6, 110),
    problems=(
        Problem("kidney disease 3", -2100, -380),
        Problem("kidney disease 4", -380, severity="severe"),
        Problem("renal anaemia", -300),
        Problem("hypertension", -6200),
        Problem("gout", -1500),
    ),
    curves={
        "creatinine": ((-2100, 1.5), (-1000, 1.75), (-600, 2.05), (-380, 2.42), (-120, 2.78), (0, 3.05), (120, 3.2)),
        "urea": ((-1000, 62), (-380, 92), (0, 118)),
        "potassium": ((-1000, 4.7), (-380, 5.1), (-250, 5.4), (0, 5.0)),
        "bicarbonate": ((-1000, 24), (-380, 20), (-120, 21), (0, 22)),
        "phosphate": ((-1000, 1.15), (-380, 1.48), (0, 1.61)),
        "calcium": ((-1000, 2.32), (0, 2.16)),
        "pth": ((-1000, 72), (-380, 148), (0, 212)),
        "hb": ((-1000, 12.9), (-380, 10.4), (-300, 9.6), (-120, 10.6), (0, 11.1)),
        "ferritin": ((-1000, 140), (0, 210)),
        "sys": ((-1000, 150), (0, 138)),
    },
    contacts=(
        *(
            Contact(Kind.CONSULTATION, day, "nephrology", "kidney disease 3", labs=(("kidney follow-up", 0),))
            for day in (-620,)
        ),
        Contact(
            Kind.CONSULTATION,
            -380,
            "nephrology",
            "kidney disease 4",
            labs=(("renal", 0),),
            scans=(
                Scan(
                    "kidney ultrasound",
                    0.2,
                    Words(
                        "Reins de taille réduite (9 cm), dédifférenciés, sans dilatation.",
                        "Kleine nieren (9 cm), verminderde differentiatie, geen dilatatie.",
                    ),
                ),
            ),
        ),
        *(
            Contact(Kind.CONSULTATION, day, "nephrology", "kidney disease 4", labs=(("kidney follow-up", 0),))
            for day in (-250, -120)
        ),
        Contact(
            Kind.CONSULTATION,
            0,
            "nephrology",
            "kidney disease 4",
            labs=(("renal", 0),),
            course=Words(
                "Maladie rénale chronique stade 4, pente de - 4 mL/min/an. Anémie corrigée sous darbépoétine. "
                "Information sur les "
                "techniques de suppléance donnée au patient et à son conjoint.",
                "Chronische nierziekte stadium 4, daling van 4 mL/min/jaar. Anemie verbeterd onder darbepoëtine. "
                "Informatie over "
                "nierfunctievervangende therapie gegeven.",
            ),
        ),
        Contact(Kind.CONSULTATION, 118, "nephrology", "kidney disease 4"),
    ),
    drugs=(
        Course("furosemide", -900, reason="hypertension"),
        Course("amlodipine", -6000, reason="hypertension"),
        Course("darbepoetin", -290, reason="renal anaemia"),
        Course("calcium acetate", -370, reason="kidney disease 4"),
        Course("bicarbonate", -370, reason="kidney disease 4"),
        Course("allopurinol", -1400, reason="gout"),
        Course("vitamin d", -900, reason="kidney disease 4"),
    ),
    plan=Plan(
        Words("Trajet de soins insuffisance rénale", "Zorgtraject nierinsufficiëntie"),
        "kidney disease 4",
        -370,
        (
            ("226234005", Words("Régime pauvre en sel et en phosphore", "Zout- en fosfaatarm dieet")),
            ("", Words("Préserver les veines du bras non dominant", "Aders van de niet-dominante arm sparen")),
        ),
        (Goal(Words("Potassium à 5,0 mmol/L ou moins", "Kalium 5,0 mmol/L of minder"), "potassium", 5.0),),
    ),
    flags=("veins",),
)

COPD: Final = Story(
    key="copd",
    ages=(56, 82),
    unit="pneumology",
    recency=(3, 270),
    problems=(
        Problem("copd", -2600, severity="moderate"),
        Problem("copd exacerbation", 0, 14),
        Problem("smoking", -14000),
    ),
    curves={
        "spo2": ((-400, 93), (-3, 92), (0, 86), (2, 90), (5, 93), (42, 93)),
        "resp": ((-10, 18), (0, 30), (3, 21), (6, 18)),
        "hr": ((-10, 82), (0, 114), (4, 84)),
        "temp": ((-5, 36.8), (0, 38.1), (3, 36.9)),
        "crp": ((-100, 4), (0, 88), (3, 41), (6, 12), (40, 4)),
        "wbc": ((-100, 7.4), (0, 13.9), (5, 11.2), (40, 7.6)),
        "ph": ((-2, 7.4), (0, 7.32), (1, 7.37), (4, 7.41)),
        "pco2": ((-2, 43), (0, 58), (1, 51), (5, 45)),
        "po2": ((-2, 66), (0, 51), (2, 62), (5, 66)),
        "fev1": ((-1200, 1.72), (-400, 1.52), (42, 1.41)),
        "fev1 predicted": ((-1200, 58), (-400, 51), (42, 48)),
    },
    contacts=(
        Contact(Kind.CONSULTATION, -395, "pneumology", "copd", acts=(Act("spirometry", 0.2, 20),)),
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "dyspnoea",
            hours=150,
            moves=(("pneumology", 5),),
            watch=Watch(("spo2", "resp", "bp", "temp"), 12, 38),
            labs=(("inflammation", 0.5), ("blood gas", 0.4), ("blood gas", 22), ("inflammation", 70)),
            scans=(
                Scan(
                    "chest x-ray",
                    1,
                    Words("Distension thoracique, pas de foyer systématisé.", "Hyperinflatie, geen infiltraat."),
                ),
            ),
            acts=(Act("nebulisation", 0.7, 20), Act("oxygen therapy", 0.4, 600)),
            orders=(
                Order("oxygen", 0, 0.4, 60, continuous=True),
                Order("salbutamol nebulised", 4, 0.6, 38),
                Order("ipratropium", 3, 0.6, 38),
                Order("methylprednisolone", 1, 2, 90),
                Order("co-amoxiclav", 3, 4, 50),
            ),
            course=Words(
                "Exacerbation aiguë de BPCO avec acidose respiratoire modérée, corrigée sans ventilation. "
                "Corticoïdes cinq jours. "
                "Technique d'inhalation revue, sevrage tabagique proposé.",
                "Acute exacerbatie van COPD met matige respiratoire acidose, hersteld zonder beademing. Vijf "
                "dagen corticoïden. "
                "Inhalatietechniek herzien, rookstop voorgesteld.",
            ),
        ),
        Contact(Kind.CONSULTATION, 43, "pneumology", "copd", acts=(Act("spirometry", 0.2, 20),)),
        Contact(Kind.CONSULTATION, 220, "pneumology", "copd"),
    ),
    drugs=(
        Course("tiotropium", -2500, reason="copd"),
        Course("budesonide formoterol", -1100, reason="copd"),
        Course("salbutamol", -2600, reason="copd"),
        Course("methylprednisolone", 6, 8, "copd exacerbation"),
    ),
    plan=Plan(
        Words("Plan d'action BPCO", "Actieplan COPD"),
        "copd",
        6,
        (
            ("225323000", Words("Accompagnement au sevrage tabagique", "Begeleiding bij rookstop")),
            ("229065009", Words("Réentraînement à l'effort", "Oefentherapie")),
        ),
        (Goal(Words("Saturation au-dessus de 90 %", "Saturatie boven 90 %"), "spo2", 90, above=True),),
    ),
)

DEPRESSION: Final = Story(
    key="depression",
    ages=(19, 61),
    unit="psychiatry",
    recency=(20, 330),
    problems=(
        Problem("depression", -70, severity="severe", secret=True),
        Problem("suicidal thoughts", -5, 30, secret=True),
    ),
    curves={"phq9": ((-200, 9), (-60, 17), (0, 23), (10, 17), (30, 12), (90, 7), (180, 4))},
    ratios={"weight": ((-200, 1.0), (0, 0.94), (90, 0.99))},
    contacts=(
        Contact(Kind.CONSULTATION, -32, "psychiatry", "depression", acts=(Act("psychotherapy", 0.1, 45),)),
        Contact(
            Kind.STAY,
            0,
            "psychiatry",
            "suicidal thoughts",
            hours=410,
            planned=True,
            watch=Watch(("bp", "weight"), 12, 12),
            labs=(("nutrition", 1),),
            acts=(Act("psychotherapy", 26, 45), Act("psychotherapy", 170, 45)),
            orders=(Order("venlafaxine", 1, 20, 130), Order("lorazepam", 1, 12, 80)),
            course=Words(
                "Hospitalisation libre pour épisode dépressif sévère avec idées suicidaires scénarisées. Relais "
                "de la sertraline par la "
                "venlafaxine. Disparition des idées suicidaires, contrat de sécurité avec l'entourage.",
                "Vrijwillige opname voor ernstige depressieve episode met suïcidale gedachten. Overschakeling van "
                "sertraline naar "
                "venlafaxine. Suïcidale gedachten verdwenen, veiligheidsplan met de omgeving.",
            ),
        ),
        Contact(Kind.CONSULTATION, 31, "psychiatry", "depression", acts=(Act("psychotherapy", 0.1, 45),)),
        Contact(Kind.CONSULTATION, 90, "psychiatry", "depression", acts=(Act("psychotherapy", 0.1, 45),)),
        Contact(Kind.CONSULTATION, 181, "psychiatry", "depression"),
    ),
    drugs=(
        Course("sertraline", -68, 1, "depression"),
        Course("venlafaxine", 1, reason="depression"),
        Course("lorazepam", -30, 30, "depression"),
    ),
    flags=("suicide",),
)
