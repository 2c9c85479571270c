"""What an interaction needs on a resource type. Spec: SMART App Launch 2.2, "Scopes for requesting FHIR resources"."""

from enum import StrEnum


class Right(StrEnum):
    """The letters of SMART scopes, in the order in which scopes have them."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"

    __hash__ = str.__hash__  # that of an enumeration is Python's, and each request looks many of them up
