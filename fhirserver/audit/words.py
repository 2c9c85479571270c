"""The words in which events are told to people: French, Dutch, German, English.

Categories are what a patient calls things, not resource types; roles are those of the policy file.
"""

from types import MappingProxyType
from typing import Final

from fhirserver.kernel.texts import most_liked

LANGUAGES: Final = ("en", "fr", "nl", "de")

Words = tuple[str, str, str, str]
"""In the order of ``LANGUAGES``."""

ACTIONS: Final[MappingProxyType[str, Words]] = MappingProxyType(
    {
        "read": ("looked at", "a consulté", "heeft bekeken", "hat angesehen"),
        "search": ("searched for", "a recherché", "heeft opgezocht", "hat gesucht nach"),
        "create": ("added", "a ajouté", "heeft toegevoegd", "hat hinzugefügt"),
        "update": ("changed", "a modifié", "heeft gewijzigd", "hat geändert"),
        "delete": ("removed", "a supprimé", "heeft verwijderd", "hat gelöscht"),
        "export": ("exported", "a exporté", "heeft geëxporteerd", "hat exportiert"),
        "emergency": (
            "opened the record in an emergency:",
            "a ouvert le dossier en urgence :",
            "heeft het dossier bij een noodgeval geopend:",
            "hat die Akte im Notfall geöffnet:",
        ),
        "log": (
            "looked at who had access to",
            "a consulté l'historique des accès à",
            "heeft bekeken wie toegang had tot",
            "hat angesehen, wer Zugang hatte zu",
        ),
        "login": (
            "logged in to see",
            "s'est connecté pour voir",
            "heeft zich aangemeld voor",
            "hat sich angemeldet für",
        ),
        "consent": (
            "decided about access to",
            "a décidé de l'accès à",
            "heeft beslist over de toegang tot",
            "hat entschieden über den Zugang zu",
        ),
        "other": ("worked with", "a utilisé", "heeft gewerkt met", "hat gearbeitet mit"),
    }
)

REFUSED: Final[Words] = (
    "tried and was refused:",
    "a essayé sans y être autorisé :",
    "heeft geprobeerd, maar kreeg geen toegang:",
    "hat es versucht und wurde abgewiesen:",
)

CATEGORIES: Final[MappingProxyType[str, Words]] = MappingProxyType(
    {
        "identity": (
            "identity and contact details",
            "identité et coordonnées",
            "identiteit en contactgegevens",
            "Identität und Kontaktdaten",
        ),
        "results": (
            "results and measurements",
            "résultats et mesures",
            "resultaten en metingen",
            "Befunde und Messwerte",
        ),
        "medication": ("medication", "médicaments", "medicatie", "Medikamente"),
        "problems": (
            "diagnoses and allergies",
            "diagnostics et allergies",
            "diagnoses en allergieën",
            "Diagnosen und Allergien",
        ),
        "stays": (
            "stays and appointments",
            "séjours et rendez-vous",
            "verblijven en afspraken",
            "Aufenthalte und Termine",
        ),
        "documents": (
            "documents and letters",
            "documents et courriers",
            "documenten en brieven",
            "Dokumente und Briefe",
        ),
        "vaccinations": ("vaccinations", "vaccinations", "vaccinaties", "Impfungen"),
        "acts": (
            "treatments and procedures",
            "soins et interventions",
            "behandelingen en ingrepen",
            "Behandlungen und Eingriffe",
        ),
        "plans": (
            "care plans and requests",
            "plans de soins et demandes",
            "zorgplannen en aanvragen",
            "Behandlungspläne und Anforderungen",
        ),
        "consents": ("consents", "consentements", "toestemmingen", "Einwilligungen"),
        "billing": (
            "bills and insurance",
            "factures et assurance",
            "facturen en verzekering",
            "Rechnungen und Versicherung",
        ),
        "traces": ("the access log", "l'historique des accès", "het toegangslogboek", "das Zugriffsprotokoll"),
        "record": ("the record", "le dossier", "het dossier", "die Akte"),
        "other": ("other data", "d'autres données", "andere gegevens", "andere Daten"),
    }
)

_TYPES: Final = {
    "identity": "Patient RelatedPerson Person",
    "results": "Observation DiagnosticReport Specimen ImagingStudy Media MolecularSequence RiskAssessment",
    "medication": "MedicationRequest MedicationStatement MedicationAdministration MedicationDispense Medication",
    "problems": "Condition AllergyIntolerance AdverseEvent ClinicalImpression DetectedIssue FamilyMemberHistory Flag",
    "stays": "Encounter EpisodeOfCare Appointment AppointmentResponse Schedule Slot",
    "documents": "DocumentReference DocumentManifest Composition Binary QuestionnaireResponse Communication List",
    "vaccinations": "Immunization ImmunizationRecommendation ImmunizationEvaluation",
    "acts": "Procedure DeviceUseStatement Device NutritionOrder VisionPrescription",
    "plans": "CarePlan CareTeam Goal ServiceRequest RequestGroup CommunicationRequest DeviceRequest Task",
    "consents": "Consent Contract",
    "billing": "Account Claim ClaimResponse Coverage Invoice ChargeItem ExplanationOfBenefit",
    "traces": "AuditEvent Provenance",
}
CATEGORY_OF: Final = MappingProxyType({name: category for category, names in _TYPES.items() for name in names.split()})
"""Resource type -> category."""

