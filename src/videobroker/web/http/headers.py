"""The response headers of the API: their names and meanings, for the OpenAPI document and for CORS."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """A header of responses."""

    name: str
    description: str
    example: str
    is_integer: bool = False


REQUEST_ID = ResponseHeader(
    "X-Request-Id",
    "The ID of the request, also in problem documents and in the log of the service. You can choose it: send a header "
    "`X-Request-Id` with 1 to 128 letters, digits, or characters of `._~+/=-`. Otherwise, or if it looks like a "
    "credential, the service generates a UUIDv7.",
    "0199d1c4-6f0e-7c31-9a57-2d0f0a4b8c11",
)
TRACEPARENT = ResponseHeader(
    "traceparent",
    "The trace of the request (W3C Trace Context). The service continues the trace of a valid `traceparent` in the "
    "request, and otherwise starts one. The third part is the span of the service.",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
RETRY_AFTER = ResponseHeader(
    "Retry-After", "Seconds after which a retry makes sense, at most 3600.", "60", is_integer=True
)

ON_EVERY_RESPONSE = (REQUEST_ID, TRACEPARENT)
"""Headers of every response to every request."""
EXPOSED = (
    *(header.name for header in (*ON_EVERY_RESPONSE, RETRY_AFTER)),
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Videobroker-Code",
)
"""Headers that pages of allowed origins can read (CORS)."""
