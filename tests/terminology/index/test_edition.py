"""An edition of SNOMED CT loaded from its release files — http://hl7.org/fhir/R4/snomedct.html"""

import os
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from fhirserver.terminology.concepts import Filter, Mask
from fhirserver.terminology.dialects import spoken, tag_of
from fhirserver.terminology.ecl.ontology import ACCEPTABLE, PREFERRED, Ontology
from fhirserver.terminology.index.edition import EditionCodeSystem
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import BadRelease, Made, Wanted
from fhirserver.terminology.loaders.tree import Tree
from tests.terminology import small_edition as small
from tests.terminology.small_edition import IDS, code

FSN, SYNONYM = "900000000000003001", "900000000000013009"
EVERYTHING = sorted(IDS)


class Silent:
    """Hears of progress."""

    def __init__(self) -> None:
        self.left = 0

    def begin(self, work: str, total: int) -> None:
        self.left = total

    def advance(self, done: int) -> None:
        self.left -= done


def load(path: Path, *sources: Path, version: str | None = None, url: str | None = None) -> Made:
    tree = Tree(sources)
    return loader_of(tree).load(tree, Wanted(url, version), path, Silent())


def opened(path: Path) -> EditionCodeSystem:
    system = open_index(path)
    assert isinstance(system, EditionCodeSystem)
    return system


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> EditionCodeSystem:
    folder = tmp_path_factory.mktemp("edition")
    load(folder / "index", small.write_edition(folder / "release"))
    return opened(folder / "index")


def number(edition: EditionCodeSystem, key: str) -> int:
    found = edition.number(code(key))
    assert found is not None
    return found


def keys(edition: EditionCodeSystem, found: Mask) -> set[str]:
    codes = {edition.code(int(one)) for one in np.flatnonzero(found)}
    return {key for key, one in IDS.items() if str(one) in codes}


def test_it_is_the_edition_of_the_extension(edition: EditionCodeSystem) -> None:
    assert edition.head.url == "http://snomed.info/sct"
    assert edition.head.version == small.VERSION
    assert len(edition) == len(IDS)


def test_it_is_what_expression_constraints_ask(edition: EditionCodeSystem) -> None:
    ontology: Ontology = edition
    assert ontology.rows.active.sum() == len(IDS) - len(small.INACTIVE)


def test_a_concept_with_its_designations(edition: EditionCodeSystem) -> None:
    found = edition.find(code("foot-oedema"))
    assert found is not None
    assert found.display == "Edema of foot"
    said = {(one.value, one.language, (one.use or {}).get("code")) for one in found.designations}
    assert said == {
        ("Oedema of foot", "en-GB", SYNONYM),
        ("Œdème du pied", "fr", SYNONYM),
        ("Tuméfaction du pied", "fr", SYNONYM),
        ("Oedeem van voet", "nl", SYNONYM),
        ("Edema of foot (thing)", "en", FSN),
    }
    french = [one.value for one in found.designations if one.language == "fr"]
    assert french == ["Œdème du pied", "Tuméfaction du pied"], "the preferred one first"


def test_a_concept_with_its_properties(edition: EditionCodeSystem) -> None:
    found = edition.find(code("tablet-2.5"))
    assert found is not None
    properties = {one.code: (one.key, one.value) for one in found.properties}
    assert properties["moduleId"] == ("valueCode", str(small.CORE))
    assert properties["sufficientlyDefined"] == ("valueBoolean", False)
    assert properties["effectiveTime"] == ("valueString", "20260131")
    assert properties[code("ingredient")] == ("valueCode", code("drug"))
    assert properties[code("strength")] == ("valueDecimal", Decimal("2.50"))
    assert str(properties[code("strength")][1]) == "2.50"
    assert properties[code("label")] == ("valueString", "two-and-a-half")


