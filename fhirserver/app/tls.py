"""TLS of this server's own: 1.2 or newer, and the certificate that a client shows, for tokens bound to it.

Spec: https://www.rfc-editor.org/rfc/rfc8705, https://asgi.readthedocs.io/en/latest/specs/tls.html
"""

import ssl
from asyncio import Transport
from typing import Any, Final

from fhirserver.app.protocol import BoundedHttp
from fhirserver.settings import Settings

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only. Those of 1.3 are all so."""


class TlsHttp(BoundedHttp):
    """HTTP that tells the application which certificate its peer has proven to be of, as ``extensions.tls``."""

    _tls: dict[object, object] | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Keep what the handshake has shown; the certificate of a connection never changes."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if connection is not None:
            shown = connection.getpeercert(binary_form=True)
            self._tls = {
                "client_cert_chain": [ssl.DER_cert_to_PEM_cert(shown)] if shown else [],
                "client_cert_name": None,
                "client_cert_error": None,
            }

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._tls is not None:
            self.scope["extensions"] = {"tls": self._tls}


def tls_options(settings: Settings) -> dict[str, Any]:
    """Return uvicorn's options; none where a proxy speaks TLS."""
    if settings.tls_cert is None:
        return {}
    return {"http": TlsHttp, "ssl_context_factory": lambda config, default: tls_context(settings)}


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return the server's side of TLS; raises OSError, which SSLError is one of."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(str(settings.tls_cert), str(settings.tls_key))
    if settings.tls_ca is not None:
        context.load_verify_locations(settings.tls_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
