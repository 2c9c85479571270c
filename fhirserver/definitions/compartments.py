"""CompartmentDefinitions: by which parameters a resource type belongs to a compartment.

Spec: http://hl7.org/fhir/R4/compartmentdefinition.html
"""

import msgspec

from fhirserver.kernel.resource import Resource


class CompartmentDefinition(msgspec.Struct, frozen=True, array_like=True):
    """``parameters[resource type]`` lists the search parameter codes that link it; ``{def}`` is the type itself."""

    code: str
    url: str
    parameters: dict[str, tuple[str, ...]]


def compile_compartment(definition: Resource) -> CompartmentDefinition | None:
    """Return the compact form; None for the package's example."""
    if definition["id"] == "example":
        return None
    linked = {entry["code"]: tuple(entry["param"]) for entry in definition["resource"] if entry.get("param")}
    return CompartmentDefinition(definition["code"], definition["url"], linked)
