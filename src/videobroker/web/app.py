"""The HTTP service. `create_app(broker)` needs no environment: everything comes with the broker."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from videobroker import tracing
from videobroker.broker import Broker
from videobroker.usecases.operations.metrics import DatabaseMetrics
from videobroker.web import api_docs, console, health, problem_pages, provider_webhooks, start, ui_files, v1
from videobroker.web.console.access import ConsoleAccess
from videobroker.web.fast_path import Constant, FastPath, Resolvers
from videobroker.web.http import problems
from videobroker.web.http.access_log import RequestsLog
from videobroker.web.http.auth import ApiKeyResolver, identify
from videobroker.web.http.compression import Compression
from videobroker.web.http.cors import Origins
from videobroker.web.http.idempotency import WITHOUT_KEY, idempotent_request
from videobroker.web.http.rate_limits import AnonymousLimit
from videobroker.web.http.request_ids import RequestIds
from videobroker.web.http.requests import BodyLimit, PlainPaths, by_name
from videobroker.web.http.semantics import DefaultHeaders, HeadResponses, RequireHost
from videobroker.web.http.traced_requests import TracedRequests, route_paths
from videobroker.web.legacy import appointments as legacy_appointments
from videobroker.web.legacy import groups as legacy_groups
from videobroker.web.legacy import therapy as legacy_therapy
from videobroker.web.legacy import tutoring as legacy_tutoring
from videobroker.web.openapi import info
from videobroker.web.openapi.document import document
from videobroker.web.pages import branding, connection_check, hosted
from videobroker.web.pages.call_site import CallSite, ConsoleElsewhere
from videobroker.web.pages.hosted import PINNED_AGORA_SDK, PageSettings
from videobroker.web.pages.policy import SdkScript
from videobroker.web.v1.session_router import kind_of, session_kind

BrokerLifetime = Callable[[], AbstractAsyncContextManager[Broker]]


FAST_RESOLVERS: Resolvers = {
    identify: ApiKeyResolver,
    idempotent_request: lambda _route, _scopes: Constant(WITHOUT_KEY),
    session_kind: lambda route, _scopes: Constant(kind_of(route.original_route)),
    provider_webhooks.received_webhook: provider_webhooks.ReceivedWebhookResolver,
}
"""How the fast path resolves the dependencies of its operations."""


NO_FRAMEWORK_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI would record paths, queries, and messages of errors, which can contain credentials: see `TracedRequests`."""


class Service(FastAPI):
    """The application, with the middleware that surrounds the framework."""

    def __init__(self, **options: Any) -> None:
        super().__init__(telemetry=NO_FRAMEWORK_TELEMETRY, **options)
        self._framework = RequestIds(HeadResponses(DefaultHeaders(RequestsLog(RequireHost(super().__call__)))))
        self._outermost: ASGIApp = self._framework

    def enable_fast_path(self) -> None:
        """Serve marked operations on the fast path. Call it when all routes are there."""
        self._outermost = FastPath(self, self._framework, FAST_RESOLVERS)
        if tracing.is_enabled():
            self._outermost = TracedRequests(self._outermost, route_paths(self))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        await self._outermost(scope, receive, send)


def create_app(
    lifetime: BrokerLifetime,
    *,
    allowed_origins: Sequence[str] = (),
    public_url: str | None = None,
    console_access: ConsoleAccess | None = None,
    agora_sdk: SdkScript = PINNED_AGORA_SDK,
    call_url: str | None = None,
) -> Service:
    """Create the service. `lifetime` opens the broker when the service starts, and closes it when it stops.

    `allowed_origins` are allowed by CORS, in addition to those of the apps. `public_url` is the base URL for browsers,
    without a trailing slash; by default, links use the host of the request. Without `console_access`, there is no
    console. `agora_sdk` is the script that the hosted page loads for calls at Agora, from `call_url`, which has another
    host name.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with lifetime() as broker:
            app.state.broker = broker
            yield

    app = Service(
        title="videobroker",
        version=version("videobroker"),
        summary="Brokers video rooms: checks access and issues join credentials for 100ms and Agora.",
        description=info.DESCRIPTION,
        openapi_tags=info.TAGS,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        generate_unique_id_function=by_name,
    )
    app.state.public_url = public_url
    app.state.database_metrics = DatabaseMetrics()
    problems.install(app)
    site = CallSite(public_url, call_url, shares_origin_with_console=console_access is not None)
    app.state.pages = PageSettings(site, agora_sdk)
    app.add_middleware(BodyLimit)
    app.add_middleware(AnonymousLimit)
    app.add_middleware(ConsoleElsewhere, site=site)
    app.add_middleware(PlainPaths)
    app.add_middleware(Compression)
    app.add_middleware(Origins, allowed=allowed_origins)
    app.include_router(v1.router)
    app.include_router(legacy_tutoring.router)
    app.include_router(legacy_groups.router)
    app.include_router(legacy_appointments.router)
    app.include_router(legacy_therapy.router)
    app.include_router(provider_webhooks.router)
    app.include_router(health.router)
    app.include_router(problem_pages.router)
    app.include_router(api_docs.router)
    app.include_router(hosted.router)
    app.include_router(connection_check.router)
    app.include_router(branding.router)
    app.include_router(ui_files.router)
    app.include_router(start.router)
    if console_access is not None:
        console.install(app, console_access)
    app.enable_fast_path()
    # FastAPI's documented way to extend the document.
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app
