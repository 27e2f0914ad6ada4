"""Rate limits of requests: `RateLimit` headers, and 429 for callers that exceed their limit."""

from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.current_request import record_rate_limit
from videobroker.domain.failed_attempts import client_network
from videobroker.domain.rate_limits import RateLimitPolicy
from videobroker.errors import RateLimited
from videobroker.web.http.problems import problem

_NAMES = {policy: policy.encode() for policy in RateLimitPolicy}
_AUTHENTICATED_PATHS = ("/v1/", "/api/")
_UNLIMITED_PATHS = (
    # Small files in memory, of which a page loads many.
    "/pages/",
    "/ui/",
    "/problem-pages/",
    "/docs/",
    "/console/static/",
    "/embed.js",
    # Of load balancers and of vendors, which send from few addresses.
    "/healthz",
    "/readyz",
    "/metrics",
    "/hooks/",
)


def require_within_limit(broker: Broker, policy: RateLimitPolicy, caller: str) -> None:
    """Count a request of this caller. Raises `RateLimited`."""
    limiter = broker.rate_limiters.get(policy)
    if limiter is None:
        return
    status = limiter.hit(caller)
    name = _NAMES[policy]
    record_rate_limit(
        _policy_header(name, status.limit, status.window_seconds),
        b'"%b";r=%d;t=%d' % (name, status.remaining, status.reset_seconds),
    )
    if status.is_exceeded:
        raise RateLimited(
            f"More than {status.limit} requests in {status.window_seconds} seconds. Wait for {status.reset_seconds} "
            "seconds, and spread your requests.",
            retry_after=status.reset_seconds,
        )


@lru_cache(maxsize=16)
def _policy_header(name: bytes, limit: int, window_seconds: int) -> bytes:
    return b'"%b";q=%d;w=%d' % (name, limit, window_seconds)


class AnonymousLimit:
    """ASGI middleware: limits requests without credentials by the network of the client.

    Requests with credentials are limited where these are verified (`auth`). Those with an `Authorization` header that
    are not authenticated are counted as failed attempts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond 429."""
        if scope["type"] == "http" and _is_limited(scope):
            broker: Broker = scope["app"].state.broker
            client = scope.get("client")
            try:
                require_within_limit(broker, RateLimitPolicy.ADDRESS, client_network(client[0] if client else None))
            except RateLimited as error:
                await problem(error)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _is_limited(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    if path.startswith(_UNLIMITED_PATHS):
        return False
    return not (path.startswith(_AUTHENTICATED_PATHS) and any(name == b"authorization" for name, _ in scope["headers"]))
