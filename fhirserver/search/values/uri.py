"""Uri parameters: exact, and ``:below`` / ``:above`` along the path of a url.

Spec: http://hl7.org/fhir/R4/search.html#uri
"""

import re
from collections.abc import Iterator
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.plan import HasTerm, HasTermPrefix, Plan, any_of

_HIERARCHICAL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


def extract_uri(key: str, type_name: str, value: Json) -> Iterator[str]:
    """Yield the term of one value of a uri parameter."""
    if isinstance(value, str):
        yield f"{key}={value}"


def plan_uri(keys: tuple[str, ...], text: str, modifier: str | None) -> Plan:
    """Read a uri; ``below`` finds it and every url under it, ``above`` it and every url it is under.

    Both are defined for urls only: an oid or uuid has no path. Raises BadSearchValue.
    """
    if not text:
        raise BadSearchValue("It is empty; expected a uri.")
    exact = HasTerm(tuple(f"{key}={text}" for key in keys))
    if modifier is None or not _HIERARCHICAL.match(text):
        return exact
    if modifier == "below":
        stem = text if text.endswith("/") else f"{text}/"
        return any_of(exact, *(HasTermPrefix(f"{key}={stem}") for key in keys))
    return HasTerm(tuple(f"{key}={ancestor}" for key in keys for ancestor in _ancestors(text)))


def _ancestors(url: str) -> list[str]:
    """List the url and each url it is under, with and without the closing slash."""
    scheme, _, rest = url.partition("://")
    segments = rest.rstrip("/").split("/")
    found = [url]
    for length in range(len(segments), 0, -1):
        stem = f"{scheme}://{'/'.join(segments[:length])}"
        found += [stem, f"{stem}/"]
    return list(dict.fromkeys(found))
