"""Filters whose absence nothing can tell, and why: what they keep is kept by another that is always there."""

from typing import Final

_EARLY: Final = "refuses before the content comes what is refused once it is there"
_AGAIN: Final = "what was found within the access is read within it again"
_LARGE: Final = "only walks of more than 20,000 members come here"

EQUIVALENT: Final[dict[str, str]] = {
    "fhirserver/repository/binaries.py:_check_early:check_state": _EARLY,
    "fhirserver/repository/binaries.py:_write_once:check_state":
        "what it would refuse was refused before the content came; it is for what was written meanwhile",
    "fhirserver/repository/everything.py:_Walk._readable:within_access":
        "says whose records are walked; their members are filtered by themselves",
    "fhirserver/repository/latest.py:_read:within_access": _AGAIN,
    "fhirserver/repository/linked.py:ReferenceIndex.refers_to:within_access": _LARGE,
    "fhirserver/repository/linked.py:support_plan:within_access": _LARGE,
}  # fmt: skip
"""By file, function and call."""
