"""The response headers of the API: their names and meanings, for the OpenAPI document and for CORS."""

from dataclasses import dataclass

from videobroker.web.http.content_security_policy import NOTHING, content_security_policy


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
RATE_LIMIT_POLICY = ResponseHeader(
    "RateLimit-Policy",
    "The limit that applies to this caller (draft-ietf-httpapi-ratelimit-headers-11): `q` requests in a window of `w` "
    "seconds, in one process of the service. The policies are `api-key`, `user`, `ticket`, and `address`.",
    '"api-key";q=120000;w=60',
)
RATE_LIMIT = ResponseHeader(
    "RateLimit",
    "What is left of this limit: `r` requests, until the window ends in `t` seconds.",
    '"api-key";r=119987;t=41',
)
DEPRECATION = ResponseHeader(
    "Deprecation",
    "Since when the operation is deprecated (RFC 9745): `@` and seconds since 1970. New clients must not use it. "
    "`Sunset` (RFC 8594) is added when its end is planned.",
    "@1796083200",
)
LINK = ResponseHeader("Link", "The documentation of the deprecation.", '</docs>; rel="deprecation"; type="text/html"')

ON_EVERY_RESPONSE = (REQUEST_ID, TRACEPARENT)
"""Headers of every response to every request."""
ON_LIMITED_RESPONSES = (RATE_LIMIT_POLICY, RATE_LIMIT)
"""Headers of responses to requests that a rate limit counts: with valid credentials, and most without credentials."""
ON_DEPRECATED_OPERATIONS = (DEPRECATION, LINK)
EXPOSED = (
    *(header.name for header in (*ON_EVERY_RESPONSE, *ON_LIMITED_RESPONSES, *ON_DEPRECATED_OPERATIONS, RETRY_AFTER)),
    "Sunset",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Videobroker-Code",
)
"""Headers that pages of allowed origins can read (CORS)."""

DEFAULT_HEADERS = (
    # Responses contain personal data and credentials. Cacheable responses override this.
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # A browser that opens a response of the API as a page runs nothing, and embeds it nowhere. Pages override this.
    (b"content-security-policy", content_security_policy(NOTHING).encode()),
)
