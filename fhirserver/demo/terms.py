"""Diagnoses, complaints and acts of the record: SNOMED CT, ICD-10 (WHO), French and Dutch text."""

from typing import Final

from fhirserver.demo.words import Term, Words


def _term(snomed: str, fr: str, nl: str, icd10: str | None = None) -> Term:
    return Term(snomed, Words(fr, nl), icd10)


PROBLEMS: Final = {
    "type 2 diabetes": _term("44054006", "Diabète de type 2", "Diabetes mellitus type 2", "E11.9"),
    "type 1 diabetes": _term("46635009", "Diabète de type 1", "Diabetes mellitus type 1", "E10.9"),
    "ketoacidosis": _term("420422005", "Acidocétose diabétique", "Diabetische ketoacidose", "E10.1"),
    "neuropathy": _term("230572002", "Neuropathie diabétique", "Diabetische neuropathie", "G63.2"),
    "hypertension": _term("59621000", "Hypertension artérielle essentielle", "Essentiële hypertensie", "I10"),
    "hyperlipidaemia": _term("55822004", "Hyperlipidémie", "Hyperlipidemie", "E78.5"),
    "obesity": _term("414916001", "Obésité", "Obesitas", "E66.9"),
    "heart failure": _term("84114007", "Insuffisance cardiaque", "Hartfalen", "I50.9"),
    "atrial fibrillation": _term("49436004", "Fibrillation auriculaire", "Voorkamerfibrillatie", "I48.9"),
    "coronary disease": _term("53741008", "Athérosclérose coronarienne", "Coronair lijden", "I25.1"),
    "infarction": _term("401303003", "Infarctus du myocarde avec sus-décalage du segment ST",
                        "Acuut myocardinfarct met ST-elevatie", "I21.3"),
    "copd": _term("13645005", "Bronchopneumopathie chronique obstructive", "COPD", "J44.9"),
    "copd exacerbation": _term("195951007", "Exacerbation aiguë de BPCO", "Acute exacerbatie van COPD", "J44.1"),
    "smoking": _term("77176002", "Tabagisme", "Roker", "F17.2"),
    "asthma": _term("195967001", "Asthme", "Astma", "J45.9"),
    "asthma attack": _term("708038006", "Exacerbation aiguë d'asthme", "Acute astma-exacerbatie", "J45.9"),
    "hip fracture": _term("5913000", "Fracture du col du fémur", "Femurhalsfractuur", "S72.0"),
    "osteoporosis": _term("64859006", "Ostéoporose", "Osteoporose", "M81.9"),
    "fall": _term("1912002", "Chute", "Val", "W19"),
    "delirium": _term("2776000", "Confusion aiguë", "Delirium", "F05.9"),
    "dementia": _term("26929004", "Maladie d'Alzheimer", "Ziekte van Alzheimer", "G30.9"),
    "pregnancy": _term("77386006", "Grossesse", "Zwangerschap", "Z34.9"),
    "gestational diabetes": _term("11687002", "Diabète gestationnel", "Zwangerschapsdiabetes", "O24.4"),
    "birth": _term("48782003", "Accouchement normal", "Normale bevalling", "O80.9"),
    "newborn": _term("442311008", "Nouveau-né vivant", "Levend geboren kind", "Z38.0"),
    "neonatal jaundice": _term("387712008", "Ictère néonatal", "Neonatale geelzucht", "P59.9"),
    "bronchiolitis": _term("4120002", "Bronchiolite", "Bronchiolitis", "J21.9"),
    "otitis": _term("65363002", "Otite moyenne", "Otitis media", "H66.9"),
    "growth": _term("410620009", "Consultation de suivi de l'enfant", "Opvolgconsult kind", "Z00.1"),
    "pyelonephritis": _term("36689008", "Pyélonéphrite aiguë", "Acute pyelonefritis", "N10"),
    "sepsis": _term("91302008", "Sepsis", "Sepsis", "A41.9"),
    "stroke": _term("432504007", "Infarctus cérébral", "Herseninfarct", "I63.9"),
    "hemiparesis": _term("20022000", "Hémiparésie", "Hemiparese", "G81.9"),
    "breast cancer": _term("254837009", "Cancer du sein", "Borstkanker", "C50.9"),
    "neutropenia": _term("165517008", "Neutropénie", "Neutropenie", "D70"),
    "kidney disease 3": _term("433144002", "Maladie rénale chronique, stade 3",
                              "Chronische nierziekte, stadium 3", "N18.3"),
    "kidney disease 4": _term("431857002", "Maladie rénale chronique, stade 4",
                              "Chronische nierziekte, stadium 4", "N18.4"),
    "renal anaemia": _term("49708008", "Anémie de l'insuffisance rénale", "Renale anemie", "D63.8"),
    "depression": _term("370143000", "Épisode dépressif majeur", "Depressieve episode", "F32.2"),
    "suicidal thoughts": _term("6471006", "Idées suicidaires", "Suïcidale gedachten", "R45.8"),
    "appendicitis": _term("85189001", "Appendicite aiguë", "Acute appendicitis", "K35.8"),
    "pneumonia": _term("233604007", "Pneumonie", "Pneumonie", "J18.9"),
    "malnutrition": _term("248325000", "Dénutrition", "Ondervoeding", "E46"),
    "pressure ulcer": _term("399912005", "Escarre", "Decubitus", "L89.9"),
    "hypothyroidism": _term("40930008", "Hypothyroïdie", "Hypothyreoïdie", "E03.9"),
    "reflux": _term("235595009", "Reflux gastro-œsophagien", "Gastro-oesofageale reflux", "K21.9"),
    "knee arthrosis": _term("239873007", "Gonarthrose", "Gonartrose", "M17.9"),
    "prostate enlargement": _term("266569009", "Hypertrophie bénigne de la prostate", "Prostaathypertrofie", "N40"),
    "iron deficiency": _term("87522002", "Anémie ferriprive", "IJzergebreksanemie", "D50.9"),
    "migraine": _term("37796009", "Migraine", "Migraine", "G43.9"),
    "gout": _term("90560007", "Goutte", "Jicht", "M10.9"),
    "ankle sprain": _term("44465007", "Entorse de la cheville", "Enkelverstuiking", "S93.4"),
    "gastroenteritis": _term("25374005", "Gastro-entérite", "Gastro-enteritis", "A09.9"),
    "renal colic": _term("7093002", "Colique néphrétique", "Nierkoliek", "N23"),
    "hand wound": _term("284549007", "Plaie de la main", "Snijwonde van de hand", "S61.9"),
    "chest pain": _term("29857009", "Douleur thoracique", "Pijn op de borst", "R07.4"),
    "dyspnoea": _term("267036007", "Dyspnée", "Dyspneu", "R06.0"),
    "fever": _term("386661006", "Fièvre", "Koorts", "R50.9"),
    "abdominal pain": _term("21522001", "Douleur abdominale", "Buikpijn", "R10.4"),
    "weakness of one side": _term("20022000", "Déficit moteur d'un côté", "Halfzijdige zwakte", "G81.9"),
    "breast lump": _term("89164003", "Nodule du sein", "Knobbel in de borst", "N63"),
}  # fmt: skip

