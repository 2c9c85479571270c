"""Uri parameters: exact, and ``:below`` / ``:above`` by the beginning of a url.

Spec: http://hl7.org/fhir/R4/search.html#uri
"""

import re
from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.plan import HasTerm, HasTermPrefix, Plan, any_of

_URL: Final = re.compile(r"(?!urn:)[A-Za-z][A-Za-z0-9+.\-]*://.", re.DOTALL)
_LONGEST: Final = 1000


def extract_uri(key: str, type_name: str, value: Json) -> Iterator[str]:
    """Yield the term of one value of a uri parameter."""
    if isinstance(value, str):
        yield f"{key}={value}"


def plan_uri(keys: tuple[str, ...], text: str, modifier: str | None, *, canonical: bool = False) -> Plan:
    """Read a uri; ``below``: it "left-matches the value"; ``above``: the value left-matches it.

    Both "only apply to URLs, and not URNs such as OIDs", which stay exact. ``canonical``: a stored value may end with
    ``|version``, and is found without it. Raises BadSearchValue.
    """
    if not text:
        raise BadSearchValue("It is empty; expected a uri.")
    exact = HasTerm(tuple(f"{key}={text}" for key in keys))
    if modifier is not None and _URL.match(text):
        if modifier == "below":
            return any_of(*(HasTermPrefix(f"{key}={text}") for key in keys))
        return HasTerm(tuple(f"{key}={text[:end]}" for key in keys for end in _ends(text)))
    if canonical and "|" not in text:
        return any_of(exact, *(HasTermPrefix(f"{key}={text}|") for key in keys))
    return exact


def _ends(url: str) -> range:
    """Return where a url that left-matches this one may end: anywhere after the beginning of the host."""
    return range(url.index("://") + 4, min(len(url), _LONGEST) + 1)
