"""Makes sure that a session has exactly one room, and shuts it.

The row of the room is the claim: whoever holds its lease asks the provider, outside any transaction, and writes the
outcome; everybody else waits for that outcome. A holder that dies stops renewing, and the next one asks again: the
name of the room is always the same, so the provider answers with the same room.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from videobroker.concurrency.lease import renew_periodically
from videobroker.domain.calls import Call
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import RoomId, uuid7
from videobroker.domain.join_context import JoinContext, select_providers
from videobroker.domain.rooms import Room, RoomState, build_room_name
from videobroker.domain.sessions import Session
from videobroker.errors import (
    ProviderError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderUnavailable,
    RoomNotReady,
    SurfaceNotOffered,
)
from videobroker.providers.contract import Capability, Provider, RoomCodesExhausted, Surface
from videobroker.storage.calls import room_codes, rooms
from videobroker.storage.calls.rooms import Claim
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.notifications import room_topic
from videobroker.storage.sessions import sessions
from videobroker.usecases.context import RequestContext

TRY_AGAIN = timedelta(seconds=30)
"""After a room could not be closed. Somebody may still be in it."""
LOOK_AGAIN_SECONDS = 1.0
"""How long to wait for a wake-up before looking by oneself; give or take a half, lest a crowd looks at once."""
CODES_FOR_A_CALL = 50
"""A room that is opened with fewer room codes left is left for a new one: one code for each role when the call begins,
and one for each removal while it lasts. Most templates have two to five roles."""
WAIT_SECONDS = 12.0
"""How long to wait for somebody else's room. The provider client gives up sooner: waiting longer helps nobody."""

log = structlog.get_logger(__name__)

_FAILURES: dict[str, type[ProviderError]] = {
    error.kind.code: error for error in (ProviderUnavailable, ProviderRefused, ProviderNotConfigured)
}


@dataclass(frozen=True, slots=True)
class _Opening:
    """One process's wish that a room be open."""

    context: RequestContext
    session: Session
    provider: Provider
    with_codes: bool
    holder: UUID


async def open_room(context: RequestContext, session: Session, *, surface: Surface, codes: bool = False) -> Room:
    """The session's room, ready to be entered; opened at the first of its providers that answers.

    `codes` asks for the room's codes also where the page that takes them is not the vendor's.

    Raises `ProviderUnavailable` when none of them does, `RoomNotReady` when somebody else is still at it, and
    `SurfaceNotOffered` when none of them has such a page.
    """
    reason: ProviderUnavailable | SurfaceNotOffered | None = None
    with_codes = codes or surface is Surface.PREBUILT
    for name in select_providers(context.app, session):
        provider = context.provider(name)
        if codes and Capability.ROOM_CODES not in provider.capabilities:
            reason = reason or SurfaceNotOffered(f"{name} has no room codes. Ask for join credentials with `/v1`.")
            continue
        if surface is Surface.PREBUILT and Capability.PREBUILT not in provider.capabilities:
            reason = reason or SurfaceNotOffered(
                f"{name} has no ready-made page for this app. Ask with `surface` `sdk`, or set the account's subdomain."
            )
            continue
        try:
            return await _open_at(_Opening(context, session, provider, with_codes, uuid4()))
        except ProviderUnavailable as error:
            log.warning("room.open_failed", provider=name, session_id=str(session.id))
            reason = error
    raise reason or ProviderNotConfigured(
        "The app has no account with any provider. Add one with `videobroker accounts set`."
    )


async def _open_at(opening: _Opening) -> Room:
    session = opening.session
    wanted = Room(RoomId(uuid7(opening.context.now)), session.id, opening.provider.name, RoomState.PREPARING)
    deadline = time.monotonic() + WAIT_SECONDS
    claim = await _claim(opening, wanted, awaited=None)
    awaited = claim.attempt
    with opening.context.broker.listener.subscribed(room_topic(claim.room.id)) as woken:
        while True:
            if claim.is_ours:
                return await _ask_provider(opening, claim.room)
            if claim.room.state is RoomState.READY and (claim.room.codes or not opening.with_codes):
                return claim.room
            if claim.failure is not None and claim.attempt == awaited:
                raise _failure_again(claim)
            if time.monotonic() > deadline:
                raise RoomNotReady("The room is still being prepared. Ask again in a moment.", retry_after=1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), LOOK_AGAIN_SECONDS * random.uniform(0.5, 1.5))
            woken.clear()
            claim = await _look(opening, wanted)
            if claim.is_free:
                claim = await _claim(opening, wanted, awaited=awaited)


