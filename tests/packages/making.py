"""FHIR packages for tests: written by us, or built of what a folder of corpora has."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

BASE: Final = "http://example.org/fhir"
PROFILE: Final = f"{BASE}/StructureDefinition/little-patient"
VALUE_SET: Final = f"{BASE}/ValueSet/colours"
CODE_SYSTEM: Final = f"{BASE}/CodeSystem/colours"
SUPPLEMENT: Final = f"{BASE}/CodeSystem/colours-fr"
MAP: Final = f"{BASE}/ConceptMap/colours"
PARAMETER: Final = f"{BASE}/SearchParameter/patient-shoe"


def manifest(**stated: object) -> dict[str, Any]:
    """Return a ``package.json``."""
    common = {"name": "org.example.little", "version": "1.0.0", "fhirVersions": ["4.0.1"], "license": "CC0-1.0"}
    return {**common, **stated}


def definitions(version: str = "1.0.0") -> list[dict[str, Any]]:
    """Return one definition of each type that takes effect."""
    common = {"version": version, "status": "active"}
    return [
        {
            "resourceType": "StructureDefinition", "id": "little-patient", "url": PROFILE, "name": "LittlePatient",
            "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint", **common,
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
            "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
        },
        {
            "resourceType": "CodeSystem", "id": "colours", "url": CODE_SYSTEM, "content": "complete", **common,
            "concept": [{"code": "red", "display": "Red"}, {"code": f"v{version}", "display": "A colour of its time"}],
        },
        {
            "resourceType": "CodeSystem", "id": "colours-fr", "url": SUPPLEMENT, "content": "supplement", **common,
            "supplements": CODE_SYSTEM,
            "concept": [{"code": "red", "designation": [{"language": "fr", "value": "rouge"}]}],
        },
        {
            "resourceType": "ValueSet", "id": "colours", "url": VALUE_SET, **common,
            "compose": {"include": [{"system": CODE_SYSTEM}]},
        },
        {
            "resourceType": "ConceptMap", "id": "colours", "url": MAP, **common,
            "group": [
                {
                    "source": CODE_SYSTEM, "target": "http://example.org/other",
                    "element": [{"code": "red", "target": [{"code": "r", "equivalence": "equal"}]}],
                }
            ],
        },
        {
            "resourceType": "SearchParameter", "id": "patient-shoe", "url": PARAMETER, "name": "shoe", "code": "shoe",
            "base": ["Patient"], "type": "string", "description": "Shoes.", **common,
            "expression": f"Patient.extension.where(url = '{BASE}/shoe').value",
        },
        {
            "resourceType": "NamingSystem", "id": "shoes", "name": "Shoes", "status": "active", "kind": "identifier",
            "date": "2026-01-01", "uniqueId": [{"type": "uri", "value": "http://example.org/shoes"}],
        },
    ]  # fmt: skip


def files_of(resources: list[dict[str, Any]], **stated: object) -> dict[str, bytes]:
    """Return the files of a package."""
    files = {f"package/{one['resourceType']}-{one['id']}.json": json.dumps(one).encode() for one in resources}
    return {"package/package.json": json.dumps(manifest(**stated)).encode(), **files}


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write an archive."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def little(folder: Path, version: str = "1.0.0", name: str = "org.example.little", **more: object) -> Path:
    """Write a small package."""
    files = files_of(definitions(version), **{"name": name, "version": version, **more})
    return pack(folder / f"{name}-{version}.tgz", files)


def of_corpus(corpora: Path, file: str, target: Path, **stated: object) -> Path:
    """Write the package that a file of definitions and examples was taken from."""
    files = {"package/package.json": json.dumps(manifest(**stated)).encode()}
    with gzip.open(corpora / file) as lines:
        for line in lines:
            found = json.loads(line)
            folder = "package" if found["role"] == "definition" else "package/example"
            files[f"{folder}/{found['file']}"] = json.dumps(found["resource"]).encode()
    return pack(target, files)
