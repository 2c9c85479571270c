"""Code systems loaded from files in the formats of those who publish them, made by us — docs/terminology.md"""

from pathlib import Path

import numpy as np
import pytest

from fhirserver.terminology.concepts import Concept, Filter, ListedCodeSystem
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import BadRelease, Made, Wanted
from fhirserver.terminology.loaders.tree import Tree


class Silent:
    """Hears nothing."""

    def begin(self, work: str, total: int) -> None: ...

    def advance(self, done: int) -> None: ...


def write(folder: Path, **files: str | bytes) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def load(folder: Path, **wanted: str) -> tuple[Made, ListedCodeSystem]:
    tree = Tree([folder])
    made = loader_of(tree).load(tree, Wanted(**wanted), folder / "made.index", Silent())
    return made, open_index(folder / "made.index")


def below(system: ListedCodeSystem, code: str) -> set[str]:
    number = system.number(code)
    assert number is not None
    return {system.code(int(one)) for one in np.flatnonzero(system.descendants(number))}


def concept(system: ListedCodeSystem, code: str) -> Concept:
    found = system.find(code)
    assert found is not None
    return found


def said(system: ListedCodeSystem, code: str) -> dict[str | None, str]:
    return {one.language: one.value for one in concept(system, code).designations}


def selected(system: ListedCodeSystem, name: str, value: str) -> set[str]:
    mask = system.select(Filter(name, "=", value))
    return {system.code(int(one)) for one in np.flatnonzero(mask)}


LOINC_TERMS = """"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","CLASS","STATUS",\
"DefinitionDescription","CONSUMER_NAME","SHORTNAME","ORDER_OBS","LONG_COMMON_NAME"
"1-8","Made up glucose","MCnc","Pt","Ser/Plas","Qn","","CHEM","ACTIVE","How sweet it is.","Sugar","Glu SerPl",\
"Both","Glucose [Mass/volume] in Serum or Plasma, made up"
"2-6","Made up colour","Type","Pt","Urine","Nom","","UA","ACTIVE","","","Colour Ur","Both","Colour of Urine, made up"
"3-4","Old glucose","MCnc","Pt","Bld","Qn","","CHEM","DEPRECATED","","","Glu Bld","","Glucose in Blood, made up"
"""
LOINC_FILES = {
    "Loinc_2_DOT_99__LoincTable__Loinc_DOT_csv": LOINC_TERMS,
    "Loinc_2_DOT_99__AccessoryFiles__ComponentHierarchyBySystem__ComponentHierarchyBySystem_DOT_csv": (
        '"PATH_TO_ROOT","SEQUENCE","IMMEDIATE_PARENT","CODE","CODE_TEXT"\n'
        '"","1","","LP1-1","Laboratory"\n"LP1-1","1","LP1-1","LP2-2","Chemistry"\n'
        '"LP1-1.LP2-2","1","LP2-2","1-8","Glucose"\n"LP1-1","2","LP1-1","2-6","Colour"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__PartFile__Part_DOT_csv": (
        '"PartNumber","PartTypeName","PartName","PartDisplayName","Status"\n"LP2-2","CLASS","CHEM","Chemistry","ACTIVE"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__AnswerFile__AnswerList_DOT_csv": (
        '"AnswerListId","AnswerListName","AnswerStringId","SequenceNumber","DisplayText"\n'
        '"LL1-1","Colours","LA1-1","1","Yellow"\n"LL1-1","Colours","LA2-2","2","Red"\n"LL2-2","Two","LA2-2","1","Red"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__AnswerFile__LoincAnswerListLink_DOT_csv": (
        '"LoincNumber","LongCommonName","AnswerListId","AnswerListName","AnswerListLinkType"\n'
        '"2-6","Colour","LL1-1","Colours","NORMATIVE"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__GroupFile__ParentGroup_DOT_csv": (
        '"ParentGroupId","ParentGroup","Status"\n"LG100-4","Chemistry, by component","ACTIVE"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__GroupFile__Group_DOT_csv": (
        '"ParentGroupId","GroupId","Group","Archetype","Status","VersionFirstReleased"\n'
        '"LG100-4","LG1-1","Glucose","","ACTIVE","2.99"\n"LG100-4","LG2-9","Others","","ACTIVE","2.99"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__GroupFile__GroupLoincTerms_DOT_csv": (
        '"Category","GroupId","Archetype","LoincNumber","LongCommonName"\n'
        '"","LG1-1","","1-8","Glucose"\n"","LG1-1","","3-4","Old glucose"\n"","LG2-9","","2-6","Colour"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__LinguisticVariants__frBE23LinguisticVariant_DOT_csv": (
        '"LOINC_NUM","COMPONENT","LONG_COMMON_NAME","LinguisticVariantDisplayName"\n'
        '"1-8","Glucose","Glucose [Masse/volume] Sérum","Glycémie"\n'
    ),
    "Loinc_2_DOT_99__AccessoryFiles__LinguisticVariants__nlNL22LinguisticVariant_DOT_csv": (
        '"LOINC_NUM","COMPONENT","PROPERTY","SYSTEM","LONG_COMMON_NAME"\n"1-8","glucose","massaconcentratie","serum",""\n'
    ),
}


