"""Opens and closes the one room of a session.

The room's row is a lease. The process that has the lease calls the provider, outside any transaction, and stores the
result; all others wait for that result. If it crashes, the lease expires, and another process calls the provider again.
The name of the room is deterministic, so that the provider returns the existing room.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from videobroker.concurrency.lease import renew_periodically
from videobroker.domain.apps import GUEST_ROLE, ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import RoomId, uuid7
from videobroker.domain.join_context import JoinContext, select_next_providers
from videobroker.domain.lifecycle import CONFIRMATION_DELAY
from videobroker.domain.rooms import Room, RoomState, UnconfirmedRoom, build_room_name
from videobroker.domain.sessions import Session
from videobroker.errors import (
    ProviderError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderUnavailable,
    RoomNotReady,
    SurfaceNotOffered,
)
from videobroker.providers.contract import Capability, Provider, RoomClosed, RoomCodesExhausted, Surface
from videobroker.storage.calls import room_codes, rooms
from videobroker.storage.calls.rooms import RoomClaim
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.notifications import room_topic
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.usecases.access import session_not_found
from videobroker.usecases.calls.orphaned_rooms import close_orphaned_rooms, orphan_room
from videobroker.usecases.context import RequestContext

RETRY_DELAY = timedelta(seconds=30)
"""Delay after a room could not be closed. People may still be in it."""
POLL_SECONDS = 1.0
"""Polling interval without a notification, with 50 % jitter, so that many waiters do not poll at once."""
MIN_CODES_LEFT = 50
"""A room with fewer room codes left is replaced before a call. A call uses one code per role at the start, and one per
removal. Most templates have two to five roles."""
WAIT_SECONDS = 12.0
"""How long to wait for a room that another process opens. The provider client times out earlier."""

_TICK = timedelta(microseconds=1)

log = structlog.get_logger(__name__)

_FAILURES: dict[str, type[ProviderError]] = {
    error.kind.code: error for error in (ProviderUnavailable, ProviderRefused, ProviderNotConfigured)
}


class _LeaseLost(Exception):
    """Another process took the lease while this one was calling the provider."""


@dataclass(frozen=True, slots=True)
class _RoomOpening:
    """One request to open a room. `holder` identifies it as the owner of the lease."""

    context: RequestContext
    session: Session
    provider: Provider
    with_codes: bool
    holder: UUID
    preferred: ProviderName
    """The provider that the session had, or else its first choice."""


async def open_room(
    context: RequestContext,
    session: Session,
    *,
    surface: Surface,
    codes: bool = False,
    provider: ProviderName | None = None,
) -> Room:
    """Open the session's room at the first of its providers that answers, or return the open one.

    The next provider is used only while neither a room nor a call of the session is open. `codes` creates room codes
    even if the surface is not `prebuilt`. With `provider`, no other one is used. Concurrent calls share one room.

    Raises `ProviderUnavailable` if no provider answers, `RoomNotReady` if another process takes too long to open the
    room, and `SurfaceNotOffered` if no provider has the surface.
    """
    reason: ProviderUnavailable | SurfaceNotOffered | None = None
    with_codes = codes or surface is Surface.PREBUILT
    names = await _selectable_providers(context, session, provider)
    for name in names:
        vendor = context.provider(name)
        if codes and Capability.ROOM_CODES not in vendor.capabilities:
            reason = reason or SurfaceNotOffered(f"{name} has no room codes. Ask for join credentials with `/v1`.")
            continue
        if surface is Surface.PREBUILT and Capability.PREBUILT not in vendor.capabilities:
            reason = reason or SurfaceNotOffered(
                f"{name} has no ready-made page for this app. Ask with `surface` `sdk`, or set the account's subdomain."
            )
            continue
        try:
            preferred = session.provider or names[0]
            return await _claim_or_wait(_RoomOpening(context, session, vendor, with_codes, uuid4(), preferred))
        except ProviderUnavailable as error:
            log.warning("room.open_failed", provider=name, session_id=str(session.id))
            reason = error
    raise reason or ProviderNotConfigured(
        "The app has no account with any provider. Add one with `videobroker accounts set`."
    )


async def _selectable_providers(
    context: RequestContext, session: Session, provider: ProviderName | None
) -> tuple[ProviderName, ...]:
    roles: Collection[str] = ()
    if session.provider is not None:
        async with context.transaction() as unit_of_work:
            if await rooms.has_open_room_or_call(unit_of_work, context.app.id, session.id):
                return (session.provider,)
            roles = await sessions.participant_roles(unit_of_work, context.app.id, session.id)
        if context.app.policy_for(session.terms.policy).guests_allowed:
            roles = [*roles, GUEST_ROLE]
    return select_next_providers(context.app, session, roles) if provider is None else (provider,)


async def _claim_or_wait(opening: _RoomOpening) -> Room:
    session = opening.session
    wanted = Room(RoomId(uuid7(opening.context.now)), session.id, opening.provider.name, RoomState.PREPARING)
    deadline = time.monotonic() + WAIT_SECONDS
    claim = await _claim(opening, wanted, awaited=None)
    awaited = claim.attempt
    with opening.context.broker.listener.subscribed(room_topic(claim.room.id)) as woken:
        while True:
            if claim.is_ours:
                return await _open_at_provider(opening, claim.room)
            if claim.room.state is RoomState.READY and (claim.room.codes or not opening.with_codes):
                return claim.room
            if claim.failure is not None and claim.attempt == awaited:
                raise _stored_failure(claim)
            if time.monotonic() > deadline:
                raise RoomNotReady("The room is still being prepared. Try again in a moment.", retry_after=1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), POLL_SECONDS * random.uniform(0.5, 1.5))
            woken.clear()
            claim = await _read_claim(opening, wanted)
            if claim.is_free:
                claim = await _claim(opening, wanted, awaited=awaited)


async def _claim(opening: _RoomOpening, wanted: Room, *, awaited: int | None) -> RoomClaim:
    async with opening.context.transaction() as unit_of_work:
        return await rooms.claim_opening(
            unit_of_work,
            opening.context.app.id,
            wanted,
            holder=opening.holder,
            with_codes=opening.with_codes,
            awaited=awaited,
            now=opening.context.now,
        )


async def _read_claim(opening: _RoomOpening, wanted: Room) -> RoomClaim:
    # Without a lock: hundreds of waiters must not block the process that opens the room.
    async with opening.context.transaction() as unit_of_work:
        return await rooms.read_claim(unit_of_work, opening.context.app.id, wanted)


def _stored_failure(claim: RoomClaim) -> ProviderError:
    failure = claim.failure or {}
    error = _FAILURES.get(failure.get("code", ""), ProviderUnavailable)
    return error(failure.get("detail", ""), retry_after=failure.get("retry_after"))


async def _open_at_provider(opening: _RoomOpening, room: Room) -> Room:
    if room.state is RoomState.PREPARING:
        # Before the request: if its response is lost, or this process crashes, the lifecycle closes the room.
        async with opening.context.transaction() as unit_of_work:
            await sessions.bring_next_step_forward(
                unit_of_work, opening.context.app.id, opening.session.id, opening.context.now + CONFIRMATION_DELAY
            )
    try:
        async with renew_periodically(_renewal(opening.context, room, opening.holder)):
            room, provider_room_id, codes = await _open_with_codes(opening, room)
    except RoomClosed as error:
        if room.state is not RoomState.READY:
            await _release(opening.context, opening.session, room, opening.holder, error)
            raise
        async with opening.context.transaction() as unit_of_work:
            await rooms.mark_closed_elsewhere(
                unit_of_work, opening.context.app.id, room.id, holder=opening.holder, now=opening.context.now
            )
        raise RoomNotReady("The room was closed at the provider. Try again.", retry_after=1) from error
    except ProviderError as error:
        await _release(opening.context, opening.session, room, opening.holder, error)
        raise
    except asyncio.CancelledError:
        # Release the lease, so that waiters do not have to wait until it expires.
        await asyncio.shield(_release(opening.context, opening.session, room, opening.holder, None))
        raise
    try:
        return await _write_open(opening, room, provider_room_id, codes)
    except _LeaseLost as error:
        if room.state is not RoomState.READY:
            await _invalidate(opening.context, opening.session, room, provider_room_id)
        raise RoomNotReady("The room is being created by another request. Retry.", retry_after=1) from error


async def _open_with_codes(opening: _RoomOpening, room: Room) -> tuple[Room, str, Mapping[str, str]]:
    """Open the room at the provider, or a room of the next generation if this one has too few room codes left."""
    if room.generation:
        # A process that crashed may have left the former room open. Only one room of a session may be open.
        await close_former_rooms(opening.context, opening.session)
    generation = room.generation
    provider_room_id = await _provider_room(opening, room)
    if await _has_few_codes_left(opening, room, provider_room_id):
        room, provider_room_id = await _next_generation(opening, room, provider_room_id)
    if not opening.with_codes:
        return room, provider_room_id, {}
    try:
        return room, provider_room_id, await opening.provider.issue_codes(provider_room_id)
    except RoomCodesExhausted:
        # If a new room gets no codes either, the cause is not the number of codes.
        if room.generation != generation or Capability.CLOSE_ROOM not in opening.provider.capabilities:
            raise
    room, provider_room_id = await _next_generation(opening, room, provider_room_id)
    return room, provider_room_id, await opening.provider.issue_codes(provider_room_id)


async def _has_few_codes_left(opening: _RoomOpening, room: Room, provider_room_id: str) -> bool:
    """Whether a room without a call should be replaced, before its codes run out during a call."""
    if room.state is RoomState.READY or not room.codes_issued:
        return False
    if not {Capability.ROOM_CODES, Capability.CLOSE_ROOM} <= opening.provider.capabilities:
        return False
    return await opening.provider.count_codes_left(provider_room_id) < MIN_CODES_LEFT


async def _next_generation(opening: _RoomOpening, room: Room, provider_room_id: str) -> tuple[Room, str]:
    """Replace the room: store the new generation, close the former room, then open the new one."""
    context, session = opening.context, opening.session
    async with context.transaction() as unit_of_work:
        new = await rooms.begin_generation(
            unit_of_work,
            context.app.id,
            room.id,
            holder=opening.holder,
            provider_room_id=provider_room_id,
            now=context.now,
        )
        if new is None:
            raise RoomNotReady("The room is being created by another request. Retry.", retry_after=1)
        await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
    await close_former_rooms(context, session)
    return new, await _provider_room(opening, new)


async def renew_room(context: RequestContext, session: Session, room: Room) -> None:
    """Replace an open room; the next join opens the new one. A running call ends at the provider.

    Raises `ProviderError` if the former room could not be closed; `close_former_rooms` retries.
    """
    holder = uuid4()
    async with context.transaction() as unit_of_work:
        if room.provider_room_id is None or not await rooms.claim_renewal(
            unit_of_work, context.app.id, room, holder=holder, now=context.now
        ):
            return
        await rooms.begin_generation(
            unit_of_work,
            context.app.id,
            room.id,
            holder=holder,
            provider_room_id=room.provider_room_id,
            now=context.now,
        )
        await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
        await rooms.release(unit_of_work, context.app.id, room.id, holder=holder, failure=None)
    await close_former_rooms(context, session)


async def close_former_rooms(context: RequestContext, session: Session) -> None:
    """Close the open rooms of former generations. Idempotent. Raises `ProviderError` if one could not be closed."""
    async with context.transaction() as unit_of_work:
        former = await rooms.former_rooms_of(unit_of_work, context.app.id, session.id)
    for room in former:
        if room.provider not in context.app.accounts:
            continue
        provider = context.provider(room.provider)
        if Capability.CLOSE_ROOM not in provider.capabilities:
            continue
        await provider.close_room(room.provider_room_id)
        async with context.transaction() as unit_of_work:
            if await rooms.mark_former_closed(unit_of_work, context.app.id, room, now=context.now):
                data = {"provider": room.provider}
                await record(unit_of_work, context.event(session, EventType.ROOM_CLOSED, data=data))


async def _provider_room(opening: _RoomOpening, room: Room) -> str:
    if room.state is RoomState.READY and room.provider_room_id is not None:
        return room.provider_room_id
    name = build_room_name(opening.context.app.id, opening.session.id, room.generation)
    # The room may have been closed earlier without our receiving the response.
    closure = room.closure or ("" if room.provider_room_id is not None else None)
    return await opening.provider.open_room(name, closure=closure)


async def _write_open(opening: _RoomOpening, room: Room, provider_room_id: str, codes: Mapping[str, str]) -> Room:
    context, session = opening.context, opening.session
    async with context.transaction() as unit_of_work:
        # Lock order: the session before its room, to avoid deadlocks.
        bound = await _bind_provider(unit_of_work, context, session, room.provider)
        opened = await rooms.mark_open(
            unit_of_work,
            context.app.id,
            room.id,
            holder=opening.holder,
            provider_room_id=provider_room_id,
            codes=codes,
            now=context.now,
        )
        if bound is None or opened is None:
            await _orphan_if_deleted(opening, unit_of_work, provider_room_id)
        elif room.state is not RoomState.READY:
            await record(unit_of_work, *_opened_events(opening, opened))
            await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
    if bound is None or opened is None:
        await close_orphaned_rooms(context, session.id)
        raise session_not_found(session.key)
    if bound.terms.is_closed:
        # Closed while the provider was opening the room: the close found no room yet, so we have to close it.
        await close_room(context, bound)
        raise RoomNotReady("The session was changed while its room was being opened. Try again.", retry_after=1)
    return opened


async def _bind_provider(
    unit_of_work: UnitOfWork, context: RequestContext, session: Session, provider: ProviderName
) -> Session | None:
    """Bind the session to the provider, and lock it. None if it was deleted, or a room or call is open elsewhere."""
    bound = await sessions.bind_provider(unit_of_work, context.app.id, session.id, provider)
    if bound is not None:
        return bound
    # Read under the lock: another process may have opened the room at the former provider meanwhile.
    locked = await sessions.lock_by_id(unit_of_work, context.app.id, session.id)
    if locked is None or await rooms.has_open_room_or_call(unit_of_work, context.app.id, session.id):
        return None
    return await sessions.bind_provider(unit_of_work, context.app.id, session.id, provider, former=locked.provider)


async def _orphan_if_deleted(opening: _RoomOpening, unit_of_work: UnitOfWork, provider_room_id: str) -> None:
    """Write that the room is to be closed if its session was deleted meanwhile. Otherwise raise `_LeaseLost`."""
    context, session = opening.context, opening.session
    if await sessions.find_by_id(unit_of_work, context.app.id, session.id) is not None:
        raise _LeaseLost
    await orphan_room(context, unit_of_work, session, opening.provider.name, provider_room_id)


def _opened_events(opening: _RoomOpening, room: Room) -> list[Event]:
    types = [EventType.ROOM_OPENED]
    if opening.preferred is not room.provider:
        types.append(EventType.PROVIDER_SWITCHED)
    data = {"provider": room.provider}
    return [opening.context.event(opening.session, event_type, data=data) for event_type in types]


def _renewal(context: RequestContext, room: Room, holder: UUID) -> Callable[[], Awaitable[None]]:
    async def renew() -> None:
        async with context.transaction() as unit_of_work:
            await rooms.renew(unit_of_work, context.app.id, room.id, holder)

    return renew


async def _invalidate(context: RequestContext, session: Session, room: Room, provider_room_id: str | None) -> None:
    """Require another request to the provider about this room, because the stored state may be wrong."""
    log.warning("room.lease_lost", session_id=str(session.id), provider=room.provider)
    async with context.transaction() as unit_of_work:
        await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
        await rooms.invalidate(unit_of_work, context.app.id, room, provider_room_id=provider_room_id, now=context.now)


async def _release(
    context: RequestContext, session: Session, room: Room, holder: UUID, error: ProviderError | None
) -> None:
    """Release the lease after a failure, which may have happened after the provider did what was requested."""
    failure = None if error is None else {"code": error.code, "detail": error.detail, "retry_after": error.retry_after}
    async with context.transaction() as unit_of_work:
        had_lease = await rooms.release(unit_of_work, context.app.id, room.id, holder=holder, failure=failure)
    # Room codes of an open room change nothing that others could rely on.
    if not had_lease and room.state is not RoomState.READY:
        await _invalidate(context, session, room, room.provider_room_id)


async def room_id_of_call(context: RequestContext, join_context: JoinContext, call: Call) -> str | None:
    """The provider's room ID for a call; None if the session never had a room at the call's provider.

    If the room is being replaced, or the session moved to another provider, it is the last room at the call's provider.
    """
    room = join_context.room
    if room is not None and room.provider is call.provider and room.provider_room_id is not None:
        return room.provider_room_id
    async with context.transaction() as unit_of_work:
        return await rooms.last_provider_room(unit_of_work, context.app.id, join_context.session.id, call.provider)


def can_close(context: RequestContext, session: Session) -> bool:
    """Whether the provider of the session's room can close rooms."""
    return session.provider is not None and can_close_rooms_at(context, session.provider)


