"""Inbox of incoming webhooks: stored before they are answered, then processed, and deleted by the retention policy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select, tuple_, update

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, SessionId, WebhookId
from videobroker.domain.retention import InboxState
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import inbox

BATCH_ROWS = 1000
"""Webhooks in one transaction."""


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A pending row."""

    id: WebhookId
    provider: ProviderName
    type: str
    body: bytes
    received_at: datetime


async def claim_pending(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[StoredWebhook]:
    """The session's pending webhooks, oldest first, locked until the transaction ends.

    Skips those that another transaction has locked.
    """
    statement = (
        select(inbox.c.id, inbox.c.provider, inbox.c.type, inbox.c.body, inbox.c.received_at)
        .where(inbox.c.app_id == app_id, inbox.c.session_id == session_id, inbox.c.state == "pending")
        .order_by(inbox.c.received_at, inbox.c.id)
        .limit(BATCH_ROWS)
        .with_for_update(skip_locked=True)
    )
    return [
        StoredWebhook(row.id, ProviderName(row.provider), row.type, row.body, row.received_at)
        for row in await unit_of_work.execute(statement)
    ]


async def has_unprocessed(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, received_since: datetime
) -> bool:
    """Whether the session has pending webhooks that another transaction has locked, or that were received since then.

    Locks the others until the transaction ends. It never waits for a lock, so that the session may be locked already.
    """
    pending = (inbox.c.app_id == app_id, inbox.c.session_id == session_id, inbox.c.state == "pending")
    claimable = select(inbox.c.id).where(*pending).with_for_update(skip_locked=True).cte("claimable")
    unprocessed = select(inbox.c.id).where(
        *pending, (inbox.c.received_at >= received_since) | inbox.c.id.not_in(select(claimable.c.id))
    )
    return bool((await unit_of_work.execute(select(unprocessed.exists()))).scalar_one())


async def mark(
    unit_of_work: UnitOfWork, app_id: AppId, ids: Iterable[WebhookId], *, ignored: str | None = None
) -> None:
    """Write that these were processed, or why they are ignored."""
    if chosen := list(ids):
        state = "applied" if ignored is None else "ignored"
        await unit_of_work.execute(
            update(inbox).where(inbox.c.app_id == app_id, inbox.c.id.in_(chosen)).values(state=state, note=ignored)
        )


async def sessions_with_stuck_webhooks(
    unit_of_work: UnitOfWork, *, now: datetime, after: timedelta
) -> list[tuple[AppId, SessionId]]:
    """Sessions with webhooks that have been pending for longer than `after`."""
    statement = (
        select(inbox.c.app_id, inbox.c.session_id)
        .where(inbox.c.state == "pending", inbox.c.received_at < now - after)
        .distinct()
        .limit(BATCH_ROWS)
    )
    return [(row.app_id, row.session_id) for row in await unit_of_work.execute(statement)]


@dataclass(frozen=True, slots=True)
class WebhookCount:
    """How many webhooks of one type and state there are."""

    provider: ProviderName
    type: str
    state: InboxState
    note: str | None
    count: int
    last_received_at: datetime


async def count_by_type(unit_of_work: UnitOfWork, app_id: AppId, *, since: datetime) -> list[WebhookCount]:
    """How many webhooks an app received since then, by provider, type, and state."""
    columns = (inbox.c.provider, inbox.c.type, inbox.c.state, inbox.c.note)
    statement = (
        select(*columns, func.count().label("number"), func.max(inbox.c.received_at).label("last_received_at"))
        .where(inbox.c.app_id == app_id, inbox.c.received_at >= since)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [
        WebhookCount(ProviderName(row.provider), row.type, row.state, row.note, row.number, row.last_received_at)
        for row in await unit_of_work.execute(statement)
    ]


@dataclass(frozen=True, slots=True)
class AgedWebhook:
    """A webhook that the retention policy may delete."""

    id: WebhookId
    state: InboxState
    received_at: datetime


async def claim_older(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    *,
    than: datetime,
    behind: tuple[datetime, object] | None,
    limit: int,
) -> list[AgedWebhook]:
    """Webhooks received before `than`, oldest first, locked until the transaction ends.

    Skips those that another transaction has locked. `behind` is the last position of the previous page.
    """
    statement = (
        select(inbox.c.id, inbox.c.state, inbox.c.received_at)
        .where(inbox.c.app_id == app_id, inbox.c.received_at < than)
        .order_by(inbox.c.received_at, inbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if behind is not None:
        statement = statement.where(tuple_(inbox.c.received_at, inbox.c.id) > behind)
    return [AgedWebhook(row.id, row.state, row.received_at) for row in await unit_of_work.execute(statement)]


async def delete_webhooks(unit_of_work: UnitOfWork, app_id: AppId, ids: Iterable[WebhookId]) -> None:
    """Delete webhooks. If the provider sends one again it is new, and changes nothing: the projection ignores
    duplicates.
    """
    if chosen := list(ids):
        await unit_of_work.execute(delete(inbox).where(inbox.c.app_id == app_id, inbox.c.id.in_(chosen)))


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A webhook with its session and state."""

    id: WebhookId
    session_id: SessionId | None
    state: InboxState
    received_at: datetime
    body: bytes


async def read_page(
    unit_of_work: UnitOfWork, app_id: AppId, *, behind: tuple[datetime, object] | None, limit: int
) -> list[InboxRow]:
    """Webhooks of an app with their bodies, oldest first. `behind` is the last position of the previous page."""
    statement = (
        select(inbox.c.id, inbox.c.session_id, inbox.c.state, inbox.c.received_at, inbox.c.body)
        .where(inbox.c.app_id == app_id)
        .order_by(inbox.c.received_at, inbox.c.id)
        .limit(limit)
    )
    if behind is not None:
        statement = statement.where(tuple_(inbox.c.received_at, inbox.c.id) > behind)
    return [
        InboxRow(row.id, row.session_id, row.state, row.received_at, row.body)
        for row in await unit_of_work.execute(statement)
    ]


ERASED_NOTE = "names a person who was erased"


async def erase_bodies(unit_of_work: UnitOfWork, app_id: AppId, ids: Iterable[WebhookId]) -> int:
    """Erase the bodies of webhooks; returns how many. The rows stay, so that repeated webhooks are recognized.

    Pending webhooks are ignored from then on. Waits for a worker that is processing one of them.
    """
    chosen = list(ids)
    if not chosen:
        return 0
    is_pending = inbox.c.state == "pending"
    statement = (
        update(inbox)
        .where(inbox.c.app_id == app_id, inbox.c.id.in_(chosen), inbox.c.body != b"")
        .values(
            body=b"",
            state=case((is_pending, "ignored"), else_=inbox.c.state),
            note=case((is_pending, ERASED_NOTE), else_=inbox.c.note),
        )
    )
    return (await unit_of_work.execute(statement)).rowcount