def test_loinc(tmp_path: Path) -> None:
    made, system = load(write(tmp_path, **LOINC_FILES))
    assert made == Made("http://loinc.org", "2.99", 12)
    glucose = concept(system, "1-8")
    assert glucose.display == "Glucose [Mass/volume] in Serum or Plasma, made up"
    assert glucose.definition == "How sweet it is."
    assert said(system, "1-8") == {
        "en": "Sugar",
        "fr-BE": "Glucose [Masse/volume] Sérum",
        "nl-NL": "glucose:massaconcentratie:serum",
    }
    assert "Glycémie" in [one.value for one in glucose.designations]
    assert below(system, "LP1-1") == {"LP2-2", "1-8", "2-6"}
    assert selected(system, "SCALE_TYP", "Qn") == {"1-8", "3-4"}
    assert selected(system, "LIST", "LL1-1") == {"LA1-1", "LA2-2"}
    assert selected(system, "answer-list", "LL1-1") == {"2-6"}
    assert selected(system, "GROUP", "LG1-1") == {"1-8", "3-4"}
    assert selected(system, "GROUP", "LG100-4") == {"1-8", "2-6", "3-4"}
    assert (concept(system, "LG1-1").display, concept(system, "LG1-1").is_abstract) == ("Glucose", True)
    old = concept(system, "3-4")
    assert (old.is_inactive, old.status) == (True, "deprecated")


CLAML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE ClaML SYSTEM "ClaML.dtd">
<ClaML version="2.0.0">
 <Title date="2019-01-01" name="ICD-10-made-up" version="2019">A classification</Title>
 <ClassKinds><ClassKind name="chapter"/><ClassKind name="block"/><ClassKind name="category"/></ClassKinds>
 <Class code="I" kind="chapter"><SubClass code="A00-A09"/>
  <Rubric kind="preferred"><Label xml:lang="en">Certain diseases</Label></Rubric></Class>
 <Class code="A00-A09" kind="block"><SuperClass code="I"/><SubClass code="A00"/>
  <Rubric kind="preferred"><Label xml:lang="en">Intestinal <Fragment>diseases</Fragment></Label></Rubric></Class>
 <Class code="A00" kind="category"><SuperClass code="A00-A09"/><SubClass code="A00.1"/>
  <Rubric kind="preferred"><Label xml:lang="en">Cholera</Label><Label xml:lang="fr">Choléra</Label></Rubric>
  <Rubric kind="definition"><Label xml:lang="en">A disease.</Label></Rubric></Class>
 <Class code="A00.1" kind="category"><SuperClass code="A00"/>
  <Rubric kind="preferred"><Label xml:lang="en">Classical cholera</Label></Rubric>
  <Rubric kind="exclusion"><Label xml:lang="en">not El Tor <Reference>A00.0</Reference></Label></Rubric></Class>
