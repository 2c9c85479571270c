"""No production of the grammar is without a constraint in the table.

Spec: the ABNF of the brief syntax, version 2.3,
https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/design/5-syntax-specification
"""

import re
from typing import Final

from tests.terminology.ecl.test_grammar import TABLE

PRODUCTIONS: Final = """
BS CR HTAB LF QM SP UTF8-2 UTF8-3 UTF8-4 UTF8-tail acceptabilityConceptReferenceSet acceptabilitySet
acceptabilityToken acceptabilityTokenSet acceptable activeFalseValue activeFilter activeKeyword activeTrueValue
activeValue alpha altIdentifier altIdentifierCodeWithinQuotes altIdentifierCodeWithoutQuotes altIdentifierSchemeAlias
ancestorOf ancestorOrSelfOf anyNonEscapedChar booleanComparisonOperator booleanValue bottom cardinality childOf
childOrSelfOf comment compoundExpressionConstraint conceptFilter conceptFilterConstraint conceptId concreteString
concreteStringCharacters concreteStringSet conjunction conjunctionAttributeSet conjunctionExpressionConstraint
conjunctionRefinementSet constraintOperator dash day decimalValue definedToken definition definitionStatusFilter
definitionStatusIdFilter definitionStatusIdKeyword definitionStatusKeyword definitionStatusToken
definitionStatusTokenFilter definitionStatusTokenSet descendantOf descendantOrSelfOf descriptionFilter
descriptionFilterConstraint descriptionId descriptionIdFilter descriptionIdKeyword descriptionIdSet dialect
dialectAlias dialectAliasFilter dialectAliasSet dialectFilter dialectId dialectIdFilter dialectIdSet digit
digitNonZero disjunction disjunctionAttributeSet disjunctionExpressionConstraint disjunctionRefinementSet dot
dottedExpressionAttribute dottedExpressionConstraint eclAttribute eclAttributeGroup eclAttributeName eclAttributeSet
eclConceptReference eclConceptReferenceSet eclFocusConcept eclRefinement effectiveTimeFilter effectiveTimeKeyword
escapedChar escapedWildChar exclusion exclusionExpressionConstraint expressionComparisonOperator expressionConstraint
false fullySpecifiedName historyKeyword historyMaximumSuffix historyMinimumSuffix historyModerateSuffix
historyProfileSuffix historySubset historySupplement idComparisonOperator integerValue language languageCode
languageCodeSet languageFilter many matchKeyword matchSearchTerm matchSearchTermSet maxValue memberFieldFilter
memberFilter memberFilterConstraint memberOf minValue moduleFilter moduleIdKeyword month mws nonFSlash
nonNegativeIntegerValue nonStarChar nonwsNonEscapedChar nonwsNonPipe numericComparisonOperator numericValue parentOf
parentOrSelfOf preferred primitiveToken refinedExpressionConstraint refsetContainingAny refsetFieldName
refsetFieldNameSet refsetOperator reverseFlag sctId star starWithNonFSlash stringComparisonOperator stringValue
subAttributeSet subExpressionConstraint subRefinement synonym term termFilter termKeyword timeComparisonOperator
timeValue timeValueSet to top true type typeFilter typeId typeIdFilter typeToken typeTokenFilter typeTokenSet
typedSearchTerm typedSearchTermSet wild wildCard wildSearchTerm wildSearchTermSet ws year zero
"""
SHOWN_BY: Final = {
    "eclConceptReference": "conceptId sctId digit digitNonZero eclFocusConcept",
    "brackets": "expressionConstraint subExpressionConstraint",
    "altIdentifier": "altIdentifierSchemeAlias altIdentifierCodeWithoutQuotes alpha dash",
    "altIdentifier: in quotes": "altIdentifierCodeWithinQuotes anyNonEscapedChar QM",
    "wildCard": "star",
    "memberOf, long": "refsetOperator",
    "conjunction": "compoundExpressionConstraint conjunctionExpressionConstraint",
    "disjunction": "disjunctionExpressionConstraint",
    "exclusion": "exclusionExpressionConstraint",
    "dottedExpressionConstraint": "dot dottedExpressionAttribute",
    "comment": "starWithNonFSlash nonFSlash",
    "comment: with all kinds of characters": "nonStarChar UTF8-2 UTF8-3 UTF8-4 UTF8-tail",
    "term: with all kinds of characters": "nonwsNonPipe",
    "ws: tabs and lines": "SP HTAB CR LF",
    "eclAttribute": "eclRefinement subRefinement eclAttributeSet subAttributeSet",
    "cardinality": "nonNegativeIntegerValue minValue to maxValue",
    "minValue 0: at most one": "zero",
    "numericValue": "integerValue",
    "numericValue: decimal": "decimalValue",
    "concreteString: escaped": "concreteStringCharacters BS",
    "booleanValue": "true",
    "booleanValue: in any case": "false",
    "definitionStatusToken": "conceptFilter definitionStatusFilter definitionStatusTokenFilter definedToken",
    "definitionStatusToken: primitive": "primitiveToken definitionStatusKeyword",
    "definitionStatusTokenSet": "definitionStatusTokenSet",
    "definitionStatusIdFilter": "definitionStatusIdKeyword booleanComparisonOperator",
    "moduleFilter": "moduleIdKeyword",
    "effectiveTimeFilter": "effectiveTimeKeyword year month day timeValue",
    "effectiveTimeFilter <": "timeComparisonOperator",
    "activeFilter 0": "activeKeyword activeValue activeFalseValue",
    "activeFilter true": "activeTrueValue",
    "termFilter: words that begin so": "descriptionFilter termKeyword matchSearchTerm matchSearchTermSet",
    "wild: all of the term": "wildSearchTermSet wildSearchTerm",
    "matchKeyword": "typedSearchTerm",
    "languageFilter": "language",
    "typeToken": "typeFilter typeTokenFilter type definition",
    "typeToken, long": "fullySpecifiedName",
    "typeTokenSet": "synonym",
    "typeIdFilter": "typeId",
    "dialectAliasFilter": "dialectFilter dialect dialectAlias",
    "acceptabilityTokenSet": "acceptabilitySet acceptabilityToken preferred",
    "acceptabilityTokenSet, long": "acceptable",
    "dialectIdFilter": "dialectId",
    "descriptionIdFilter": "descriptionIdKeyword descriptionId",
    "memberFieldFilter: words": "memberFilter memberFilterConstraint",
    "historySupplement": "historyKeyword",
    "historyMinimumSuffix": "historyProfileSuffix",
    "concreteStringSet": "stringComparisonOperator",
    "escapedChar: it is in no term here": "stringValue",
}
"""What rows of the table are examples of beside what they are called after."""


def test_every_production_has_a_row() -> None:
    names = [one[0] for one in TABLE]
    called_after = {word for name in names for word in re.findall(r"[A-Za-z0-9-]+", name)}
    shown = {word for name, words in SHOWN_BY.items() for word in words.split()}

    assert set(SHOWN_BY) <= set(names)
    productions = set(PRODUCTIONS.split())
    assert productions - called_after - shown == set()
    assert shown <= productions


def test_rows_have_names_of_their_own() -> None:
    names = [one[0] for one in TABLE]

    assert len(names) == len(set(names))
