"""Which query parameters an interaction takes: an unknown one is refused, or ignored for who asks to be lenient.

``_format`` and ``_pretty`` are read before; searches, histories and operations judge their own parameters, and
those that select the instance of a conditional interaction are criteria.
Spec: http://hl7.org/fhir/R4/http.html#parameters, http://hl7.org/fhir/R4/search.html#errors
"""

from collections.abc import Mapping
from typing import Final

from fhirserver.interactions.subset import SUBSET_PARAMETERS, parse_subset
from fhirserver.kernel.exchange import FhirRequest, Handling, Interaction
from fhirserver.kernel.outcome import UnknownParameter
from fhirserver.search.query import IGNORED, shown

_KNOWN: Final[Mapping[Interaction, frozenset[str]]] = {
    Interaction.READ: SUBSET_PARAMETERS | {"_at"},
    Interaction.VREAD: SUBSET_PARAMETERS,
    Interaction.CREATE: SUBSET_PARAMETERS,
    Interaction.UPDATE: SUBSET_PARAMETERS,
    Interaction.PATCH: SUBSET_PARAMETERS,
    Interaction.DELETE: frozenset(),
    Interaction.CAPABILITIES: SUBSET_PARAMETERS | {"mode"},
    Interaction.BATCH: frozenset(),
    Interaction.TRANSACTION: frozenset(),
}
SHORTENED: Final = frozenset(interaction for interaction, known in _KNOWN.items() if known >= SUBSET_PARAMETERS)
"""The interactions that answer one resource, or the part of it that was asked for."""
_CONDITIONAL: Final = frozenset({Interaction.UPDATE, Interaction.PATCH, Interaction.DELETE})


def check_parameters(request: FhirRequest) -> bool:
    """Tell whether parameters were leniently ignored; raises UnknownParameter, and what ``parse_subset`` raises.

    It comes before the interaction, so that nothing is written by a request that is refused.
    """
    known = _KNOWN.get(request.target.interaction)
    if known is None or not request.parameters:
        return False
    interaction = request.target.interaction
    if interaction in SHORTENED:
        parse_subset(request.parameters)
    if interaction in _CONDITIONAL and request.target.logical_id is None:
        return False
    unknown = [name for name, _ in request.parameters if name not in known and name not in IGNORED]
    if unknown and not request.prefer.is_lenient:
        raise _refusal(interaction, unknown[0], known)
    return bool(unknown)


def _refusal(interaction: Interaction, name: str, known: frozenset[str]) -> UnknownParameter:
    listed = ", ".join(f"`{parameter}`" for parameter in sorted(known | {"_format", "_pretty"}))
    return UnknownParameter(
        f"`{shown(name)}` is not a parameter of {interaction}, which takes {listed}.",
        expression=[f"http.{shown(name)}"],
    )


def applied_handling(request: FhirRequest) -> tuple[tuple[str, str], ...]:
    """Say which handling preference was honoured (RFC 7240 §3)."""
    handling: Handling | None = request.prefer.handling
    return (("Preference-Applied", f"handling={handling}"),) if handling else ()
