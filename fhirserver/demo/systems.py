"""The uris of identifier and code systems that the record uses.

Belgium: https://www.ehealth.fgov.be/standards/fhir/core · France: https://hl7.fr/ig/fhir/core · the rest: HL7 R4.
"""

from typing import Final

THO: Final = "http://terminology.hl7.org/CodeSystem"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ATC: Final = "http://www.whocc.no/atc"
UCUM: Final = "http://unitsofmeasure.org"
LANGUAGES: Final = "urn:ietf:bcp:47"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
ACT_CODE: Final = f"{THO}/v3-ActCode"
ROLE_CODE: Final = f"{THO}/v3-RoleCode"
CONFIDENTIALITY: Final = f"{THO}/v3-Confidentiality"
ACT_REASON: Final = f"{THO}/v3-ActReason"
PARTICIPATION: Final = f"{THO}/v3-ParticipationType"
IDENTIFIER_TYPE: Final = f"{THO}/v2-0203"

BELGIAN_CORE: Final = "https://www.ehealth.fgov.be/standards/fhir/core"
SSIN: Final = f"{BELGIAN_CORE}/NamingSystem/ssin"
NIHDI: Final = f"{BELGIAN_CORE}/NamingSystem/nihdi"
CBE: Final = f"{BELGIAN_CORE}/NamingSystem/cbe"
MEMBERSHIP: Final = f"{BELGIAN_CORE}/NamingSystem/insurancymembership"
OUR_BELGIUM: Final = "https://fhirserver.example.org/be"
"""What no Belgian profile covers is under our own canonicals."""

OUR_IDENTIFIER_TYPE: Final = f"{OUR_BELGIUM}/CodeSystem/be-cs-identifier-type"
HCPARTY: Final = f"{BELGIAN_CORE}/CodeSystem/cd-hcparty"

FRENCH_CORE: Final = "https://hl7.fr/ig/fhir/core"
FRENCH_IDENTIFIER_TYPE: Final = f"{FRENCH_CORE}/CodeSystem/fr-core-cs-v2-0203"
FRENCH_STRUCTURE: Final = f"{FRENCH_CORE}/CodeSystem/fr-core-cs-v2-3307"
STAY_IDENTIFIER_TYPE: Final = f"{FRENCH_CORE}/CodeSystem/fr-core-cs-identifier-type"
FRENCH_PLACE: Final = f"{FRENCH_CORE}/CodeSystem/fr-core-cs-location-type"
INS_NIR_TEST: Final = "urn:oid:1.2.250.1.213.1.4.10"
NSS_NIR: Final = "urn:oid:1.2.250.1.213.1.4.13"
RPPS: Final = "https://rpps.esante.gouv.fr"
FINESS: Final = "https://finess.esante.gouv.fr"
SIRENE: Final = "https://sirene.fr"
INSEE: Final = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
FRENCH_SPECIALTY: Final = "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale"
