"""The HTTP request that is being processed, for responses, problem documents, and logs.

Servers run each request in a context of its own (`contextvars`), so that log events of use cases and adapters have its
ID, too. Tasks that serve several requests, such as those of the batcher, belong to the request that started them.
"""

from contextvars import ContextVar

import msgspec


class CurrentRequest(msgspec.Struct):
    """A request that is being processed. Its caller and its error are recorded when they become known."""

    request_id: str
    trace_id: str
    span_id: str
    trace_flags: str
    app: str | None = None
    """The name of the caller's app."""
    credential: str | None = None
    """The kind of credential: `api_key`, `operator_key`, `user_token`, or `ticket`."""
    key_id: str | None = None
    """The ID of the API key or operator key."""
    error_code: str | None = None
    """The code of the error that the response is about."""
    rate_limit: tuple[bytes, bytes] | None = None
    """The values of the headers `RateLimit-Policy` and `RateLimit`."""

    def response_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of the response that depend on the request alone, not on its result."""
        headers = [
            (b"x-request-id", self.request_id.encode()),
            (b"traceparent", f"00-{self.trace_id}-{self.span_id}-{self.trace_flags}".encode()),
        ]
        if self.rate_limit is not None:
            policy, state = self.rate_limit
            headers += (b"ratelimit-policy", policy), (b"ratelimit", state)
        return headers


CURRENT_REQUEST: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def record_error_code(code: str) -> None:
    """Record the error that the response to the current request is about."""
    request = CURRENT_REQUEST.get()
    if request is not None:
        request.error_code = code


def record_caller(app: str, credential: str, key_id: str | None = None) -> None:
    """Record the app and the credential of the current request's caller."""
    request = CURRENT_REQUEST.get()
    if request is not None:
        request.app, request.credential, request.key_id = app, credential, key_id


def record_rate_limit(policy: bytes, state: bytes) -> None:
    """Record the values of the headers `RateLimit-Policy` and `RateLimit`."""
    request = CURRENT_REQUEST.get()
    if request is not None:
        request.rate_limit = policy, state
