"""What is measured: LOINC, UCUM, reference ranges, and the units that laboratories of each country report.

A curve of a story is in the unit of the table; France reports some results by amount of substance, under another code.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from fhirserver.demo.table import rows
from fhirserver.demo.words import Words

Bounds: TypeAlias = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity: what a healthy adult shows, how much it wavers, and what counts as normal (men, women)."""

    words: Words
    loinc: str
    unit: str
    shown: str
    places: int
    usual: float
    deviation: float
    normal: Bounds | None
    normal_women: Bounds | None
    specimen: str


@dataclass(frozen=True, slots=True)
class Molar:
    """How French laboratories report a measure: another code, and the unit that ``factor`` leads to."""

    loinc: str
    unit: str
    factor: float
    places: int


# key|French|Dutch (= the same)|LOINC|UCUM|shown as|places|usual|wavers|normal|normal in women|specimen
_VITALS: Final = """
hr|Fréquence cardiaque|Hartfrequentie|8867-4|/min|=|0|74|4|50..100
resp|Fréquence respiratoire|Ademhalingsfrequentie|9279-1|/min|=|0|15|1|12..20
temp|Température|Temperatuur|8310-5|Cel|°C|1|36.7|0.15|36..37.8
spo2|Saturation en oxygène|Zuurstofsaturatie|2708-6|%|=|0|97|0.6|94..100
weight|Poids|Gewicht|29463-7|kg|=|1|74|0.3
height|Taille|Lengte|8302-2|cm|=|0|170|0
bmi|Indice de masse corporelle|Body mass index|39156-5|kg/m2|kg/m²|1|25|0|18.5..25
head|Périmètre crânien|Hoofdomtrek|9843-4|cm|=|1|46|0.2
sys|Pression systolique|Systolische bloeddruk|8480-6|mm[Hg]|mmHg|0|126|5|90..140
dia|Pression diastolique|Diastolische bloeddruk|8462-4|mm[Hg]|mmHg|0|76|3|60..90
"""

_SCORES: Final = """
pain|Douleur (échelle numérique)|Pijn (numerieke schaal)|72514-3|{score}|/10|0|1|0.6|0..3
glasgow|Score de Glasgow|Glasgow-comaschaal|9269-2|{score}|/15|0|15|0|15..15
nihss|Score NIHSS|NIHSS-score|72089-6|{score}|/42|0|0|0|0..0
phq9|Score PHQ-9|PHQ-9-score|44261-6|{score}|/27|0|3|0.6|0..4
mmse|MMSE|=|72106-8|{score}|/30|0|28|0.5|24..30
apgar1|Apgar à 1 minute|Apgar na 1 minuut|9272-6|{score}|/10|0|9|0.5|7..10
apgar5|Apgar à 5 minutes|Apgar na 5 minuten|9274-2|{score}|/10|0|10|0.2|7..10
peak flow|Débit expiratoire de pointe|Piekstroom|33452-4|L/min|=|0|420|12
fev1|VEMS|ESW|20150-9|L|=|2|3.1|0.05
fev1 predicted|VEMS, % de la théorique|ESW, % voorspeld|20152-5|%|=|0|95|2|80..
ejection fraction|Fraction d'éjection|Ejectiefractie|10230-1|%|=|0|60|1.5|52..
skin bilirubin|Bilirubine transcutanée|Transcutane bilirubine|58941-6|mg/dL|=|1|6|0.4|..12
"""

