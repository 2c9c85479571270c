"""Pathways of children and teenagers."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Goal, Kind, Order, Plan, Problem, Story, Watch
from fhirserver.demo.words import Words

TEENAGER: Final = Story(
    key="type 1 diabetes",
    ages=(12, 17),
    unit="paediatrics",
    recency=(4, 70),
    kin=("mother",),
    problems=(Problem("type 1 diabetes", -620), Problem("ketoacidosis", -620, -616, "severe")),
    curves={
        "hba1c": ((-620, 12.4), (-520, 8.4), (-330, 7.6), (-180, 8.3), (-90, 7.9), (0, 7.4)),
        "glucose": ((-620, 512), (-619, 240), (-616, 168), (0, 142)),
        "ph": ((-620, 7.12), (-619, 7.29), (-618, 7.38)),
        "bicarbonate": ((-620, 9), (-619, 16), (-617, 23)),
        "potassium": ((-620, 5.3), (-619.5, 3.6), (-617, 4.1)),
    },
    ratios={"weight": ((-640, 1.0), (-620, 0.9), (-560, 1.0))},
    contacts=(
        Contact(
            Kind.STAY,
            -620,
            "emergency",
            "ketoacidosis",
            hours=98,
            moves=(("paediatrics", 4),),
            watch=Watch(("hr", "resp", "bp", "weight"), 8, 26),
            labs=(("ketoacidosis", 0.4), ("ketoacidosis", 8), ("ketoacidosis", 26)),
            acts=(Act("diabetes education", 60, 90),),
            orders=(
                Order("saline", 0, 0.6, 14, continuous=True),
                Order("insulin aspart", 3, 26),
                Order("insulin glargine", 1, 26, dose=14),
            ),
            course=Words(
                "Acidocétose inaugurale d'un diabète de type 1 (pH 7,12). Correction en 20 heures. Éducation du "
                "jeune et de sa famille "
                "aux injections, aux glucides et à l'hypoglycémie.",
                "Ketoacidose als eerste uiting van diabetes type 1 (pH 7,12). Gecorrigeerd in 20 uur. Educatie "
                "van de jongere en het "
                "gezin over injecties, koolhydraten en hypoglykemie.",
            ),
        ),
        *(
            Contact(Kind.CONSULTATION, day, "paediatrics", "type 1 diabetes", labs=(("glycaemia", 0),))
            for day in (-520, -330, -180)
        ),
        Contact(
            Kind.CONSULTATION,
            0,
            "paediatrics",
            "type 1 diabetes",
            labs=(("glycaemia", 0),),
            acts=(Act("diabetes education", 0.1, 30),),
        ),
        Contact(Kind.CONSULTATION, 90, "paediatrics", "type 1 diabetes"),
    ),
    drugs=(
        Course("insulin glargine", -616, -330, "type 1 diabetes"),
        Course("insulin aspart", -616, reason="type 1 diabetes"),
    ),
    plan=Plan(
        Words("Convention diabète de l'enfant", "Diabetesconventie kinderen"),
        "type 1 diabetes",
        -616,
        (
            ("6143009", Words("Éducation : pompe à insuline et capteur", "Educatie: insulinepomp en sensor")),
            ("", Words("Projet d'accueil à l'école", "Opvangplan op school")),
        ),
        (Goal(Words("HbA1c à 7,5 % ou moins", "HbA1c 7,5 % of minder"), "hba1c", 7.5),),
    ),
    flags=("pump",),
)

ASTHMA: Final = Story(
    key="asthma",
    ages=(5, 12),
    unit="paediatrics",
    recency=(1, 300),
    kin=("mother", "father"),
    problems=(Problem("asthma", -760, severity="moderate"), Problem("asthma attack", 0, 5)),
    curves={
        "spo2": ((-30, 98), (0, 90), (0.2, 94), (2, 98)),
        "resp": ((-30, 20), (0, 38), (0.3, 26), (2, 20)),
        "hr": ((-30, 88), (0, 138), (1, 100), (3, 88)),
        "peak flow": ((-420, 190), (-200, 215), (0, 105), (0.4, 165), (30, 230), (120, 255)),
    },
    contacts=(
        Contact(Kind.CONSULTATION, -410, "paediatrics", "asthma"),
        Contact(Kind.CONSULTATION, -200, "paediatrics", "asthma", acts=(Act("asthma education", 0.2, 20),)),
        Contact(
            Kind.EMERGENCY,
            0,
            "emergency",
            "asthma attack",
            hours=7,
            watch=Watch(("hr", "spo2", "resp", "peak flow"), 3, 7),
            acts=(Act("nebulisation", 0.3, 20),),
            orders=(
                Order("salbutamol nebulised", 0, 0.3),
                Order("salbutamol nebulised", 0, 0.7),
                Order("salbutamol nebulised", 0, 1.1),
                Order("ipratropium", 0, 0.4, dose=0.25),
                Order("prednisolone", 0, 0.8),
            ),
            course=Words(
                "Crise d'asthme modérée sur rhinopharyngite. Amélioration après trois aérosols de salbutamol. "
                "Retour à domicile avec "
                "prednisolone trois jours et plan d'action écrit.",
                "Matige astma-aanval bij verkoudheid. Verbetering na drie vernevelingen salbutamol. Naar huis met "
                "drie dagen "
                "prednisolon en een geschreven actieplan.",
            ),
        ),
        Contact(
            Kind.CONSULTATION,
            30,
            "paediatrics",
            "asthma",
            acts=(Act("spirometry", 0.2, 15), Act("asthma education", 0.3, 20)),
        ),
        Contact(Kind.CONSULTATION, 160, "paediatrics", "asthma"),
    ),
    drugs=(
        Course("salbutamol", -750, reason="asthma"),
        Course("fluticasone", -750, 30, "asthma"),
        Course("budesonide formoterol", 30, reason="asthma"),
        Course("prednisolone", 0, 3, "asthma attack"),
    ),
    plan=Plan(
        Words("Plan d'action asthme", "Astma-actieplan"),
        "asthma",
        30,
        (
            (
                "401135008",
                Words("Éducation : chambre d'inhalation, signes d'alerte", "Educatie: voorzetkamer, alarmtekens"),
            ),
        ),
        (
            Goal(
                Words("Débit de pointe au-dessus de 220 L/min", "Piekstroom boven 220 L/min"),
                "peak flow",
                220,
                above=True,
            ),
        ),
    ),
)

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
            Kind.EMERGENCY,
            0,
            "emergency",
            "gastroenteritis",
            hours=4,
            watch=Watch(("hr", "temp", "weight"), 3, 4),
            labs=(("kidney", 0.6),),
            orders=(Order("ondansetron", 0, 0.5, dose=4),),
            course=Words(
                "Gastro-entérite aiguë, déshydratation légère, bonne tolérance de la réhydratation orale.",
                "Acute gastro-enteritis, lichte dehydratatie, orale rehydratatie goed verdragen.",
            ),
        ),
    ),
)
