"""Every production of the grammar of expression constraints on the small release; results are worked out by hand.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (2.3, brief and long)
"""

import numpy as np
import pytest

from fhirserver.terminology.concepts import Filter
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import Wanted
from fhirserver.terminology.loaders.tree import Tree
from tests.terminology.ecl import release_files
from tests.terminology.ecl.small_ontology import RELEASE, VERSION, SmallOntology

ONTOLOGY = SmallOntology()


class Silent:
    """Hears of progress."""

    def begin(self, work: str, total: int) -> None:
        """Hear that work begins."""

    def advance(self, done: int) -> None:
        """Hear how far it is."""


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


def _minus(names: str, others: str) -> str:
    return " ".join(name for name in names.split() if name not in others.split())


SIMPLE = [
    ("eclConceptReference", "$asthma", "asthma"),
    ("eclConceptReference: with a term, which says nothing", "$asthma | Not asthma (disorder), <<! at all |", "asthma"),
    ("eclConceptReference: a code that is no concept here", "99999999", ""),
    ("eclConceptReference: a concept out of use", "$old_asthma", "old_asthma"),
    ("wildCard", "*", ALL),
    ("wildCard, long", "ANY", ALL),
    ("altIdentifier", "LOINC#54486-6", "cough"),
    ("altIdentifier: with a term", "LOINC#54486-6 |Cough|", "cough"),
    ("altIdentifier: in quotes", '"LOINC#LP 1"', "asthma"),
    ("altIdentifier: the code in quotes", 'LOINC#"LP 1"', "asthma"),
    ("altIdentifier: the scheme as a url", "http://loinc.org#54486-6", "cough"),
    ("altIdentifier: a code that nothing has", "LOINC#1-1", ""),
    ("descendantOf", "< $heart_disease", "valve_disease tetralogy infarct"),
    ("descendantOf, long", "descendantOf $heart_disease", "valve_disease tetralogy infarct"),
    ("descendantOf: all that has something above it", "< *", _minus(ALL, f"root {OLD}")),
    ("descendantOrSelfOf", "<< $heart_disease", "heart_disease valve_disease tetralogy infarct"),
    ("descendantOrSelfOf, long", "DESCENDANTORSELFOF $heart_disease", "heart_disease valve_disease tetralogy infarct"),
    ("childOf", "<! $heart_disease", "valve_disease infarct"),
    ("childOf, long", "childOf $heart_disease", "valve_disease infarct"),
    ("childOrSelfOf", "<<! $heart_disease", "heart_disease valve_disease infarct"),
    ("childOrSelfOf, long", "childOrSelfOf $heart_disease", "heart_disease valve_disease infarct"),
    ("ancestorOf: by both parents", "> $infarct", "heart_disease disease heart_finding finding root"),
    ("ancestorOf, long", "ancestorOf $cough", "finding root"),
    ("ancestorOf: all that has something below it", "> *", _minus(ALL, f"{LEAVES} {OLD}")),
    ("ancestorOrSelfOf", ">> $cough", "cough finding root"),
    ("ancestorOrSelfOf, long", "ancestorOrSelfOf $cough", "cough finding root"),
    ("parentOf", ">! $heart_disease", "disease heart_finding"),
    ("parentOf, long", "parentOf $heart_disease", "disease heart_finding"),
    ("parentOrSelfOf", ">>! $heart_disease", "heart_disease disease heart_finding"),
    ("parentOrSelfOf, long", "parentOrSelfOf $heart_disease", "heart_disease disease heart_finding"),
    ("top", "!!> (<< $heart_disease OR $cough)", "heart_disease cough"),
    ("top, long", "top (<< $heart_disease OR $cough)", "heart_disease cough"),
    ("bottom", "!!< (<< $heart_disease OR $cough)", "tetralogy infarct cough"),
    ("bottom, long", "bottom (<< $heart_disease OR $cough)", "tetralogy infarct cough"),
    (
        "constraintOperator on a constraint: of all together",
        "<! ($valve_disease OR $lung_disease)",
        "tetralogy pneumonia asthma edema_of_lung",
    ),
    ("constraintOperator on something that is no concept here", "<< 99999999", ""),
]
MEMBERS = [
    ("memberOf: active rows, whatever they are of", "^ $problem_list", "asthma pneumonia old_asthma"),
    ("memberOf, long", "memberOf $problem_list", "asthma pneumonia old_asthma"),
    ("memberOf: of every reference set", "^ *", f"asthma pneumonia infarct {OLD}"),
    ("memberOf: of several", "^ (< $simple_refset)", "asthma pneumonia old_asthma infarct"),
    ("memberOf: of what is no reference set", "^ $asthma", ""),
    ("memberOf before constraintOperator", ">! ^ $emergency_list", "heart_disease lung_disease"),
    ("refsetFieldName", "^ [targetComponentId] $same_as", "asthma"),
    ("refsetFieldName, long", "memberOf [ targetComponentId ] $same_as", "asthma"),
    ("refsetFieldNameSet", "^ [referencedComponentId, targetComponentId] $replaced_by", "old_cough cough"),
    ("refsetFieldNameSet: all fields", "^ [*] $replaced_by", "old_cough cough"),
    ("refsetFieldName: of texts, which are no concepts", "^ [mapTarget] $map_refset", ""),
    ("refsetContainingAny: as component, not as target", "^R $asthma", "problem_list emergency_list map_refset"),
    (
        "refsetContainingAny, long",
        "refsetContainingAny ($infarct OR $old_cough)",
        "emergency_list map_refset replaced_by",
    ),
    ("refsetContainingAny: rows out of use do not count", "^R $cough", ""),
]
COMPOUND = [
    ("conjunction", "<< $disease AND << $heart_finding", "heart_disease valve_disease tetralogy infarct"),
    ("conjunction: comma", "<< $disease, << $heart_finding", "heart_disease valve_disease tetralogy infarct"),
    ("conjunction: several", "<< $disease and << $heart_finding AND << $valve_disease", "valve_disease tetralogy"),
    ("disjunction", "$asthma OR <! $valve_disease or ^ $same_as", "asthma tetralogy old_asthma"),
    ("exclusion", "<< $disease MINUS << $heart_disease", "disease lung_disease pneumonia asthma edema_of_lung"),
    ("brackets", "($asthma OR $cough) AND (<< $disease)", "asthma"),
    ("brackets within brackets", "((((<< $finding)) MINUS ((<< $disease))) MINUS ($cough))", "finding heart_finding"),
    ("dottedExpressionConstraint", "<< $heart_disease . $site", "heart valve ventricle"),
    ("dottedExpressionConstraint: from left to right", "$edema_of_lung.$associated_with.$site", "heart"),
    (
        "dottedExpressionConstraint: a constraint as the name",
        "($pneumonia OR $infarct) . < $associated_with",
        "bacterium cough",
    ),
    ("dottedExpressionConstraint: concrete values are no concepts", "$tablet_one . $brand", ""),
    ("operator of a dotted one in brackets", "< ($pneumonia . $agent)", "pneumococcus"),
    ("comment", "/* all */ << /* of */ $cough /* and * no / more */", "cough"),
    ("comment: with all kinds of characters", '$cough /* ** é 世 🫀 / * " ( | */ /**/', "cough"),
    ("term: with all kinds of characters", '$cough |Tussis é 世 🫀 " ( } /*|', "cough"),
    ("mws: a comment is white space", "$cough/**/OR/**/$asthma", "cough asthma"),
    ("ws: tabs and lines", "\t<<\r\n\t$cough\n", "cough"),
]
REFINED = [
    ("eclAttribute", "* : $site = $valve", "valve_disease tetralogy"),
    ("eclAttribute: values below one", "* : $site = << $heart", "heart_disease valve_disease tetralogy infarct"),
    ("refinedExpressionConstraint: of some concepts", "< $heart_disease : $site = $heart", "infarct"),
    ("eclAttributeName: an operator", "* : << $associated_with = *", "infarct pneumonia edema_of_lung"),
    ("eclAttributeName: above", "* : > $due_to = *", "edema_of_lung"),
    ("eclAttributeName: any", "* : * = $lung", "lung_disease pneumonia asthma edema_of_lung"),
    ("eclAttributeName: a constraint in brackets", "* : (< $associated_with) = *", "infarct pneumonia"),
    (
        "eclAttributeName: brackets and a filter",
        "* : (<< $associated_with) {{ C active = 1 }} = $cough",
        "infarct",
    ),
    ("value: any, also a concrete one", "* : $brand = *", "tablet_one tablet_three syrup"),
    ("value: a constraint in brackets", "* : $associated_with = ( * : $due_to = * )", "edema_of_lung"),
    (
        "value: minus",
        "* : $morph = (< $morphology MINUS $inflammation)",
        "tetralogy asthma edema_of_lung forearm_injury",
    ),
    ("value: members", "* : $associated_with = ^ $emergency_list", "edema_of_lung"),
    ("conjunctionAttributeSet", "* : $site = << $heart, $morph = *", "tetralogy"),
    ("conjunctionAttributeSet: in different groups", "* : $site = $valve AND $morph = $hypertrophy", "tetralogy"),
    ("disjunctionAttributeSet", "* : $morph = $fracture OR $agent = *", "forearm_injury pneumonia"),
    ("subAttributeSet in brackets", "* : ($morph = $fracture OR $agent = *), $site = $lung", "pneumonia"),
    (
        "eclRefinement in brackets",
        "* : ({ $site = $bone } OR { $agent = * }) AND ($site = *)",
        "forearm_injury pneumonia",
    ),
    ("eclAttributeGroup", "* : { $site = $valve, $morph = $stenosis }", "tetralogy"),
    ("eclAttributeGroup: not across groups", "* : { $site = $valve, $morph = $hypertrophy }", ""),
    (
        "conjunctionRefinementSet",
        "* : { $site = $valve, $morph = $stenosis }, { $site = $ventricle, $morph = $hypertrophy }",
        "tetralogy",
    ),
    ("disjunctionRefinementSet", "* : { $site = $valve, $morph = * } OR $agent = *", "tetralogy pneumonia"),
    (
        "subAttributeSet in brackets in a group",
        "* : { ($morph = $edema OR $morph = $fracture), $site = $lung }",
        "asthma edema_of_lung",
    ),
    ("group 0: each stands alone", "* : { $form = $oral }", "tablet_one tablet_three"),
    ("group 0: nothing is with another one", '* : { $form = $oral, $brand = "Panadol" }', ""),
]
CARDINALITY = [
    ("cardinality", "* : [1..1] $ingredient = *", "tablet_one"),
    ("cardinality: two, in one group or not", "* : [2..2] $ingredient = *", "syrup"),
    ("many", "* : [2..*] $ingredient = *", "tablet_three syrup"),
    ("many, long", "* : [2 to many] $ingredient = *", "tablet_three syrup"),
    ("minValue 0: at most one", "< $product : [0..1] $ingredient = *", "tablet_one empty"),
    ("maxValue 0: none", "< $product : [0..0] $ingredient = *", "empty"),
    ("cardinality: any number", "< $product : [0..*] $ingredient = *", "tablet_one tablet_three syrup empty"),
    (
        "cardinality of a value that is excluded: all are in the heart",
        "* : [0..0] $site != << $heart, $site = *",
        "heart_disease valve_disease tetralogy infarct",
    ),
    (
        "no other attributes",
        "< $finding : [0..0] ((<< $attribute MINUS $site) MINUS $morph) = *, $site = *",
        "heart_disease valve_disease tetralogy lung_disease asthma",
    ),
    # the lungs of asthma are in two groups, and the bone of the forearm says no more than its radius
    (
        "non-redundant attributes",
        "* : [1..1] $site = *",
        "heart_disease valve_disease infarct lung_disease pneumonia asthma edema_of_lung forearm_injury",
    ),
    ("non-redundant attributes: two", "* : [2..*] $site = *", "tetralogy"),
    ("non-redundant attributes: only those that are as asked", "* : [1..1] $site = $bone", "forearm_injury"),
    ("cardinality in a group", "* : { [2..*] $ingredient = * }", "syrup"),
    ("cardinality in a group: exactly one", "* : { [1..1] $ingredient = * }", "tablet_one tablet_three"),
    (
        "cardinality in a group: none, with another one",
        "* : { [0..0] $morph = *, $site = * }",
        "heart_disease valve_disease infarct lung_disease forearm_injury",
    ),
    ("cardinality of groups", "* : [2..*] { $ingredient = * }", "tablet_three"),
    ("cardinality of groups: at most one", "< $product : [0..1] { $ingredient = * }", "tablet_one syrup empty"),
    (
        "cardinality of groups: no group with two",
        "< $product : [0..0] { [2..*] $ingredient = * }",
        "tablet_one tablet_three empty",
    ),
]
REVERSE = [
    ("reverseFlag", "* : R $site = $tetralogy", "valve ventricle"),
    ("reverseFlag, long", "* : reverseOf $site = $tetralogy", "valve ventricle"),
    ("reverseFlag: other concepts", "* : R $morph != << $lung_disease", "stenosis hypertrophy fracture"),
    ("reverseFlag: cardinality counts concepts", "* : [1..1] R $morph = *", "stenosis hypertrophy fracture"),
    ("reverseFlag: none", "< $organism : [0..0] R * = *", "pneumococcus"),
    ("reverseFlag with an operator", "* : R << $associated_with = << $disease", "cough bacterium infarct"),
    ("reverseFlag in a group", "* : { R $ingredient = $tablet_three }", "aspirin caffeine codeine"),
    (
        "reverseFlag in a group: values of the same group",
        "* : { R $site = $tetralogy, R $site = << $valve_disease }",
        "valve ventricle",
    ),
    ("reverseFlag in a group: either", "* : { R $agent = * OR R $due_to = * }", "bacterium cough"),
    ("reverseFlag: cardinality of groups", "* : [2..*] { R $ingredient = << $product }", "aspirin caffeine codeine"),
    ("reverseFlag: cardinality of groups of one", "* : [2..*] { R $ingredient = $tablet_three }", ""),
]
VALUES = [
    ("expressionComparisonOperator !=", "* : $morph != $edema", "tetralogy pneumonia asthma forearm_injury"),
    ("expressionComparisonOperator <>", "* : $morph <> $edema", "tetralogy pneumonia asthma forearm_injury"),
    ("expressionComparisonOperator NOT =", "* : $morph NOT = $edema", "tetralogy pneumonia asthma forearm_injury"),
    ("expressionComparisonOperator: other than any", "* : $morph != *", ""),
    ("numericValue", "* : $strength = #500", "tablet_one"),
    ("numericValue: the same number", "* : $strength = #500.00", "tablet_one"),
    ("numericValue: signed", "* : $strength = #-1", "syrup"),
    ("numericValue: decimal", "* : $strength = #+0.5", "tablet_three"),
    ("numericComparisonOperator !=", "* : $strength != #500", "tablet_three syrup"),
    ("numericComparisonOperator <>", "* : $strength <> #500", "tablet_three syrup"),
    ("numericComparisonOperator <", "* : $strength < #0", "syrup"),
    ("numericComparisonOperator <=", "* : $strength <= #50", "tablet_three syrup"),
    ("numericComparisonOperator >", "* : $strength > #250", "tablet_one"),
    ("numericComparisonOperator >=", "* : $strength >= #250", "tablet_one tablet_three"),
    (
        "numericValue: a range in a group",
        "* : { $ingredient = $aspirin, $strength >= #200, $strength <= #300, $strength_unit = $milligram }",
        "tablet_three",
    ),
    ("numericValue: cardinality", "* : [2..*] $strength > #0", "tablet_three"),
    ("concreteString: exactly", '* : $brand = "Panadol"', "tablet_one"),
    ("concreteString: escaped", r'* : $brand = "Migraine \*"', "tablet_three"),
    ("stringComparisonOperator !=", '* : $brand != "Panadol"', "tablet_three syrup"),
    ("concreteStringSet", '* : $brand = ("Panadol" "panadol")', "tablet_one syrup"),
    ("concreteStringSet: none of them", '* : $brand != ("Panadol" "panadol")', "tablet_three"),
    ("typedSearchTerm of an attribute, long", '* : $brand = wild:"PAN*"', "tablet_one syrup"),
    ("escapedWildChar", r'* : $brand = wild:"migraine \*"', "tablet_three"),
    ("typedSearchTermSet of an attribute, long", '* : $brand = (match:"migr" wild:"panado?")', "tablet_three"),
    ("booleanValue", "* : $refunded = true", "tablet_one"),
    ("booleanValue: in any case", "* : $refunded = FALSE", "tablet_three"),
    ("booleanComparisonOperator !=", "* : $refunded != true", "tablet_three"),
]
CONCEPT_FILTERS = [
    (
        "definitionStatusToken",
        "<< $disease {{ C definitionStatus = defined }}",
        "heart_disease valve_disease tetralogy lung_disease pneumonia",
    ),
    (
        "definitionStatusToken: primitive",
        "<< $disease {{ c definitionstatus = primitive }}",
        "disease infarct asthma edema_of_lung",
    ),
    (
        "definitionStatusToken !=",
        "<< $disease {{ C definitionStatus != defined }}",
        "disease infarct asthma edema_of_lung",
    ),
    (
        "definitionStatusTokenSet",
        "<! $heart_disease {{ C definitionStatus = (primitive defined) }}",
        "valve_disease infarct",
    ),
    ("definitionStatusIdFilter", "<! $heart_disease {{ C definitionStatusId = $defined |Defined| }}", "valve_disease"),
    (
        "definitionStatusIdFilter: a constraint",
        "<! $heart_disease {{ C definitionStatusId = < $definition_status }}",
        "valve_disease infarct",
    ),
    (
        "eclConceptReferenceSet",
        "<! $heart_disease {{ C definitionStatusId = ($defined |D| $primitive) }}",
        "valve_disease infarct",
    ),
    ("moduleFilter", "* {{ C moduleId = $be_module }}", "tetralogy syrup"),
    ("moduleFilter !=", "< $valve_disease {{ C moduleId != $core }}", "tetralogy"),
    ("moduleFilter: a set", "<! $valve_disease {{ C moduleId = ($core $be_module) }}", "tetralogy"),
    ("effectiveTimeFilter", '* {{ C effectiveTime = "20210131" }}', "infarct asthma"),
    ("effectiveTimeFilter !=", '<! $heart_disease {{ C effectiveTime != "20210131" }}', "valve_disease"),
    ("effectiveTimeFilter <", '* {{ C effectiveTime < "20200131" }}', "old_asthma old_heart"),
    ("effectiveTimeFilter <=", '<! $heart_disease {{ C effectiveTime <= "20200131" }}', "valve_disease"),
    ("effectiveTimeFilter >", '* {{ C effectiveTime > "20200131" }}', "infarct asthma"),
    ("effectiveTimeFilter >=", '* {{ C effectiveTime >= "20210131" }}', "infarct asthma"),
    ("timeValueSet", '* {{ C effectiveTime = ("20190131" "20210131") }}', "infarct asthma old_asthma old_heart"),
    (
        "timeValueSet: none of them",
        '<! $heart_disease {{ C effectiveTime != ("20190131" "20210131") }}',
        "valve_disease",
    ),
    ("timeValue: not yet published", '* {{ C effectiveTime = "" }}', ""),
    ("activeFilter 0", "* {{ C active = 0 }}", OLD),
    ("activeFilter false", '* {{ C active = "false" }}', OLD),
    ("activeFilter 1", "^ $problem_list {{ C active = 1 }}", "asthma pneumonia"),
    ("activeFilter true", "^ $problem_list {{ C active = true }}", "asthma pneumonia"),
    ("activeFilter !=", "^ $problem_list {{ C active != 1 }}", "old_asthma"),
    ("activeFilter *", "^ $problem_list {{ C active = * }}", "asthma pneumonia old_asthma"),
    ("conceptFilterConstraint: several", "* {{ C definitionStatus = defined, moduleId = $be_module }}", "tetralogy"),
    (
        "conceptFilterConstraint: one after the other",
        '* {{ C definitionStatus = defined }} {{ C effectiveTime = "20200131", moduleId = $be_module }}',
        "tetralogy",
    ),
    ("conceptFilterConstraint: of what stands before it", "$asthma OR * {{ C active = 0 }}", f"asthma {OLD}"),
]
DESCRIPTION_FILTERS = [
    ("termFilter: words that begin so", '* {{ term = "heart" }}', "heart_disease valve_disease infarct"),
    ("termFilter: in any order", '* {{ D term = "disease heart" }}', "heart_disease"),
    ("termFilter: one after the other, of one term", '* {{ term = "heart", term = "att" }}', "infarct"),
    ("termFilter: without case and accents", '* {{ term = "COEUR mala" }}', "heart_disease"),
    ("matchKeyword", '* {{ term = match:"att heart" }}', "infarct"),
    ("typedSearchTermSet", '* {{ term = ("astma" "cough") }}', "asthma cough"),
    ("escapedChar: it is in no term here", r'* {{ term = "heart \" \\" }}', "heart_disease valve_disease infarct"),
    ("matchSearchTermSet: white space around", '* {{ term = "  heart   att " }}', "infarct"),
    ("nonwsNonEscapedChar: letters beyond those of English", '* {{ term = "cœur" }}', "heart_disease"),
    ("wildSearchTerm: escaped", r'* {{ term = wild:"\*heart\*" }}', ""),
    ("wild", '* {{ term = wild:"*pathy" }}', "heart_disease valve_disease"),
    ("wild: all of the term", '* {{ term = wild:"cardiopathy" }}', "heart_disease"),
    ("wild: beginning and end", '* {{ term = wild: "d*(DISORDER)" }}', "disease valve_disease"),
    ("wild: in the middle", '* {{ term = wild:"*du*c*ur*" }}', "heart_disease"),
    ("typedSearchTermSet: of both kinds", '* {{ term = (match:"astma" wild:"*attack") }}', "asthma infarct"),
    (
        "stringComparisonOperator !=: another term",
        '<< $heart_disease {{ term != "heart" }}',
        "heart_disease valve_disease infarct",
    ),
    ("stringComparisonOperator !=: no other term", '$cough {{ term != "cough" }}', ""),
    ("every term is so", '<< $lung_disease MINUS * {{ term != "lung" }}', "lung_disease edema_of_lung"),
    ("descriptionFilterConstraint: of one description", '* {{ term = "heart", language = fr }}', ""),
    ("descriptionFilterConstraint: of several", '* {{ term = "heart" }} {{ language = fr }}', "heart_disease infarct"),
    ("languageFilter", "* {{ language = fr }}", "disease heart_disease infarct"),
    ("languageFilter: upper case", "* {{ LANGUAGE = FR }}", "disease heart_disease infarct"),
    ("languageFilter !=", "* {{ language != en }}", "disease heart_disease infarct asthma"),
    ("languageCodeSet", "* {{ language = (fr nl) }}", "disease heart_disease infarct asthma"),
    ("languageCode that nothing is in", "* {{ language = sv }}", ""),
    ("typeToken", "* {{ type = def }}", "infarct"),
    ("typeToken, long", '* {{ type = fullySpecifiedName, term = "death" }}', ""),
    ("typeTokenSet", '* {{ type = (syn def), term = "heart" }}', "heart_disease infarct"),
    ("typeTokenSet, long", '* {{ type = (synonym definition), term = "heart" }}', "heart_disease infarct"),
    ("typeToken !=", '* {{ type != fsn, term = "heart" }}', "heart_disease infarct"),
    ("typeIdFilter", "* {{ typeId = $text_definition }}", "infarct"),
    ("typeIdFilter: a constraint", '* {{ typeId = < $description_type, term = "cough" }}', "cough"),
    (
        "typeIdFilter: a set",
        '* {{ typeId = ($synonym |S| $text_definition |D|), term = "heart" }}',
        "heart_disease infarct",
    ),
    ("dialectAliasFilter", "* {{ dialect = fr-be }}", "disease heart_disease infarct"),
    ("acceptabilityTokenSet", "* {{ dialect = fr-be (prefer) }}", "disease heart_disease"),
    ("acceptabilityTokenSet, long", "* {{ dialect = fr-be (acceptable) }}", "infarct"),
    ("acceptabilityTokenSet: both", "* {{ dialect = fr-be (prefer accept) }}", "disease heart_disease infarct"),
    ("acceptabilityConceptReferenceSet", "* {{ dialect = fr-be (900000000000549004 |Acceptable|) }}", "infarct"),
    ("dialectAliasSet", "* {{ dialect = (fr-be nl-be) }}", "disease heart_disease infarct asthma"),
    (
        "dialectAliasSet: each with its own",
        "* {{ dialect = (fr-be (accept) nl-be (prefer)) }}",
        "disease heart_disease infarct asthma",
    ),
    ("dialectAliasSet: with one for all", "* {{ dialect = (fr-be nl-be) (accept) }}", "infarct"),
    ("dialectIdFilter", "* {{ dialectId = $fr_be |Belgian French| (accept) }}", "infarct"),
    ("dialectIdFilter: a constraint", "* {{ dialectId = (< $language_refset MINUS $en_us), type = def }}", "infarct"),
    ("dialectIdSet", "* {{ dialectId = ($fr_be (accept) $nl_be |Nl|) }}", "disease heart_disease infarct asthma"),
    ("dialectFilter !=", "<< $lung_disease {{ dialect != en-gb }}", "asthma edema_of_lung"),
    (
        "dialectFilter: two at once",
        '* {{ term = "heart", dialect = en-gb (accept), dialect = en-us (prefer) }}',
        "infarct",
    ),
    ("preferred term", '* {{ term = "heart", type = syn, dialect = en-us (prefer) }}', "heart_disease infarct"),
    ("moduleFilter of descriptions", "* {{ D moduleId = $be_module }}", "heart_disease"),
    ("effectiveTimeFilter of descriptions", '* {{ D effectiveTime > "20200131" }}', "valve_disease asthma cough"),
    ("activeFilter: only those in use by default", '* {{ term = "pneumonitis" }}', ""),
    ("activeFilter of descriptions", "* {{ D active = 0 }}", "pneumonia"),
    ("activeFilter of descriptions: both", '* {{ D active = *, term = "pneumonitis" }}', "pneumonia"),
    ("descriptionIdFilter", "* {{ D id = 200014 }}", "infarct"),
    ("descriptionIdSet", "* {{ D id = (200014 200024) }}", "infarct cough"),
    ("idComparisonOperator !=", "$cough {{ D id != 200024 }}", ""),
    (
        "description and concept filters",
        '* {{ C definitionStatus = defined }} {{ D term = "heart" }}',
        "heart_disease valve_disease",
    ),
]
MEMBER_FILTERS = [
    ("memberFieldFilter: words", '^ $map_refset {{ M mapTarget = "J45" }}', "asthma"),
    ("memberFieldFilter: a word with a point", '^ $map_refset {{ M mapTarget = "J45.9" }}', "asthma"),
    ("memberFieldFilter: pattern", '^ $map_refset {{ M mapTarget = wild:"J*" }}', "asthma pneumonia"),
    ("memberFieldFilter: exactly", '^ $map_refset {{ m mapTarget = wild:"I2" }}', ""),
    ("memberFieldFilter: set of searches", '^ $map_refset {{ M mapTarget = ("J45" wild:"i*") }}', "asthma infarct"),
    ("memberFieldFilter: other texts", '^ $map_refset {{ M mapTarget != "J" }}', "pneumonia infarct"),
    ("memberFieldFilter: number", "^ $map_refset {{ M mapGroup = #2 }}", "pneumonia"),
    ("memberFieldFilter: number <", "^ $map_refset {{ M mapPriority < #2 }}", "asthma pneumonia"),
    ("memberFieldFilter: number !=", "^ $map_refset {{ M mapPriority != #1 }}", "pneumonia infarct"),
    ("memberFieldFilter: truth", "^ $map_refset {{ M advised = false }}", "pneumonia"),
    ("memberFieldFilter: day", '^ $map_refset {{ M validUntil >= "20250101" }}', "infarct"),
    ("memberFieldFilter: several, of one row", '^ $map_refset {{ M mapGroup = #2, mapTarget = "J18" }}', ""),
    (
        "memberFieldFilter: several filters",
        '^ $map_refset {{ M mapGroup = #1 }} {{ M mapTarget = "J18" }}',
        "pneumonia",
    ),
    (
        "memberFieldFilter: concept",
        "^ [targetComponentId] $same_as {{ M referencedComponentId = $old_asthma }}",
        "asthma",
    ),
    ("memberFieldFilter: other concepts", "^ (< $historical) {{ M targetComponentId != << $disease }}", "old_cough"),
    ("moduleFilter of members", "^ $emergency_list {{ M moduleId = $be_module }}", "infarct"),
    ("effectiveTimeFilter of members", '^ $emergency_list {{ M effectiveTime >= "20210131" }}', "infarct"),
    ("activeFilter of members", "^ $problem_list {{ M active = 0 }}", "cough"),
    ("activeFilter of members: both", "^ $problem_list {{ M active = * }}", "asthma pneumonia old_asthma cough"),
    (
        "memberFilter, then conceptFilter",
        "^ $problem_list {{ M active = * }} {{ C active = 1 }}",
        "asthma pneumonia cough",
    ),
    ("memberFilter of refsetContainingAny", "^R $cough {{ M active = 0 }}", "problem_list"),
]
SOME = "($asthma OR $cough OR $heart_disease OR $lung_disease)"
HISTORY = [
    ("historyMinimumSuffix", f"{SOME} {{{{ + HISTORY-MIN }}}}", "asthma cough heart_disease lung_disease old_asthma"),
    (
        "historyModerateSuffix",
        f"{SOME} {{{{+history_mod}}}}",
        "asthma cough heart_disease lung_disease old_asthma old_cough",
    ),
    ("historyMaximumSuffix", f"{SOME} {{{{ + HISTORY-MAX }}}}", f"asthma cough heart_disease lung_disease {OLD}"),
    ("historySupplement", f"{SOME} {{{{ + HISTORY }}}}", f"asthma cough heart_disease lung_disease {OLD}"),
    ("historySubset: any", f"{SOME} {{{{ + HISTORY (*) }}}}", f"asthma cough heart_disease lung_disease {OLD}"),
    (
        "historySubset",
        f"{SOME} {{{{ + HISTORY ($possibly_equivalent OR $was_a) }}}}",
        "asthma cough heart_disease lung_disease old_heart",
    ),
    ("historySupplement: rows out of use do not count", "$lung_disease {{ + HISTORY }}", "lung_disease"),
    ("historySupplement after filters", "<! $finding {{ C definitionStatus = defined }} {{ + HISTORY }}", ""),
    (
        "historySupplement after an operator",
        "<<! $finding {{ + HISTORY }}",
        "finding disease cough heart_finding old_cough",
    ),
    ("filters after history", '($asthma {{ + HISTORY }}) {{ D term = "hay" }}', "old_asthma"),
]
TABLE = [
    *SIMPLE, *MEMBERS, *COMPOUND, *REFINED, *CARDINALITY, *REVERSE, *VALUES, *CONCEPT_FILTERS, *DESCRIPTION_FILTERS,
    *MEMBER_FILTERS, *HISTORY,
]  # fmt: skip


