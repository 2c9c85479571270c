"""What is known of the national OpenID providers of Belgium and France, as a start for a site's own configuration.

UNVERIFIED throughout: no conformance environment of any of them was reached, and their claims and levels were not
confirmed by their current documents. Each preset says what it leaves out; the site's file overrides every field.
See docs/people.md, "Presets".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

NIHDI: Final = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi"
SSIN: Final = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin"
RPPS: Final = "https://rpps.esante.gouv.fr"


@dataclass(frozen=True, slots=True)
class Preset:
    """Fields of an issuer's table, and what a site must know before it relies on them."""

    fields: Mapping[str, Any]
    gaps: tuple[str, ...]


PRESETS: Final[Mapping[str, Preset]] = {
    "pro-sante-connect": Preset(
        fields={
            "name": "Pro Santé Connect",
            "scopes": ["openid", "scope_all"],
            "acr_values": {"1fa": "eidas1"},
            "client_auth": "client_secret_post",
            "userinfo": True,
            "levels": {"eidas2": "2fa", "eidas3": "2fa"},
            "name_claims": ["given_name", "family_name"],
            "identifiers": [{"claim": "SubjectNameID", "system": RPPS, "type": "Practitioner"}],
        },
        gaps=(
            "UNVERIFIED: the names `SubjectNameID`, `SubjectRefPro`, `scope_all` and the values of `acr`.",
            "`eidas1`, which it is asked for, counts as one factor: a site that takes its card or mobile login as two "
            'adds `levels = { eidas1 = "2fa" }`; else staff give a second factor here.',
            "`SubjectNameID` begins with a digit for the kind of number (8 for RPPS); the site's Practitioners must "
            "carry the identifier as it is sent, or the mapping must name another claim.",
            "Professions and sectors of `SubjectRefPro` are nested lists: they are not mapped to roles.",
            "CIBA (login on the e-CPS without a redirect) and signed userinfo are not done.",
        ),
    ),
    "franceconnect": Preset(
        fields={
            "name": "FranceConnect",
            "scopes": ["openid", "given_name", "family_name", "birthdate", "gender"],
            "acr_values": {"1fa": "eidas1", "2fa": "eidas2"},
            "client_auth": "client_secret_post",
            "userinfo": True,
            "levels": {"eidas2": "2fa", "eidas3": "2fa"},
            "name_claims": ["given_name", "family_name"],
            "link": "existing",
            "default_roles": ["patient"],
        },
        gaps=(
            "UNVERIFIED: scopes and the values of `acr`.",
            "The pivot identity (names, birth date, place and sex) is not matched against the INS or any Patient: "
            "an account must be linked once, by its owner while logged in, or by an administrator.",
            "Userinfo that is a signed JWT instead of JSON is not read; logout at FranceConnect is not propagated.",
        ),
    ),
    "ehealth-csam": Preset(
        fields={
            "name": "CSAM / eHealth",
            "scopes": ["openid", "profile"],
            "client_auth": "private_key_jwt",
            "userinfo": True,
            "name_claims": ["givenName", "surname"],
            "identifiers": [{"claim": "ssin", "system": SSIN, "type": "Practitioner"}],
            "link": "existing",
        },
        gaps=(
            "UNVERIFIED: realms, scopes, claim names and levels of the eHealth I.AM and of CSAM.",
            "No value of `acr` is mapped, so every login counts as one factor and staff give a second one here.",
            "The quality (physician, nurse …) of an eHealth certificate is not mapped to roles.",
            "eHealth's SAML tokens and certificate sessions are another protocol: not done.",
        ),
    ),
    "itsme": Preset(
        fields={
            "name": "itsme",
            "scopes": ["openid", "profile"],
            "client_auth": "private_key_jwt",
            "userinfo": True,
            "link": "existing",
            "name_claims": ["name"],
        },
        gaps=(
            "UNVERIFIED: the service scope (`service:CODE`) that each partner is given must be added to `scopes`.",
            "UNVERIFIED: the values of `acr` (basic, advanced) are not mapped; add them as `levels`.",
            "itsme may encrypt ID tokens and userinfo (JWE) to the partner's key: encrypted answers are not read.",
            "The national number claim needs an authorization of its own and is not asked for.",
        ),
    ),
}
