"""FHIR XML: a resource from XML to the JSON that is stored, and back, without losing a digit.

``fhir_xml_tables`` says what a type has, ``fhir_xml_read`` and ``fhir_xml_write`` convert.
Spec: http://hl7.org/fhir/R4/xml.html
"""

from fhirserver.codec.fhir_xml_read import XmlReader
from fhirserver.codec.fhir_xml_tables import Tables, Types
from fhirserver.codec.fhir_xml_write import XmlWriter


class FhirXml:
    """Converts resources of the types that are defined."""

    def __init__(self, types: Types) -> None:
        """Compile tables from ``types`` as they are needed."""
        tables = Tables(types)
        self._reader = XmlReader(tables)
        self._writer = XmlWriter(tables)

    def to_json(self, body: bytes) -> bytes:
        """Read a resource; raises BadStructure naming the line and the element."""
        return self._reader.read(body)

    def from_json(self, raw: bytes, *, pretty: bool = False) -> bytes:
        """Write a resource whose JSON has been checked."""
        return self._writer.write(raw, pretty=pretty)
