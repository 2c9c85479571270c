"""Pathways that are soon over: small accidents, an operation, a consultation."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Kind, Order, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

APPENDICITIS: Final = Story(
    key="appendicitis",
    ages=(12, 41),
    unit="surgery",
    recency=(0, 330),
    problems=(Problem("appendicitis", 0, 14),),
    curves={
        "temp": ((-2, 36.8), (0, 38.3), (1, 37.8), (2, 36.9)),
        "crp": ((-3, 2), (0, 64), (1, 98), (2, 51), (10, 3)),
        "wbc": ((-3, 7), (0, 15.6), (2, 9.2), (10, 7)),
        "neutrophils": ((-3, 4), (0, 12.8), (2, 6.4), (10, 4)),
        "pain": ((-2, 0), (0, 7), (0.8, 5), (2, 2)),
        "hr": ((-2, 74), (0, 98), (2, 76)),
    },
    contacts=(
        Contact(
            Kind.STAY,
            0,
            "emergency",
            "abdominal pain",
            hours=58,
            moves=(("surgery", 6),),
            watch=Watch(("temp", "pain", "bp", "hr"), 8, 18),
            labs=(("blood count", 0.5), ("inflammation", 32)),
            scans=(
                Scan(
                    "abdominal ultrasound",
                    1.5,
                    Words(
                        "Appendice de 11 mm, non compressible, infiltration de la graisse.",
                        "Appendix van 11 mm, niet samendrukbaar, vetinfiltratie.",
                    ),
                ),
            ),
            acts=(Act("appendicectomy", 9, 50),),
            orders=(
                Order("cefazolin", 0, 8.5),
                Order("metronidazole", 0, 8.5),
                Order("paracetamol iv", 3, 2, 30),
                Order("ketorolac", 2, 10, 34),
                Order("tramadol", 2, 12, 40, as_needed=True),
            ),
            course=Words(
                "Appendicite aiguë non perforée, appendicectomie laparoscopique sans incident. Réalimentation le "
                "soir même.",
                "Acute niet-geperforeerde appendicitis, laparoscopische appendectomie zonder verwikkelingen. "
                "Voeding dezelfde avond.",
            ),
        ),
        Contact(Kind.CONSULTATION, 13, "surgery", "appendicitis"),
    ),
    drugs=(Course("paracetamol", 2, 9, "appendicitis"),),
)

SPRAIN: Final = Story(
    key="sprain",
    ages=(15, 48),
    unit="emergency",
    recency=(0, 200),
    problems=(Problem("ankle sprain", 0, 30, "mild"),),
    curves={"pain": ((-0.1, 6), (1, 3))},
    contacts=(
        Contact(
            Kind.EMERGENCY,
            0,
            "emergency",
            "ankle sprain",
            hours=3,
            watch=Watch(("bp", "hr", "pain"), 12, 2),
            scans=(Scan("ankle x-ray", 0.8, Words("Pas de fracture visible.", "Geen zichtbare fractuur.")),),
            acts=(Act("splint", 1.6, 15),),
            orders=(Order("paracetamol", 0, 0.4),),
            course=Words(
                "Entorse externe de cheville, ligaments testables. Attelle, glace, béquilles.",
                "Inversietrauma van de enkel, stabiel. Spalk, ijs, krukken.",
            ),
        ),
    ),
    drugs=(Course("ibuprofen", 0, 6, "ankle sprain"),),
)

COLIC: Final = Story(
    key="renal colic",
    ages=(24, 63),
    unit="emergency",
    recency=(0, 180),
    problems=(Problem("renal colic", 0, 10),),
    curves={"pain": ((-0.1, 9), (0.05, 8), (0.12, 3), (1, 1)), "hr": ((-1, 74), (0, 102), (0.2, 80))},
    contacts=(
        Contact(
            Kind.EMERGENCY,
            0,
            "emergency",
            "renal colic",
            hours=5,
            watch=Watch(("pain", "bp", "hr", "temp"), 4, 5),
            labs=(("admission", 0.4),),
            scans=(
                Scan(
                    "kidney ultrasound",
                    1.2,
                    Words(
                        "Dilatation pyélocalicielle gauche modérée, calcul urétéral distal de 4 mm.",
                        "Matige dilatatie links, distale uretersteen van 4 mm.",
                    ),
                ),
            ),
            orders=(Order("ketorolac", 0, 0.5), Order("paracetamol iv", 0, 0.5), Order("morphine", 0, 0.9)),
            course=Words(
                "Colique néphrétique gauche non compliquée, soulagée. Tamisage des urines, tamsulosine dix jours.",
                "Ongecompliceerde nierkoliek links, pijnvrij. Urine zeven, tamsulosine tien dagen.",
            ),
        ),
        Contact(Kind.CONSULTATION, 26, "internal", "renal colic", labs=(("kidney", 0),)),
    ),
    drugs=(Course("tamsulosin", 0, 10, "renal colic"), Course("ibuprofen", 0, 5, "renal colic")),
)

WOUND: Final = Story(
    key="wound",
    ages=(18, 66),
    unit="emergency",
    recency=(0, 220),
    problems=(Problem("hand wound", 0, 12, "mild"),),
    curves={"pain": ((-0.1, 4), (0.1, 1))},
    contacts=(
        Contact(
            Kind.EMERGENCY,
            0,
            "emergency",
            "hand wound",
            hours=2,
            watch=Watch(("bp", "hr", "pain"), 12, 2),
            acts=(Act("wound suture", 0.8, 25),),
            orders=(Order("paracetamol", 0, 0.2),),
            course=Words(
                "Plaie de la main gauche par couteau, sans lésion tendineuse. Cinq points. Vaccination "
                "antitétanique vérifiée.",
                "Snijwonde van de linkerhand, geen peesletsel. Vijf hechtingen. Tetanusvaccinatie nagekeken.",
            ),
        ),
    ),
    drugs=(Course("paracetamol", 0, 3, "hand wound"),),
)

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
