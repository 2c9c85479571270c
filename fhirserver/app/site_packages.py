"""What the packages of this machine give to each site: terminology, structures, search parameters."""

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from fhirserver import assets
from fhirserver.app.packages import package_shelf_of
from fhirserver.definitions.guides import guide_canonicals, profiles_by_type
from fhirserver.definitions.installed import ActivePackages, PackageShelf
from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.shipped import Shipped
from fhirserver.definitions.structures import PackagedStructures, Structures, StructureSource
from fhirserver.interactions.capabilities import PackagesNow
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version_order import order_key
from fhirserver.search.custom import NO_CUSTOMS, with_packaged
from fhirserver.search.parameters import SearchParameters
from fhirserver.settings import Settings
from fhirserver.terminology.packages import PackageTerms, Remembered
from fhirserver.validation.profiles import sources

_COMPILED = "compiled"


@dataclass(frozen=True, slots=True)
class PackagedParameters:
    """The SearchParameters of a site's packages, those that ship included."""

    active: ActivePackages

    @property
    def mark(self) -> str:
        """Another text after every change, the same on every machine."""
        return self.active.mark

    def definitions(self) -> list[Resource]:
        """Return them, the last versions first."""
        found = sorted(self.active.of("SearchParameter"), key=lambda one: order_key(one.entry.version), reverse=True)
        return [one.read() for one in found]

    def marks(self, parameters: SearchParameters, definitions: Definitions) -> frozenset[str]:
        """Return the marks of all that are served beside the core's ``parameters``."""
        customs = with_packaged(definitions, NO_CUSTOMS, self.definitions())
        return parameters.extended(customs, frozenset(), {}).marks()


@dataclass(frozen=True, slots=True)
class SitePackages:
    """The packages of one site."""

    active: ActivePackages
    terms: PackageTerms
    parameters: PackagedParameters
    _described: list[PackagesNow] = field(default_factory=list)

    def described(self) -> PackagesNow:
        """Return what its CapabilityStatement says of them."""
        mark = self.active.mark
        if not self._described or self._described[0].mark != mark:
            self._described[:] = [PackagesNow(mark, guide_canonicals(self.active), profiles_by_type(self.active))]
        return self._described[0]

    def structures(self, stored: StructureSource, definitions: Definitions) -> Structures:
        """Return the StructureDefinitions of a site: what is ``stored``, its packages', what ships, the core's."""
        return Structures((stored, PackagedStructures(self.active), sources.PackagedStructures(definitions)))


@dataclass(frozen=True, slots=True)
class PackageSources:
    """The packages of this machine."""

    shelf: PackageShelf
    shipped: Shipped
    remembered: Remembered = field(default_factory=Remembered)
    _sites: dict[str, SitePackages] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)

    def of(self, site: str) -> SitePackages:
        """Return those of a site."""
        if site not in self._sites:
            active = ActivePackages(self.shelf, site, self.shipped)
            terms = PackageTerms(active, self.remembered)
            self._sites[site] = SitePackages(active, terms, PackagedParameters(active))
        return self._sites[site]

    def look(self) -> None:
        """Let go of what was remembered of packages that are not installed any more."""
        installed = {one.sha for one in self.shelf.installed()}
        self.remembered.forget(installed | {file.archive_sha256 for file in self.shipped.files})
        for site in self._sites.values():
            _ = site.active.mark
        for key, problem in self.shelf.problems.items():
            if self._told.get(key) != problem:
                self._told[key] = problem
                structlog.get_logger().error("package not used", problem=problem)


def package_sources(settings: Settings) -> PackageSources:
    """Return the packages of this machine."""
    return PackageSources(package_shelf_of(settings), Shipped(_profiles(), settings.data_dir / _COMPILED))


def _profiles() -> Path | None:
    """Return the folder of the packages that ship; None: the installation has none."""
    try:
        return assets.folder("profiles")
    except LookupError:
        return None
