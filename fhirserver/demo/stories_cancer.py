"""The pathway of breast cancer."""

from typing import Final

from fhirserver.demo.story import Act, Contact, Course, Goal, Kind, Order, Plan, Problem, Scan, Story, Watch
from fhirserver.demo.words import Words

BREAST_CANCER: Final = Story(
    key="breast cancer",
    ages=(41, 72),
    unit="oncology",
    woman=True,
    recency=(60, 520),
    episode="breast cancer",
    problems=(Problem("breast cancer", -5, severity="severe"), Problem("neutropenia", 70, 130)),
    curves={
        "neutrophils": (
            (40, 4.4),
            (52, 4.2),
            (62, 1.1),
            (73, 3.1),
            (83, 0.9),
            (94, 2.8),
            (104, 1.0),
            (115, 2.6),
            (160, 3.9),
        ),
        "wbc": ((40, 7.2), (52, 7), (62, 2.6), (73, 5.2), (83, 2.4), (94, 4.9), (104, 2.5), (115, 4.6), (160, 6.4)),
        "hb": ((-20, 13.4), (30, 12.6), (73, 11.4), (115, 10.6), (220, 12.6)),
        "platelets": ((40, 260), (62, 168), (73, 240), (115, 205), (200, 250)),
        "pain": ((24, 0), (25, 5), (27, 2), (40, 0)),
    },
    contacts=(
        Contact(
            Kind.CONSULTATION,
            -12,
            "surgery",
            "breast lump",
            scans=(
                Scan(
                    "mammography",
                    0.2,
                    Words(
                        "Opacité spiculée de 17 mm du quadrant supéro-externe gauche, ACR 5.",
                        "Gespiculeerde opaciteit van 17 mm, buitenste bovenkwadrant links, BI-RADS 5.",
                    ),
                ),
            ),
            acts=(Act("breast biopsy", 0.5, 20),),
        ),
        Contact(Kind.CONSULTATION, 0, "oncology", "breast cancer", labs=(("chemotherapy", 0),)),
        Contact(
            Kind.STAY,
            25,
            "surgery",
            "breast cancer",
            hours=52,
            planned=True,
            watch=Watch(("bp", "temp", "pain"), 12, 14),
            labs=(("blood count", 1),),
            acts=(Act("lumpectomy", 3, 70), Act("sentinel node", 4.2, 25)),
            orders=(Order("cefazolin", 0, 2.6), Order("paracetamol", 3, 6), Order("enoxaparin", 1, 12)),
            course=Words(
                "Tumorectomie gauche et ganglion sentinelle. Carcinome infiltrant de 18 mm, grade 2, RE + RP + "
                "HER2 -, un ganglion "
                "micrométastatique sur deux, marges saines. Concertation : chimiothérapie, radiothérapie, "
                "hormonothérapie.",
                "Lumpectomie links en schildwachtklier. Invasief carcinoom van 18 mm, graad 2, ER + PR + HER2 -, "
                "één klier met "
                "micrometastase op twee, vrije snijranden. MOC: chemotherapie, radiotherapie, hormoontherapie.",
            ),
        ),
        *(
            Contact(
                Kind.DAY_CARE,
                day,
                "oncology",
                "breast cancer",
                hours=5,
                watch=Watch(("bp", "temp", "weight"), 12, 2),
                labs=(("chemotherapy", 0.2),),
                acts=(Act("chemotherapy", 1, 180),),
                orders=(Order("ondansetron", 0, 0.8), Order("epirubicin", 0, 1), Order("cyclophosphamide", 0, 2)),
            )
            for day in (52, 73, 94, 115)
        ),
        Contact(Kind.CONSULTATION, 150, "oncology", "breast cancer", acts=(Act("radiotherapy", 0.3, 15),)),
        Contact(Kind.CONSULTATION, 215, "oncology", "breast cancer", labs=(("chemotherapy", 0),)),
        Contact(
            Kind.CONSULTATION,
            395,
            "oncology",
            "breast cancer",
            labs=(("chemotherapy", 0),),
            scans=(
                Scan(
                    "mammography",
                    0.2,
                    Words(
                        "Remaniements post-opératoires, pas de lésion suspecte, ACR 2.",
                        "Postoperatieve veranderingen, geen verdachte letsels, BI-RADS 2.",
                    ),
                ),
            ),
        ),
        Contact(Kind.CONSULTATION, 580, "oncology", "breast cancer"),
    ),
    drugs=(Course("letrozole", 160, reason="breast cancer"),),
    plan=Plan(
        Words("Plan personnalisé de soins en oncologie", "Oncologisch zorgplan"),
        "breast cancer",
        28,
        (
            (
                "",
                Words(
                    "Infirmière de coordination : appel avant chaque cure",
                    "Borstverpleegkundige: oproep voor elke kuur",
                ),
            ),
            ("229065009", Words("Activité physique adaptée", "Aangepaste beweging")),
        ),
        (
            Goal(
                Words("Neutrophiles au-dessus de 1,5 G/L avant la cure", "Neutrofielen boven 1,5 G/L voor de kuur"),
                "neutrophils",
                1.5,
                above=True,
            ),
        ),
    ),
)
