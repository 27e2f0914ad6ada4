"""The HTTP service. `create_app(broker)` needs no environment: everything comes with the broker."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS
from videobroker.web import api_docs, console, health, provider_webhooks, v1
from videobroker.web.console.access import ConsoleAccess
from videobroker.web.fast_path import Constant, FastPath, Resolvers
from videobroker.web.http import problems
from videobroker.web.http.access_log import RequestsLog
from videobroker.web.http.auth import ApiKeyResolver, identify
from videobroker.web.http.cors import Origins
from videobroker.web.http.idempotency import WITHOUT_KEY, idempotent_request
from videobroker.web.http.problems import Problem, described
from videobroker.web.http.requests import BodyLimit, PlainPaths, by_name
from videobroker.web.http.semantics import DefaultHeaders, HeadResponses, RequireHost
from videobroker.web.legacy import appointments as legacy_appointments
from videobroker.web.legacy import groups as legacy_groups
from videobroker.web.legacy import therapy as legacy_therapy
from videobroker.web.legacy import tutoring as legacy_tutoring
from videobroker.web.pages import hosted
from videobroker.web.pages.call_site import CallSite, ConsoleElsewhere
from videobroker.web.pages.hosted import PINNED_AGORA_SDK, PageSettings
from videobroker.web.pages.policy import SdkScript
from videobroker.web.v1 import event_catalog
from videobroker.web.v1.session_router import kind_of, session_kind

DESCRIPTION = """\
Create bookings and groups, check who can join, and get join credentials for 100ms and Agora.

Authenticate with an API key of the app. Errors are problem documents (RFC 9457) with a stable `code`. Times are in the
format of RFC 3339; responses use UTC. Lists have the form `{"data": [...], "next": cursor}`.

Request bodies are JSON in UTF-8: send `Content-Type: application/json`, another `application/*+json`, or no content
type. Compressed bodies are not supported. `HEAD` works for every `GET` operation, and `OPTIONS` returns the methods of
a path.

Every operation can also return the errors `malformed_request` (400: not valid HTTP, or not exactly one `Host`),
`method_not_allowed` (405), `request_timeout` (408: the head of the request took longer than 20 seconds, or its body
longer than 30), `request_head_too_large` (431: more than 64 KiB or 100 headers) and `internal_error` (500).
"""

TAGS = [
    {"name": "bookings", "description": "Sessions with a schedule and a status."},
    {"name": "groups", "description": "Sessions without a schedule, open while their video is on."},
    {"name": "visits", "description": "A session from the view of the person who opened a join link."},
    {"name": "calls", "description": "The actual meetings of a session, past and running."},
    {"name": "events", "description": "The journal: a log of everything that happened."},
    {"name": "webhooks out", "description": "Webhook endpoints that receive events, and their deliveries."},
    {"name": "webhooks in", "description": "Endpoints for the webhooks of the providers."},
    {"name": "legacy: tutoring", "description": "Endpoints for existing clients of tutoring products."},
    {"name": "legacy: groups", "description": "Endpoints for existing clients of group chats."},
    {"name": "legacy: appointments", "description": "Endpoints for existing clients of appointment systems."},
    {"name": "legacy: therapy", "description": "Endpoints for existing clients of therapy products."},
    {"name": "operations", "description": "Health checks, metrics, and diagnostics for operators."},
]

BrokerLifetime = Callable[[], AbstractAsyncContextManager[Broker]]


FAST_RESOLVERS: Resolvers = {
    identify: ApiKeyResolver,
    idempotent_request: lambda _route, _scopes: Constant(WITHOUT_KEY),
    session_kind: lambda route, _scopes: Constant(kind_of(route.original_route)),
    provider_webhooks.received_webhook: provider_webhooks.ReceivedWebhookResolver,
}
"""How the fast path resolves the dependencies of its operations."""


class Service(FastAPI):
    """The application, with the middleware that surrounds the framework."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._framework = HeadResponses(DefaultHeaders(RequestsLog(RequireHost(super().__call__))))
        self._outermost: ASGIApp = self._framework

    def enable_fast_path(self) -> None:
        """Serve marked operations on the fast path. Call it when all routes are there."""
        self._outermost = FastPath(self, self._framework, FAST_RESOLVERS)

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
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        generate_unique_id_function=by_name,
    )
    app.state.public_url = public_url
    problems.install(app)
    site = CallSite(public_url, call_url, shares_origin_with_console=console_access is not None)
    app.state.pages = PageSettings(site, agora_sdk)
    app.add_middleware(BodyLimit)
    app.add_middleware(ConsoleElsewhere, site=site)
    app.add_middleware(PlainPaths)
    app.add_middleware(Origins, allowed=allowed_origins)
    app.include_router(v1.router)
    app.include_router(legacy_tutoring.router)
    app.include_router(legacy_groups.router)
    app.include_router(legacy_appointments.router)
    app.include_router(legacy_therapy.router)
    app.include_router(provider_webhooks.router)
    app.include_router(health.router)
    app.include_router(api_docs.router)
    app.include_router(hosted.router)
    if console_access is not None:
        console.install(app, console_access)
    app.webhooks.include_router(event_catalog.webhooks)
    app.enable_fast_path()
    # FastAPI's documented way to extend the document.
    app.openapi = lambda: _contract(app)  # type: ignore[method-assign]
    return app


