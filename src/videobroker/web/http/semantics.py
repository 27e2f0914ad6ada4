"""Requirements of RFC 9110 and RFC 9112 for all responses."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.errors import MalformedRequest
from videobroker.web.http.headers import DEFAULT_HEADERS
from videobroker.web.http.problems import problem

Headers = Iterable[tuple[bytes, bytes]]

# RFC 3986, section 3.2.2: a name or an address, and RFC 9112: an optional port. Empty for a target without a host.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


@lru_cache(maxsize=64)
def is_host(value: bytes) -> bool:
    """Whether this is a valid `Host`."""
    return _HOST.fullmatch(value) is not None


def has_one_host(headers: Headers) -> bool:
    """Whether there is exactly one `Host`, and a valid one."""
    hosts = [value for name, value in headers if name == b"host"]
    return len(hosts) == 1 and is_host(hosts[0])


def is_compressed(headers: Headers) -> bool:
    """Whether the body has a content coding."""
    return any(
        name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"} for name, value in headers
    )


class RequireHost:
    """ASGI middleware: requires exactly one `Host` (RFC 9112, section 3.2), which is optional in HTTP/1.0."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond 400."""
        if scope["type"] != "http" or has_one_host(scope["headers"]) or _may_lack_host(scope):
            await self.app(scope, receive, send)
        else:
            detail = "Send exactly one `Host` header, with a host name or an address and perhaps a port."
            await problem(MalformedRequest(detail))(scope, receive, send)


def _may_lack_host(scope: Scope) -> bool:
    return scope.get("http_version") == "1.0" and all(name != b"host" for name, _ in scope["headers"])


class HeadResponses:
    """ASGI middleware: responds to HEAD as to GET, without the body (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            exchange = _HeadResponse(receive, send)
            await self.app({**scope, "method": "GET"}, exchange.receive, exchange.send)
        else:
            await self.app(scope, receive, send)


class _HeadResponse:
    """Ends the response after its headers, and reports a disconnect, so that streams stop."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_complete = False

    async def receive(self) -> Message:
        return {"type": "http.disconnect"} if self._is_complete else await self._receive()

    async def send(self, message: Message) -> None:
        if self._is_complete:
            return
        await self._send(message)
        if message["type"] == "http.response.start":
            self._is_complete = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class DefaultHeaders:
    """ASGI middleware: adds `DEFAULT_HEADERS` to responses that do not set them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _completed(message.get("headers", ()))}
            await send(message)

        await self.app(scope, receive, send_complete if scope["type"] == "http" else send)


def _completed(headers: Any) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    return [*headers, *(header for header in DEFAULT_HEADERS if header[0] not in present)]
