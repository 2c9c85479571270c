"""Letters are real PDF files whose text can be taken out. ISO 32000-1, 7.5"""

import re
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha1

from fhirserver.demo.pdf import write_pdf
from fhirserver.kernel.resource import Resource

OfType = Callable[[str], list[Resource]]
SHOWN = re.compile(rb"\((.*)\) Tj", re.DOTALL)


def text_of(file: bytes) -> str:
    """Take the text out: whole lines, as WinAnsi."""
    lines = (SHOWN.search(line) for line in file.split(b"\n"))
    shown = (found[1] for found in lines if found is not None)
    return "\n".join(re.sub(rb"\\([()\\])", rb"\1", line).decode("cp1252") for line in shown)


def check_structure(file: bytes) -> None:
    """Follow the file from its end: startxref, the table, each object, the pages."""
    assert file.startswith(b"%PDF-1.4\n")
    assert file.endswith(b"%%EOF\n")
    start = int(file.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    table = file[start:].split(b"\n")
    assert table[0] == b"xref"
    size = int(table[1].split()[1])
    for number, row in enumerate(table[3 : 2 + size], 1):
        assert len(row) == 19
        assert file[int(row[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert b"/Size %d " % size in file
    for found in re.finditer(rb"<< /Length (\d+) >>\nstream\n", file):
        assert file[found.end() + int(found[1]) :].startswith(b"\nendstream")
    assert file.count(b"/Type /Page /Parent") == int(file.split(b"/Count ")[1].split()[0])


def test_every_letter_is_a_file_with_text(of_type: OfType, by_key: dict[str, Resource]) -> None:
    for document in of_type("DocumentReference"):
        attachment = document["content"][0]["attachment"]
        binary = by_key[attachment["url"]]
        file = b64decode(binary["data"], validate=True)
        check_structure(file)
        assert len(file) == attachment["size"]
        assert sha1(file, usedforsecurity=False).digest() == b64decode(attachment["hash"])
        assert attachment["title"] in text_of(file)
        assert binary["contentType"] == attachment["contentType"] == "application/pdf"


def test_a_letter_is_in_the_language_of_its_patient(of_type: OfType, by_key: dict[str, Resource]) -> None:
    greetings = {"fr-FR": "Cher confrère", "fr-BE": "Cher confrère", "nl-BE": "Geachte collega"}
    seen = set()
    for document in of_type("DocumentReference"):
        attachment = document["content"][0]["attachment"]
        text = text_of(b64decode(by_key[attachment["url"]]["data"]))
        assert greetings[attachment["language"]] in text
        seen.add(attachment["language"])
    assert len(seen) == 3


def test_a_letter_names_its_patient(of_type: OfType, by_key: dict[str, Resource]) -> None:
    for document in of_type("DocumentReference")[::10]:
        patient = by_key[document["subject"]["reference"]]
        text = text_of(b64decode(by_key[document["content"][0]["attachment"]["url"]]["data"]))
        day = "/".join(reversed(patient["birthDate"].split("-")))
        assert day in text


def test_brackets_accents_and_letters_beyond_winansi() -> None:
    file = write_pdf(
        "Titre", ["Œdème (léger) \\ 37,5 °C", "Ay\u015fe Y\u0131ld\u0131r\u0131m, Łukasz"], "20261120113000+01'00'"
    )
    check_structure(file)
    assert text_of(file) == "Œdème (léger) \\ 37,5 °C\nAyse Yildirim, Lukasz"


def test_long_lines_wrap_and_long_letters_take_more_pages() -> None:
    file = write_pdf("Titre", ["mot " * 60, *(f"ligne {n}" for n in range(150))], "20261120113000+01'00'")
    check_structure(file)
    assert b"/Count 3 " in file
    assert max(map(len, text_of(file).split("\n"))) <= 88


def test_an_empty_letter_is_one_page() -> None:
    check_structure(write_pdf("", [], "20261120113000+01'00'"))
