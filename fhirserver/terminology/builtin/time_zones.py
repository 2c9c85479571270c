"""IANA time zones, by their names. Spec: https://www.iana.org/time-zones"""

from typing import Final

from fhirserver.terminology.builtin.registries import data, library, listing
from fhirserver.terminology.resource_systems import ResourceCodeSystem

TIME_ZONES: Final = "https://www.iana.org/time-zones"


def time_zones() -> ResourceCodeSystem:
    """Return the code system."""
    names = data("tzdata", "zones").decode().split()
    return listing(
        TIME_ZONES, library("tzdata").IANA_VERSION, "IANATimezones", ({"code": n, "display": n} for n in names)
    )