ACTS: Final = {
    "hip prosthesis": _term("52734007", "Arthroplastie de hanche", "Heupprothese"),
    "knee prosthesis": _term("609588000", "Prothèse totale de genou", "Totale knieprothese"),
    "appendicectomy": _term("6025007", "Appendicectomie laparoscopique", "Laparoscopische appendectomie"),
    "thrombolysis": _term("472191000119101", "Thrombolyse intraveineuse", "Intraveneuze trombolyse"),
    "angioplasty": _term("415070008", "Intervention coronarienne percutanée", "Percutane coronaire interventie"),
    "coronary angiography": _term("33367005", "Coronarographie", "Coronarografie"),
    "lumpectomy": _term("392021009", "Tumorectomie du sein", "Lumpectomie van de borst"),
    "sentinel node": _term("396487001", "Biopsie du ganglion sentinelle", "Schildwachtklierbiopsie"),
    "breast biopsy": _term("122548005", "Biopsie du sein", "Borstbiopsie"),
    "chemotherapy": _term("367336001", "Chimiothérapie", "Chemotherapie"),
    "radiotherapy": _term("108290001", "Radiothérapie", "Radiotherapie"),
    "vaginal birth": _term("177184002", "Accouchement par voie basse", "Vaginale bevalling"),
    "caesarean": _term("11466000", "Césarienne", "Keizersnede"),
    "epidural": _term("18946005", "Anesthésie péridurale", "Epidurale anesthesie"),
    "spirometry": _term("127783003", "Spirométrie", "Spirometrie"),
    "electrocardiogram": _term("29303009", "Électrocardiogramme", "Elektrocardiogram"),
    "urinary catheter": _term("410024004", "Sondage vésical", "Blaassonde"),
    "central line": _term(
        "233527006", "Pose d'une voie veineuse centrale", "Plaatsen van een centraal veneuze katheter"
    ),
    "physiotherapy": _term("91251008", "Kinésithérapie", "Kinesitherapie"),
    "eye check": _term("314971001", "Rétinophotographie", "Fundusfotografie"),
    "foot check": _term("401191002", "Examen du pied diabétique", "Diabetisch voetonderzoek"),
    "diabetes education": _term("6143009", "Éducation thérapeutique du diabète", "Diabeteseducatie"),
    "asthma education": _term("401135008", "Éducation à l'asthme", "Astma-educatie"),
    "wound suture": _term("18557009", "Suture de plaie", "Hechten van de wonde"),
    "nebulisation": _term("56251003", "Aérosolthérapie", "Verneveling"),
    "oxygen therapy": _term("57485005", "Oxygénothérapie", "Zuurstoftherapie"),
    "splint": _term("79321009", "Pose d'une attelle", "Aanleggen van een spalk"),
    "phototherapy": _term("31394004", "Photothérapie", "Fototherapie"),
    "psychotherapy": _term("75516001", "Psychothérapie", "Psychotherapie"),
}