async def _claim(opening: _Opening, wanted: Room, *, awaited: int | None) -> Claim:
    async with opening.context.store.transaction() as transaction:
        return await rooms.claim_opening(
            transaction,
            opening.context.app.id,
            wanted,
            holder=opening.holder,
            with_codes=opening.with_codes,
            awaited=awaited,
            now=opening.context.now,
        )


async def _look(opening: _Opening, wanted: Room) -> Claim:
    # Only reading: hundreds of waiters must not stand in the way of the one who works.
    async with opening.context.store.transaction() as transaction:
        return await rooms.read_claim(transaction, opening.context.app.id, wanted)


def _failure_again(claim: Claim) -> ProviderError:
    failure = claim.failure or {}
    error = _FAILURES.get(failure.get("code", ""), ProviderUnavailable)
    return error(failure.get("detail", ""), retry_after=failure.get("retry_after"))


async def _ask_provider(opening: _Opening, room: Room) -> Room:
    try:
        async with renew_periodically(_renewal(opening.context, room, opening.holder)):
            room, provider_room_id, codes = await _open_with_codes(opening, room)
    except ProviderError as error:
        await _give_up(opening.context, room, opening.holder, error)
        raise
    except asyncio.CancelledError:
        # Nobody has to wait for a lease to run out because its holder was told to stop.
        await asyncio.shield(_give_up(opening.context, room, opening.holder, None))
        raise
    return await _write_open(opening, room, provider_room_id, codes)


async def _open_with_codes(opening: _Opening, room: Room) -> tuple[Room, str, Mapping[str, str]]:
    """Opens the room at the provider, or one of the next generation where this one has too few room codes left."""
    if room.generation:
        # A process that died may have left the former room open. Only one room of a session is open at a time.
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
        # A new room without codes that gets none either has another problem.
        if room.generation != generation or Capability.CLOSE_ROOM not in opening.provider.capabilities:
            raise
    room, provider_room_id = await _next_generation(opening, room, provider_room_id)
    return room, provider_room_id, await opening.provider.issue_codes(provider_room_id)


async def _has_few_codes_left(opening: _Opening, room: Room, provider_room_id: str) -> bool:
    """Whether an empty room should be left, before its codes run out in the middle of a call."""
    if room.state is RoomState.READY or not room.codes_issued:
        return False
    if not {Capability.ROOM_CODES, Capability.CLOSE_ROOM} <= opening.provider.capabilities:
        return False
    return await opening.provider.count_codes_left(provider_room_id) < CODES_FOR_A_CALL


async def _next_generation(opening: _Opening, room: Room, provider_room_id: str) -> tuple[Room, str]:
    """Leaves the room for a new one: written first, then the former room is closed, then the new one is opened."""
    context, session = opening.context, opening.session
    async with context.store.transaction() as transaction:
        left = await rooms.begin_generation(
            transaction,
            context.app.id,
            room.id,
            holder=opening.holder,
            provider_room_id=provider_room_id,
            now=context.now,
        )
        if left is None:
            raise RoomNotReady("Another process prepared the room meanwhile. Ask again.", retry_after=1)
        await sessions.bring_next_step_forward(transaction, context.app.id, session.id, context.now)
    await close_former_rooms(context, session)
    return left, await _provider_room(opening, left)


async def renew_room(context: RequestContext, session: Session, room: Room) -> None:
    """Leave an open room for a new one, which the next join opens. A call that is running there ends at the provider.

    Raises `ProviderError` when the former room could not be closed; `close_former_rooms` tries again.
    """
    holder = uuid4()
    async with context.store.transaction() as transaction:
        if room.provider_room_id is None or not await rooms.claim_renewal(
            transaction, context.app.id, room, holder=holder, now=context.now
        ):
            return
        await rooms.begin_generation(
            transaction, context.app.id, room.id, holder=holder, provider_room_id=room.provider_room_id, now=context.now
        )
        await sessions.bring_next_step_forward(transaction, context.app.id, session.id, context.now)
        await rooms.release(transaction, context.app.id, room.id, holder=holder, failure=None)
    await close_former_rooms(context, session)


async def close_former_rooms(context: RequestContext, session: Session) -> None:
    """Close the rooms that the session has left, as far as they are still open. Safe to repeat.

    Raises `ProviderError` when one could not be closed.
    """
    async with context.store.transaction() as transaction:
        left = await rooms.former_rooms_of(transaction, context.app.id, session.id)
    for room in left:
        if room.provider not in context.app.accounts:
            continue
        provider = context.provider(room.provider)
        if Capability.CLOSE_ROOM not in provider.capabilities:
            continue
        await provider.close_room(room.provider_room_id)
        async with context.store.transaction() as transaction:
            if await rooms.mark_former_closed(transaction, context.app.id, room, now=context.now):
                data = {"provider": room.provider}
                await record(transaction, context.event(session, EventType.ROOM_CLOSED, data=data))


