"""Endpoints for the webhooks of the providers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.routing import RouteContext
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field

from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.struct import Struct
from videobroker.usecases.attendance.receive_webhook import MAX_WEBHOOK_BYTES, receive
from videobroker.web.fast_path import FastRequest, Headers, fast_path
from videobroker.web.http.json_response import JsonFields
from videobroker.web.http.problems import described
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/hooks", tags=["incomingWebhooks"], generate_unique_id_function=by_name)

_hms_secret = APIKeyHeader(
    name="Videobroker-Hook-Secret",
    scheme_name="hmsWebhook",
    description="The account's `webhook_secret`, as a static header of the 100ms webhook. HIPAA workspaces also sign "
    "the body in `x-100ms-signature`, with the account's `webhook_signing_secret`.",
    auto_error=False,
)
_agora_signature = APIKeyHeader(
    name="Agora-Signature-V2",
    scheme_name="agoraWebhook",
    description="Agora's signature of the body, with the account's `notifications_secret`. `Agora-Signature` is "
    "accepted too.",
    auto_error=False,
)

AppName = Annotated[str, Path(description="The name of the app.", max_length=64)]
_PROBLEMS = ("webhook_refused", "webhook_unreadable", "body_too_large", "storage_unavailable", "invalid_request")


class WebhookReceipt(BaseModel):
    """Confirms that a webhook is stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "kept"}, {"status": "known"}]}  # codespell:ignore kept
    )

    status: Literal["kept", "known"] = Field(  # codespell:ignore kept
        description="`kept`: it is new. `known`: it was stored before."  # codespell:ignore kept
    )


class ReceivedWebhook(Struct):
    """A webhook as it was received. Its signature covers the bytes of the body."""

    broker: Broker
    headers: Mapping[str, str]
    """By lowercase name. Of repeated headers, only the first."""
    body: bytes
    hidden_from_repr = ("headers", "body")

    async def store(self, app: str, provider: ProviderName) -> Response:
        """Store the webhook, and respond with a `WebhookReceipt`."""
        new = await receive(self.broker, app, provider, self.headers, self.body, now=self.broker.now())
        return JsonFields({"status": "kept" if new else "known"})  # codespell:ignore kept


async def received_webhook(request: Request) -> ReceivedWebhook:
    """The webhook in this request."""
    return ReceivedWebhook(request.app.state.broker, _first_of_each(request.headers.raw), await request.body())


class ReceivedWebhookResolver:
    """Resolves `received_webhook` on the fast path."""

    def __init__(self, _route: RouteContext, _scopes: Sequence[str]) -> None: ...

    def accepts(self, _: Headers) -> bool:
        """Every header is passed on."""
        return True

    async def resolve(self, request: FastRequest) -> ReceivedWebhook:
        """The webhook in this request."""
        return ReceivedWebhook(request.broker, _first_of_each(request.headers.items()), request.body)


WebhookRequestDependency = Annotated[ReceivedWebhook, Depends(received_webhook)]


def _first_of_each(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in headers:
        texts.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return texts


@router.post(
    "/100ms/{app}",
    summary="Receive a webhook from 100ms",
    responses=described(*_PROBLEMS),
    response_model=WebhookReceipt,
    dependencies=[Security(_hms_secret)],
)
@fast_path(max_body_bytes=MAX_WEBHOOK_BYTES)
async def receive_100ms_webhook(app: AppName, delivery: WebhookRequestDependency) -> Response:
    """Stores the webhook before the response, and processes it afterwards. Unknown events are stored and ignored."""
    return await delivery.store(app, ProviderName.HMS)


@router.post(
    "/agora/{app}",
    summary="Receive a notification from Agora",
    responses=described(*_PROBLEMS),
    response_model=WebhookReceipt,
    dependencies=[Security(_agora_signature)],
)
@fast_path(max_body_bytes=MAX_WEBHOOK_BYTES)
async def receive_agora_webhook(app: AppName, delivery: WebhookRequestDependency) -> Response:
    """Stores the webhook before the response, and processes it afterwards. Unknown events are stored and ignored."""
    return await delivery.store(app, ProviderName.AGORA)
