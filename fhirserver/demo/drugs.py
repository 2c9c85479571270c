"""Drugs of the record: ATC, name, dose, route and rhythm; no brand names."""

from dataclasses import dataclass
from typing import Final

from fhirserver.demo.table import rows
from fhirserver.demo.words import Words


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug and how it is usually given: ``times`` a day, every so many days."""

    atc: str
    name: Words
    strength: str
    dose: float
    unit: str
    route: str
    times: int
    every_days: int


ROUTES: Final = {
    "oral": ("26643006", Words("voie orale", "per os")),
    "iv": ("47625008", Words("voie intraveineuse", "intraveneus")),
    "sc": ("34206005", Words("voie sous-cutanée", "subcutaan")),
    "im": ("78421000", Words("voie intramusculaire", "intramusculair")),
    "inhaled": ("447694001", Words("inhalation", "inhalatie")),
}

UNIT_CODES: Final = {"UI": "[IU]", "µg": "ug", "bouffée": "{puff}"}
"""UCUM codes of units that are shown otherwise."""

# key|ATC|French|Dutch (= the same)|strength|dose|unit|route|times a day|every so many days
_DRUGS: Final = """
metformin|A10BA02|metformine|=|850 mg|850|mg|oral|3|1
gliclazide|A10BB09|gliclazide|=|60 mg|60|mg|oral|1|1
empagliflozin|A10BK03|empagliflozine|=|10 mg|10|mg|oral|1|1
semaglutide|A10BJ06|sémaglutide|semaglutide|0,5 mg|0.5|mg|sc|1|7
insulin glargine|A10AE04|insuline glargine|=|100 UI/mL|22|UI|sc|1|1
insulin aspart|A10AB05|insuline asparte|insuline aspart|100 UI/mL|8|UI|sc|3|1
ramipril|C09AA05|ramipril|=|5 mg|5|mg|oral|1|1
perindopril|C09AA04|périndopril|perindopril|5 mg|5|mg|oral|1|1
bisoprolol|C07AB07|bisoprolol|=|2,5 mg|2.5|mg|oral|1|1
amlodipine|C08CA01|amlodipine|=|5 mg|5|mg|oral|1|1
furosemide|C03CA01|furosémide|furosemide|40 mg|40|mg|oral|1|1
furosemide iv|C03CA01|furosémide injectable|furosemide inspuitbaar|20 mg/2 mL|40|mg|iv|3|1
spironolactone|C03DA01|spironolactone|spironolacton|25 mg|25|mg|oral|1|1
sacubitril|C09DX04|sacubitril/valsartan|=|49/51 mg|100|mg|oral|2|1
dapagliflozin|A10BK01|dapagliflozine|=|10 mg|10|mg|oral|1|1
apixaban|B01AF02|apixaban|=|5 mg|5|mg|oral|2|1
aspirin|B01AC06|acide acétylsalicylique|acetylsalicylzuur|80 mg|80|mg|oral|1|1
clopidogrel|B01AC04|clopidogrel|=|75 mg|75|mg|oral|1|1
ticagrelor|B01AC24|ticagrélor|ticagrelor|90 mg|90|mg|oral|2|1
enoxaparin|B01AB05|énoxaparine|enoxaparine|4000 UI/0,4 mL|4000|UI|sc|1|1
alteplase|B01AD02|altéplase|alteplase|50 mg|68|mg|iv|1|1
atorvastatin|C10AA05|atorvastatine|=|40 mg|40|mg|oral|1|1
rosuvastatin|C10AA07|rosuvastatine|=|10 mg|10|mg|oral|1|1
tiotropium|R03BB04|tiotropium|=|2,5 µg|2|bouffée|inhaled|1|1
salbutamol|R03AC02|salbutamol|=|100 µg|2|bouffée|inhaled|4|1
salbutamol nebulised|R03AC02|salbutamol en aérosol|salbutamol vernevelvloeistof|2,5 mg/2,5 mL|2.5|mg|inhaled|4|1
ipratropium|R03BB01|ipratropium en aérosol|ipratropium vernevelvloeistof|0,5 mg/2 mL|0.5|mg|inhaled|4|1
fluticasone|R03BA05|fluticasone|fluticason|50 µg|2|bouffée|inhaled|2|1
budesonide formoterol|R03AK07|budésonide/formotérol|budesonide/formoterol|160/4,5 µg|2|bouffée|inhaled|2|1
methylprednisolone|H02AB04|méthylprednisolone|methylprednisolon|32 mg|32|mg|oral|1|1
prednisolone|H02AB06|prednisolone|prednisolon|20 mg|20|mg|oral|1|1
amoxicillin|J01CA04|amoxicilline|=|500 mg|500|mg|oral|3|1
co-amoxiclav|J01CR02|amoxicilline/acide clavulanique|amoxicilline/clavulaanzuur|1 g/200 mg|1.2|g|iv|4|1
piperacillin|J01CR05|pipéracilline/tazobactam|piperacilline/tazobactam|4 g/500 mg|4.5|g|iv|4|1
ceftriaxone|J01DD04|ceftriaxone|ceftriaxon|2 g|2|g|iv|1|1
cefazolin|J01DB04|céfazoline|cefazoline|2 g|2|g|iv|1|1
metronidazole|J01XD01|métronidazole|metronidazol|500 mg|500|mg|iv|3|1
ciprofloxacin|J01MA02|ciprofloxacine|=|500 mg|500|mg|oral|2|1
noradrenaline|C01CA03|noradrénaline|noradrenaline|8 mg/50 mL|8|mg|iv|1|1
saline|B05BB01|NaCl 0,9 %|=|1 L|1000|mL|iv|2|1
potassium|A12BA01|chlorure de potassium|kaliumchloride|600 mg|600|mg|oral|3|1
oxygen|V03AN01|oxygène médical|medicinale zuurstof|lunettes nasales|2|L/min|inhaled|1|1
paracetamol|N02BE01|paracétamol|paracetamol|1 g|1|g|oral|3|1
paracetamol iv|N02BE01|paracétamol injectable|paracetamol inspuitbaar|1 g/100 mL|1|g|iv|3|1
ibuprofen|M01AE01|ibuprofène|ibuprofen|400 mg|400|mg|oral|3|1
ketorolac|M01AB15|kétorolac|ketorolac|30 mg/mL|30|mg|iv|1|1
tramadol|N02AX02|tramadol|=|50 mg|50|mg|oral|3|1
oxycodone|N02AA05|oxycodone|oxycodon|5 mg|5|mg|oral|2|1
morphine|N02AA01|morphine|=|10 mg/mL|5|mg|sc|2|1
levothyroxine|H03AA01|lévothyroxine|levothyroxine|75 µg|75|µg|oral|1|1
vitamin d drops|A11CC05|colécalciférol gouttes|colecalciferol druppels|10 000 UI/mL|400|UI|oral|1|1
vitamin d|A11CC05|colécalciférol|colecalciferol|25 000 UI|25000|UI|oral|1|30
calcium|A12AX|calcium/vitamine D|=|1 g/880 UI|1|g|oral|1|1
alendronate|M05BA04|acide alendronique|alendroninezuur|70 mg|70|mg|oral|1|7
iron|B03AA07|sulfate ferreux|ferrosulfaat|80 mg|80|mg|oral|1|1
folic acid|B03BB01|acide folique|foliumzuur|0,4 mg|0.4|mg|oral|1|1
darbepoetin|B03XA02|darbépoétine alfa|darbepoëtine alfa|40 µg|40|µg|sc|1|14
calcium acetate|V03AE07|acétate de calcium|calciumacetaat|500 mg|500|mg|oral|3|1
bicarbonate|A02AH|bicarbonate de sodium|natriumbicarbonaat|1 g|1|g|oral|3|1
allopurinol|M04AA01|allopurinol|=|100 mg|100|mg|oral|1|1
sertraline|N06AB06|sertraline|=|50 mg|50|mg|oral|1|1
escitalopram|N06AB10|escitalopram|=|10 mg|10|mg|oral|1|1
venlafaxine|N06AX16|venlafaxine|=|75 mg|75|mg|oral|1|1
mirtazapine|N06AX11|mirtazapine|=|15 mg|15|mg|oral|1|1
lorazepam|N05BA06|lorazépam|lorazepam|1 mg|1|mg|oral|1|1
trazodone|N06AX05|trazodone|trazodon|100 mg|50|mg|oral|1|1
donepezil|N06DA02|donépézil|donepezil|10 mg|10|mg|oral|1|1
pantoprazole|A02BC02|pantoprazole|pantoprazol|40 mg|40|mg|oral|1|1
macrogol|A06AD65|macrogol|=|13,7 g|13.7|g|oral|1|1
tamsulosin|G04CA02|tamsulosine|=|0,4 mg|0.4|mg|oral|1|1
sumatriptan|N02CC01|sumatriptan|=|50 mg|50|mg|oral|1|1
letrozole|L02BG04|létrozole|letrozol|2,5 mg|2.5|mg|oral|1|1
tamoxifen|L02BA01|tamoxifène|tamoxifen|20 mg|20|mg|oral|1|1
epirubicin|L01DB03|épirubicine|epirubicine|50 mg|150|mg|iv|1|1
cyclophosphamide|L01AA01|cyclophosphamide|cyclofosfamide|1 g|1000|mg|iv|1|1
ondansetron|A04AA01|ondansétron|ondansetron|8 mg|8|mg|iv|1|1
oxytocin|H01BB02|ocytocine|oxytocine|10 UI/mL|10|UI|im|1|1
vitamin k|B02BA01|phytoménadione|fytomenadion|2 mg/0,2 mL|2|mg|oral|1|1
nicotine|N07BA01|nicotine transdermique|=|21 mg/24 h|21|mg|oral|1|1
cetirizine|R06AE07|cétirizine|cetirizine|10 mg|10|mg|oral|1|1
"""


def _drug(row: list[str]) -> Drug:
    atc, name, dutch, strength, dose, unit, route, times, every_days = row[1:]
    words = Words(name, name if dutch == "=" else dutch)
    return Drug(atc, words, strength, float(dose), unit, route, int(times), int(every_days))


DRUGS: Final = {row[0]: _drug(row) for row in rows(_DRUGS)}
