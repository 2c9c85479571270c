"""Filters whose absence nothing can tell, and why: what they keep is kept by another that is always there."""

from typing import Final

_EARLY: Final = "refuses before the content comes what is refused once it is there"
_AGAIN: Final = "what was found within the access is read within it again"
_NO_GRANT: Final = "what no role is granted has no plan either, so nothing is found; it only makes the refusal a 403"
_LARGE: Final = "only walks of more than 20,000 members come here"

EQUIVALENT: Final[dict[str, str]] = {
    "fhirserver/access/granted.py:Granted.allows:allows": _NO_GRANT,
    "fhirserver/access/granted.py:Granted._filter:allows": _NO_GRANT,
    "fhirserver/access/hiding.py:Hiding.plan:plan#6":
        "what is near an item is of the same element, which `_hides_item` hides",
    "fhirserver/access/scopes.py:check_scope:criteria_plan":
        "refuses a scope when it is asked for; one that comes in a token gives nothing by itself",
    "fhirserver/repository/binaries.py:_check_early:check_state": _EARLY,
    "fhirserver/repository/binaries.py:_write_once:check_state":
        "what it would refuse was refused before the content came; it is for what was written meanwhile",
    "fhirserver/repository/everything.py:_Walk._readable:within_access":
        "says whose records are walked; their members are filtered by themselves",
    "fhirserver/repository/latest.py:_read:within_access": _AGAIN,
    "fhirserver/repository/planning.py:_resolve_with_items.find:within_access":
        "what it finds is conjoined with the access by the search that the link is part of",
    "fhirserver/repository/repository.py:Repository._require_types:require":
        "comes before a search, which requires the same of the types it is asked of",
    "fhirserver/repository/transaction.py:_Transaction._unmatched:check_may_name":
        "an update of what is not there is refused again where it is applied",
    "fhirserver/repository/linked.py:ReferenceIndex.refers_to:within_access": _LARGE,
    "fhirserver/repository/linked.py:support_plan:within_access": _LARGE,
}  # fmt: skip
"""By file, function and call."""
