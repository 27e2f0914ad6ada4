"""Where the page around a vendor's SDK is served: on an origin of its own, without the console's cookie.

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
    """False for a service without a console: then its own origin will do."""

    def page(self, asked: str, app_id: UUID) -> str | None:
        """The address of the call page, for a page at the URL `asked`; None where no origin may serve it."""
        path = f"/call/agora/{app_id}"
        if self.call_url is not None:
            return self.call_url + path
        here = urlsplit(self.public_url or asked)
        if here.hostname in _LOOPBACK_HOSTS:
            return f"{here.scheme}://{LOOPBACK_CALL_HOST}{_port_of(here.port)}{path}"
        return None if self.shares_origin_with_console else f"..{path}"

    def parents(self, asked: str) -> list[str]:
        """The origins whose hosted pages may hand credentials to the call page at the URL `asked`."""
        found = [] if self.public_url is None else [origin_of(self.public_url)]
        here = urlsplit(asked)
        if here.hostname == LOOPBACK_CALL_HOST:
            found += [f"{here.scheme}://{host}{_port_of(here.port)}" for host in _LOOPBACK_HOSTS]
        elif not self.shares_origin_with_console:
            found.append(origin_of(asked))
        return list(dict.fromkeys(found))

    def serves_calls(self, hostname: str | None) -> bool:
        """Whether third-party scripts run on pages of this host."""
        configured = None if self.call_url is None else urlsplit(self.call_url).hostname
        return hostname is not None and hostname in {LOOPBACK_CALL_HOST, configured}


class ConsoleElsewhere:
    """Serves no console on the host of the call page: a cookie for that host would be within reach of the scripts."""

    def __init__(self, app: ASGIApp, site: CallSite) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or answer 404."""
        if scope["type"] == "http" and scope["path"].startswith("/console") and self._is_of_calls(scope):
            answer = PlainTextResponse("The console is not served on this host.", HTTPStatus.NOT_FOUND)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_of_calls(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return any(self._site.serves_calls(urlsplit(f"//{host}").hostname) for host in hosts)


def _port_of(port: int | None) -> str:
    return "" if port is None else f":{port}"
