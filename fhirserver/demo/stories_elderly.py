"""Pathways of old age and of bones."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Goal, Kind, Order, Plan, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

HIP_FRACTURE: Final = Story(
    key="hip fracture",
    ages=(74, 95),
    unit="orthopaedics",
    recency=(3, 260),
    problems=(
        Problem("hip fracture", 0, 120, severity="severe"),
        Problem("fall", 0, 0),
        Problem("osteoporosis", 4),
        Problem("delirium", 2, 7),
        Problem("hypertension", -6000),
    ),
    curves={
        "hb": ((-5, 12.8), (0, 11.9), (1.5, 9.0), (4, 9.4), (20, 11.2), (45, 12.3)),
        "crp": ((-5, 4), (0, 9), (2.5, 142), (6, 58), (20, 8)),
        "pain": ((-1, 1), (0, 8), (1, 5), (2, 4), (10, 2), (40, 1)),
        "creatinine": ((-5, 0.98), (0, 1.22), (4, 1.0)),
        "albumin": ((-30, 37), (0, 32), (20, 34)),
    },
    contacts=(
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "fall",
            hours=640,
            moves=(("orthopaedics", 6), ("rehabilitation", 190)),
            watch=Watch(("pain", "bp", "temp"), 12, 38),
            labs=(("admission", 0.6), ("haemoglobin", 44), ("nutrition", 190)),
            scans=(
                Scan(
                    "hip x-ray",
                    1,
                    Words(
                        "Fracture cervicale vraie du fémur droit, déplacée (Garden IV).",
                        "Verplaatste femurhalsfractuur rechts (Garden IV).",
                    ),
                ),
                Scan(
                    "hip x-ray",
                    50,
                    Words("Prothèse de hanche droite en bonne position.", "Heupprothese rechts in goede positie."),
                ),
            ),
            acts=(
                Act("hip prosthesis", 26, 95, "hip prosthesis"),
                Act("physiotherapy", 54, 30),
                Act("physiotherapy", 200, 45),
            ),
            orders=(
                Order("paracetamol", 3, 2, 60),
                Order("cefazolin", 0, 25.5),
                Order("oxycodone", 2, 30, 80),
                Order("enoxaparin", 1, 34, 110),
            ),
            course=Words(
                "Chute de sa hauteur à domicile. Arthroplastie de hanche droite le lendemain. Confusion "
                "post-opératoire transitoire, "
                "résolue au septième jour. Appui complet, marche avec cadre de marche en fin de réadaptation.",
                "Val van eigen hoogte thuis. Heupprothese rechts de volgende dag. Voorbijgaande postoperatieve "
                "verwardheid, hersteld "
                "op dag zeven. Volledige steunname, stapt met looprek op het einde van de revalidatie.",
            ),
        ),
        Contact(
            Kind.CONSULTATION,
            45,
            "orthopaedics",
            "hip fracture",
            labs=(("haemoglobin", 0),),
            scans=(
                Scan(
                    "hip x-ray",
                    0.1,
                    Words("Prothèse en place, pas de descellement.", "Prothese ter plaatse, geen loslating."),
                ),
            ),
        ),
        Contact(Kind.CONSULTATION, 180, "geriatrics", "osteoporosis", labs=(("nutrition", 0),)),
    ),
    drugs=(
        Course("calcium", 5, reason="osteoporosis"),
        Course("alendronate", 30, reason="osteoporosis"),
        Course("enoxaparin", 27, 41, "hip fracture"),
        Course("perindopril", -5900, reason="hypertension"),
        Course("paracetamol", 27, 60, "hip fracture"),
    ),
    plan=Plan(
        Words("Retour à domicile après fracture de hanche", "Terug naar huis na heupfractuur"),
        "hip fracture",
        7,
        (
            ("91251008", Words("Kinésithérapie : marche et équilibre", "Kinesitherapie: stappen en evenwicht")),
            ("", Words("Adaptation du domicile contre les chutes", "Aanpassing van de woning tegen vallen")),
        ),
        (Goal(Words("Hémoglobine au-dessus de 11 g/dL", "Hemoglobine boven 11 g/dL"), "hb", 11, above=True),),
    ),
    flags=("falls",),
)

POLYMEDICATED: Final = Story(
    key="polymedicated",
    ages=(79, 96),
    unit="geriatrics",
    recency=(2, 240),
    deadly=True,
    problems=(
        Problem("pneumonia", 0, 14, severity="moderate"),
        Problem("dementia", -1400),
        Problem("malnutrition", 1),
        Problem("pressure ulcer", 2, 40),
        Problem("hypertension", -8000),
        Problem("atrial fibrillation", -2500),
        Problem("type 2 diabetes", -5200),
        Problem("hypothyroidism", -4100),
        Problem("reflux", -3000),
    ),
    curves={
        "temp": ((-2, 36.7), (0, 38.7), (1, 38.1), (3, 37.0)),
        "crp": ((-5, 5), (0, 132), (2, 96), (6, 31), (12, 9)),
        "wbc": ((-5, 7), (0, 13.8), (6, 8)),
        "spo2": ((-3, 95), (0, 89), (2, 93), (6, 95)),
        "resp": ((-3, 17), (0, 26), (3, 19)),
        "albumin": ((-200, 35), (0, 28), (12, 30), (90, 33)),
        "creatinine": ((-200, 1.2), (0, 1.62), (5, 1.3)),
        "mmse": ((-400, 21), (9, 17), (200, 16)),
        "hba1c": ((-400, 7.4), (90, 7.8)),
    },
    ratios={"weight": ((-400, 1.05), (0, 0.97), (12, 0.96), (90, 0.98))},
    contacts=(
        Contact(Kind.CONSULTATION, -390, "geriatrics", "dementia", labs=(("nutrition", 0),)),
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "fever",
            hours=300,
            moves=(("geriatrics", 7),),
            watch=Watch(("temp", "spo2", "bp", "resp"), 12, 38),
            labs=(("admission", 0.7), ("inflammation", 68), ("nutrition", 150)),
            scans=(
                Scan(
                    "chest x-ray",
                    1.5,
                    Words("Foyer alvéolaire de la base droite.", "Alveolair infiltraat rechter basis."),
                ),
            ),
            acts=(Act("oxygen therapy", 0.6, 900), Act("physiotherapy", 60, 30)),
            orders=(
                Order("oxygen", 0, 0.6, 44, continuous=True),
                Order("co-amoxiclav", 3, 1.5, 72),
                Order("enoxaparin", 1, 14, 80),
                Order("levothyroxine", 1, 12, 80),
            ),
            course=Words(
                "Pneumopathie de la base droite chez un patient très âgé, dénutri. Évolution favorable sous "
                "antibiotiques. Révision "
                "du traitement avec le pharmacien : arrêt du lorazépam. Passage de l'équipe sociale, aide à "
                "domicile renforcée.",
                "Pneumonie rechts basaal bij een hoogbejaarde, ondervoede patiënt. Gunstige evolutie onder "
                "antibiotica. Nazicht van "
                "de medicatie met de apotheker: stop lorazepam. Sociale dienst ingeschakeld, meer thuishulp.",
            ),
            leaves_for="long",
        ),
        Contact(Kind.CONSULTATION, 88, "geriatrics", "malnutrition", labs=(("nutrition", 0),)),
    ),
    drugs=(
        Course("apixaban", -2400, reason="atrial fibrillation"),
        Course("bisoprolol", -2400, reason="atrial fibrillation"),
        Course("metformin", -5000, reason="type 2 diabetes"),
        Course("levothyroxine", -4000, reason="hypothyroidism"),
        Course("pantoprazole", -2900, reason="reflux"),
        Course("donepezil", -1300, reason="dementia"),
        Course("lorazepam", -3500, 9),
        Course("amlodipine", -7000, reason="hypertension"),
        Course("macrogol", -800),
        Course("vitamin d", -1500),
    ),
    plan=Plan(
        Words("Maintien à domicile", "Thuiszorg"),
        "dementia",
        10,
        (
            (
                "226234005",
                Words(
                    "Alimentation enrichie, compléments deux fois par jour",
                    "Verrijkte voeding, tweemaal daags supplementen",
                ),
            ),
            ("", Words("Passage infirmier deux fois par jour", "Thuisverpleging tweemaal per dag")),
        ),
        (Goal(Words("Albumine au-dessus de 35 g/L", "Albumine boven 35 g/L"), "albumin", 35, above=True),),
    ),
    flags=("falls", "directive"),
)

KNEE: Final = Story(
    key="knee",
    ages=(58, 80),
    unit="orthopaedics",
    recency=(-40, 260),
    problems=(Problem("knee arthrosis", -2200), Problem("hypertension", -3600), Problem("obesity", -7000)),
    curves={
        "hb": ((-30, 14), (1, 11.4), (3, 11.8), (45, 13.6)),
        "crp": ((-30, 2), (0, 3), (2, 98), (10, 22), (45, 3)),
        "pain": ((-60, 6), (0.2, 7), (1, 5), (3, 3), (45, 2)),
    },
    contacts=(
        Contact(
            Kind.CONSULTATION,
            -52,
            "orthopaedics",
            "knee arthrosis",
            scans=(
                Scan(
                    "knee x-ray",
                    0.1,
                    Words(
                        "Gonarthrose tricompartimentale, pincement interne complet.",
                        "Tricompartimentele gonartrose, volledige mediale vernauwing.",
                    ),
                ),
            ),
        ),
        Contact(
            Kind.STAY,
            0,
            "orthopaedics",
            "knee arthrosis",
            hours=79,
            planned=True,
            watch=Watch(("pain", "bp", "temp"), 12, 26),
            labs=(("inflammation", 0.5), ("haemoglobin", 44)),
            acts=(Act("knee prosthesis", 3, 100, "knee prosthesis"), Act("physiotherapy", 26, 30)),
            orders=(
                Order("cefazolin", 0, 2.6),
                Order("paracetamol", 3, 5),
                Order("oxycodone", 2, 8, 54),
                Order("enoxaparin", 1, 12),
            ),
            course=Words(
                "Prothèse totale de genou programmée, rachianesthésie, suites simples. Flexion à 90 degrés à la "
                "sortie.",
                "Geplande totale knieprothese onder spinale anesthesie, vlot verloop. Flexie tot 90 graden bij "
                "ontslag.",
            ),
        ),
        Contact(Kind.CONSULTATION, 44, "orthopaedics", "knee arthrosis", labs=(("haemoglobin", 0),)),
    ),
    drugs=(
        Course("paracetamol", -900, reason="knee arthrosis"),
        Course("enoxaparin", 3, 30, "knee arthrosis"),
        Course("amlodipine", -3500, reason="hypertension"),
    ),
)
