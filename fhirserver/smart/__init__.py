"""The authorization server: SMART App Launch 2.2 over OAuth 2.0 and OpenID Connect, below ``/auth``.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2, RFC 6749, 7009, 7523, 7591, 7636, 7662, 8414, OpenID Connect Core.
"""
