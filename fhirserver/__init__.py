"""A FHIR-native clinical data server: the R4 REST API on MongoDB.

Floors, top first (a module imports strictly lower ones; ``docs/architecture.md``):
``cli`` -> ``app`` -> ``rest`` -> ``dispatch`` -> ``interactions | operations`` -> ``jobs`` ->
``repository`` (the one door) -> ``access | store`` -> ``search | validation`` -> ``terminology`` ->
``fhirpath`` -> ``definitions | codec | ucum | demo`` -> ``settings | assets`` -> ``kernel``.
"""