_LABS: Final = """
hb|Hémoglobine|Hemoglobine|718-7|g/dL|=|1|14.1|0.3|13..17|12..16|blood
hct|Hématocrite|Hematocriet|4544-3|%|=|1|42|0.8|40..50|36..46|blood
mcv|VGM|MCV|787-2|fL|=|0|90|1|80..98||blood
wbc|Leucocytes|Leukocyten|6690-2|10*9/L|G/L|1|7.1|0.5|4..10||blood
neutrophils|Neutrophiles|Neutrofielen|751-8|10*9/L|G/L|1|4.3|0.4|1.8..7.5||blood
platelets|Plaquettes|Bloedplaatjes|777-3|10*9/L|G/L|0|252|14|150..400||blood
crp|CRP|=|1988-5|mg/L|=|1|2.1|0.6|..5||serum
procalcitonin|Procalcitonine|=|33959-8|ng/mL|=|2|0.05|0.01|..0.5||serum
lactate|Lactate|Lactaat|2524-7|mmol/L|=|1|1.1|0.15|0.5..2||plasma
sodium|Sodium|Natrium|2951-2|mmol/L|=|0|140|1.2|136..145||serum
potassium|Potassium|Kalium|2823-3|mmol/L|=|1|4.2|0.15|3.5..5.1||serum
bicarbonate|Bicarbonate|Bicarbonaat|1963-8|mmol/L|=|0|25|0.8|22..29||serum
creatinine|Créatinine|Creatinine|2160-0|mg/dL|=|2|0.86|0.03|0.7..1.2|0.5..0.95|serum
egfr|DFG estimé (CKD-EPI)|eGFR (CKD-EPI)|62238-1|mL/min/{1.73_m2}|mL/min/1,73 m²|0|90|0|60..||serum
urea|Urée|Ureum|3091-6|mg/dL|=|0|33|2|17..49||serum
glucose|Glucose|=|2345-7|mg/dL|=|0|89|4|70..100||plasma
hba1c|HbA1c|=|4548-4|%|=|1|5.4|0.1|4..6||blood
cholesterol|Cholestérol total|Totaal cholesterol|2093-3|mg/dL|=|0|184|7|..190||serum
hdl|Cholestérol HDL|HDL-cholesterol|2085-9|mg/dL|=|0|52|2|40..||serum
ldl|Cholestérol LDL calculé|LDL-cholesterol berekend|13457-7|mg/dL|=|0|110|0|..115||serum
triglycerides|Triglycérides|Triglyceriden|2571-8|mg/dL|=|0|112|9|..150||serum
alt|ALAT|ALT|1742-6|U/L|=|0|24|3|..45||serum
ast|ASAT|AST|1920-8|U/L|=|0|23|2|..40||serum
bilirubin|Bilirubine totale|Totaal bilirubine|1975-2|mg/dL|=|1|0.6|0.1|..1.2||serum
albumin|Albumine|=|1751-7|g/L|=|0|42|1|35..52||serum
calcium|Calcium|=|2000-8|mmol/L|=|2|2.36|0.03|2.15..2.55||serum
phosphate|Phosphate|Fosfaat|14879-1|mmol/L|=|2|1.08|0.05|0.81..1.45||serum
pth|Parathormone|Parathormoon|2731-8|pg/mL|=|0|38|3|15..65||plasma
ferritin|Ferritine|=|2276-4|ng/mL|=|0|96|8|30..400|15..150|serum
tsh|TSH|=|3016-3|m[IU]/L|mUI/L|2|1.9|0.2|0.27..4.2||serum
ntprobnp|NT-proBNP|=|33762-6|pg/mL|=|0|90|8|..300||serum
troponin|Troponine T hypersensible|Hoogsensitieve troponine T|67151-1|ng/L|=|0|7|1|..14||serum
inr|INR|=|6301-6|{INR}|INR|1|1|0.04|0.9..1.2||plasma
acr|Albumine/créatinine urinaire|Albumine/creatinine urine|9318-7|mg/g|=|0|9|2|..30||urine
ph|pH artériel|Arteriële pH|2744-1|[pH]|=|2|7.41|0.01|7.35..7.45||arterial
pco2|PaCO2|=|2019-8|mm[Hg]|mmHg|0|39|1|35..45||arterial
po2|PaO2|=|2703-7|mm[Hg]|mmHg|0|86|2|75..100||arterial
"""


def _bounds(text: str) -> Bounds | None:
    if not text:
        return None
    low, _, high = text.partition("..")
    return float(low) if low else None, float(high) if high else None


def _measure(row: list[str]) -> Measure:
    french, dutch, loinc, unit, shown, places, usual, deviation, normal, women, specimen = [*row[1:], "", "", ""][:11]
    return Measure(
        words=Words(french, french if dutch == "=" else dutch),
        loinc=loinc,
        unit=unit,
        shown=unit if shown == "=" else shown,
        places=int(places),
        usual=float(usual),
        deviation=float(deviation),
        normal=_bounds(normal),
        normal_women=_bounds(women),
        specimen=specimen,
    )


VITALS: Final = {row[0]: _measure(row) for row in rows(_VITALS)}
"""Category vital-signs of the R4 profiles; blood pressure is the panel of ``sys`` and ``dia``."""

SCORES: Final = {row[0]: _measure(row) for row in rows(_SCORES)}
"""Scores and bedside tests."""