def can_close_rooms_at(context: RequestContext, name: ProviderName) -> bool:
    """Whether the app has an account with this provider that can close rooms."""
    if name not in context.app.accounts:
        return False
    try:
        return Capability.CLOSE_ROOM in context.provider(name).capabilities
    except ProviderNotConfigured:
        return False


async def close_room(context: RequestContext, session: Session) -> None:
    """Close the session's room at its provider. If that fails, it stays `closing`, and the lifecycle retries."""
    if session.provider is None:
        return
    provider = context.provider(session.provider)
    if Capability.CLOSE_ROOM not in provider.capabilities:
        return
    holder = uuid4()
    async with context.transaction() as unit_of_work:
        room = await rooms.claim_closing(
            unit_of_work, context.app.id, session.id, session.provider, holder=holder, now=context.now
        )
    if room is None or room.provider_room_id is None:
        return
    try:
        async with renew_periodically(_renewal(context, room, holder)):
            closure = await provider.close_room(
                room.provider_room_id, codes=list(room_codes.decrypt(context.broker.secret_box, room.codes).values())
            )
    except ProviderError as error:
        log.warning("room.close_failed", session_id=str(session.id), error=error.code)
        # Without the failure: processes that wait for the lease want to open the room, and must not get this error.
        await _release(context, session, room, holder, None)
        async with context.transaction() as unit_of_work:
            await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now + RETRY_DELAY)
        return
    async with context.transaction() as unit_of_work:
        if await rooms.mark_closed(
            unit_of_work, context.app.id, room.id, holder=holder, closure=closure, now=context.now
        ):
            data = {"provider": room.provider}
            await record(unit_of_work, context.event(session, EventType.ROOM_CLOSED, data=data))
            return
    await _invalidate(context, session, room, room.provider_room_id)


