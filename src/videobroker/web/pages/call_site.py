"""The separate origin of the call page, which runs a vendor's SDK: the console's cookie is not sent there.

Browsers deny camera and microphone to opaque origins, so a sandboxed frame cannot do it (decision 0021).
"""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import UUID

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from videobroker.web.pages.policy import origin_of

LOOPBACK_CALL_HOST = "call.localhost"
"""Browsers resolve every name below `localhost` to the machine itself, and cookies of `localhost` do not reach it."""
_LOOPBACK_HOSTS = ("localhost", "127.0.0.1")
"""Not `[::1]`: a Content-Security-Policy cannot name it."""


@dataclass(frozen=True, slots=True)
class CallSite:
    """How browsers reach the service, and the second name under which it serves third-party scripts."""

    public_url: str | None = None
    call_url: str | None = None
    shares_origin_with_console: bool = True
    """False without a console: then the call page may have the same origin as the service."""

    def page(self, request_url: str, app_id: UUID) -> str | None:
        """The URL of the call page for a request of `request_url`; None if no separate origin is available."""
        path = f"/call/agora/{app_id}"
        if self.call_url is not None:
            return self.call_url + path
        here = urlsplit(self.public_url or request_url)
        if here.hostname in _LOOPBACK_HOSTS:
            return f"{here.scheme}://{LOOPBACK_CALL_HOST}{_port_of(here.port)}{path}"
        return None if self.shares_origin_with_console else f"..{path}"

    def parents(self, request_url: str) -> list[str]:
        """The origins whose hosted pages may pass credentials to the call page at `request_url`."""
        found = [] if self.public_url is None else [origin_of(self.public_url)]
        here = urlsplit(request_url)
        if here.hostname == LOOPBACK_CALL_HOST:
            found += [f"{here.scheme}://{host}{_port_of(here.port)}" for host in _LOOPBACK_HOSTS]
        elif not self.shares_origin_with_console:
            found.append(origin_of(request_url))
        return list(dict.fromkeys(found))

    def serves_calls(self, hostname: str | None) -> bool:
        """Whether third-party scripts run on pages of this host."""
        configured = None if self.call_url is None else urlsplit(self.call_url).hostname
        return hostname is not None and hostname in {LOOPBACK_CALL_HOST, configured}


class ConsoleElsewhere:
    """ASGI middleware: no console on the host of the call page, whose third-party scripts could use its cookie."""

    def __init__(self, app: ASGIApp, site: CallSite) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/console") and self._is_call_host(scope):
            response = PlainTextResponse("The console is not served on this host.", HTTPStatus.NOT_FOUND)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_call_host(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return any(self._site.serves_calls(urlsplit(f"//{host}").hostname) for host in hosts)


def _port_of(port: int | None) -> str:
    return "" if port is None else f":{port}"
