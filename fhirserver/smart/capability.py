"""What the CapabilityStatement says about authorization.

Spec: http://hl7.org/fhir/R4/security.html, SMART App Launch 2.2, IHE IUA. The extension is of SMART 1: tests want it.
"""

from typing import Any, Final

from fhirserver.smart import network

_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SERVICE: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_IUA: Final = "http://profiles.ihe.net/fhir/ihe.securityTypes.fhir/CodeSystem/securityTypes"
_URIS: Final = {
    "authorize": network.AUTHORIZE,
    "token": network.TOKEN,
    "introspect": network.INTROSPECT,
    "revoke": network.REVOKE,
    "manage": network.MANAGE,
}


def security(origin: str) -> dict[str, Any]:
    """Return the members of ``rest.security`` beside ``cors``."""
    uris = [{"url": name, "valueUri": origin + path} for name, path in _URIS.items()]
    return {
        "extension": [{"url": _OAUTH_URIS, "extension": uris}],
        "service": [
            {"coding": [{"system": _SERVICE, "code": "SMART-on-FHIR"}], "text": "OAuth2 using SMART-on-FHIR profile"},
            {"coding": [{"system": _IUA, "code": "IUA"}], "text": "IHE Internet User Authorization"},
        ],
        "description": "Access tokens of the authorization server at /auth; see .well-known/smart-configuration.",
    }