async def _provider_room(opening: _Opening, room: Room) -> str:
    if room.state is RoomState.READY and room.provider_room_id is not None:
        return room.provider_room_id
    name = build_room_name(opening.context.app.id, opening.session.id, room.generation)
    # A room that was open before may have been closed without our having got the answer.
    closure = room.closure or ("" if room.provider_room_id is not None else None)
    return await opening.provider.open_room(name, closure=closure)


async def _write_open(opening: _Opening, room: Room, provider_room_id: str, codes: Mapping[str, str]) -> Room:
    context, session = opening.context, opening.session
    async with context.store.transaction() as transaction:
        opened = await rooms.mark_open(
            transaction,
            context.app.id,
            room.id,
            holder=opening.holder,
            provider_room_id=provider_room_id,
            codes=codes,
            now=context.now,
        )
        bound = await sessions.bind_provider(transaction, context.app.id, session.id, room.provider)
        if opened is None or bound is None:
            raise RoomNotReady("The room is being created by another request. Retry.", retry_after=1)
        if room.state is not RoomState.READY:
            await record(transaction, *_opened_events(opening, opened))
            await sessions.bring_next_step_forward(transaction, context.app.id, session.id, context.now)
    if bound.terms.is_closed:
        # Shut while the provider was asked: whoever shut it found no room yet, so closing it falls to us.
        await close_room(context, bound)
        raise RoomNotReady("The session was changed while its room was being opened. Ask again.", retry_after=1)
    return opened


def _opened_events(opening: _Opening, room: Room) -> list[Event]:
    types = [EventType.ROOM_OPENED]
    if select_providers(opening.context.app, opening.session)[0] is not room.provider:
        types.append(EventType.PROVIDER_SWITCHED)
    data = {"provider": room.provider}
    return [opening.context.event(opening.session, event_type, data=data) for event_type in types]


def _renewal(context: RequestContext, room: Room, holder: UUID) -> Callable[[], Awaitable[None]]:
    async def renew() -> None:
        async with context.store.transaction() as transaction:
            await rooms.renew(transaction, context.app.id, room.id, holder)

    return renew


async def _give_up(context: RequestContext, room: Room, holder: UUID, error: ProviderError | None) -> None:
    failure = None if error is None else {"code": error.code, "detail": error.detail, "retry_after": error.retry_after}
    async with context.store.transaction() as transaction:
        await rooms.release(transaction, context.app.id, room.id, holder=holder, failure=failure)


async def room_id_of_call(context: RequestContext, entrance: JoinContext, call: Call) -> str | None:
    """The room of a call by the provider's ID.

    The session may be leaving that room for a new one, or may have moved to another provider: then it is the last room
    that it had at the call's provider. None if it had none.
    """
    room = entrance.room
    if room is not None and room.provider is call.provider and room.provider_room_id is not None:
        return room.provider_room_id
    async with context.store.transaction() as transaction:
        return await rooms.last_provider_room(transaction, context.app.id, entrance.session.id, call.provider)


def can_close(context: RequestContext, session: Session) -> bool:
    """Whether the session's room is one that can be shut."""
    if session.provider is None or session.provider not in context.app.accounts:
        return False
    try:
        return Capability.CLOSE_ROOM in context.provider(session.provider).capabilities
    except ProviderNotConfigured:
        return False


async def close_room(context: RequestContext, session: Session) -> None:
    """Shut the session's room at its provider. What cannot be shut now stays `closing`, and is tried again."""
    if session.provider is None:
        return
    provider = context.provider(session.provider)
    if Capability.CLOSE_ROOM not in provider.capabilities:
        return
    holder = uuid4()
    async with context.store.transaction() as transaction:
        room = await rooms.claim_closing(transaction, context.app.id, session.id, holder=holder, now=context.now)
    if room is None or room.provider_room_id is None:
        return
    try:
        async with renew_periodically(_renewal(context, room, holder)):
            closure = await provider.close_room(
                room.provider_room_id, codes=list(room_codes.decrypt(context.broker.secret_box, room.codes).values())
            )
    except ProviderError as error:
        log.warning("room.close_failed", session_id=str(session.id), error=error.code)
        # Whoever waits for the lease wants the room open: that this failed is no news for them.
        await _give_up(context, room, holder, None)
        async with context.store.transaction() as transaction:
            await sessions.bring_next_step_forward(transaction, context.app.id, session.id, context.now + TRY_AGAIN)
        return
    async with context.store.transaction() as transaction:
        if await rooms.mark_closed(
            transaction, context.app.id, room.id, holder=holder, closure=closure, now=context.now
        ):
            data = {"provider": room.provider}
            await record(transaction, context.event(session, EventType.ROOM_CLOSED, data=data))