IMAGES: Final = {
    "chest x-ray": (_term("399208008", "Radiographie du thorax", "RX thorax"), "DX"),
    "hip x-ray": (_term("168537006", "Radiographie du bassin et de la hanche", "RX bekken en heup"), "DX"),
    "ankle x-ray": (_term("19490002", "Radiographie de la cheville", "RX enkel"), "DX"),
    "knee x-ray": (_term("74016001", "Radiographie du genou", "RX knie"), "DX"),
    "head ct": (_term("303653007", "Scanner cérébral", "CT hersenen"), "CT"),
    "abdominal ultrasound": (_term("45036003", "Échographie abdominale", "Echografie abdomen"), "US"),
    "kidney ultrasound": (_term("306005", "Échographie rénale", "Echografie nieren"), "US"),
    "obstetric ultrasound": (_term("268445003", "Échographie obstétricale", "Zwangerschapsechografie"), "US"),
    "echocardiography": (
        _term("433236007", "Échocardiographie transthoracique", "Transthoracale echocardiografie"),
        "US",
    ),
    "mammography": (_term("71651007", "Mammographie", "Mammografie"), "MG"),
}
"""Images, each with its DICOM modality."""

ALLERGENS: Final = {
    "penicillin": (_term("764146007", "Pénicilline", "Penicilline"), "medication"),
    "iodinated contrast": (
        _term("426722004", "Produit de contraste iodé", "Jodiumhoudend contrastmiddel"),
        "medication",
    ),
    "anti-inflammatory": (_term("372665008", "Anti-inflammatoire non stéroïdien", "NSAID"), "medication"),
    "sulphonamide": (_term("387406002", "Sulfamide", "Sulfonamide"), "medication"),
    "latex": (_term("111088007", "Latex", "Latex"), "environment"),
    "peanut": (_term("762952008", "Arachide", "Pinda"), "food"),
    "egg": (_term("102263004", "Œuf", "Ei"), "food"),
    "grass pollen": (_term("256277009", "Pollen de graminées", "Graspollen"), "environment"),
    "house dust mite": (_term("260147004", "Acariens", "Huisstofmijt"), "environment"),
    "wasp venom": (_term("288328004", "Venin d'hyménoptère", "Insectengif"), "environment"),
}
"""Substances, each with its category."""

NO_KNOWN_ALLERGY: Final = _term("716186003", "Pas d'allergie connue", "Geen gekende allergie")

REACTIONS: Final = {
    "anaphylaxis": _term("39579001", "Anaphylaxie", "Anafylaxie"),
    "urticaria": _term("126485001", "Urticaire", "Urticaria"),
    "rash": _term("271807003", "Éruption cutanée", "Huiduitslag"),
    "angioedema": _term("41291007", "Angio-œdème", "Angio-oedeem"),
    "bronchospasm": _term("4386001", "Bronchospasme", "Bronchospasme"),
    "rhinitis": _term("70076002", "Rhinite", "Rhinitis"),
    "vomiting": _term("1985008", "Vomissements", "Braken"),
}
