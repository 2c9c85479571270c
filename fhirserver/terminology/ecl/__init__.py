"""The Expression Constraint Language of SNOMED CT: sets of concepts said by what they mean.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language
"""