def test_a_text_definition_and_a_retired_description(edition: EditionCodeSystem) -> None:
    found = edition.find(code("heart-attack"))
    assert found is not None
    assert found.definition == "A sudden loss of blood supply to a part of the heart."
    assert "Ticker trouble" not in {one.value for one in found.designations}
    assert searched(edition, "ticker") == []


def test_an_inactive_concept_is_known(edition: EditionCodeSystem) -> None:
    found = edition.find(code("old-attack"))
    assert found is not None
    assert (found.is_inactive, found.display) == (True, "Heart stroke")
    assert keys(edition, edition.inactive()) == small.INACTIVE
    assert not edition.abstract().any()


def test_poly_hierarchy(edition: EditionCodeSystem) -> None:
    fracture = number(edition, "limb-fracture")
    assert {edition.code(one) for one in edition.parents(fracture)} == {code("fracture"), code("limb-finding")}
    assert keys(edition, edition.ancestors(fracture)) == {"fracture", "limb-finding", "disease", "finding", "root"}
    below = {"arm-fracture", "hand-fracture", "leg-fracture", "open-leg-fracture", "foot-fracture"}
    assert keys(edition, edition.descendants(fracture)) == below
    assert edition.subsumes(number(edition, "limb-finding"), number(edition, "hand-fracture"))
    assert not edition.subsumes(number(edition, "hand-fracture"), number(edition, "limb-finding"))


@pytest.mark.parametrize(
    ("name", "op", "value", "selected"),
    [
        ("concept", "is-a", code("leg-fracture"), {"leg-fracture", "open-leg-fracture", "foot-fracture"}),
        ("concept", "descendent-of", code("sprain"), {"foot-sprain"}),
        ("concept", "generalizes", code("heart"), {"heart", "structure", "root"}),
        ("concept", "child-of", code("limb"), {"arm", "leg"}),
        ("concept", "descendent-leaf", code("limb"), {"hand", "foot"}),
        ("concept", "=", code("heart"), {"heart"}),
        ("concept", "in", code("limbs-refset"), {"arm-fracture", "leg-fracture"}),
        ("concept", "in", code("own-refset"), {"foot-sprain"}),
        ("concept", "in", f"{code('heart')},{code('limb')}", {"heart", "limb"}),
        (code("site"), "=", code("heart"), {"heart-disease", "heart-attack"}),
        (code("site"), "in", f"{code('arm')}, {code('hand')}", {"arm-fracture", "hand-fracture"}),
        (code("strength"), "exists", "true", {"tablet-500", "tablet-2.5"}),
        (code("strength"), "=", "500", {"tablet-500"}),
        (code("strength"), "regex", "2.*", {"tablet-2.5"}),
        (code("is-free"), "=", "true", {"tablet-500"}),
        (code("label"), "=", "two-and-a-half", {"tablet-2.5"}),
        ("moduleId", "=", code("extension"), {"extension", "own-refset", "sprain", "foot-sprain"}),
        ("moduleId", "=", "nothing", set()),
        ("sufficientlyDefined", "=", "true", small.DEFINED),
        ("inactive", "=", "true", small.INACTIVE),
        ("effectiveTime", "=", "20260315", {"extension", "own-refset", "sprain", "foot-sprain"}),
        ("parent", "=", code("leg-fracture"), {"open-leg-fracture", "foot-fracture"}),
        ("child", "=", code("hand"), {"arm"}),
        ("expressions", "=", "false", set(EVERYTHING)),
    ],
)
def test_a_filter_selects(edition: EditionCodeSystem, name: str, op: str, value: str, selected: set[str]) -> None:
    wanted = Filter(name, op, value)
    found = edition.select(wanted)
    assert keys(edition, found) == selected
    holds = edition.holds(wanted)
    assert [holds(one) for one in range(len(edition))] == found.tolist()


def searched(edition: EditionCodeSystem, text: str, *languages: str) -> list[str]:
    found = edition.matching(text, languages, np.ones(len(edition), np.bool_))
    codes = [edition.code(int(one)) for one in found]
    return [next(key for key, one in IDS.items() if str(one) == each) for each in codes]


