"""HTTP/1.1 as uvicorn reads it, with a bound on all that is no body, and with refusals that are OperationOutcomes.

Heads, trailers and the extensions of chunks are kept in memory until they end: without a bound one that never does
would take all there is. Spec: https://www.rfc-editor.org/rfc/rfc9112#section-2.2, #section-3
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from fhirserver.kernel.exchange import FHIR_JSON
from fhirserver.kernel.outcome import BadRequest, ClientError, TooLong
from fhirserver.rest.errors import respond_error

MAX_FRAMING_BYTES: Final = 128 * 1024
"""Of a request, received in a row without the end of its head and without anything of its body."""
_MAX_URL_BYTES: Final = 65_535
"""What the parser reads of a URL; a lane's own limit is lower."""


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _framing_bytes = 0
    _has_advanced = False

    def data_received(self, data: bytes) -> None:
        """Read what came, and hang up when a request does not get any further."""
        self._has_advanced = False
        super().data_received(data)
        if self._has_advanced:
            self._framing_bytes = 0
            return
        self._framing_bytes += len(data)
        if self._framing_bytes > MAX_FRAMING_BYTES:
            self._refuse(TooLong(f"The URL and the headers are longer than {MAX_FRAMING_BYTES} bytes."))

    def on_headers_complete(self) -> None:
        """Take note that a head has ended."""
        self._has_advanced = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take note that there was something of a body."""
        self._has_advanced = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request has ended."""
        self._has_advanced = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read."""
        if len(self.url or b"") > _MAX_URL_BYTES:
            self._refuse(TooLong(f"The URL is longer than {_MAX_URL_BYTES} bytes; `POST` to `_search`."))
        else:
            self._refuse(BadRequest("The request is not HTTP/1.1."))

    def _refuse(self, error: ClientError) -> None:
        """Answer and hang up: where this request ends and another would begin is not known."""
        if self.transport.is_closing():
            return
        content = respond_error(error).content or b""
        head = b"content-type: %b; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[error.status] + head % (FHIR_JSON.encode(), len(content)) + content)
        self.transport.close()
