"""Where the folders that ship with the server are; no other module knows.

An installed wheel carries them as ``fhirserver/_assets/<name>``. A source checkout, and an editable install of it,
uses the checkout's own folders: ``profiles``, ``terminology`` and ``smart_apps`` stand at its top, ``definitions``
is fetched into ``.cache/definitions`` and never committed.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_IN_CHECKOUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "profiles": "profiles",
        "terminology": "terminology",
        "smart_apps": "smart_apps",
        "definitions": ".cache/definitions",
    }
)


def folder(name: str) -> Path:
    """Return one shipped folder; raises LookupError when the installation lacks it."""
    if name not in _IN_CHECKOUT:
        raise LookupError(f"`{name}` is not a shipped folder; expected one of {', '.join(_IN_CHECKOUT)}.")
    for candidate in _candidates(name):
        if candidate.is_dir():
            return candidate
    raise LookupError(f"The shipped folder `{name}` is missing from this installation{_remedy(name)}.")


def definition_file(name: str) -> Path:
    """Return one published definitions file, as ``hl7.fhir.r4.core-4.0.1.tgz``; raises LookupError when it lacks."""
    path = folder("definitions") / name
    if not path.is_file():
        raise LookupError(f"The definitions file `{name}` is missing{_remedy('definitions')}.")
    return path


def _candidates(name: str) -> tuple[Path, ...]:
    shipped = _PACKAGE / "_assets" / name
    # Beside an installed package lie other people's packages: `site-packages/terminology` is not ours.
    in_checkout = (_PACKAGE.parent / "pyproject.toml").is_file()
    return (shipped, _PACKAGE.parent / _IN_CHECKOUT[name]) if in_checkout else (shipped,)


def _remedy(name: str) -> str:
    return "; run `scripts/fetch_definitions` in the checkout" if name == "definitions" else ""
