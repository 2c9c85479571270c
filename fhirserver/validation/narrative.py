"""The XHTML of a narrative: well-formed, without active content, of the allowed elements and attributes only.

Elements and attributes are those of HTML 4.0 chapters 7-11 (except section 4 of chapter 9) and 15, images,
``<a>`` with name or href, and ``style`` attributes (txt-1); something must be there to read or see (txt-2).
Spec: http://hl7.org/fhir/R4/narrative.html#xhtml
"""

import re
from collections.abc import Mapping
from typing import Final, NoReturn
from xml.parsers import expat

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.kernel.texts import Text
from fhirserver.validation.findings import Finding, Findings, one
from fhirserver.validation.walk import Walk

_XHTML: Final = "http://www.w3.org/1999/xhtml"
_USUAL_START: Final = f'<div xmlns="{_XHTML}"'
_MUST_BE_STRING: Final = one(
    IssueType.STRUCTURE,
    Text(
        "xhtml-string",
        en="{path} must be a JSON string that holds XHTML.",
        fr="{path} doit être une chaîne JSON qui contient du XHTML.",
        nl="{path} moet een JSON-string zijn die XHTML bevat.",
    ),
)
_NOT_XML: Final = Text(
    "xhtml-form",
    en="{path} must be well-formed XHTML, without a document type and with numeric entities only.",
    fr="{path} doit être du XHTML bien formé, sans type de document et avec des entités numériques seulement.",
    nl="{path} moet welgevormde XHTML zijn, zonder documenttype en met alleen numerieke entiteiten.",
)
_ROOT: Final = Text(
    "xhtml-root",
    en="{path} must be one `div` element in the namespace `{0}`.",
    fr="{path} doit être un seul élément `div` de l'espace de noms `{0}`.",
    nl="{path} moet één `div`-element in de naamruimte `{0}` zijn.",
)
_ELEMENT: Final = Text(
    "xhtml-element",
    en="{path} must hold only the formatting elements that R4 allows in a narrative (txt-1).",
    fr="{path} ne doit contenir que les éléments de mise en forme que R4 permet dans un texte narratif (txt-1).",
    nl="{path} mag alleen de opmaakelementen bevatten die R4 in een verhalende tekst toestaat (txt-1).",
)
_ATTRIBUTE: Final = Text(
    "xhtml-attribute",
    en="{path} must hold only the attributes that R4 allows in a narrative: no events, no scripts (txt-1).",
    fr=(
        "{path} ne doit contenir que les attributs que R4 permet dans un texte narratif : ni événements, ni "
        "scripts (txt-1)."
    ),
    nl=(
        "{path} mag alleen de attributen bevatten die R4 in een verhalende tekst toestaat: geen events, geen "
        "scripts (txt-1)."
    ),
)
_LINK: Final = Text(
    "xhtml-link",
    en=(
        "{path} must link to `http:`, `https:`, `mailto:`, `tel:`, `ftp:`, `urn:`, `cid:`, `data:` images or "
        "relatively."
    ),
    fr=(
        "{path} doit avoir des liens vers `http:`, `https:`, `mailto:`, `tel:`, `ftp:`, `urn:`, `cid:`, des "
        "images `data:`, ou relatifs."
    ),
    nl=(
        "{path} moet verwijzen naar `http:`, `https:`, `mailto:`, `tel:`, `ftp:`, `urn:`, `cid:`, "
        "`data:`-afbeeldingen, of relatief."
    ),
)
_EMPTY: Final = one(
    IssueType.INVARIANT,
    Text(
        "xhtml-empty",
        en="{path} must have some content other than white space (txt-2).",
        fr="{path} doit avoir un contenu autre que des espaces (txt-2).",
        nl="{path} moet andere inhoud dan witruimte hebben (txt-2).",
    ),
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON: Final = _words("id class style title lang xml:lang dir accesskey tabindex xmlns")
_CELL: Final = _words("align char charoff valign")
_PLAIN: Final = _words(
    "abbr acronym address b bdo big br cite code dd dfn dl dt em h1 h2 h3 h4 h5 h6 i kbd pre samp small"
    " span strong sub sup tt var"
)
_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_PLAIN, _COMMON),
    "a": _COMMON | _words("href name rel rev hreflang type charset shape coords target"),
    "area": _COMMON | _words("href alt shape coords nohref"),
    "blockquote": _COMMON | {"cite"},
    "caption": _COMMON | {"align"},
    "col": _COMMON | _CELL | {"span", "width"},
    "colgroup": _COMMON | _CELL | {"span", "width"},
    "div": _COMMON | {"align"},
    "hr": _COMMON | _words("align noshade size width"),
    "img": _COMMON | _words("src alt longdesc height width usemap ismap name align border hspace vspace"),
    "map": _COMMON | {"name"},
    "p": _COMMON | {"align"},
    "q": _COMMON | {"cite"},
    "table": _COMMON | _words("summary width border frame rules cellspacing cellpadding align bgcolor"),
    "tbody": _COMMON | _CELL,
    "td": _COMMON | _CELL | _words("abbr axis headers scope rowspan colspan width height nowrap bgcolor"),
    "tfoot": _COMMON | _CELL,
    "th": _COMMON | _CELL | _words("abbr axis headers scope rowspan colspan width height nowrap bgcolor"),
    "thead": _COMMON | _CELL,
    "tr": _COMMON | _CELL | {"bgcolor"},
    "ul": _COMMON | {"type", "compact"},
    "ol": _COMMON | {"type", "compact", "start"},
    "li": _COMMON | {"type", "value"},
}
_URLS: Final = frozenset({"href", "src", "cite", "longdesc"})
_SCHEME: Final = re.compile(r"([^/?#:]*):", re.ASCII)
_SCHEMES: Final = _words("http https mailto tel ftp urn cid")
_INVISIBLE: Final = re.compile(r"[\x00-\x20]")
_ACTIVE_STYLE: Final = re.compile(r"expression\s*\(|javascript:|vbscript:|@import|behaviou?r\s*:|-moz-binding", re.I)
_VISIBLE: Final = re.compile(r">[^<\S]*[^<\s]|<img[\s/>]")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.S)


