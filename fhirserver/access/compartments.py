"""What belongs to a patient: what a ``patient/`` scope reaches, as a plan for each type.

A type of the Patient compartment is reached by the compartment's own term; another that can be about a patient, such as
Device or Task, by its reference parameters that may point to one; what is about nobody, such as Practitioner, Location
or ValueSet, is readable by all. Everything else, such as Bundle, is not reached. docs/access.md has the table.
Spec: http://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from enum import Enum
from typing import Final

from fhirserver.access.rights import Right
from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.search.attachments import CONTEXT
from fhirserver.search.bind import Binder
from fhirserver.search.extract import COMPARTMENT
from fhirserver.search.plan import NONE, HasTerm, IsOneOf, OnlyPatients, Plan, all_of

OPEN: Final = frozenset(
    (
        # directories
        *("Practitioner", "PractitionerRole", "Organization", "OrganizationAffiliation", "Location"),
        *("HealthcareService", "Endpoint", "InsurancePlan"),
        # products
        *("Medication", "MedicationKnowledge", "Substance", "SubstanceNucleicAcid", "SubstancePolymer"),
        *("SubstanceProtein", "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification"),
        *("MedicinalProduct", "MedicinalProductAuthorization", "MedicinalProductContraindication"),
        *("MedicinalProductIndication", "MedicinalProductIngredient", "MedicinalProductInteraction"),
        *("MedicinalProductManufactured", "MedicinalProductPackaged", "MedicinalProductPharmaceutical"),
        "MedicinalProductUndesirableEffect",
        # definitions and knowledge
        *("ActivityDefinition", "ChargeItemDefinition", "DeviceDefinition", "EffectEvidenceSynthesis"),
        *("EventDefinition", "Evidence", "EvidenceVariable", "Library", "Measure", "ObservationDefinition"),
        *("PlanDefinition", "Questionnaire", "ResearchDefinition", "ResearchElementDefinition"),
        *("RiskEvidenceSynthesis", "SpecimenDefinition"),
        # conformance and terminology
        *("CapabilityStatement", "CodeSystem", "CompartmentDefinition", "ConceptMap", "ExampleScenario"),
        *("GraphDefinition", "ImplementationGuide", "MessageDefinition", "NamingSystem", "OperationDefinition"),
        *("SearchParameter", "StructureDefinition", "StructureMap", "TerminologyCapabilities", "ValueSet"),
    )
)
"""Types about nobody: a patient's app may read them, whosever they are, and write none."""

_OF_ONE: Final = frozenset({"AuditEvent", "Group", "Provenance"})
"""Types whose instances may list many patients that have nothing to do with each other."""

_KEPT_FROM_APPS: Final = {"AuditEvent": "cud", "Consent": "cud", "Patient": "cd", "Provenance": "ud"}
"""Rights on a patient's own resources that no ``patient/`` scope gives: an app widens no consent, edits no trail."""


class Reach(Enum):
    """How a ``patient/`` scope reaches a type."""

    COMPARTMENT = "compartment"
    REFERENCES = "references"
    CONTEXT = "context"
    OPEN = "open"
    NOTHING = "nothing"


def reach_of(binder: Binder, resource_type: str) -> Reach:
    """Say how a type is reached."""
    if resource_type == COMPARTMENT or resource_type in _members(binder.definitions):
        return Reach.COMPARTMENT
    if resource_type in OPEN:
        return Reach.OPEN
    if resource_type == "Binary":
        return Reach.CONTEXT
    return Reach.REFERENCES if _keys_to_patients(binder, resource_type) else Reach.NOTHING


def patient_plan(binder: Binder, resource_type: str, right: Right, patient: str) -> Plan:
    """Return the plan of what a ``patient/`` scope gives a right on; ALL where it gives it on every resource."""
    if right in _KEPT_FROM_APPS.get(resource_type, ""):
        return NONE
    match reach_of(binder, resource_type):
        case Reach.OPEN:
            return all_of() if right in (Right.READ, Right.SEARCH) else NONE
        case Reach.COMPARTMENT:
            return _in_compartment(resource_type, patient)
        case Reach.CONTEXT:
            return HasTerm((f"{CONTEXT}{COMPARTMENT}/{patient}",))
        case Reach.REFERENCES:
            keys = _keys_to_patients(binder, resource_type)
            return HasTerm(tuple(f"{key}={COMPARTMENT}/{patient}" for key in keys))
        case Reach.NOTHING:
            return NONE


def member_terms(binder: Binder, resource_type: str, patient: str) -> frozenset[str]:
    """Return the terms each of which says that a resource is in a patient's compartment."""
    bound = binder.parameters.of(resource_type).bound
    codes = _members(binder.definitions).get(resource_type, ())
    keys = [key for code in codes if code in bound for key in bound[code].keys]
    return frozenset({_member(patient), *(f"{key}={COMPARTMENT}/{patient}" for key in keys)})


def _in_compartment(resource_type: str, patient: str) -> Plan:
    if resource_type == COMPARTMENT:  # not those that are linked to it
        return IsOneOf((f"{COMPARTMENT}/{patient}",))
    own = HasTerm((_member(patient),))
    return all_of(own, OnlyPatients(frozenset({patient}))) if resource_type in _OF_ONE else own


def _member(patient: str) -> str:
    return f"@{COMPARTMENT}/{patient}"


def _members(definitions: Definitions) -> dict[str, tuple[str, ...]]:
    definition = definitions.compartment(COMPARTMENT)
    return dict(definition.parameters) if definition is not None else {}


def _keys_to_patients(binder: Binder, resource_type: str) -> tuple[str, ...]:
    """Return the keys of a type's reference parameters that can point to a patient."""
    bound = binder.parameters.of(resource_type).bound.values()
    found = [b for b in bound if b.definition.type is SearchType.REFERENCE and COMPARTMENT in b.targets]
    return tuple(dict.fromkeys(key for b in found for key in b.keys))
