"""Names of concepts of the small release that several rows of the grammar's tables have."""

from tests.terminology.ecl.small_ontology import RELEASE

ALL = " ".join(RELEASE.codes)
OLD = "old_asthma old_cough old_heart"
LEAVES = (
    "tetralogy infarct pneumonia asthma edema_of_lung cough valve ventricle lung radius inflammation stenosis"
    " hypertrophy  edema fracture pneumococcus aspirin caffeine codeine tablet_one tablet_three syrup empty"
    " oral milligram agent due_to  site morph ingredient strength brand refunded form strength_unit"
    " forearm_injury core be_module fsn synonym  text_definition primitive defined en_gb en_us fr_be nl_be"
    " same_as replaced_by was_a partially_equivalent  possibly_equivalent problem_list emergency_list"
    " map_refset loinc_scheme"
)


def minus(names: str, others: str) -> str:
    """Return the names without some others."""
    return " ".join(name for name in names.split() if name not in others.split())
