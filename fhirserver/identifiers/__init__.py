"""National identifiers of Belgium and France: how they are written, in which systems, and what follows their changes.

``kinds`` knows the systems, ``judging`` an identifier as it is written; ``ins`` and ``niss`` are what becomes of an
identity when a Patient changes. Check digits themselves are ``kernel.identifiers``.
"""
