"""The Provenance that comes with a write: one more create of the same transaction, whose targets are what it wrote.

Spec: http://hl7.org/fhir/R4/provenance.html#header
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fhirserver.codec.fhir_json import Body, decode_literal, encode_literal, parse_resource
from fhirserver.kernel.outcome import BadRequest
from fhirserver.repository.requests import Create, Write, Written

PROVENANCE: Final = "Provenance"
_PENDING: Final = "Basic/pending"
"""Stands for the targets until they are known, so that the rest can be validated."""


def attestation(provenance: Body) -> Create:
    """Return the write of a Provenance that has no targets yet."""
    return Create(resource_type=PROVENANCE, body=_with_targets(provenance, [_PENDING]), attests=True)


def attesting(write: Write, done: Iterable[Written]) -> Write:
    """Give a write that attests those before it its targets. Raises BadRequest when nothing was written."""
    if not isinstance(write, Create) or not write.attests:
        return write
    versions = [written.version for written in done if written.version is not None]
    if not versions:
        raise BadRequest("There is nothing that the Provenance could be about.", expression=["http.X-Provenance"])
    return replace(write, body=_with_targets(write.body, [f"{one.key}/_history/{one.version_id}" for one in versions]))


def _with_targets(body: Body, references: list[str]) -> Body:
    targets = [{"reference": reference} for reference in references]
    return parse_resource(encode_literal({**decode_literal(body.raw), "target": targets}))
