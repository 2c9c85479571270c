"""Versions of code systems on disk: one file each, mapped by all workers of a machine.

``sections`` is the file, ``writer`` makes one of concepts that come one by one, ``system`` answers from it; ``edition``
adds what SNOMED CT has; ``installed`` finds what this machine has.
"""
