"""An Attachment whose size is stated has as many bytes. Spec: http://hl7.org/fhir/R4/datatypes.html#attachment"""

from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.validation.findings import Findings
from fhirserver.validation.said import Text, say
from fhirserver.validation.walk import Walk

_SIZE: Final = Text(
    "attachment-size",
    en="{path} must be the number of bytes in `data`.",
    fr="{path} doit être le nombre d'octets de `data`.",
    nl="{path} moet het aantal bytes in `data` zijn.",
)
_WRONG: Final = (say(IssueType.VALUE, _SIZE, path=".size", rule=None),)


def check_attachment(value: Json, walk: Walk) -> Findings | None:
    """Compare the stated size with the data."""
    if "size" not in value or "data" not in value:
        return None
    size, data = value["size"], value["data"]
    if type(size) is not int or type(data) is not str:
        return None
    text = "".join(data.split())
    return None if size == len(text) // 4 * 3 - text[-2:].count("=") else _WRONG
