"""What every site shares and no database holds: the definitions and what is compiled from them.

``python -m fhirserver.app.knowledge`` compiles the packages ahead of the first start.
"""

from dataclasses import dataclass
from typing import Final

from fhirserver import assets
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions
from fhirserver.search.parameters import SearchParameters
from fhirserver.settings import Settings
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Source
from fhirserver.terminology.packaged import Packaged
from fhirserver.terminology.required import LiveCodes, RequiredCodes
from fhirserver.ucum import Ucum, compile_essence
from fhirserver.validation.links import LinkFinder
from fhirserver.validation.profiles.sources import Structures
from fhirserver.validation.structure import MAX_DEPTH, StructureValidator
from fhirserver.validation.validator import Validator, world_of

CORE: Final = "hl7.fhir.r4.core-4.0.1.tgz"
UCUM: Final = "ucum-essence.xml"
_COMPILED: Final = "compiled"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Definitions, and what reads resources by them; types are compiled when they are first used."""

    definitions: Definitions
    parameters: SearchParameters
    validator: StructureValidator
    required: RequiredCodes
    """The codes of R4's own required bindings."""
    max_nesting: int
    links: LinkFinder
    ucum: Ucum
    packaged: Packaged
    """The terminology of the packages."""
    builtin: Builtin
    """Code systems that are a grammar or a registry."""

    def profiled(self, structures: Structures, terms: Source) -> Validator:
        """Return the validator of a site, by the profiles and value sets that it has."""
        definitions, required = self.definitions, self.required
        codes = LiveCodes(definitions, (self.builtin, terms))
        return Validator(definitions, required, structures, codes, ucum=self.ucum, max_depth=self.max_nesting)


def load_definitions(settings: Settings) -> Definitions:
    """Map the compiled packages, compiling what is new; raises LookupError when a package is missing."""
    return Definitions([compiled.load(assets.definition_file(CORE), settings.data_dir / _COMPILED)])


def load_knowledge(settings: Settings) -> Knowledge:
    """Build the registries; raises LookupError when a definitions file is missing."""
    return knowledge_of(load_definitions(settings), settings.max_nesting)


def knowledge_of(definitions: Definitions, max_nesting: int = MAX_DEPTH) -> Knowledge:
    """Build the registries from definitions at hand."""
    ucum = Ucum(compile_essence(assets.definition_file(UCUM).read_bytes()))
    builtin = Builtin(ucum)
    required = RequiredCodes(definitions, (builtin,))
    return Knowledge(
        definitions=definitions,
        parameters=SearchParameters(definitions),
        validator=StructureValidator(definitions, required, max_depth=max_nesting, world=world_of(ucum)),
        required=required,
        max_nesting=max_nesting,
        links=LinkFinder(definitions),
        packaged=Packaged(definitions),
        builtin=builtin,
        ucum=ucum,
    )


if __name__ == "__main__":
    load_definitions(Settings())