async def close_unconfirmed_room(context: RequestContext, session: Session, unconfirmed: UnconfirmedRoom) -> bool:
    """Close a room that `rooms.unconfirmed_of` returned. False if that has to be retried.

    If the response to opening it was lost, the provider finds it by its deterministic name.
    """
    room, holder = unconfirmed.room, uuid4()
    async with context.transaction() as unit_of_work:
        claimed = await rooms.claim_unconfirmed(
            unit_of_work,
            context.app.id,
            room.id,
            holder=holder,
            started_before=context.now - CONFIRMATION_DELAY + _TICK,
        )
    if claimed is None:
        return False
    provider = context.provider(room.provider)
    name = build_room_name(context.app.id, session.id, claimed.generation)
    provider_room_id, closure = claimed.provider_room_id, claimed.closure
    try:
        async with renew_periodically(_renewal(context, claimed, holder)):
            provider_room_id = provider_room_id or await provider.find_open_room(name)
            if provider_room_id is not None:
                closure = await provider.close_room(provider_room_id)
    except ProviderError as error:
        log.warning("room.close_failed", session_id=str(session.id), error=error.code)
        await _release(context, session, claimed, holder, None)
        return False
    async with context.transaction() as unit_of_work:
        if await rooms.mark_closed(
            unit_of_work, context.app.id, claimed.id, holder=holder, closure=closure, now=context.now
        ):
            if provider_room_id is not None:
                data = {"provider": room.provider}
                await record(unit_of_work, context.event(session, EventType.ROOM_CLOSED, data=data))
            return True
    await _invalidate(context, session, claimed, provider_room_id)
    return False
