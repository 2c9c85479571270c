"""grant_type=authorization_code: an app shows the code that came back through the browser.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3, SMART App Launch 2.2, "Obtain access token"
"""

from dataclasses import replace
from typing import Any

from fhirserver.smart.codes import CodeReused
from fhirserver.smart.errors import invalid_grant
from fhirserver.smart.issuing import issue
from fhirserver.smart.refresh_tokens import gives_refresh
from fhirserver.smart.services import Services
from fhirserver.smart.token_request import TokenRequest


async def code_exchange(services: Services, request: TokenRequest) -> dict[str, Any]:
    """Answer an app that shows its code. Raises OAuthError."""
    client = request.proven.once()
    code, redirect_uri = request.required("code"), request.required("redirect_uri")
    verifier = request.required("code_verifier")
    try:
        authorization = await services.codes.use(code, client, redirect_uri=redirect_uri, verifier=verifier)
    except CodeReused as reused:
        await services.revocations.end_authorization(reused.authorization)
        raise invalid_grant("The code was used before; what it gave has ended.") from None
    authorization = replace(authorization, certificate=request.certificate)
    answer = await issue(services, authorization, client)
    if gives_refresh(authorization):
        answer["refresh_token"] = await services.refresh_tokens.issue(authorization)
        if await services.revocations.is_ended(authorization.id):
            await services.revocations.end_authorization(authorization.id)
            raise invalid_grant("What was granted has ended.")
    return answer
