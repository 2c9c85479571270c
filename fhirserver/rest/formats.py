"""Resources in the formats of the wire: what is stored and spoken within is JSON, all else is converted at the door.

Spec: http://hl7.org/fhir/R4/formats.html
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from fhirserver.codec.fhir_json import pretty
from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.codec.fhir_xml_tables import Types
from fhirserver.codec.turtle import FhirTurtle
from fhirserver.rest.negotiate import Form

_LARGE: Final = 256 * 1024
"""Bytes from which on a conversion leaves the event loop to other requests meanwhile."""

_MEMO: Final = 8

_T = TypeVar("_T")


class Formats:
    """Reads and writes bodies."""

    def __init__(self, types: Types) -> None:
        """Convert resources of ``types``."""
        self._xml = FhirXml(types)
        self._turtle = FhirTurtle(types)
        self._remembered = lru_cache(_MEMO)(self._write)

    async def read_xml(self, body: bytes) -> bytes:
        """Return the JSON of a resource in XML; raises BadStructure."""
        return await _beside(len(body), lambda: self._xml.to_json(body))

    async def write(self, content: bytes, form: Form, *, indented: bool, base_url: str, recurs: bool = False) -> bytes:
        """Return a resource as asked for; one with an id is known in Turtle by its URL below ``base_url``.

        What ``recurs``, as the large CapabilityStatement does, is converted once.
        """
        write = self._remembered if recurs else self._write
        return await _beside(len(content), lambda: write(content, form, indented, base_url))

    def _write(self, content: bytes, form: Form, indented: bool, base_url: str) -> bytes:
        if form is Form.XML:
            return self._xml.from_json(content, pretty=indented)
        if form is Form.TURTLE:
            return self._turtle.from_json(content, base_url)
        return pretty(content) if indented else content


async def _beside(size: int, convert: Callable[[], _T]) -> _T:
    """Convert at once what is small, in a thread what is not."""
    return convert() if size < _LARGE else await asyncio.to_thread(convert)