</ClaML>
"""


def test_claml(tmp_path: Path) -> None:
    made, system = load(write(tmp_path, icd_DOT_xml=CLAML))
    assert made == Made("http://hl7.org/fhir/sid/icd-10", "2019", 4)
    assert below(system, "I") == {"A00-A09", "A00", "A00.1"}
    cholera = concept(system, "A00")
    assert (cholera.display, cholera.definition, cholera.is_abstract) == ("Cholera", "A disease.", False)
    assert said(system, "A00") == {"fr": "Choléra"}
    assert concept(system, "A00-A09").is_abstract
    assert concept(system, "A00-A09").display == "Intestinal diseases"
    assert [(one.code, one.text) for one in concept(system, "A00.1").properties] == [
        ("kind", "category"), ("exclusion", "not El Tor A00.0")]  # fmt: skip


def test_cim_10_of_the_atih(tmp_path: Path) -> None:
    lines = ("A00   |0|Oui |3|Cholera|Choléra", "A000  |0|Oui |0|Cholera classique|Choléra classique à Vibrio",
             "A0000 |0|Non |0|Autre|Autre choléra")  # fmt: skip
    text = "\r\n".join(lines).encode("latin-1")
    made, system = load(write(tmp_path, LIBCIM10MULTI2025_DOT_TXT=text))
    assert made == Made("https://smt.esante.gouv.fr/terminologie-cim-10", "2025", 3)
    assert concept(system, "A000").display == "Choléra classique à Vibrio"
    assert said(system, "A000") == {"fr": "Cholera classique"}
    assert below(system, "A00") == {"A000", "A0000"}
    assert selected(system, "mco", "0") == {"A00", "A000", "A0000"}


def test_an_order_file_of_icd_10(tmp_path: Path) -> None:
    def line(number: int, code: str, billed: int, short: str, long: str) -> str:
        return f"{number:05} {code:<7} {billed} {short:<60} {long}"

    lines = (line(1, "A00", 0, "Cholera", "Cholera"), line(2, "A000", 1, "Cholera, classical", "Cholera due to Vibrio"))
    made, system = load(write(tmp_path, icd10cm_order_2026_DOT_txt="\n".join(lines)))
    assert made == Made("http://hl7.org/fhir/sid/icd-10-cm", "2026", 2)
    assert below(system, "A00") == {"A00.0"}
    assert (concept(system, "A00").is_abstract, concept(system, "A00.0").is_abstract) == (True, False)


def test_atc(tmp_path: Path) -> None:
    text = ("ATC code,ATC level name,DDD,U,Adm.R,Note\nA,Made up tract,,,,\nA02,For acid,,,,\nA02B,For ulcers,,,,\n"
            "A02BC,Inhibitors,,,,\nA02BC01,madeupazole,20,mg,O,\nA02BC01,madeupazole,40,mg,P,\n")  # fmt: skip
    made, system = load(write(tmp_path, atc_DOT_csv=text), version="2026")
    assert made == Made("http://www.whocc.no/atc", "2026", 5)
    assert below(system, "A") == {"A02", "A02B", "A02BC", "A02BC01"}
    assert [one.text for one in concept(system, "A02BC01").properties] == ["20 mg O", "40 mg P"]


def test_edqm(tmp_path: Path) -> None:
    text = ("Code,Class,English,French,Status,Definition\n1-1,PDF,Tablet made up,Comprimé,Current,Solid.\n"
            "2-2,PDF,Old,,Rejected,\n")  # fmt: skip
    made, system = load(write(tmp_path, edqm_DOT_csv=text), version="2026-01")
    assert made == Made("http://standardterms.edqm.eu", "2026-01", 2)
    assert said(system, "1-1") == {"fr": "Comprimé"}
    assert concept(system, "2-2").is_inactive


def test_any_table(tmp_path: Path) -> None:
    text = "Code;Display;Display:fr;Parent;Ward\nB;Beds;Lits;;\nB1;Bed one;Lit un;B;north\n"
    made, system = load(write(tmp_path, beds_DOT_csv=text), url="http://acme.org/beds", version="1")
    assert made == Made("http://acme.org/beds", "1", 2)
    assert below(system, "B") == {"B1"}
    assert said(system, "B1") == {"fr": "Lit un"}
    assert selected(system, "ward", "north") == {"B1"}


def test_a_code_system_in_fhir(tmp_path: Path) -> None:
    system_json = ('{"resourceType": "CodeSystem", "url": "http://acme.org/x", "version": "3", "content": "complete",'
                   ' "concept": [{"code": "a", "concept": [{"code": "b", "display": "Bee"}]}]}')  # fmt: skip
    text = f'{{"resourceType": "Patient"}}\n{system_json}\n'
    made, system = load(write(tmp_path, all_DOT_ndjson=text))
    assert made == Made("http://acme.org/x", "3", 2)
    assert below(system, "a") == {"b"}


BROKEN = [
    pytest.param({"x__Loinc_DOT_csv": LOINC_TERMS}, {}, "name it by `--version`", id="LOINC of no version"),
    pytest.param({"Loinc_2_DOT_1__Loinc_DOT_csv": '"LOINC_NUM","STATUS"\n"1-8","ACTIVE","more"\n'}, {}, "Line 2",
                 id="a row with a cell too many"),
    pytest.param({"Loinc_2_DOT_1__Loinc_DOT_csv": '"LOINC_NUM","STATUS"\n"1-8","ACTIVE"\n"1-8","ACTIVE"\n'}, {},
                 "twice",
                 id="a code twice"),
    pytest.param({"Loinc_2_DOT_1__Loinc_DOT_csv": '"LOINC_NUM","STATUS"\n"1-8","AC'}, {}, "cannot be read",
                 id="a table that ends in the middle"),
    pytest.param({"icd_DOT_xml": CLAML[: len(CLAML) // 2]}, {}, "cannot be read", id="XML that ends in the middle"),
    pytest.param({"icd_DOT_xml": CLAML.replace('code="A00-A09"/>', 'code="A00-A09"/><SuperClass code="X"/>')}, {},
                 "`X`",
                 id="a parent that is not there"),
    pytest.param({"LIBCIM10MULTI2025_DOT_TXT": "A00|0|0\n"}, {}, "Line 1", id="a line with too few cells"),
    pytest.param({"t_DOT_csv": "code,display\na,b\n"}, {}, "`--url`", id="a table of nobody knows what"),
    pytest.param({"t_DOT_csv": "code,display\n,b\n"}, {"url": "http://a", "version": "1"}, "Line 2", id="no code"),
    pytest.param({"t_DOT_csv": "code,display\na,b\n\xff".encode("latin-1")}, {"url": "http://a", "version": "1"},
                 "not UTF-8",
                 id="text in another encoding"),
    pytest.param({"a_DOT_json": '{"resourceType": "CodeSystem", "concept": [{"x": 1}]}'}, {}, "concept[0]",
                 id="no concept"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "wanted", "named"), BROKEN)
def test_what_is_broken_is_named_and_leaves_nothing(
    tmp_path: Path, files: dict[str, str | bytes], wanted: dict[str, str], named: str
) -> None:
    write(tmp_path, **files)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadRelease) as refused:
        load(tmp_path, **wanted)
    assert named in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before
