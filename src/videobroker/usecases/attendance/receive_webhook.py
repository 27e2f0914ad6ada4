"""Receives webhooks of providers: verifies them and stores them in the inbox. They are processed later."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from videobroker.broker import Broker
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.ids import SessionId, WebhookId, uuid7
from videobroker.errors import ProviderNotConfigured, WebhookRefused, WebhookUnreadable
from videobroker.providers.contract import Capability, Provider, ProviderWebhook
from videobroker.storage.attendance import identities
from videobroker.storage.attendance.inbox_writer import IncomingWebhook, RoomAddress
from videobroker.storage.calls import calls
from videobroker.storage.postgres.unit_of_work import UnitOfWork

MAX_WEBHOOK_BYTES = 256 * 1024
"""In bytes. The vendors' own are a hundred times smaller."""
MAX_CLOCK_LEAD = timedelta(minutes=10)
"""How far the time of an observation may be in the future. Later ones are ignored."""

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
    """Store one webhook; False if it is a duplicate. It is committed when this returns.

    `headers` has lower-case names. Raises `WebhookRefused` for a webhook without a valid signature, and in the same way
    for an app that does not exist; `WebhookUnreadable` for one that is too large, too old, or malformed.
    """
    if len(body) > MAX_WEBHOOK_BYTES:
        raise WebhookUnreadable(f"A webhook has at most {MAX_WEBHOOK_BYTES} bytes.")
    try:
        app, provider = await _receiver(broker, app_name, provider_name)
        webhook = _verified(app, provider, headers, body, now)
    except WebhookRefused as error:
        broker.rejections.count(error.app_id, error.code, None, now=now)
        raise
    session_id, ignored = await _find_session(broker, app, provider, webhook, now)
    new = await broker.inbox_writer.record(
        IncomingWebhook(
            app_id=app.id,
            id=WebhookId(uuid7(now)),
            provider=provider.name,
            event_id=webhook.id,
            dedup_key=webhook.dedup_key,
            type=webhook.type,
            provider_room_id=webhook.room_id,
            session_id=session_id,
            sent_at=webhook.sent_at,
            received_at=now,
            body=body,
            ignored=ignored,
        )
    )
    log.info("webhook.received", app=app.name, provider=provider.name, type=webhook.type, new=new, ignored=ignored)
    return new


def _verified(app: App, provider: Provider, headers: Mapping[str, str], body: bytes, now: datetime) -> ProviderWebhook:
    try:
        return provider.verify(headers, body, now=now)
    except WebhookRefused as error:
        raise error.of(app.id) from None


async def _receiver(broker: Broker, app_name: str, provider_name: ProviderName) -> tuple[App, Provider]:
    # PostgreSQL does not accept text with NUL, and no app name has one.
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
    # One error for apps that do not exist, have no such account, or have no secret: callers must not distinguish them.
    raise WebhookRefused("No webhook is expected here, or its signature is missing. Set the account's webhook secret.")


async def _find_session(
    broker: Broker, app: App, provider: Provider, webhook: ProviderWebhook, now: datetime
) -> tuple[SessionId | None, str | None]:
    """The session of the webhook, or the reason why it is ignored."""
    fact = webhook.observation or webhook.recording
    if fact is None or webhook.room_id is None:
        return None, "says nothing about who is in a call"
    sharing = await broker.inbox_writer.sessions_of_room(RoomAddress(app.id, provider.name, webhook.room_id))
    if not sharing:
        return None, "is about a room that is not ours"
    if fact.at > now + MAX_CLOCK_LEAD:
        return None, "lies in the future"
    if len(sharing) == 1:
        return sharing[0], None
    async with broker.store.transaction(app.id) as unit_of_work:
        return await _one_of_many(unit_of_work, app, provider, webhook, webhook.room_id)


async def _one_of_many(
    unit_of_work: UnitOfWork, app: App, provider: Provider, webhook: ProviderWebhook, room_id: str
) -> tuple[SessionId | None, str | None]:
    """In a shared room, people belong to the session for which they had credentials when they joined."""
    if webhook.observation is None:
        return await _recorded_session(unit_of_work, app, provider, webhook)
    observation = webhook.observation
    person, at = observation.provider_user_id, observation.since or observation.at
    session_id = None
    if person is not None:
        session_id = await identities.session_of(unit_of_work, app.id, provider.name, room_id, person, at=at)
    reason = "is about nobody who has credentials"  # A stored value. codespell:ignore nobody
    return session_id, None if session_id is not None else reason


async def _recorded_session(
    unit_of_work: UnitOfWork, app: App, provider: Provider, webhook: ProviderWebhook
) -> tuple[SessionId | None, str | None]:
    """In a shared room, a recording belongs to the only session that had a call at the time."""
    recording = webhook.recording
    if recording is None or webhook.room_id is None:
        return None, "says nothing about who is in a call"
    running = await calls.sessions_with_calls(
        unit_of_work,
        app.id,
        provider.name,
        webhook.room_id,
        since=recording.moment,
        until=recording.stopped_at or recording.moment,
    )
    return (running[0], None) if len(running) == 1 else (None, "is about a recording of no single session")
