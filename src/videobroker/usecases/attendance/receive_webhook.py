"""Takes in what providers tell: verified, written as it came, applied later."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from videobroker.broker import Broker
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.ids import NoticeId, SessionId, uuid7
from videobroker.errors import ProviderNotConfigured, WebhookRefused, WebhookUnreadable
from videobroker.providers.contract import Capability, Provider, ProviderWebhook
from videobroker.storage.attendance import identities
from videobroker.storage.attendance.inbox_writer import IncomingWebhook, RoomAddress
from videobroker.storage.calls import calls
from videobroker.storage.postgres.unit_of_work import UnitOfWork

LARGEST_NOTICE = 256 * 1024
"""In bytes. The vendors' own are a hundred times smaller."""
AHEAD = timedelta(minutes=10)
"""Nothing happens later than this after we hear of it."""

log = structlog.get_logger(__name__)


async def receive(
    broker: Broker,
    app_name: str,
    provider_name: ProviderName,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
) -> bool:
    """Keep one webhook; False when it was kept before. It is on disk when this returns.

    `headers` has its names in lower case. Raises `WebhookRefused` for everything that does not prove where it comes
    from, also for an app that does not exist; `WebhookUnreadable` for what is too large, too old or broken.
    """
    if len(body) > LARGEST_NOTICE:
        raise WebhookUnreadable(f"A webhook has at most {LARGEST_NOTICE} bytes.")
    try:
        app, provider = await _receiver(broker, app_name, provider_name)
        notice = _verified(app, provider, headers, body, now)
    except WebhookRefused as error:
        broker.rejections.count(error.app_id, error.code, None, now=now)
        raise
    session_id, ignored = await _find_session(broker, app, provider, notice, now)
    new = await broker.inbox_writer.record(
        IncomingWebhook(
            app_id=app.id,
            id=NoticeId(uuid7(now)),
            provider=provider.name,
            event_id=notice.id,
            dedup_key=notice.dedup_key,
            type=notice.type,
            provider_room_id=notice.room_id,
            session_id=session_id,
            sent_at=notice.sent_at,
            received_at=now,
            body=body,
            ignored=ignored,
        )
    )
    log.info("webhook.received", app=app.name, provider=provider.name, type=notice.type, new=new, ignored=ignored)
    return new


def _verified(app: App, provider: Provider, headers: Mapping[str, str], body: bytes, now: datetime) -> ProviderWebhook:
    try:
        return provider.verify(headers, body, now=now)
    except WebhookRefused as error:
        raise error.of(app.id) from None


async def _receiver(broker: Broker, app_name: str, provider_name: ProviderName) -> tuple[App, Provider]:
    # PostgreSQL knows no text with NUL in it, and no app is called so.
    app = None if "\x00" in app_name else await broker.tenant_cache.by_name(app_name)
    if app is None:
        _refuse()
    try:
        provider = broker.provider(app, provider_name)
    except ProviderNotConfigured:
        _refuse()
    if Capability.WEBHOOKS not in provider.capabilities:
        _refuse()
    return app, provider


def _refuse() -> NoReturn:
    # The same for an app that does not exist, for one without such an account, and for one without a secret.
    raise WebhookRefused("No webhook is expected here, or its signature is missing. Set the account's webhook secret.")


async def _find_session(
    broker: Broker, app: App, provider: Provider, notice: ProviderWebhook, now: datetime
) -> tuple[SessionId | None, str | None]:
    """Which session it is about; or why nothing follows from it."""
    told = notice.observation or notice.recording
    if told is None or notice.room_id is None:
        return None, "says nothing about who is in a call"
    sharing = await broker.inbox_writer.sessions_of_room(RoomAddress(app.id, provider.name, notice.room_id))
    if not sharing:
        return None, "is about a room that is not ours"
    if told.at > now + AHEAD:
        return None, "lies in the future"
    if len(sharing) == 1:
        return sharing[0], None
    async with broker.store.transaction() as transaction:
        return await _one_of_many(transaction, app, provider, notice, notice.room_id)


async def _one_of_many(
    transaction: UnitOfWork, app: App, provider: Provider, notice: ProviderWebhook, room_id: str
) -> tuple[SessionId | None, str | None]:
    """In a room that several sessions share, people belong to the one they had credentials for when they came."""
    if notice.observation is None:
        return await _recorded_session(transaction, app, provider, notice)
    seen = notice.observation
    person, at = seen.provider_user_id, seen.since or seen.at
    session_id = None
    if person is not None:
        session_id = await identities.session_of(transaction, app.id, provider.name, room_id, person, at=at)
    return session_id, None if session_id is not None else "is about nobody who has credentials"


async def _recorded_session(
    transaction: UnitOfWork, app: App, provider: Provider, notice: ProviderWebhook
) -> tuple[SessionId | None, str | None]:
    """Whose recording it is, in a room that several sessions share: whose call ran meanwhile, if that was only one."""
    news = notice.recording
    if news is None or notice.room_id is None:
        return None, "says nothing about who is in a call"
    running = await calls.sessions_with_calls(
        transaction, app.id, provider.name, notice.room_id, since=news.moment, until=news.stopped_at or news.moment
    )
    return (running[0], None) if len(running) == 1 else (None, "is about a recording of no single session")
