"""Request IDs and traces: from the headers of a request, into the headers of its response.

The ID is that of the header `X-Request-Id`, or a UUIDv7. The trace is that of the header `traceparent` (W3C Trace
Context, level 1), or a new one.
"""

import random
import re
from collections.abc import Iterable

import uuid_utils
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker import tracing
from videobroker.current_request import CURRENT_REQUEST, CurrentRequest
from videobroker.domain.redaction import REMOVED, redact

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")
_TRACEPARENT = re.compile(
    rb"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
    rb"(?P<rest>-.*)?"
)
_SAMPLED = 0b1
"""The only flag of level 1."""

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8

Headers = Iterable[tuple[bytes, bytes]]


def start_request(headers: Headers) -> CurrentRequest:
    """The request with these headers. A header that is repeated or not valid is ignored."""
    given_id: bytes | None = None
    given_trace: bytes | None = None
    for name, value in headers:
        if name == b"x-request-id":
            given_id = value if given_id is None else b""
        elif name == b"traceparent":
            given_trace = value if given_trace is None else b""
    return identified_request(given_id, given_trace)


def identified_request(given_id: bytes | None, given_trace: bytes | None) -> CurrentRequest:
    """The request with these values of `X-Request-Id` and `traceparent`. A value that is not valid is ignored."""
    request_id = None if given_id is None else _accepted_id(given_id)
    if (span := tracing.current_ids()) is not None:
        # The span of this request continues the given trace.
        return CurrentRequest(request_id or str(uuid_utils.uuid7()), span.trace_id, span.span_id, span.flags)
    trace = None if given_trace is None else _continued_trace(given_trace)
    digits = random.randbytes(_TRACE_ID_BYTES + _SPAN_ID_BYTES).hex()
    span_id = digits[2 * _TRACE_ID_BYTES :]
    trace_id, trace_flags = trace or (digits[: 2 * _TRACE_ID_BYTES], "00")
    return CurrentRequest(request_id or str(uuid_utils.uuid7()), trace_id, span_id, trace_flags)


def _accepted_id(value: bytes) -> str | None:
    if not _REQUEST_ID.fullmatch(value):
        return None
    request_id = value.decode()
    # It is logged and returned: a credential that was sent here by mistake must not be.
    return None if REMOVED in redact(request_id) else request_id


def _continued_trace(value: bytes) -> tuple[str, str] | None:
    match = _TRACEPARENT.fullmatch(value)
    # Version 00 has nothing after the flags. Later versions may have.
    if match is None or (match["version"] == b"00" and match["rest"] is not None):
        return None
    return match["trace"].decode(), f"{int(match['flags'], 16) & _SAMPLED:02x}"


class RequestIds:
    """ASGI middleware around the framework: makes a request the current one, and adds its headers to the response.

    The fast path does that itself for the requests that it serves.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = start_request(scope["headers"])
        # Not reset: the context ends with the request, and a server that responds to a crash needs it afterwards.
        CURRENT_REQUEST.set(request)

        async def send_identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *request.response_headers()]}
            await send(message)

        await self.app(scope, receive, send_identified)
