"""``<a href>`` and ``<img src>`` in the XHTML of a narrative, found and replaced in its text.

Works on well-formed XHTML, which validation made sure of; comments and CDATA sections hold no links.
Spec: http://hl7.org/fhir/R4/http.html#trules
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Final
from xml.sax.saxutils import quoteattr

_TAG: Final = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(?:a|img)(?=\s)(?:[^<>\"']|\"[^<\"]*\"|'[^<']*')*>", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"(?P<head>\s(?P<name>[\w:.\-]+)\s*=\s*)(?P<quoted>\"[^\"]*\"|'[^']*')")


def links_in(div: str) -> Iterator[str]:
    """Yield the values of the links, in order."""
    if "href" not in div and "src" not in div:
        return
    for tag in _TAG.finditer(div):
        for attribute in _ATTRIBUTE.finditer(tag[0]):
            if _is_link(tag[0], attribute["name"]):
                yield unescape(attribute["quoted"][1:-1])


def with_links(div: str, mapping: Mapping[str, str]) -> str:
    """Return the XHTML with those links replaced that are keys of ``mapping``."""

    def replace_in(tag: re.Match[str]) -> str:
        return _ATTRIBUTE.sub(lambda attribute: replaced(tag[0], attribute), tag[0])

    def replaced(tag: str, attribute: re.Match[str]) -> str:
        value = mapping.get(unescape(attribute["quoted"][1:-1])) if _is_link(tag, attribute["name"]) else None
        return attribute[0] if value is None else attribute["head"] + quoteattr(value)

    return _TAG.sub(replace_in, div)


def _is_link(tag: str, attribute: str) -> bool:
    return attribute == ("href" if tag.startswith("<a") else "src") and not tag.startswith("<!")