LABS: Final = {row[0]: _measure(row) for row in rows(_LABS)}
"""Laboratory results."""

MOLAR: Final = {
    "creatinine": Molar("14682-9", "umol/L", 88.4, 0),
    "urea": Molar("22664-7", "mmol/L", 0.1665, 1),
    "glucose": Molar("14749-6", "mmol/L", 0.0555, 1),
    "cholesterol": Molar("14647-2", "mmol/L", 0.02586, 2),
    "hdl": Molar("14646-4", "mmol/L", 0.02586, 2),
    "ldl": Molar("39469-2", "mmol/L", 0.02586, 2),
    "triglycerides": Molar("14927-8", "mmol/L", 0.01129, 2),
    "bilirubin": Molar("14631-6", "umol/L", 17.1, 0),
}
"""What France reports by amount of substance."""

PANELS: Final = {
    "blood count": ("hb", "hct", "wbc", "neutrophils", "platelets"),
    "inflammation": ("hb", "wbc", "crp"),
    "kidney": ("sodium", "potassium", "creatinine", "egfr", "urea"),
    "admission": ("hb", "wbc", "crp", "sodium", "potassium", "creatinine", "egfr"),
    "sepsis": ("wbc", "platelets", "crp", "procalcitonin", "lactate", "creatinine", "egfr"),
    "heart": ("ntprobnp", "sodium", "potassium", "creatinine", "egfr", "hb"),
    "troponin": ("troponin", "creatinine", "egfr", "potassium"),
    "diabetes": ("hba1c", "glucose", "creatinine", "egfr", "cholesterol", "hdl", "ldl", "triglycerides", "acr"),
    "glycaemia": ("hba1c", "glucose"),
    "renal": (
        "creatinine",
        "egfr",
        "urea",
        "potassium",
        "bicarbonate",
        "calcium",
        "phosphate",
        "pth",
        "hb",
        "ferritin",
    ),
    "lipids": ("cholesterol", "hdl", "ldl", "triglycerides", "glucose"),
    "cardiac enzymes": ("troponin",),
    "kidney follow-up": ("creatinine", "egfr", "potassium", "hb"),
    "thyroid": ("tsh",),
    "blood gas": ("ph", "pco2", "po2", "bicarbonate", "lactate"),
    "ketoacidosis": ("glucose", "ph", "bicarbonate", "potassium", "sodium", "creatinine"),
    "haemoglobin": ("hb", "platelets", "crp"),
    "chemotherapy": ("hb", "wbc", "neutrophils", "platelets", "creatinine", "alt"),
    "pregnancy": ("hb", "platelets", "ferritin", "glucose", "tsh"),
    "nutrition": ("albumin", "hb", "tsh", "creatinine", "egfr", "sodium", "potassium"),
    "clotting": ("inr", "platelets", "hb", "glucose", "creatinine", "egfr"),
}

CULTURES: Final = {
    "blood culture": ("600-7", Words("Hémocultures", "Hemoculturen"), "blood"),
    "urine culture": ("630-4", Words("Examen cytobactériologique des urines", "Urinekweek"), "urine"),
}
"""Cultures: LOINC, text, specimen."""

ORGANISM: Final = ("112283007", "Escherichia coli")

BLOOD_GROUP: Final = ("882-1", Words("Groupe sanguin ABO et Rhésus", "Bloedgroep ABO en rhesus"))
BLOOD_GROUPS: Final = (
    ("278149003", "A Rh D positif", 36),
    ("278147001", "O Rh D positif", 37),
    ("278150003", "B Rh D positif", 8),
    ("278152006", "A Rh D négatif", 8),
    ("278148006", "O Rh D négatif", 8),
    ("278151004", "AB Rh D positif", 3),
)
"""SNOMED CT findings, text, how many in a hundred."""

SPECIMEN_WORDS: Final = {
    "serum": Words("Sang veineux (sérum)", "Veneus bloed (serum)"),
    "blood": Words("Sang veineux (EDTA)", "Veneus bloed (EDTA)"),
    "plasma": Words("Sang veineux (plasma)", "Veneus bloed (plasma)"),
    "arterial": Words("Sang artériel", "Arterieel bloed"),
    "urine": Words("Urine", "Urine"),
}

SPECIMENS: Final = {
    "serum": "119364003",
    "blood": "122555007",
    "plasma": "119361006",
    "arterial": "122552005",
    "urine": "122575003",
}
"""SNOMED CT types of specimens."""
