"""Where this server is: its origin, its issuer, its endpoints, and the FHIR bases that tokens are for.

None of it is taken from a request without a check: what a client signs for another server must not count here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from fhirserver.settings import is_loopback
from fhirserver.smart.errors import OAuthError

AUTHORIZE: Final = "/auth/authorize"
RESUME: Final = "/auth/authorize/resume"
TOKEN: Final = "/auth/token"  # noqa: S105 - a path
INTROSPECT: Final = "/auth/introspect"
REVOKE: Final = "/auth/revoke"
REGISTER: Final = "/auth/register"
KEYS: Final = "/auth/keys"
LAUNCH: Final = "/auth/launch"
MANAGE: Final = "/auth/manage"
GRANTS: Final = "/auth/grants"
BRANDS: Final = "/auth/brands"
STYLE: Final = "/auth/style.json"
USERINFO: Final = "/auth/userinfo"

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Network:
    """All sites as callers see them."""

    base_url: str | None
    """The public origin; without one only this machine's names for itself are taken."""
    mounts: Mapping[str, tuple[str, ...]]
    """Site -> the paths of its FHIR base, the one it is known by first."""

    def origin(self, connection: HTTPConnection) -> str:
        """Return the origin that a request was sent to, without a slash at its end; raises OAuthError."""
        if self.base_url is not None:
            return self.base_url
        host = connection.headers.get("host", "")
        origin = f"{connection.scope.get('scheme', 'http')}://{host}"
        if not _HOST.fullmatch(host) or not self.is_own(origin):
            raise OAuthError("invalid_request", "This server is not called so; see its setting `base_url`.", status=421)
        return origin

    def is_own(self, origin: str) -> bool:
        """Tell whether an origin is this server's."""
        if self.base_url is not None:
            return origin == self.base_url
        try:
            host = urlsplit(origin).hostname
        except ValueError:
            return False
        return host is not None and is_loopback(host)

    def site_of(self, base: str) -> str | None:
        """Return the site whose FHIR base this is, with or without a slash at its end."""
        path = self._path_of(base.removesuffix("/"))
        return next((site for site, mounts in self.mounts.items() if path in mounts), None)

    def is_endpoint(self, url: str, path: str) -> bool:
        """Tell whether a URL is the one of an endpoint of this server."""
        return self._path_of(url) == path

    def base_of(self, origin: str, site: str) -> str:
        """Return the FHIR base that a site is known by."""
        return origin + self.mounts[site][0]

    def site_at(self, path: str) -> str | None:
        """Return the site whose FHIR base stands at a path."""
        return next((site for site, mounts in self.mounts.items() if path in mounts), None)

    def _path_of(self, url: str) -> str | None:
        scheme, separator, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return slash + path if separator and self.is_own(f"{scheme}://{host}") else None
