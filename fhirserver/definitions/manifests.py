"""``package.json``: what a package is called, what it is for and which packages it needs.

Spec: https://hl7.org/fhir/packages.html, https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fhirserver.definitions.archives import BadPackage

MANIFEST: Final = "package/package.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9_-]+)*")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}")
_RELEASE: Final = "4.0"
_MAX_NAME: Final = 200
_MAX_TEXT: Final = 300


class Manifest(msgspec.Struct, frozen=True):
    """What a package says of itself."""

    name: str
    version: str
    dependencies: dict[str, str]
    license: str = ""
    title: str = ""
    canonical: str = ""
    fhir_versions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``name#version``, as packages are named among each other."""
        return f"{self.name}#{self.version}"

    @property
    def is_r4(self) -> bool:
        """Whether it is for FHIR R4; one that does not say may be."""
        return not self.fhir_versions or any(one.startswith(_RELEASE) for one in self.fhir_versions)


def read_manifest(content: bytes) -> Manifest:
    """Read ``package.json``; raises BadPackage."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadPackage(f"`{MANIFEST}` is not JSON.") from None
    if not isinstance(found, dict):
        raise BadPackage(f"`{MANIFEST}` is not a JSON object.")
    name, version = found.get("name"), found.get("version")
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise BadPackage(f"`{MANIFEST}` has no `name` such as `hl7.fhir.us.core`.")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise BadPackage(f"`{MANIFEST}` has no `version` such as `1.0.0`.")
    return Manifest(
        name,
        version,
        _dependencies(found.get("dependencies")),
        _text(found, "license"),
        _text(found, "title"),
        _text(found, "canonical"),
        _versions(found),
    )


def _dependencies(found: object) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(
        isinstance(version, str) and _NAME.fullmatch(name) and _VERSION.fullmatch(version)
        for name, version in found.items()
    ):
        raise BadPackage(f"`dependencies` of `{MANIFEST}` do not give the version of each package by its name.")
    return dict(found)


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def _versions(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the FHIR versions; packages name the member in three ways."""
    for name in ("fhirVersions", "fhir-version-list"):
        versions = found.get(name)
        if isinstance(versions, list):
            return tuple(one for one in versions if isinstance(one, str))
    one = found.get("fhirVersion")
    return (one,) if isinstance(one, str) else ()