@pytest.mark.parametrize(
    ("text", "languages", "found"),
    [
        ("heart att", ("en",), ["heart-attack"]),
        ("HEART", ("en",), ["heart-attack", "heart-disease", "heart", "old-attack"]),
        ("fract leg op", ("en",), ["open-leg-fracture"]),
        ("coeur", ("fr",), ["heart-disease", "heart", "old-attack"]),
        ("oedeme", ("fr-BE",), ["foot-oedema"]),
        ("tumef", ("fr",), ["swelling", "foot-oedema"]),
        ("breuk", ("nl",), ["fracture"]),
        ("broken", ("nl",), []),
        ("limb", ("nl",), ["limbs-refset", "old-fracture"]),
        ("infarct", ("nl",), ["heart-attack"]),
        ("infarct", (), ["heart-attack"]),
        (code("heart"), ("nl",), ["heart"]),
        ("nothing", (), []),
    ],
)
def test_what_is_typed_finds(
    edition: EditionCodeSystem, text: str, languages: tuple[str, ...], found: list[str]
) -> None:
    assert searched(edition, text, *languages) == found


def test_relationships_are_columns(edition: EditionCodeSystem) -> None:
    relationships = edition.relationships
    assert len(relationships.source) == len(small.RELATIONSHIPS.strip().splitlines())
    of_tablet = np.flatnonzero(relationships.source == number(edition, "tablet-500"))
    assert relationships.group[of_tablet].tolist() == [0, 0, 1, 1, 1]
    values = [relationships.value.values[-1 - cell] for cell in relationships.value.cells[of_tablet] if cell < 0]
    assert sorted(map(repr, values)) == ["1.0", "500.0", "True"]


def test_descriptions_are_columns(edition: EditionCodeSystem) -> None:
    found = edition.descriptions
    rows = np.flatnonzero(found.with_word("oedem"))
    assert {found.term(int(row)) for row in rows} == {"Œdème du pied", "Oedema of foot"}
    british = found.acceptability(number(edition, "gb"))
    assert british is not None
    accepted = {found.term(int(row)): int(british[row]) for row in np.flatnonzero(found.with_word("edema"))}
    assert accepted == {"Edema of foot": ACCEPTABLE, "Edema of foot (thing)": PREFERRED}
    assert found.acceptability(number(edition, "heart")) is None
    assert {edition.code(one) for one in found.dialects()} == {code(one) for one in ("us", "gb", "french", "dutch")}
    assert found.id[rows].min() > 0
    assert not found.rows.active.all()


def test_reference_sets_have_their_fields(edition: EditionCodeSystem) -> None:
    same = edition.members(number(edition, "same-as"))
    assert same is not None
    assert same.fields["referencedComponentId"].cells.tolist() == [number(edition, "old-attack")]
    assert same.fields["targetComponentId"].cells.tolist() == [number(edition, "heart-attack")]
    mapped = edition.members(number(edition, "map"))
    assert mapped is not None
    shown = {name: column.values[-1 - int(column.cells[0])] for name, column in mapped.fields.items() if column.values}
    assert (shown["mapTarget"], shown["mapPriority"], shown["correlationId"]) == ("I21.9", 1.0, "0")
    limbs = edition.members(number(edition, "limbs-refset"))
    assert limbs is not None
    assert sorted(limbs.rows.active.tolist()) == [False, True, True]
    assert edition.members(number(edition, "heart")) is None
    assert number(edition, "same-as") in edition.refsets()


@pytest.mark.parametrize("kind", ["Snapshot", "Full"])
def test_the_international_edition_alone(tmp_path: Path, kind: str) -> None:
    made = load(tmp_path / "index", small.write_international(tmp_path / "release", kind))
    assert (made.version, made.concepts) == (small.INTERNATIONAL_VERSION, len(list(small.lines(small.CONCEPTS))))
    assert keys(opened(tmp_path / "index"), opened(tmp_path / "index").inactive()) == small.INACTIVE


