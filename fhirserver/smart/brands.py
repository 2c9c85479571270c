"""GET /auth/brands: who offers access to records here, for apps of patients: one Organization and Endpoint a site.

What there is to say is asked of the record: the organizations that are not part of another, with their Endpoints.
Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/brands.html
"""

import re
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fhirserver.kernel.instant import render_instant
from fhirserver.repository.requests import SearchRequest
from fhirserver.smart import network
from fhirserver.smart.services import Services

_PROFILES: Final = "http://hl7.org/fhir/smart-app-launch/StructureDefinition"
_PROVIDERS: Final = "http://terminology.hl7.org/CodeSystem/organization-type|prov"
_MOST: Final = "100"
_KEPT: Final = {"Cache-Control": "public, max-age=3600"}
_SHOWN: Final = ("identifier", "name", "alias", "telecom", "address", "type")
_VERSION: Final = [{"valueCode": "4.0.1", "url": "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version"}]
_CONNECTION: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
    "code": "hl7-fhir-rest",
}
_PAYLOAD: Final = [
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type", "code": "none"}]}
]


class Brands:
    """Answers with the bundle."""

    def __init__(self, services: Services) -> None:
        """Describe the sites of ``services``."""
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises Unavailable."""
        origin = self._services.network.origin(request)
        entries = []
        for site in self._services.network.mounts:
            entries += await self._entries(origin, site)
        bundle = {
            "resourceType": "Bundle",
            "meta": {"profile": [f"{_PROFILES}/user-access-brands-bundle"]},
            "type": "collection",
            "timestamp": render_instant(int(self._services.clock() * 1_000_000)),
            "entry": entries,
        }
        return Response(orjson.dumps(bundle), media_type="application/fhir+json", headers=_KEPT)

    async def _entries(self, origin: str, site: str) -> list[dict[str, Any]]:
        base = self._services.network.base_of(origin, site)
        endpoint_url = f"{base}/Endpoint/{_id(site)}"
        endpoint = {
            "resourceType": "Endpoint",
            "id": _id(site),
            "meta": {"profile": [f"{_PROFILES}/user-access-endpoint"]},
            "extension": _VERSION,
            "status": "active",
            "connectionType": _CONNECTION,
            "name": f"FHIR R4 of {site}",
            "contact": [{"system": "url", "value": origin}],
            "payloadType": _PAYLOAD,
            "address": base,
        }
        brands = [_brand(organization, origin, base, endpoint_url) for organization in await self._organizations(site)]
        brands = brands or [_brand({"id": _id(site), "name": site}, origin, base, endpoint_url)]
        return [{"fullUrl": endpoint_url, "resource": endpoint}, *brands]

    async def _organizations(self, site: str) -> list[dict[str, Any]]:
        """Return the care providers of a site that are part of no other: they are no secret."""
        asked = (("type", _PROVIDERS), ("partof:missing", "true"), ("active:not", "false"), ("_count", _MOST))
        page = await self._services.open_site(site).search(
            SearchRequest(resource_types=("Organization",), parameters=asked)
        )
        contents = (version.content for version in page.matches)
        found: list[dict[str, Any]] = [orjson.loads(content) for content in contents if content is not None]
        return found


def _brand(organization: dict[str, Any], origin: str, base: str, endpoint: str) -> dict[str, Any]:
    logical_id = organization["id"]
    brand: dict[str, Any] = {
        "resourceType": "Organization",
        "id": logical_id,
        "meta": {"profile": [f"{_PROFILES}/user-access-brand"]},
        "extension": [_portal(origin, endpoint)],
        "active": True,
        **{name: organization[name] for name in _SHOWN if name in organization},
        "endpoint": [{"reference": endpoint}],
    }
    brand.setdefault("name", logical_id)
    brand.setdefault("telecom", [{"system": "url", "value": origin}])
    return {"fullUrl": f"{base}/Organization/{quote(logical_id)}", "resource": brand}


def _portal(origin: str, endpoint: str) -> dict[str, Any]:
    return {
        "url": f"{_PROFILES}/organization-portal",
        "extension": [
            {"url": "portalName", "valueString": "Account"},
            {"url": "portalUrl", "valueUrl": origin + network.MANAGE},
            {"url": "portalEndpoint", "valueReference": {"reference": endpoint}},
        ],
    }


def _id(site: str) -> str:
    return re.sub(r"[^A-Za-z0-9\-.]", "-", site)