@pytest.mark.parametrize(("constraint", "expected"), [pytest.param(*one[1:], id=one[0]) for one in TABLE])
def test_constraint_selects(constraint: str, expected: str) -> None:
    found = ONTOLOGY.select(Filter("constraint", "=", RELEASE.text(constraint)))

    assert ONTOLOGY.codes(found) == set(expected.split())


@pytest.mark.parametrize(("constraint", "expected"), [pytest.param(*one[1:], id=one[0]) for one in TABLE])
def test_constraint_holds_for_what_it_selects(constraint: str, expected: str) -> None:
    holds = ONTOLOGY.holds(Filter("constraint", "=", RELEASE.text(constraint)))

    found = np.array([holds(number) for number in range(len(ONTOLOGY))], np.bool_)
    assert ONTOLOGY.codes(found) == set(expected.split())


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> IndexedCodeSystem:
    """The small release, loaded from its files."""
    folder = tmp_path_factory.mktemp("edition")
    tree = Tree([release_files.write(folder / "release")])
    loader_of(tree).load(tree, Wanted(None, VERSION), folder / "index", Silent())
    return open_index(folder / "index")


@pytest.mark.parametrize(("constraint", "expected"), [pytest.param(*one[1:], id=one[0]) for one in TABLE])
def test_constraint_selects_in_a_loaded_edition(edition: IndexedCodeSystem, constraint: str, expected: str) -> None:
    found = edition.select(Filter("constraint", "=", RELEASE.text(constraint)))

    codes = (edition.code(int(number)) for number in np.flatnonzero(found))
    assert {RELEASE.names[code] for code in codes} == set(expected.split())
