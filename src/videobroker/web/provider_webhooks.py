"""Where providers tell us who comes and goes."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Depends, Path, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict

from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.struct import Struct
from videobroker.usecases.attendance.receive_webhook import LARGEST_NOTICE, hear
from videobroker.web.fast_lane import Client
from videobroker.web.http.problems import described
from videobroker.web.http.requests import by_name, of_this_moment
from videobroker.web.http.semantics import is_host

# The names of apps, as they stand in the address that we give to providers.
_PATH = re.compile(rb"/hooks/(100ms|agora)/([A-Za-z0-9_-]{1,64})")

router = APIRouter(prefix="/hooks", tags=["webhooks in"], generate_unique_id_function=by_name)

_hms_secret = APIKeyHeader(
    name="Videobroker-Hook-Secret",
    scheme_name="hmsWebhook",
    description="The account's `webhook_secret`, as a static header of the 100ms webhook. HIPAA workspaces sign the "
    "body as well: `x-100ms-signature`, with the account's `webhook_signing_secret`.",
    auto_error=False,
)
_agora_signature = APIKeyHeader(
    name="Agora-Signature-V2",
    scheme_name="agoraWebhook",
    description="Agora's signature of the body, with the account's `notifications_secret`; `Agora-Signature` will do.",
    auto_error=False,
)

AppName = Annotated[str, Path(description="The name of the app.", max_length=64)]
_PROBLEMS = ("webhook_refused", "webhook_unreadable", "body_too_large", "storage_unavailable", "invalid_request")


class WebhookReceipt(BaseModel):
    """The webhook is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "kept"}, {"status": "known"}]})

    status: Literal["kept", "known"]


async def _keep(request: Request, app: str, provider: ProviderName) -> WebhookReceipt:
    broker: Broker = request.app.state.broker
    # The signature is over the bytes as they came.
    body = await request.body()
    new = await hear(broker, app, provider, _first_of_each(request.headers.raw), body, now=broker.now())
    return WebhookReceipt(status="kept" if new else "known")


def _first_of_each(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in headers:
        texts.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return texts


@router.post(
    "/100ms/{app}",
    summary="Take a webhook of 100ms",
    responses=described(*_PROBLEMS),
    dependencies=[Security(_hms_secret), Depends(of_this_moment)],
)
async def hear_100ms(app: AppName, request: Request) -> WebhookReceipt:
    """It is on disk before the answer, and applied afterwards. Unknown events are kept and ignored."""
    return await _keep(request, app, ProviderName.HMS)


@router.post(
    "/agora/{app}",
    summary="Take a notification of Agora",
    responses=described(*_PROBLEMS),
    dependencies=[Security(_agora_signature), Depends(of_this_moment)],
)
async def hear_agora(app: AppName, request: Request) -> WebhookReceipt:
    """It is on disk before the answer, and applied afterwards. Unknown events are kept and ignored."""
    return await _keep(request, app, ProviderName.AGORA)


class PlainHook(Struct):
    """A webhook, as providers send them."""

    provider: ProviderName
    app: str
    headers: Mapping[str, str]
    longest: ClassVar[int] = LARGEST_NOTICE
    hidden_from_repr = ("headers",)

    @property
    def operation(self) -> str:
        """As in the contract."""
        return f"hear_{self.provider}"

    def wish(self, body: bytes) -> bytes:
        """The body: its signature is over the bytes as they came."""
        return body

    async def answer(self, broker: Broker, wish: bytes) -> dict[str, Any]:
        """Whether it is new."""
        new = await hear(broker, self.app, self.provider, self.headers, wish, now=broker.now())
        return {"status": "kept" if new else "known"}


def plain_hook(path: bytes, headers: Mapping[bytes, bytes], _: Client) -> PlainHook | None:
    """The request, if it is a webhook; not one with an origin, which no provider sends."""
    found = _PATH.fullmatch(path)
    if found is None or b"origin" in headers or b"content-encoding" in headers:
        return None
    if not is_host(headers.get(b"host", b"")):
        return None
    return PlainHook(ProviderName(found[1].decode()), found[2].decode(), _first_of_each(headers.items()))