def test_zips_together(tmp_path: Path) -> None:
    for name, write in (("one", small.write_international), ("two", small.write_extension)):
        folder = write(tmp_path / name)
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for file in folder.rglob("*.txt"):
                archive.write(file, f"SnomedCT/{file.relative_to(folder)}")
    made = load(tmp_path / "index", tmp_path / "one.zip", tmp_path / "two.zip")
    assert (made.version, made.concepts) == (small.VERSION, len(IDS))


def test_a_version_may_be_given(tmp_path: Path) -> None:
    release = small.write_international(tmp_path / "release")
    wanted = "http://snomed.info/sct/1601999999107/version/20270101"
    assert load(tmp_path / "index", release, version=wanted).version == wanted
    with pytest.raises(BadRelease, match="A version of SNOMED CT is"):
        load(tmp_path / "other", release, version="2027")
    with pytest.raises(BadRelease, match="The url of SNOMED CT is"):
        load(tmp_path / "other", release, url="http://a.b")


def test_an_extension_without_what_it_builds_on_is_refused(tmp_path: Path) -> None:
    release = small.write_extension(tmp_path / "release")
    with pytest.raises(BadRelease, match="load an extension together with the edition"):
        load(tmp_path / "index", release)
    assert [one.name for one in tmp_path.iterdir()] == ["release"]


CORRUPT = {
    "a column too few": ("sct2_Concept", 20, lambda line: line.rpartition("\t")[0] + "\r\n", "4 columns instead of 5"),
    "no identifier": ("sct2_Relationship_", 9, lambda line: "x" + line, "invalid literal for int"),
    "no truth": ("sct2_Description_Snapshot-fr", 7, lambda line: line.replace("\t1\t", "\t2\t"), "`active` is not 0"),
    "no date": ("sct2_Concept", 3, lambda line: line.replace("20260131", "2026"), "`effectiveTime` is not a date"),
    "no value": ("sct2_RelationshipConcrete", 2, lambda line: line.replace("#", "n"), "`n500` is not a concrete value"),
    "no UUID": ("der2_cRefset_Language", 5, lambda line: "1" + line, "`id` is not a UUID"),
    "unknown acceptability": (
        "der2_cRefset_Language",
        5,
        lambda line: line.replace("\t90000000000054", "\t80000000000054"),
        "`acceptabilityId` is neither",
    ),
    "another header": ("sct2_Concept", 1, lambda line: line.replace("active", "passive"), "the columns do not begin"),
    "the file is cut": ("sct2_Concept", 61, lambda line: line[:-2], "the line has no end"),
}


@pytest.mark.parametrize("case", CORRUPT)
def test_a_corrupt_file_is_named_with_its_line_and_nothing_is_left(tmp_path: Path, case: str) -> None:
    name, line, change, problem = CORRUPT[case]
    release = small.write_international(tmp_path / "release")
    file = next(one for one in sorted(release.rglob("*.txt")) if one.name.startswith(name))
    texts = file.read_bytes().decode().split("\n")
    texts = [f"{one}\n" for one in texts[:-1]]
    texts[line - 1] = change(texts[line - 1])
    file.write_bytes("".join(texts).encode())
    with pytest.raises(BadRelease) as refused:
        load(tmp_path / "index", release)
    assert f"{file.name}`, line {line}: " in str(refused.value)
    assert problem in str(refused.value)
    assert os.listdir(tmp_path) == ["release"]


