"""A package that lies unpacked in a folder beside the server: ``package.json`` and definitions, in any folders below.

It is made one file when it is first asked for, named by what is in the folder, so it is never stale.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from fhirserver.definitions.package_files import PackageFile, compile_folder

_MANIFEST: Final = "package.json"
_FORMAT: Final = 1
_PASSED_OVER: Final = frozenset({"examples", "example"})


class Shipped:
    """The packages of a folder, each in a folder of its own; read when they are first asked for."""

    def __init__(self, folder: Path | None, cache: Path) -> None:
        """Look below ``folder``, and keep files in ``cache``."""
        self._folder = folder
        self._cache = cache

    @cached_property
    def files(self) -> Sequence[PackageFile]:
        """The packages, in the order of their folders."""
        if self._folder is None:
            return ()
        found = sorted(path.parent for path in self._folder.rglob(_MANIFEST))
        return [shipped_package(folder, self._cache) for folder in found]


def shipped_package(folder: Path, cache: Path) -> PackageFile:
    """Return the package of a folder; raises BadPackage, OSError."""
    files = list(_files(folder))
    digest = hashlib.sha256()
    for name, content in files:
        digest.update(f"{name} {len(content)} ".encode() + content)
    path = cache / f"shipped-{digest.hexdigest()[:16]}-{_FORMAT}.package"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        others = ((name, content) for name, content in files if name != _MANIFEST)
        compile_folder(others, dict(files).get(_MANIFEST, b""), part, digest.hexdigest())
        part.replace(path)
    return PackageFile(path)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a package, in the order of their names."""
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder)
        if not _PASSED_OVER.intersection(name.parts):
            yield name.as_posix(), path.read_bytes()
