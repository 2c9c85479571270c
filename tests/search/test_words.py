"""Words of a text: tokens, languages, stems — https://snowballstem.org/algorithms/, http://hl7.org/fhir/R4/search.html#content"""

import pytest

from fhirserver.search.content import add_words
from fhirserver.search.index import IndexValues
from fhirserver.search.words import COMMON, Language, language_of, spellings, stem, tokens
from tests.door import Json

FAMILIES = [
    # language, forms that have one stem
    ("en", "fracture fractures fractured fracturing"),
    ("en", "hospital hospitals hospitalize hospitalized hospitalization"),
    ("en", "bleed bleeds bleeding"),
    ("en", "allergy allergies"),
    ("en", "swelling swellings swelled"),
    ("en", "agreed agree agreeing"),
    ("en", "relational relate related"),
    ("en", "controlling controlled control"),
    ("en", "caresses caress"),
    ("en", "hopping hopped hop"),
    ("en", "filing filed file"),
    ("en", "radiation radiate radiator"),
    ("en", "goodness good"),
    ("en", "dependent dependents"),
    ("fr", "metastase metastases"),
    ("fr", "osseux osseuse osseuses"),
    ("fr", "journal journaux"),
    ("fr", "national nationale nationales nationaux"),
    ("fr", "cerveau cerveaux"),
    ("fr", "actif actifs"),
    ("fr", "active actives"),
    ("fr", "allergie allergies allergique"),
    ("fr", "traitement traitements traiter"),
    ("fr", "hospitalisation hospitalisations hospitalise hospitalisee hospitalisees"),
    ("fr", "infirmier infirmiers infirmiere infirmieres"),
    ("fr", "hepatique hepatiques"),
    ("fr", "patient patiente patients patientes"),
    ("fr", "masse masses"),
    ("fr", "operateur operatrice operation operations"),
    ("nl", "longontsteking longontstekingen"),
    ("nl", "ziekte ziekten"),
    ("nl", "been benen"),
    ("nl", "bot botten"),
    ("nl", "mogelijkheid mogelijkheden"),
    ("nl", "pijn pijnen"),
    ("nl", "opname opnamen"),
    ("nl", "uitzaaiing uitzaaiingen"),
    ("nl", "gevoelig gevoelige"),
    ("nl", "patient patienten patients"),
]


@pytest.mark.parametrize(("language", "forms"), FAMILIES)
def test_forms_of_a_word_have_one_stem(language: str, forms: str) -> None:
    assert len({stem(form, Language(language)) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "heart hearing"),
        ("en", "fever feverish"),
        ("fr", "poison poisson"),
        ("fr", "coeur coude"),
        ("nl", "hart harder"),
        ("nl", "long lang"),
    ],
)
def test_other_words_have_others(language: str, words: str) -> None:
    assert len({stem(word, Language(language)) for word in words.split()}) == 2


@pytest.mark.parametrize("word", ["8302", "i10", "mg", "пневмония", "a", "糖尿病"])
def test_codes_and_other_scripts_are_their_own_stem(word: str) -> None:
    assert {stem(word, language) for language in Language} == {word}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'hôpital, d\u2019urgence", "hopital urgence"),
        ("Patient's left-sided chest pain", "patient left sided chest pain"),
        ("LOINC 8302-2: 5 cm", "loinc 8302 2 5 cm"),
        ("Œdème; cœur", "oedeme coeur"),
        ("x" * 61 + " kept", "kept"),
        ("", ""),
    ],
)
def test_tokens(text: str, expected: str) -> None:
    assert " ".join(tokens(text)) == expected


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("fr-BE", "het hart", "fr"),
        ("nl", "the heart", "nl"),
        (None, "de patiënt heeft pijn aan het been", "nl"),
        (None, "la patiente est hospitalisée pour une fracture", "fr"),
        (None, "the patient was seen with a fracture", "en"),
        ("de", "la patiente est venue", "fr"),
        (None, "fracture", "en"),
    ],
)
def test_the_language_is_what_is_said_or_what_it_looks_like(tag: str | None, text: str, expected: str) -> None:
    assert language_of(tag, tokens(text)) == expected


def test_a_word_is_found_whatever_its_text_was_taken_for() -> None:
    for word in ("metastases", "benen", "hospitalisees", "fractured"):
        assert {stem(word, language) for language in Language} == set(spellings(word))


def test_no_common_word_is_the_name_of_anything() -> None:
    assert COMMON.isdisjoint(("been", "son", "door", "er", "haar", "or", "die", "as", "arm", "jus"))


def words_of(resource: Json) -> IndexValues:
    values = IndexValues()
    add_words(resource, values)
    return values


def test_the_words_of_a_resource() -> None:
    resource = {
        "resourceType": "Condition",
        "id": "secret",
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml" lang="fr">Les <b>métastases</b>&#160;de'
            ' <i title="x">l\'os</i></div>',
        },
        "code": {"text": "Bone pains", "coding": [{"system": "http://s", "code": "C79.5", "display": "Bone pains"}]},
        "subject": {"reference": "Patient/hidden", "display": "Jan Peeters"},
        "onsetDateTime": "2020-01-02",
        "note": [{"text": "seen; twice"}],
    }
    values = words_of(resource)
    assert values.terms == ["Condition._text=metastas", "Condition._text=os"]
    narrative, _, rest = values.words.partition("\n")
    assert narrative == " les  metastas  de  os "
    assert sorted(rest.split(".")) == [" bone  pain ", " c79  5 ", " jan  peeter ", " seen  twice "]


def test_a_resource_without_text_has_no_words() -> None:
    values = words_of({"resourceType": "Basic", "id": "x"})
    assert (values.terms, values.words) == ([], "\n")
