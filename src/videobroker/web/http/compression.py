"""Compression of responses with gzip.

Only responses to GET are compressed, and only of paths whose responses never contain a credential: a compressed body
with a secret and a text from an attacker reveals the secret by its length (BREACH). So join credentials, links, legacy
responses, and pages with a ticket or a CSRF token are not compressed. Neither are event streams, which must not be
buffered, nor small bodies. Static files are compressed once (`static_files`).

A compressed body is another representation, which needs another strong entity tag (RFC 9110, section 8.8.3.3): it ends
with `:gzip`. Preconditions accept it in place of the other one.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMPRESSED_PATHS = ("/v1/", "/openapi.json", "/problems/")
MIN_BYTES = 1024
"""Smaller bodies fit into one packet."""
LEVEL = 4
"""A list is compressed to a sixth. The default (9) takes two to four times as long, and saves a tenth more."""
MIN_THREAD_BYTES = 32 * 1024
"""Larger bodies are compressed in a thread, so that they do not delay other requests."""

_SUFFIX = ':gzip"'
_REFUSED_GZIP = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)
_PRECONDITIONS = frozenset({b"if-match", b"if-none-match"})


class Compression:
    """ASGI middleware: compresses responses for clients that accept it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, MIN_BYTES, compresslevel=LEVEL, thread_minimum_size=MIN_THREAD_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = [_without_suffix(header) for header in scope["headers"]]
        has_suffix = headers != scope["headers"]
        app = self._compressed if _may_be_compressed(scope) else self._app
        await app(
            {**scope, "headers": headers} if has_suffix else scope, receive, _tagging(send, has_suffix=has_suffix)
        )


def _may_be_compressed(scope: Scope) -> bool:
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    # Starlette's middleware ignores the weights.
    return (
        scope["method"] == "GET"
        and path.startswith(COMPRESSED_PATHS)
        and not _REFUSED_GZIP.search(Headers(scope=scope).get("accept-encoding", ""))
    )


def _without_suffix(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    return (name, value.replace(_SUFFIX.encode(), b'"')) if name in _PRECONDITIONS else header


def _tagging(send: Send, *, has_suffix: bool) -> Send:
    """Adds the suffix to the entity tag of a compressed body, and of a 304 for a client that has one."""

    async def send_tagged(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": list(message["headers"])}
            headers = MutableHeaders(raw=message["headers"])
            is_compressed = headers.get("content-encoding") == "gzip" or (has_suffix and message["status"] == 304)
            if is_compressed and "etag" in headers:
                headers["etag"] = headers["etag"].removesuffix('"') + _SUFFIX
        await send(message)

    return send_tagged
