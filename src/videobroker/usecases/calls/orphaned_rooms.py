"""Closes the rooms of deleted sessions at their providers."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import AppId, EventId, SessionId, uuid7
from videobroker.domain.lifecycle import CONFIRMATION_DELAY
from videobroker.domain.rooms import RoomState, as_unknown_id, build_room_name, name_of_unknown_id
from videobroker.domain.sessions import Session
from videobroker.errors import ProviderError
from videobroker.providers.contract import Capability
from videobroker.storage.calls import orphaned_rooms, rooms
from videobroker.storage.calls.orphaned_rooms import OrphanedRoom
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tenants import apps
from videobroker.usecases.context import RequestContext

CLAIM_DURATION = timedelta(minutes=1)
"""The process that deletes a session closes its rooms at once. If it crashes, the sweep does so after this time."""
MIN_RETRY_DELAY, MAX_RETRY_DELAY = timedelta(seconds=30), timedelta(hours=1)

log = structlog.get_logger(__name__)


async def orphan_rooms(context: RequestContext, unit_of_work: UnitOfWork, session: Session) -> None:
    """Write that the rooms of a session, which is about to be deleted, are to be closed. It must be locked."""
    current = [
        (room.provider, room.provider_room_id)
        for room in await rooms.find(unit_of_work, context.app.id, session.id)
        if room.provider_room_id is not None and room.state is not RoomState.CLOSED
    ]
    # The response to opening them may have been lost, so that only their name is known.
    unconfirmed = [
        (each.room.provider, as_unknown_id(build_room_name(context.app.id, session.id, each.room.generation)))
        for each in await rooms.unconfirmed_of(unit_of_work, context.app.id, session.id)
        if each.room.provider_room_id is None
    ]
    former = [
        (room.provider, room.provider_room_id)
        for room in await rooms.former_rooms_of(unit_of_work, context.app.id, session.id)
    ]
    for provider, provider_room_id in (*current, *unconfirmed, *former):
        await orphan_room(context, unit_of_work, session, provider, provider_room_id)


async def orphan_room(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session, provider: ProviderName, provider_room_id: str
) -> None:
    """Write that this room of a deleted session is to be closed.

    `provider_room_id` may be the result of `as_unknown_id`.
    """
    room = OrphanedRoom(session.key, session.id, provider, provider_room_id, context.now)
    await orphaned_rooms.add(unit_of_work, room, due_at=context.now + CLAIM_DURATION)


async def close_orphaned_rooms_of(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> None:
    """Close the rooms of a deleted session, for a worker. Idempotent."""
    async with broker.store.transaction(app_id) as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    if app is not None:
        await close_orphaned_rooms(RequestContext.for_system(broker, app, now), session_id)


async def close_orphaned_rooms(context: RequestContext, session_id: SessionId) -> None:
    """Close the rooms of a deleted session. If a provider cannot be reached, the sweep tries again later."""
    async with context.transaction() as unit_of_work:
        found = await orphaned_rooms.of_session(unit_of_work, context.app.id, session_id)
    for room in found:
        await _close(context, room)


async def _close(context: RequestContext, room: OrphanedRoom) -> None:
    if name_of_unknown_id(room.provider_room_id) is not None and context.now < room.orphaned_at + CONFIRMATION_DELAY:
        # The process that is opening it writes and closes it by its ID.
        return
    events: Sequence[Event] = ()
    if await _is_closable(context, room):
        try:
            was_found = await _close_at_provider(context, room)
        except ProviderError as error:
            log.warning("room.orphan_close_failed", session_id=str(room.session_id), error=error.code)
            async with context.transaction() as unit_of_work:
                await orphaned_rooms.postpone(unit_of_work, room, until=context.now + _retry_delay(context, room))
            return
        events = (_closed(context, room),) if was_found else ()
    async with context.transaction() as unit_of_work:
        if await orphaned_rooms.remove(unit_of_work, room):
            await record(unit_of_work, *events)


async def _close_at_provider(context: RequestContext, room: OrphanedRoom) -> bool:
    """Close the room. False if only its name is known, and the provider has no open room of this name."""
    provider, name = context.provider(room.provider), name_of_unknown_id(room.provider_room_id)
    found = room.provider_room_id if name is None else await provider.find_open_room(name)
    if found is not None:
        await provider.close_room(found)
    return found is not None


async def _is_closable(context: RequestContext, room: OrphanedRoom) -> bool:
    """Whether the provider can close the room, and no other session meets in it."""
    if room.provider not in context.app.accounts:
        return False
    if Capability.CLOSE_ROOM not in context.provider(room.provider).capabilities:
        return False
    async with context.transaction() as unit_of_work:
        return not await rooms.sessions_of_room(
            unit_of_work, context.app.id, room.provider, room.provider_room_id, limit=1
        )


def _retry_delay(context: RequestContext, room: OrphanedRoom) -> timedelta:
    """A quarter of the time since the deletion, so that retries become less frequent."""
    return min(max((context.now - room.orphaned_at) / 4, MIN_RETRY_DELAY), MAX_RETRY_DELAY)


def _closed(context: RequestContext, room: OrphanedRoom) -> Event:
    return Event(
        id=EventId(uuid7(context.now)),
        type=EventType.ROOM_CLOSED,
        occurred_at=context.now,
        actor=context.actor,
        session=room.key,
        session_id=room.session_id,
        data={"provider": room.provider},
    )
