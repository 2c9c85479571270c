"""Which packages an installation takes: those that are asked for, and what they need, from files or a registry.

Each is taken once, so packages may need each other in circles.
"""

import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fhirserver.definitions.archives import BadPackage
from fhirserver.definitions.installed import Installed
from fhirserver.definitions.manifests import Manifest
from fhirserver.definitions.package_files import manifest_of
from fhirserver.kernel.version_order import matches, order_key
from fhirserver.outbound.client import Outbound
from fhirserver.outbound.guard import Allowed, Guard
from fhirserver.outbound.package_registry import BUILDS, LATEST, NoPackage, PackageRegistry, download
from fhirserver.settings import Settings

_CORE: Final = frozenset({"hl7.fhir.r4.core", "hl7.fhir.core"})
_CORE_VERSIONS: Final = "4.0"
_ANY: Final = BUILDS | {LATEST}
_MOST: Final = 200
"""Packages of one installation."""
_TIMEOUT_S: Final = 300.0
_FETCHED: Final = "fetched-"
_BROKEN_OFF_S: Final = 6 * 3600
"""No installation takes so long."""
_FILES: Final = (".tgz", ".tar.gz")


class MissingPackages(Exception):
    """Something that is needed is not at hand; the text is one sentence."""


@dataclass(slots=True)
class Gathered:
    """A package to install: its archive, where that came from, and what it will use of others."""

    manifest: Manifest
    archive: Path
    source: str
    asked: bool
    pins: set[str] = field(default_factory=set)
    """The keys of what it needs."""


def is_core(name: str, version: str) -> bool:
    """Tell whether a package is the R4 core, which every server has."""
    return name in _CORE and (version in _ANY or version.startswith(_CORE_VERSIONS))


def outbound_of(settings: Settings) -> Outbound:
    """Return what asks registries: the one that is configured may be private."""
    registry = urlsplit(settings.package_registry)
    own = [registry.netloc.rpartition("@")[2]] if registry.netloc else []
    return Outbound(Guard(Allowed.parse([*settings.outbound_allow, *own])), timeout_s=_TIMEOUT_S)


class Gatherer:
    """Gathers for one installation into a folder of its own."""

    def __init__(self, settings: Settings, installed: Iterable[Installed], *, follows: bool) -> None:
        """Take what packages need when it ``follows`` their dependencies."""
        self._settings = settings
        self._installed = tuple(installed)
        self._follows = follows
        self._outbound = outbound_of(settings)
        base = settings.package_registry
        self._registry = PackageRegistry(base, self._outbound) if base else None
        _clear(settings.data_dir)
        self._folder = tempfile.TemporaryDirectory(prefix=_FETCHED, dir=settings.data_dir)
        self._found: dict[str, Gathered] = {}
        self.used: dict[str, Installed] = {}
        """What is needed and installed already."""

    def close(self) -> None:
        """Remove what was fetched."""
        self._folder.cleanup()

    async def gather(self, wanted: Sequence[str]) -> list[Gathered]:
        """Return all to install; raises BadPackage, NoPackage, MissingPackages."""
        for one in wanted:
            await self._take(one)
        missing: list[str] = []
        waiting = list(self._found.values()) if self._follows else []
        while waiting:
            waiting += await self._follow(waiting.pop(), missing)
            if len(self._found) > _MOST:
                raise MissingPackages(f"More than {_MOST} packages are needed.")
        if missing:
            raise MissingPackages(self._without(missing))
        return list(self._found.values())

    async def _take(self, wanted: str) -> None:
        """Take a package that is asked for: a URL, a file, or a name and a version."""
        if wanted.startswith(("https://", "http://")):
            content = await download(self._outbound, wanted, self._settings.max_package_bytes)
            self._keep(self._written(content), wanted, asked=True)
        elif _is_file(wanted):
            self._keep(Path(wanted), Path(wanted).name, asked=True)
        else:
            name, _, version = wanted.replace("#", "@").partition("@")
            await self._fetch(name, version or LATEST, asked=True)

    async def _follow(self, one: Gathered, missing: list[str]) -> list[Gathered]:
        """Take what one package needs; return what was not known before."""
        news = []
        for name, version in one.manifest.dependencies.items():
            if is_core(name, version):
                continue
            found = self._at_hand(name, version)
            if found is None and self._registry is not None:
                found = await self._fetch(name, version, asked=False)
                news.append(found)
            if found is None:
                missing.append(f"`{name}` {version} (needed by `{one.manifest.key}`)")
            else:
                one.pins.add(found.key if isinstance(found, Installed) else found.manifest.key)
        return news

    def _at_hand(self, name: str, version: str) -> Gathered | Installed | None:
        given = {one.manifest.version: one for one in self._found.values() if one.manifest.name == name}
        chosen = _chosen(version, given)
        if chosen is not None:
            return given[chosen]
        there = {one.version: one for one in self._installed if one.name == name}
        chosen = _chosen(version, there)
        if chosen is None:
            return None
        self.used[there[chosen].key] = there[chosen]
        return there[chosen]

    async def _fetch(self, name: str, version: str, *, asked: bool) -> Gathered:
        if self._registry is None:
            raise NoPackage(
                f"`{name}` is no file, and no registry is configured that could have it (FHIRSERVER_PACKAGE_REGISTRY)."
            )
        release = await self._registry.find(name, version)
        content = await self._registry.fetch(release, self._settings.max_package_bytes)
        found = self._keep(self._written(content), release.url, asked=asked)
        if found.manifest.name != name:
            raise BadPackage(f"The registry gives `{found.manifest.key}` as `{name}`.")
        return found

    def _written(self, content: bytes) -> Path:
        path = Path(self._folder.name) / f"{len(self._found)}.tgz"
        path.write_bytes(content)
        return path

    def _keep(self, archive: Path, source: str, *, asked: bool) -> Gathered:
        try:
            manifest = manifest_of(archive, self._settings.max_package_bytes)
        except BadPackage as problem:
            raise BadPackage(f"`{source}` cannot be installed. {problem}") from None
        except OSError as problem:
            raise BadPackage(f"`{source}` cannot be read: {problem.strerror}.") from None
        if not manifest.is_r4:
            versions = ", ".join(manifest.fhir_versions)
            raise BadPackage(f"`{manifest.key}` is for FHIR {versions}; this server is of 4.0.1.")
        found = Gathered(manifest, archive, source, asked)
        return self._found.setdefault(manifest.key, found)

    def _without(self, missing: Sequence[str]) -> str:
        return (
            f"Packages are needed that are neither installed nor given: {', '.join(missing)}. Give their files too, "
            "name a registry that has them (FHIRSERVER_PACKAGE_REGISTRY), or do without (--no-dependencies)."
        )


def _clear(data_dir: Path) -> None:
    """Remove what installations have fetched that were killed."""
    for folder in data_dir.glob(f"{_FETCHED}*"):
        if folder.is_dir() and time.time() - folder.stat().st_mtime > _BROKEN_OFF_S:
            shutil.rmtree(folder, ignore_errors=True)


def _is_file(wanted: str) -> bool:
    return wanted.endswith(_FILES) or Path(wanted).is_file()


def _chosen(wanted: str, versions: Mapping[str, object]) -> str | None:
    fitting = [one for one in versions if wanted in _ANY or matches(wanted, one)]
    return max(fitting, key=order_key, default=None)