def test_a_corrupt_zip_is_named(tmp_path: Path) -> None:
    folder = small.write_international(tmp_path / "release")
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.txt")):
            archive.write(file, file.name)
        damaged = archive.getinfo(next(folder.rglob("sct2_Concept*")).name).header_offset + 200
    content = bytearray((tmp_path / "one.zip").read_bytes())
    content[damaged : damaged + 40] = bytes(40)
    (tmp_path / "one.zip").write_bytes(content)
    with pytest.raises(BadRelease, match=r"sct2_Concept.* cannot be read after line"):
        load(tmp_path / "index", tmp_path / "one.zip")
    assert not (tmp_path / "index").exists()


def test_nothing_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(BadRelease, match="in a format that is known; known are: SNOMED CT RF2"):
        load(tmp_path / "index", tmp_path / "a.txt")


def test_designations_of_a_dialect_that_has_no_usual_tag() -> None:
    assert tag_of("1601999999107", "fr") == "fr-x-sctlang-16019999-99107"
    assert tag_of("21000172104", "fr") == "fr-BE"
    assert spoken("en-x-sctlang-90000000-00005080-04") == "en-GB"
    assert spoken("fr-x-sctlang-16019999-99107") == "fr-x-sctlang-16019999-99107"


def test_a_reference_set_file_without_rows_of_concepts(tmp_path: Path) -> None:
    release = small.write_international(tmp_path / "release")
    header = ["id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "mapTarget"]
    of_a_description = ["0" * 8 + "-0000-0000-0000-" + "0" * 12, "20260131", "1", code("core"), code("map"), "123", "A"]
    file = release / "der2_sRefset_SimpleMapSnapshot_INT_20260131.txt"
    for rows in ([header], [header, of_a_description]):
        file.write_text("".join("\t".join(row) + "\r\n" for row in rows), newline="")
        load(tmp_path / "index", release)
        assert opened(tmp_path / "index").members(0) is None


@pytest.mark.parametrize("is_active", [False, True])
def test_a_description_of_a_concept_that_is_not_there(tmp_path: Path, is_active: bool) -> None:
    release = small.write_international(tmp_path / "release")
    file = next(release.rglob("sct2_Description_Snapshot-fr*"))
    row = [small.sctid(77_777, "11"), 20260131, int(is_active), code("core"), "99999999", "fr", SYNONYM, "Perdu", 0]
    file.write_bytes(file.read_bytes() + ("\t".join(map(str, row)) + "\r\n").encode())
    if is_active:
        with pytest.raises(BadRelease, match="The concept of a description 99999999 is no concept of the release"):
            load(tmp_path / "index", release)
    else:
        load(tmp_path / "index", release)
        assert searched(opened(tmp_path / "index"), "perdu") == []


def test_the_display_alone_is_that_of_the_concept(edition: EditionCodeSystem) -> None:
    for one in range(len(edition)):
        assert edition.display(one) == edition.concept(one).display
        said = [each.value for each in edition.concept(one).designations if each.language == "en"]
        assert edition.display(one) not in said
    assert edition.display(number(edition, "heart")) == "Heart structure"


def test_a_concept_that_only_another_dialect_names_is_called_so_in_the_language(tmp_path: Path) -> None:
    release = small.write_international(tmp_path / "release")
    descriptions = next(release.rglob("sct2_Description_Snapshot-en*")).read_bytes().decode().splitlines()
    named = [one.split("\t")[0] for one in descriptions if one.split("\t")[7] in ("Heart disease", "Edema of foot")]
    accepted = next(release.rglob("der2_cRefset_LanguageSnapshot-en*"))
    kept = [
        line
        for line in accepted.read_bytes().decode().splitlines(keepends=True)
        if not (line.split("\t")[4] == code("us") and line.split("\t")[5] in named)
    ]
    accepted.write_text("".join(kept), newline="")
    load(tmp_path / "index", release)
    heart, foot = (opened(tmp_path / "index").find(code(one)) for one in ("heart-disease", "foot-oedema"))
    assert heart is not None
    assert foot is not None
    assert (heart.display, foot.display) == ("Heart disease", "Oedema of foot")
    assert next(one.value for one in heart.designations if one.language == "en") == "Cardiopathy"
