"""Client of videobroker: join credentials, bookings, attendance, and events."""

from videobroker_client import webhooks
from videobroker_client._client import AsyncClient, Client
from videobroker_client._pagination import AsyncPaginator, Page, Paginator
from videobroker_client._requests import OMIT, Omit
from videobroker_client._streaming import AsyncStream, Stream
from videobroker_client._version import __version__
from videobroker_client.errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RateLimited,
    RequestTimedOut,
    ServiceFailed,
    UnexpectedResponse,
    VideobrokerError,
)
from videobroker_client.models import Event, JoinCredentials
from videobroker_client.webhooks import InvalidWebhook

__all__ = [
    "OMIT",
    "AccessDenied",
    "ApiError",
    "AsyncClient",
    "AsyncPaginator",
    "AsyncStream",
    "AuthenticationFailed",
    "BadRequest",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Event",
    "InvalidWebhook",
    "JoinCredentials",
    "NotFound",
    "Omit",
    "Page",
    "Paginator",
    "PermissionDenied",
    "PreconditionFailed",
    "RateLimited",
    "RequestTimedOut",
    "ServiceFailed",
    "Stream",
    "UnexpectedResponse",
    "VideobrokerError",
    "__version__",
    "webhooks",
]
