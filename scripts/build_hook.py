"""Build hook: pack the fetched definitions into the wheel, where `fhirserver.assets` looks for them.

They are not committed, so they must be fetched first; an editable install takes them out of the checkout instead.
A source distribution carries them along, so that a wheel can be built from it without the network.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = ".cache/definitions"
NAMES = ("hl7.fhir.r4.core-4.0.1.tgz", "ucum-essence.xml")
TARGETS = {"wheel": "fhirserver/_assets/definitions", "sdist": FOLDER}


class DefinitionsHook(BuildHookInterface[Any]):
    """Adds the definitions to every build but the editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for name in NAMES:
            source = Path(self.root, FOLDER, name)
            if not source.is_file():
                raise FileNotFoundError(f"{FOLDER}/{name} is missing: run scripts/fetch_definitions before the build")
            build_data["force_include"][str(source)] = f"{TARGETS[self.target_name]}/{name}"
