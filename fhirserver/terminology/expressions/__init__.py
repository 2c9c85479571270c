"""Post-coordinated expressions of SNOMED CT: read, said in words, and whether value sets have them.

Spec: https://confluence.ihtsdotools.org/display/DOCSCG, http://hl7.org/fhir/R4/snomedct.html
"""
