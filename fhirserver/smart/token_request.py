"""One request to the token endpoint, as each of its grants takes it."""

from dataclasses import dataclass

from fhirserver.smart.assertions import Proven
from fhirserver.smart.errors import invalid_request
from fhirserver.smart.forms import Form


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What was sent, by which client, to this server at which of its origins."""

    form: Form
    proven: Proven
    origin: str
    certificate: str | None = None
    """The thumbprint of the certificate that the client has shown."""

    def required(self, name: str) -> str:
        """Return a parameter; raises OAuthError when it is missing."""
        value = self.form.get(name)
        if value is None:
            raise invalid_request(f"`{name}` is missing.")
        return value
