"""A view of an AuditEvent for French consumers: the TDE profile of the CI-SIS, which allows two agents and one subtype.

The BALP event stays the truth; of its agents the user and the server remain, or the client where no user asked.
Spec: https://interop.esante.gouv.fr (Traces, TDEAuditEvent)
"""

from typing import Final

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.kernel.resource import Json, Resource

_AGENTS: Final = 2


def project(content: bytes) -> bytes:
    """Return an event as TDE wants it: one subtype, two agents each with a ``who``, a ``period``."""
    event = decode_literal(content)
    meta = {name: value for name, value in event.get("meta", {}).items() if name != "profile"}
    projected = {**event, "meta": meta, "agent": agents_of(event)}
    if "subtype" in event:
        projected["subtype"] = event["subtype"][:1]
    projected.setdefault("period", {"start": event["recorded"]})
    if "start" not in projected["period"]:
        projected["period"] = {**projected["period"], "start": event["recorded"]}
    return encode_literal(projected)


def agents_of(event: Resource) -> list[Json]:
    """Return who asked, and who answered."""
    agents = [{**agent, "who": agent.get("who") or {"display": "unknown"}} for agent in event["agent"]]
    asking = next((agent for agent in agents if agent.get("requestor")), agents[0])
    others = [agent for agent in agents if agent is not asking]
    answering = others[1:2] if len(others) > 1 and others[0] is agents[0] else others[:1]
    return [asking, *answering][:_AGENTS]