def check_xhtml(value: Json, walk: Walk) -> Findings | None:
    """Check the ``div`` of a Narrative."""
    if type(value) is not str:
        return _MUST_BE_STRING
    found = _read(value)
    if found is not None:
        return found
    visible = _VISIBLE.search(value if "<!--" not in value else _COMMENT.sub("", value))
    return None if visible is not None else _EMPTY


class Safe:
    """What invariants ask of narratives."""

    def is_safe(self, xhtml: str) -> bool:
        """Tell whether XHTML keeps to the rules (txt-1)."""
        return _read(xhtml) is None


class _Refused(Exception):
    """Ends the reading at the first thing that may not be there."""

    def __init__(self, code: IssueType, text: Text, *values: str) -> None:
        super().__init__(text.id)
        self.finding = Finding("", code, text, values)


def _read(text: str) -> Findings | None:
    """Read one narrative by expat: no document type, hence no entities beyond the five of XML."""
    parser = expat.ParserCreate()
    if text.startswith(_USUAL_START) and "<?" not in text:
        parser.StartElementHandler = _check_element
    else:
        parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = parser.XmlDeclHandler = _refuse
        parser.StartElementHandler = _RootCheck(parser)
    try:
        parser.Parse(text, True)
    except _Refused as refused:
        return (refused.finding,)
    except (expat.ExpatError, UnicodeError):
        return one(IssueType.STRUCTURE, _NOT_XML)
    return None


class _RootCheck:
    """Checks the first element, then leaves the rest to ``_check_element``."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser

    def __call__(self, name: str, attributes: dict[str, str]) -> None:
        if name != "div" or attributes.get("xmlns") != _XHTML:
            raise _Refused(IssueType.STRUCTURE, _ROOT, _XHTML)
        self._parser.StartElementHandler = _check_element
        _check_element(name, attributes)


def _refuse(*_: object) -> NoReturn:
    raise _Refused(IssueType.STRUCTURE, _NOT_XML)


def _check_element(name: str, attributes: dict[str, str]) -> None:
    allowed = _ATTRIBUTES.get(name)
    if allowed is None:
        raise _Refused(IssueType.INVARIANT, _ELEMENT)
    for attribute, value in attributes.items():
        if attribute not in allowed or (attribute == "style" and _ACTIVE_STYLE.search(value)):
            raise _Refused(IssueType.INVARIANT, _ATTRIBUTE)
        if attribute in _URLS and not _is_safe(value, is_image=name == "img"):
            raise _Refused(IssueType.INVARIANT, _LINK)
        if attribute == "xmlns" and value != _XHTML:
            raise _Refused(IssueType.STRUCTURE, _ROOT, _XHTML)


def _is_safe(url: str, *, is_image: bool) -> bool:
    url = _INVISIBLE.sub("", url)  # browsers drop these inside a scheme
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].lower() in _SCHEMES:
        return True
    return is_image and url[:11].lower() == "data:image/"
