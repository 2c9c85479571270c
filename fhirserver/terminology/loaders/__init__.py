"""What makes indexes of the files that users bring under their licences, one module a format.

``framework`` says what a loader is; ``LOADERS`` lists them: the first that recognises some files loads them.
"""

from collections.abc import Sequence
from typing import Final

from fhirserver.terminology.loaders.claml import ClamlLoader
from fhirserver.terminology.loaders.fhir_files import FhirLoader
from fhirserver.terminology.loaders.framework import BadRelease, Loader
from fhirserver.terminology.loaders.loinc import LoincLoader
from fhirserver.terminology.loaders.rf2 import Rf2Loader
from fhirserver.terminology.loaders.tables import TableLoader
from fhirserver.terminology.loaders.tree import Tree

LOADERS: Final[tuple[Loader, ...]] = (Rf2Loader(), LoincLoader(), ClamlLoader(), FhirLoader(), TableLoader())


def loader_of(tree: Tree, loaders: Sequence[Loader] = LOADERS) -> Loader:
    """Return the loader that recognises some files; raises BadRelease."""
    for loader in loaders:
        if loader.recognises(tree):
            return loader
    known = ", ".join(loader.name for loader in loaders)
    raise BadRelease(f"Nothing in {tree.shown} is in a format that is known; known are: {known}.")
