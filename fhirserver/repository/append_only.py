"""The audit trail is only ever added to: by the server, and by systems that send events of their own (IHE ITI-20).

An event that was sent is marked with who sent it, whatever it says of itself. Where the server keeps no trail,
AuditEvents are resources like all others, and this does not ask for them.
Spec: http://hl7.org/fhir/R4/auditevent.html, https://profiles.ihe.net/ITI/BALP
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fhirserver.codec.fhir_json import Body, decode_literal, encode_literal, parse_resource
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import FhirError, Forbidden, NotAllowed
from fhirserver.repository.requests import Create, Write

AUDIT_EVENT: Final = "AuditEvent"
RECEIVED: Final = {"system": "urn:fhirserver:CodeSystem:audit", "code": "received"}
"""The tag of events of other systems."""
_SYSTEM: Final = "system/"
_CLIENT: Final = "urn:fhirserver:client:"
_OPERATOR: Final = "operator"


def admitted(write: Write, caller: Caller | None) -> Write:
    """Return a write as it may be done. Raises NotAllowed, Forbidden for what would change the audit trail."""
    if write.resource_type != AUDIT_EVENT:
        return write
    if not isinstance(write, Create):
        raise append_only()
    if caller is not None and not any(scope.startswith(_SYSTEM) for scope in caller.scopes):
        raise Forbidden("Only systems send audit events: it takes a `system` scope with the right to create them.")
    return replace(write, body=_marked(write.body, _OPERATOR if caller is None else caller.client_id))


def all_admitted(writes: Sequence[Write], caller: Caller | None) -> list[Write]:
    """Return the writes of a transaction as they may be done; an error names the write by its index."""
    done: list[Write] = []
    for index, write in enumerate(writes):
        try:
            done.append(admitted(write, caller))
        except FhirError as error:
            error.write_index = index
            raise
    return done


def append_only() -> NotAllowed:
    """Return the refusal of who would change or delete an event."""
    return NotAllowed("The audit trail is only added to: an `AuditEvent` is neither changed nor deleted.")


def _marked(body: Body, client_id: str) -> Body:
    resource = decode_literal(body.raw)
    meta = resource.get("meta", {}) if isinstance(resource, dict) else None
    if not isinstance(meta, dict) or not isinstance(meta.get("tag", []), list):
        return body  # which the validator refuses
    tags = [tag for tag in meta.get("tag", []) if tag != RECEIVED]
    marked = {**meta, "source": f"{_CLIENT}{client_id}", "tag": [*tags, RECEIVED]}
    return parse_resource(encode_literal({**resource, "meta": marked}))
