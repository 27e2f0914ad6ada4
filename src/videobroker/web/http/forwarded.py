"""The client address and scheme of requests behind proxies."""

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_HEADERS = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
_SCHEMES = {"http", "https"}


class ForwardedHeaders(ProxyHeadersMiddleware):
    """uvicorn's middleware, with support for an `X-Forwarded-Proto` from several proxies (`https, http`).

    If it has as many elements as `X-Forwarded-For`, the element at the position of the client's address is used: the
    first trusted proxy writes both. Otherwise, the first element is used, as in Express, Rails, and Spring.
    """

    def __init__(self, app: ASGIApp, trusted_hosts: list[str] | str) -> None:
        super().__init__(app, trusted_hosts)  # type: ignore[arg-type]  # uvicorn has its own types for ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if scope["type"] != "http" or _HEADERS.isdisjoint([name for name, _ in scope["headers"]]):
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            return
        client = scope.get("client")
        if (client[0] if client else None) in self.trusted_hosts:
            protocols = _elements(scope, b"x-forwarded-proto")
            if len(protocols) > 1:
                scope = {**scope, "headers": self._with_one_protocol(scope, protocols)}
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]

    def _with_one_protocol(self, scope: Scope, protocols: list[str]) -> list[tuple[bytes, bytes]]:
        chosen = protocols[0]
        addresses = _elements(scope, b"x-forwarded-for")
        if len(addresses) == len(protocols):
            client, _ = self.trusted_hosts.get_trusted_client_address(", ".join(addresses))
            places = [place for place, address in enumerate(addresses) if _host(address) == client]
            chosen = protocols[places[-1]] if places else chosen
        others = [header for header in scope["headers"] if header[0] != b"x-forwarded-proto"]
        return [*others, (b"x-forwarded-proto", chosen.encode())] if chosen in _SCHEMES else others


def _elements(scope: Scope, name: bytes) -> list[str]:
    values = b",".join(value for each, value in scope["headers"] if each == name).decode("latin-1")
    return [each.strip().lower() for each in values.split(",")] if values else []


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
