"""Requests as granian passes them on, in the form and within the limits of `http1_connection`.

granian parses HTTP with hyper, so no guard can be in front of its parser. hyper ignores upgrades, discards trailers and
chunk extensions, and limits the number of headers. What is left is decided here: the size of a head, and differences of
the scope.
"""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from videobroker.errors import BrokerError, MalformedRequest, RequestHeadTooLarge
from videobroker.web.http.access_log import observe
from videobroker.web.http.http1_connection import MAX_HEAD_BYTES
from videobroker.web.http.problems import problem
from videobroker.web.http.request_ids import RequestIds


class GranianRequests:
    """ASGI middleware: rejects what the guard would reject, and normalizes the scope.

    hyper limits the number of headers to 100, which is `MAX_HEADERS`, and responds with an empty 431 itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._reject = RequestIds(_reject)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond 400 or 431."""
        if _error(scope) is None:
            _normalize(scope)
            await self._app(scope, receive, send)
        else:
            await self._reject(scope, receive, send)


async def _reject(scope: Scope, receive: Receive, send: Send) -> None:
    response = problem(_error(scope) or MalformedRequest())
    response.headers["Connection"] = "close"
    observe("none", response.status_code, time.perf_counter())
    await response(scope, receive, send)


def _error(scope: Scope) -> BrokerError | None:
    if scope["method"] == "CONNECT":
        return MalformedRequest("This is not a proxy: CONNECT is not supported.")
    if _head_bytes(scope) > MAX_HEAD_BYTES:
        return RequestHeadTooLarge(
            f"Request line and headers have at most {MAX_HEAD_BYTES} bytes. Send fewer or shorter."
        )
    return None


def _head_bytes(scope: Scope) -> int:
    query = scope["query_string"]
    line = len(scope["method"]) + len(scope["raw_path"]) + len(query) + bool(query) + len(b"  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + len(b": \r\n") for name, value in scope["headers"]) + len(b"\r\n")


def _normalize(scope: Scope) -> None:
    """Change the scope, which nothing else has seen yet, to what uvicorn would pass on."""
    headers = [header for header in scope["headers"] if header[0] != b"upgrade"]
    if scope["http_version"] == "1":
        scope["http_version"] = "1.0"
        # A missing `Host` is passed on as an empty one. HTTP/1.0 does not require it.
        headers = [header for header in headers if header != (b"host", b"")]
    scope["headers"] = headers
    for end in ("client", "server"):
        host, port = scope[end]
        scope[end] = (host, int(port))
    # Files are sent by the application, as under uvicorn.
    scope["extensions"] = {}
