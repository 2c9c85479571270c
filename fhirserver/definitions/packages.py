"""FHIR packages as published: a gzipped tar whose ``package/*.json`` are resources.

Spec: http://hl7.org/fhir/R4/packages.html
"""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fhirserver.kernel.resource import Resource

_NOT_RESOURCES = ("package/package.json", "package/.index.json")


def resources(archive: Path) -> Iterator[tuple[Resource, bytes]]:
    """Yield every resource of a package, decoded and as its own bytes."""
    with tarfile.open(archive, mode="r:gz") as tar:
        for member in tar:
            if not _is_resource(member):
                continue
            content = tar.extractfile(member)
            if content is not None:
                raw = content.read()
                yield msgspec.json.decode(raw), raw


def content_hash(archive: Path) -> str:
    """Return the SHA-256 of the archive, which names its compiled form."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def _is_resource(member: tarfile.TarInfo) -> bool:
    name = member.name
    return member.isfile() and name.count("/") == 1 and name.endswith(".json") and name not in _NOT_RESOURCES
