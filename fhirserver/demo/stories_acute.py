"""Pathways of grave emergencies."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Goal, Kind, Order, Plan, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

HEART_FAILURE: Final = Story(
    key="heart failure",
    ages=(64, 88),
    unit="cardiology",
    recency=(3, 300),
    deadly=True,
    problems=(
        Problem("heart failure", -1240, severity="moderate"),
        Problem("atrial fibrillation", -900),
        Problem("hypertension", -4800),
    ),
    ratios={"weight": ((-30, 1.0), (-3, 1.05), (0, 1.06), (7, 1.0), (120, 0.99))},
    curves={
        "ntprobnp": ((-210, 1250), (-5, 4800), (0, 6900), (3, 4100), (6, 2300), (30, 1500), (120, 1050)),
        "spo2": ((-20, 95), (-1, 90), (0, 88), (2, 93), (6, 96)),
        "hr": ((-30, 78), (0, 112), (2, 92), (7, 72)),
        "resp": ((-20, 17), (0, 27), (2, 20), (6, 16)),
        "sys": ((-200, 138), (0, 152), (3, 128), (120, 122)),
        "creatinine": ((-210, 1.15), (0, 1.48), (4, 1.36), (30, 1.22)),
        "potassium": ((0, 4.6), (2, 3.5), (4, 3.9), (30, 4.4)),
        "ejection fraction": ((-210, 38), (120, 41)),
    },
    drugs=(
        Course("bisoprolol", -1200, reason="heart failure"),
        Course("furosemide", -1200, reason="heart failure"),
        Course("ramipril", -4700, 5, reason="hypertension"),
        Course("sacubitril", 7, reason="heart failure"),
        Course("dapagliflozin", 5, reason="heart failure"),
        Course("spironolactone", -400, reason="heart failure"),
        Course("apixaban", -890, reason="atrial fibrillation"),
    ),
    contacts=(
        Contact(
            Kind.CONSULTATION,
            -205,
            "cardiology",
            "heart failure",
            labs=(("heart", 0),),
            acts=(Act("electrocardiogram", 0.1, 10),),
        ),
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "dyspnoea",
            hours=168,
            moves=(("cardiology", 5),),
            watch=Watch(("weight", "spo2", "bp", "hr"), 12, 26),
            labs=(("heart", 0.5), ("kidney", 40), ("heart", 136)),
            scans=(
                Scan(
                    "chest x-ray",
                    1,
                    Words(
                        "Redistribution vasculaire et épanchement pleural bilatéral, cardiomégalie.",
                        "Vasculaire redistributie, bilateraal pleuravocht, cardiomegalie.",
                    ),
                ),
                Scan(
                    "echocardiography",
                    26,
                    Words(
                        "Fraction d'éjection abaissée à 36 %, insuffisance mitrale modérée.",
                        "Ejectiefractie verlaagd tot 36 %, matige mitralisinsufficiëntie.",
                    ),
                ),
            ),
            acts=(Act("electrocardiogram", 0.3, 10), Act("oxygen therapy", 0.4, 600)),
            orders=(
                Order("oxygen", 0, 0.4, 20, continuous=True),
                Order("furosemide iv", 3, 1, 72),
                Order("potassium", 2, 30, 80),
                Order("bisoprolol", 1, 14, 90),
            ),
            course=Words(
                "Décompensation cardiaque globale sur écart de régime sodé. Bonne réponse au furosémide "
                "intraveineux : perte de "
                "poids de 5 kg, sevrage de l'oxygène au deuxième jour. Relais oral, instauration du "
                "sacubitril/valsartan.",
                "Globale hartdecompensatie na te zoute voeding. Goede respons op intraveneus furosemide: 5 kg "
                "gewichtsverlies, "
                "zuurstof gestopt op dag twee. Overgang naar orale behandeling, start van sacubitril/valsartan.",
            ),
        ),
        Contact(Kind.CONSULTATION, 30, "cardiology", "heart failure", labs=(("heart", 0),)),
        Contact(
            Kind.CONSULTATION,
            120,
            "cardiology",
            "heart failure",
            labs=(("kidney", 0),),
            acts=(Act("electrocardiogram", 0.1, 10),),
        ),
        Contact(Kind.CONSULTATION, 300, "cardiology", "heart failure"),
    ),
    plan=Plan(
        Words("Suivi de l'insuffisance cardiaque", "Zorgplan hartfalen"),
        "heart failure",
        6,
        (
            (
                "307818003",
                Words(
                    "Se peser chaque matin, appeler si + 2 kg en 3 jours",
                    "Elke ochtend wegen, bellen bij + 2 kg in 3 dagen",
                ),
            ),
            ("", Words("Prise des médicaments selon le schéma", "Inname van de medicatie volgens schema")),
        ),
        (Goal(Words("NT-proBNP sous 1500 pg/mL", "NT-proBNP onder 1500 pg/mL"), "ntprobnp", 1500),),
    ),
)

SEPSIS: Final = Story(
    key="sepsis",
    ages=(48, 86),
    unit="internal",
    recency=(2, 280),
    problems=(
        Problem("sepsis", 0, 12, severity="severe"),
        Problem("pyelonephritis", 0, 12),
        Problem("hypertension", -3100),
    ),
    curves={
        "temp": ((-2, 36.8), (0, 39.6), (1, 39.1), (2, 38.4), (3, 37.8), (4, 37.2), (6, 36.8)),
        "hr": ((-2, 76), (0, 128), (1, 112), (3, 88), (6, 76)),
        "sys": ((-2, 128), (0, 82), (0.4, 96), (1, 108), (3, 122)),
        "dia": ((-2, 76), (0, 46), (0.4, 54), (1, 60), (3, 70)),
        "resp": ((-2, 15), (0, 28), (2, 20), (5, 16)),
        "spo2": ((-2, 97), (0, 91), (2, 94), (5, 97)),
        "crp": ((-3, 3), (0, 214), (1, 287), (2, 246), (4, 118), (7, 42), (10, 14), (30, 3)),
        "procalcitonin": ((-2, 0.05), (0, 24.5), (1, 31.8), (3, 9.4), (7, 0.9), (30, 0.05)),
        "lactate": ((-2, 1.0), (0, 4.8), (1, 2.6), (2, 1.4)),
        "wbc": ((-3, 7), (0, 19.8), (2, 15.1), (5, 9.6), (10, 7.4)),
        "platelets": ((-3, 250), (0, 118), (2, 96), (6, 190), (30, 262)),
        "creatinine": ((-3, 0.92), (0, 2.15), (2, 1.64), (6, 1.05), (30, 0.92)),
    },
    contacts=(
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "fever",
            hours=226,
            moves=(("icu", 4), ("internal", 62)),
            watch=Watch(("temp", "bp", "hr", "spo2", "resp"), 8, 38),
            labs=(("sepsis", 0.3), ("sepsis", 22), ("sepsis", 70), ("inflammation", 142)),
            scans=(
                Scan(
                    "kidney ultrasound",
                    2,
                    Words(
                        "Rein droit augmenté de taille, sans dilatation des cavités.",
                        "Vergrote rechternier, zonder dilatatie.",
                    ),
                ),
            ),
            acts=(Act("urinary catheter", 1, 15), Act("central line", 5, 40)),
            orders=(
                Order("ceftriaxone", 0, 0.8),
                Order("saline", 0, 0.6, 6, continuous=True),
                Order("noradrenaline", 0, 5, 34, continuous=True),
                Order("piperacillin", 4, 6, 72),
                Order("enoxaparin", 1, 20, 120),
                Order("ciprofloxacin", 2, 74, 140),
                Order("paracetamol", 2, 12, 90, as_needed=True),
            ),
            course=Words(
                "Choc septique à Escherichia coli sur pyélonéphrite aiguë droite. Remplissage, noradrénaline "
                "pendant 29 heures aux "
                "soins intensifs, antibiothérapie adaptée à l'antibiogramme. Apyrexie au quatrième jour.",
                "Septische shock door Escherichia coli bij acute pyelonefritis rechts. Vulling, noradrenaline "
                "gedurende 29 uur op "
                "intensieve zorg, antibiotica aangepast aan het antibiogram. Koortsvrij vanaf dag vier.",
            ),
        ),
        Contact(Kind.CONSULTATION, 32, "internal", "pyelonephritis", labs=(("admission", 0),)),
    ),
    drugs=(Course("ciprofloxacin", 9, 15, "pyelonephritis"), Course("amlodipine", -3000, reason="hypertension")),
    flags=("multiresistant",),
)

STROKE: Final = Story(
    key="stroke",
    ages=(56, 87),
    unit="neurology",
    recency=(4, 320),
    problems=(
        Problem("stroke", 0, severity="severe"),
        Problem("hemiparesis", 0),
        Problem("atrial fibrillation", 1),
        Problem("hypertension", -5200),
    ),
    curves={
        "nihss": ((-1, 0), (0, 14), (0.3, 12), (1, 8), (5, 6), (20, 4), (60, 3)),
        "glasgow": ((-1, 15), (0, 13), (2, 15)),
        "sys": ((-60, 152), (0, 184), (1, 162), (5, 138), (60, 128)),
        "dia": ((-60, 84), (0, 102), (1, 90), (5, 80)),
        "cholesterol": ((-1, 224), (60, 158)),
        "glucose": ((0, 128), (4, 98)),
    },
    contacts=(
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "weakness of one side",
            hours=672,
            moves=(("neurology", 2), ("rehabilitation", 218)),
            watch=Watch(("nihss", "bp", "glasgow", "temp"), 8, 26),
            labs=(("clotting", 0.2), ("lipids", 30), ("inflammation", 190)),
            scans=(
                Scan(
                    "head ct",
                    0.4,
                    Words(
                        "Pas d'hémorragie. Hypodensité débutante du territoire sylvien gauche.",
                        "Geen bloeding. Beginnende hypodensiteit in het linker mediagebied.",
                    ),
                ),
                Scan(
                    "head ct",
                    25,
                    Words(
                        "Infarctus sylvien gauche constitué, sans remaniement hémorragique.",
                        "Infarct in het linker mediagebied, zonder hemorragische transformatie.",
                    ),
                ),
            ),
            acts=(Act("thrombolysis", 0.8, 60), Act("electrocardiogram", 3, 10), Act("physiotherapy", 70, 45)),
            orders=(
                Order("alteplase", 0, 0.8),
                Order("aspirin", 1, 26, 80),
                Order("atorvastatin", 1, 30, 80),
                Order("enoxaparin", 1, 30, 80),
            ),
            course=Words(
                "Infarctus sylvien gauche avec hémiparésie droite et aphasie (NIHSS 14), thrombolysé 1 h 50 après "
                "le début. "
                "Fibrillation auriculaire découverte au monitoring. Récupération progressive en réadaptation "
                "(NIHSS 4).",
                "Infarct in het linker mediagebied met hemiparese rechts en afasie (NIHSS 14), trombolyse 1 u 50 "
                "na het begin. "
                "Voorkamerfibrillatie ontdekt op de monitor. Geleidelijk herstel op revalidatie (NIHSS 4).",
            ),
            leaves_for="home",
        ),
        Contact(Kind.CONSULTATION, 64, "neurology", "stroke", labs=(("lipids", 0),)),
        Contact(Kind.CONSULTATION, 190, "neurology", "stroke"),
        Contact(Kind.CONSULTATION, 370, "neurology", "stroke"),
    ),
    drugs=(
        Course("apixaban", 9, reason="atrial fibrillation"),
        Course("atorvastatin", 2, reason="stroke"),
        Course("perindopril", -5000, reason="hypertension"),
    ),
    plan=Plan(
        Words("Réadaptation après AVC", "Revalidatie na CVA"),
        "stroke",
        9,
        (
            ("91251008", Words("Kinésithérapie cinq fois par semaine", "Kinesitherapie vijf keer per week")),
            ("311555007", Words("Logopédie trois fois par semaine", "Logopedie drie keer per week")),
        ),
        (Goal(Words("Pression systolique sous 130 mmHg", "Systolische druk onder 130 mmHg"), "sys", 130),),
    ),
    flags=("falls",),
)

INFARCTION: Final = Story(
    key="infarction",
    ages=(43, 76),
    unit="cardiology",
    recency=(2, 380),
    problems=(
        Problem("infarction", 0, 60, severity="severe"),
        Problem("coronary disease", 0),
        Problem("smoking", -9000),
        Problem("hyperlipidaemia", -800),
    ),
    curves={
        "troponin": ((-1, 6), (0, 148), (0.3, 2960), (0.8, 4210), (2, 1630), (4, 420), (40, 9)),
        "hr": ((-5, 74), (0, 104), (1, 82), (4, 64)),
        "sys": ((-30, 144), (0, 158), (1, 126), (60, 124)),
        "cholesterol": ((-300, 246), (1, 238), (45, 148), (200, 142)),
        "ejection fraction": ((0, 43), (90, 50)),
        "pain": ((-0.1, 0), (0, 8), (0.15, 3), (1, 0)),
    },
    contacts=(
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "chest pain",
            hours=112,
            moves=(("icu", 2.5), ("cardiology", 26)),
            watch=Watch(("bp", "hr", "pain", "spo2"), 6, 20),
            labs=(("troponin", 0.2), ("cardiac enzymes", 7), ("cardiac enzymes", 20), ("lipids", 30), ("troponin", 92)),
            scans=(
                Scan(
                    "echocardiography",
                    28,
                    Words(
                        "Akinésie antérieure, fraction d'éjection 43 %, pas de thrombus.",
                        "Anterieure akinesie, ejectiefractie 43 %, geen trombus.",
                    ),
                ),
            ),
            acts=(
                Act("electrocardiogram", 0.1, 10),
                Act("coronary angiography", 1, 35),
                Act("angioplasty", 1.4, 50, "stent"),
            ),
            orders=(
                Order("aspirin", 0, 0.3, dose=300),
                Order("ticagrelor", 2, 0.4),
                Order("atorvastatin", 1, 6),
                Order("bisoprolol", 1, 20),
                Order("morphine", 0, 0.3),
                Order("enoxaparin", 1, 2, 60),
            ),
            course=Words(
                "Infarctus antérieur avec sus-décalage ST, angioplastie primaire de l'IVA proximale avec un stent "
                "actif, délai "
                "porte-ballon 68 minutes. Suites simples. Sevrage tabagique entamé, réadaptation cardiaque "
                "prescrite.",
                "Voorwandinfarct met ST-elevatie, primaire angioplastie van de proximale LAD met één stent, "
                "deur-tot-ballontijd "
                "68 minuten. Ongecompliceerd verloop. Rookstop gestart, hartrevalidatie voorgeschreven.",
            ),
        ),
        Contact(
            Kind.CONSULTATION,
            42,
            "cardiology",
            "coronary disease",
            labs=(("lipids", 0),),
            acts=(Act("electrocardiogram", 0.1, 10),),
        ),
        Contact(Kind.CONSULTATION, 180, "cardiology", "coronary disease", labs=(("lipids", 0),)),
        Contact(Kind.CONSULTATION, 365, "cardiology", "coronary disease"),
    ),
    drugs=(
        Course("aspirin", 1, reason="coronary disease"),
        Course("ticagrelor", 1, 366, "coronary disease"),
        Course("atorvastatin", 1, reason="hyperlipidaemia"),
        Course("bisoprolol", 2, reason="coronary disease"),
        Course("perindopril", 3, reason="coronary disease"),
        Course("nicotine", 4, 90, "smoking"),
    ),
    plan=Plan(
        Words("Réadaptation cardiaque", "Hartrevalidatie"),
        "coronary disease",
        4,
        (
            ("229065009", Words("Entraînement physique, 30 séances", "Fysieke training, 30 sessies")),
            ("225323000", Words("Accompagnement au sevrage tabagique", "Begeleiding bij rookstop")),
        ),
        (Goal(Words("LDL sous 55 mg/dL (1,4 mmol/L)", "LDL onder 55 mg/dL"), "ldl", 55),),
    ),
)
