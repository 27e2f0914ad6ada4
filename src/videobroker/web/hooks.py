"""Where providers tell us who comes and goes."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict

from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.usecases.hearing import hear
from videobroker.web.problems import described
from videobroker.web.reading import by_name

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


class Kept(BaseModel):
    """The webhook is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "kept"}, {"status": "known"}]})

    status: Literal["kept", "known"]


async def _keep(request: Request, app: str, provider: ProviderName) -> Kept:
    broker: Broker = request.app.state.broker
    # The signature is over the bytes as they came.
    body = await request.body()
    new = await hear(broker, app, provider, dict(request.headers), body, now=broker.now())
    return Kept(status="kept" if new else "known")


@router.post(
    "/100ms/{app}",
    summary="Take a webhook of 100ms",
    responses=described(*_PROBLEMS),
    dependencies=[Security(_hms_secret)],
)
async def hear_100ms(app: AppName, request: Request) -> Kept:
    """It is on disk before the answer, and applied afterwards. Unknown events are kept and ignored."""
    return await _keep(request, app, ProviderName.HMS)


@router.post(
    "/agora/{app}",
    summary="Take a notification of Agora",
    responses=described(*_PROBLEMS),
    dependencies=[Security(_agora_signature)],
)
async def hear_agora(app: AppName, request: Request) -> Kept:
    """It is on disk before the answer, and applied afterwards. Unknown events are kept and ignored."""
    return await _keep(request, app, ProviderName.AGORA)
