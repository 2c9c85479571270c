"""How much one HTTP request may bring."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes; beyond them a request is refused with 413."""

    max_body_bytes: int = 64 * 1024 * 1024
    """Of FHIR JSON or XML, after decompression."""
    max_form_bytes: int = 1024 * 1024
    """Of the parameters posted to ``_search``: what a query to the database can hold many times over."""
    max_binary_bytes: int = 1024 * 1024 * 1024
    """Of a Binary streamed in its own media type, after decompression."""
    max_url_bytes: int = 32 * 1024
    min_gzip_bytes: int = 1400
    """Smaller responses go out as they are: they fit one packet."""
