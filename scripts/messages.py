"""Write docs/messages.md: every sentence that the server says in three languages, with its id."""

import gc
import importlib
import pkgutil
from pathlib import Path
from typing import Final

import fhirserver
from fhirserver.kernel.texts import Text

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "messages.md"
_HEAD: Final = """# Messages

What the server says under an id that stays: the extension
`http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id` of an issue. `{path}` is the place of the issue,
`{0}`, `{1}` … are names, types, urls and codes of definitions; what was sent is never repeated.
[Validation](validation.md) says what uses them.
Written by `scripts/messages.py`.

| id | English | French | Dutch |
|---|---|---|---|
"""


def texts() -> list[Text]:
    """Return all texts of the server: what there is once every module is loaded."""
    modules = pkgutil.walk_packages(fhirserver.__path__, "fhirserver.")
    names = {module.name for module in modules if not module.name.endswith("__main__")}
    for name in names:
        importlib.import_module(name)
    found = {id(one): one for one in gc.get_objects() if type(one) is Text}
    return sorted(found.values(), key=lambda text: text.id)


def page() -> str:
    """Return the page as it should be."""
    rows = (f"| `{one.id}` | {_cell(one.en)} | {_cell(one.fr)} | {_cell(one.nl)} |\n" for one in texts())
    return _HEAD + "".join(rows)


def _cell(sentence: str) -> str:
    return sentence.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