PURPOSES: Final[MappingProxyType[str, Words]] = MappingProxyType(
    {
        "TREAT": ("for your care", "pour vos soins", "voor uw zorg", "für Ihre Behandlung"),
        "ETREAT": ("for emergency care", "pour des soins urgents", "voor dringende zorg", "für eine Notfallbehandlung"),
        "BTG": ("in an emergency", "en situation d'urgence", "bij een noodgeval", "im Notfall"),
        "CAREMGT": (
            "to organise your care",
            "pour organiser vos soins",
            "om uw zorg te organiseren",
            "um Ihre Behandlung zu planen",
        ),
        "COC": (
            "to coordinate your care",
            "pour coordonner vos soins",
            "om uw zorg af te stemmen",
            "um Ihre Behandlung abzustimmen",
        ),
        "HPAYMT": ("for billing", "pour la facturation", "voor de facturatie", "für die Abrechnung"),
        "HOPERAT": (
            "to run the hospital",
            "pour le fonctionnement de l'hôpital",
            "voor de werking van het ziekenhuis",
            "für den Betrieb des Krankenhauses",
        ),
        "HRESCH": ("for research", "pour la recherche", "voor onderzoek", "für die Forschung"),
        "PUBHLTH": (
            "for public health",
            "pour la santé publique",
            "voor de volksgezondheid",
            "für die öffentliche Gesundheit",
        ),
        "PATRQT": ("at your request", "à votre demande", "op uw verzoek", "auf Ihren Wunsch"),
        "FAMRQT": (
            "at the request of your family",
            "à la demande de votre famille",
            "op verzoek van uw familie",
            "auf Wunsch Ihrer Familie",
        ),
        "HSYSADMIN": (
            "to maintain the system",
            "pour la maintenance du système",
            "voor het onderhoud van het systeem",
            "für die Wartung des Systems",
        ),
    }
)
"""By code of v3-ActReason."""

NO_PURPOSE: Final[Words] = (
    "no purpose given",
    "sans motif indiqué",
    "zonder opgegeven reden",
    "ohne Angabe eines Grundes",
)

ROLES: Final[MappingProxyType[str, Words]] = MappingProxyType(
    {
        "physician": ("physician", "médecin", "arts", "Arzt oder Ärztin"),
        "nurse": ("nurse", "infirmier ou infirmière", "verpleegkundige", "Pflegekraft"),
        "pharmacist": ("pharmacist", "pharmacien ou pharmacienne", "apotheker", "Apotheker oder Apothekerin"),
        "lab": ("laboratory", "laboratoire", "laboratorium", "Labor"),
        "imaging": ("imaging", "imagerie", "beeldvorming", "Bildgebung"),
        "secretary": ("secretary", "secrétariat", "secretariaat", "Sekretariat"),
        "admission": ("admission", "admission", "opname", "Aufnahme"),
        "social-worker": ("social worker", "service social", "sociale dienst", "Sozialdienst"),
        "data-protection-officer": (
            "data protection officer",
            "délégué à la protection des données",
            "functionaris voor gegevensbescherming",
            "Datenschutzbeauftragte Person",
        ),
        "administrator": ("administrator", "administration", "beheer", "Verwaltung"),
        "patient": ("patient", "patient", "patiënt", "Patient oder Patientin"),
        "proxy": ("proxy", "mandataire", "gemachtigde", "Bevollmächtigte Person"),
        "external-gp": ("general practitioner", "médecin traitant", "huisarts", "Hausarzt oder Hausärztin"),
        "nursing-home": ("nursing home", "maison de repos", "woonzorgcentrum", "Pflegeheim"),
        "exchange": (
            "exchange with other institutions",
            "échange avec d'autres institutions",
            "uitwisseling met andere instellingen",
            "Austausch mit anderen Einrichtungen",
        ),
        "service": ("computer system", "système informatique", "computersysteem", "Computersystem"),
    }
)

SOMEBODY: Final[Words] = (
    "Somebody who did not log in",
    "Quelqu'un sans connexion",
    "Iemand zonder aanmelding",
    "Jemand ohne Anmeldung",
)
APPLICATION: Final[Words] = ("the application", "l'application", "de toepassing", "die Anwendung")
YOU: Final[Words] = ("You", "Vous", "U", "Sie")
FROM: Final[Words] = ("from", "depuis", "via", "über")


def language_of(wanted: str | None, accept: str | None) -> str | None:
    """Return the language to answer in: the one asked for, else the first that is accepted; None for an unknown one."""
    if wanted is not None:
        known = wanted.partition("-")[0].lower()
        return known if known in LANGUAGES else None
    return most_liked(accept, LANGUAGES) or LANGUAGES[0]


def said(words: Words, language: str) -> str:
    """Return words in a language."""
    return words[LANGUAGES.index(language)]
