"""SNOMED CT in Release Format 2: a snapshot or a full release, of an edition or of an extension with what it builds on.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification,
http://hl7.org/fhir/R4/snomedct.html
"""

from pathlib import Path
from typing import Final

from fhirserver.terminology.loaders.framework import BadRelease, Made, Progress, Wanted
from fhirserver.terminology.loaders.rf2_edition import SNOMED, version_of
from fhirserver.terminology.loaders.rf2_files import release_files
from fhirserver.terminology.loaders.rf2_release import read_release
from fhirserver.terminology.loaders.rf2_write import EditionWriter
from fhirserver.terminology.loaders.tree import Tree

_CONCEPT: Final = "Concept"


class Rf2Loader:
    """Loads SNOMED CT."""

    name = "SNOMED CT RF2"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are the concepts of a release."""
        return any(one.content == _CONCEPT for one in release_files(tree))

    def load(self, tree: Tree, wanted: Wanted, path: Path, progress: Progress) -> Made:
        """Write the index at ``path``; raises BadRelease, and leaves nothing then."""
        if wanted.url not in (None, SNOMED):
            raise BadRelease(f"The url of SNOMED CT is `{SNOMED}`, not `{wanted.url}`.")
        release = read_release(release_files(tree), progress)
        version = version_of(release, wanted.version)
        with EditionWriter(path, progress) as writer:
            count = writer.write(release, version)
        return Made(SNOMED, version, count)
