"""Operations (``$name``), one file each; ``framework`` says what one is and finds it.

Spec: http://hl7.org/fhir/R4/operations.html
"""
