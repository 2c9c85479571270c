"""A letter as a PDF 1.4 file of plain text pages, written by hand: ISO 32000-1, 7.5 (file structure) and 9.6 (fonts).

Text stays uncompressed, in the standard Helvetica fonts and WinAnsi encoding, so that any reader can take it out again.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

PAGE: Final = (595, 842)
"""A4 in points."""

MARGIN: Final = 56
LEADING: Final = 12
LINES: Final = 60
COLUMNS: Final = 88
"""Characters of 10 point Helvetica that surely fit between the margins."""

UNDECOMPOSED: Final = str.maketrans("ıŁł", "iLl")


def write_pdf(title: str, lines: list[str], created: str) -> bytes:
    """Return the file; a line that begins with ``#`` is bold; ``created`` is ``YYYYMMDDHHMMSS+01'00'``."""
    pages = list(_pages(lines))
    first_page = 6
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (" + _literal(title) + b") /Producer (fhirserver) /CreationDate (D:" + created.encode() + b") >>",
    ]
    for number, page in enumerate(pages):
        objects += _page(page, first_page + 2 * number + 1)
    return _file(objects)


def _pages(lines: list[str]) -> Iterator[list[str]]:
    wrapped = [part for line in lines for part in _wrap(line)]
    for first in range(0, max(len(wrapped), 1), LINES):
        yield wrapped[first : first + LINES]


def _wrap(line: str) -> Iterator[str]:
    bold, text = ("#", line[1:]) if line.startswith("#") else ("", line)
    while len(text) > COLUMNS:
        cut = text.rfind(" ", 0, COLUMNS)
        cut = COLUMNS if cut <= 0 else cut
        yield bold + text[:cut]
        text = text[cut:].lstrip()
    yield bold + text


def _page(lines: list[str], content: int) -> list[bytes]:
    text = [b"BT", f"{MARGIN} {PAGE[1] - MARGIN} Td {LEADING} TL".encode()]
    for line in lines:
        font = b"/F2 10 Tf" if line.startswith("#") else b"/F1 10 Tf"
        text.append(font + b" (" + _literal(line.removeprefix("#")) + b") Tj T*")
    stream = b"\n".join([*text, b"ET"])
    fonts = "<< /Font << /F1 3 0 R /F2 4 0 R >> >>"
    box = f"/MediaBox [0 0 {PAGE[0]} {PAGE[1]}]"
    page = f"<< /Type /Page /Parent 2 0 R {box} /Resources {fonts} /Contents {content} 0 R >>"
    return [page.encode(), f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream"]


def _file(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _literal(text: str) -> bytes:
    """Return a PDF string; letters outside WinAnsi lose their accents."""
    try:
        encoded = text.encode("cp1252")
    except UnicodeEncodeError:
        encoded = b"".join(_winansi(letter) for letter in text)
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _winansi(letter: str) -> bytes:
    try:
        return letter.encode("cp1252")
    except UnicodeEncodeError:
        plain = unicodedata.normalize("NFKD", letter.translate(UNDECOMPOSED))
        return plain.encode("cp1252", "ignore")