def _contract(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = _complete(
            get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                webhooks=app.webhooks.routes,
                tags=app.openapi_tags,
                license_info={"name": "MIT", "identifier": "MIT"},
                servers=[{"url": "/", "description": "This deployment"}],
            )
        )
    return app.openapi_schema


_RECEIVER_RESPONSES = {
    "2XX": {"description": "The event was accepted. It is not sent again."},
    "410": {"description": "The endpoint is disabled, and receives no more events."},
    "default": {
        "description": "The event was not accepted. It is sent again, for more than a day. `Retry-After` is honored."
    },
}


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    for webhook in document["webhooks"].values():
        # The responses of the receiver, instead of those that FastAPI generates.
        webhook["post"]["responses"] = _RECEIVER_RESPONSES
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, schema in Problem.model_json_schema(ref_template="#/components/schemas/{model}")["$defs"].items():
        schemas.setdefault(name, schema)
    schemas["Problem"] = {
        key: value
        for key, value in Problem.model_json_schema(ref_template="#/components/schemas/{model}").items()
        if key != "$defs"
    }
    # FastAPI drops nulls, also those that an example needs to match its schema.
    for shape in _shapes(BaseModel):
        if shape.__name__ in schemas and (extra := shape.model_config.get("json_schema_extra")):
            schemas[shape.__name__].update(extra)
    for schema in schemas.values():
        if "data" in schema.get("properties", ()) and "$ref" in schema["properties"]["data"].get("items", ()):
            item = schemas[schema["properties"]["data"]["items"]["$ref"].rpartition("/")[2]]
            cursor = {"next": None} if "next" in schema["properties"] else {}
            schema["examples"] = [{"data": item["examples"], **cursor}]
    for schema in _answers(document):
        if schema.get("type") == "array" and "$ref" in schema["items"]:
            schema["examples"] = [schemas[schema["items"]["$ref"].rpartition("/")[2]]["examples"]]
    _add_body_problems(document)
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for requirement in operation.get("security", ()):
            # Only API keys have scopes. What a user token may do depends on its user.
            requirement |= {name: [] for name in requirement if name == "userToken"}
    scopes = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in SCOPE_DESCRIPTIONS.items())
    document["components"]["securitySchemes"]["apiKey"]["description"] += f"\n\nScopes:\n{scopes}"
    return document


def _add_body_problems(document: dict[str, Any]) -> None:
    problems = described("unsupported_media_type", "unsupported_content_encoding")
    for operation in (each for path in document["paths"].values() for each in path.values()):
        if "requestBody" in operation:
            operation["responses"] |= {str(status): answer for status, answer in problems.items()}


def _answers(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                yield content.get("schema", {})


def _shapes(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for shape in root.__subclasses__():
        if shape.__module__.startswith("videobroker.web"):
            yield shape
        yield from _shapes(shape)
