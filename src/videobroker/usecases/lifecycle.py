"""Sees to what falls due for a session by the passing of time: closing, missing people, verdicts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.calls import Call, EndReason
from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.join_context import build_access_context
from videobroker.domain.lifecycle import DueStep, LifecycleState, LifecycleStep, list_due_steps
from videobroker.domain.rooms import Room, RoomState
from videobroker.domain.sessions import Session
from videobroker.domain.times import rfc3339
from videobroker.errors import ProviderError
from videobroker.storage.attendance import identities
from videobroker.storage.calls import calls, rooms
from videobroker.storage.joining import lobby
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.attendance.reconciliation import (
    GIVE_UP_AFTER,
    ReconciliationOutcome,
    reconcile_call,
    reconcile_room,
)
from videobroker.usecases.attendance.verdicts import who_is_missing, write_verdicts
from videobroker.usecases.calls.calls import end_open_call
from videobroker.usecases.calls.rooms import TRY_AGAIN, can_close, close_former_rooms, close_room
from videobroker.usecases.context import RequestContext

LONGEST_PAUSE = timedelta(hours=1)
LOOKS_BACK = timedelta(hours=12)
"""People with a room code may have come so long before the start."""
ROUNDS = 8
"""No session has more errands at one time."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A session at the time of a run, and the context in which the service acts on it."""

    context: RequestContext
    session: Session
    call: Call | None
    room: Room | None
    affairs: LifecycleState


async def run_due_steps(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> list[LifecycleStep]:
    """Do what is due for a session, and write when to look again; what was done.

    Safe to repeat, and safe to be cut off anywhere: what is due follows from what is stored.
    """
    done: list[LifecycleStep] = []
    put_off: dict[LifecycleStep, datetime] = {}
    again_at = await _close_former_rooms(broker, app_id, session_id, now=now)
    for _ in range(ROUNDS):
        async with broker.store.transaction() as transaction:
            snapshot = await _snapshot(transaction, broker, app_id, session_id, now)
            if snapshot is None:
                return done
            dues = [each for each in list_due_steps(snapshot.affairs) if each.step not in put_off]
            due = next((each for each in dues if each.at <= now), None)
            if due is None:
                moments = [*put_off.values(), *(each.at for each in dues), *([] if again_at is None else [again_at])]
                await sessions.set_next_step_at(transaction, app_id, session_id, min(moments, default=None))
                return done
        done.append(due.step)
        if not await _run_step(snapshot, due):
            # The others must not wait for it.
            put_off[due.step] = now + _pause(due, now)
    return done


async def _close_former_rooms(
    broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime
) -> datetime | None:
    """Close the rooms that the session has left; when to try again, where the provider could not be reached."""
    async with broker.store.transaction() as transaction:
        if not await rooms.former_rooms_of(transaction, app_id, session_id):
            return None
        app = await apps.app_by_id(transaction, app_id)
        session = await sessions.find_by_id(transaction, app_id, session_id)
    if app is None or session is None:
        return None
    try:
        await close_former_rooms(RequestContext.for_system(broker, app, now), session)
    except ProviderError as error:
        log.warning("room.former_close_failed", session_id=str(session_id), error=error.code)
        return now + TRY_AGAIN
    return None


def _pause(due: DueStep, now: datetime) -> timedelta:
    """The longer something could not be done, the more seldom it is tried."""
    return min(max((now - due.at) / 4, TRY_AGAIN), LONGEST_PAUSE)


async def _snapshot(
    transaction: UnitOfWork, broker: Broker, app_id: AppId, session_id: SessionId, now: datetime
) -> _Snapshot | None:
    app = await apps.app_by_id(transaction, app_id)
    session = await sessions.lock_by_id(transaction, app_id, session_id)
    if app is None or session is None:
        return None
    context = RequestContext.for_system(broker, app, now)
    held = await calls.newest_of_session(transaction, app_id, session_id)
    call = next((call for call in held if call.ended_at is None), None)
    found = await rooms.find(transaction, app_id, session_id)
    room = next((room for room in found if room.provider is session.provider), None)
    last_ended = max((call.ended_at for call in held if call.ended_at is not None), default=None)
    affairs = LifecycleState(
        access=build_access_context(app, session, call_running=call is not None),
        is_closed=session.terms.is_closed,
        created_at=session.created_at,
        changed_at=session.updated_at,
        call_open=call is not None,
        room_open=room is not None and room.state is RoomState.READY and can_close(context, session),
        room_closing=room is not None and room.state is RoomState.CLOSING and can_close(context, session),
        present=None if call is None or call.evidence_at is None else call.attendance.present,
        empty_since=None if call is None else await _quiet_since(transaction, app, session, call),
        last_call_ended_at=last_ended,
        no_shows_reported_for=session.no_shows_reported_for,
        concluded=session.concluded_at is not None,
    )
    return _Snapshot(context, session, call, room, affairs)


async def _quiet_since(transaction: UnitOfWork, app: App, session: Session, call: Call) -> datetime:
    """Since when nobody has been in the call, nor got credentials for it: who has them may be on the way."""
    last_left_at = call.attendance.last_left_at or call.started_at
    issued_at = await identities.last_issued_at(transaction, app.id, session.id, user_id=None, since=call.started_at)
    return max(last_left_at, issued_at or call.started_at)


async def _run_step(snapshot: _Snapshot, due: DueStep) -> bool:
    """Run one errand; False when it has to be tried again later."""
    log.info("lifecycle.step_started", step=due.step, session_id=str(snapshot.session.id), reason=due.reason)
    match due.step:
        case LifecycleStep.CLOSE:
            return await _close(snapshot, due)
        case LifecycleStep.REPORT_NO_SHOWS:
            return await _report_no_shows(snapshot, due)
        case LifecycleStep.CONCLUDE:
            return await _conclude(snapshot, due)


async def _close(snapshot: _Snapshot, due: DueStep) -> bool:
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    if snapshot.call is not None and snapshot.affairs.present == 0:
        # Somebody may be in it of whom we have heard, or would hear if we asked: nobody is thrown out by mistake.
        await process_session(broker, app.id, session.id, now=now)
        await reconcile_call(broker, app.id, session.id, snapshot.call.id, now=now)
    async with broker.store.transaction() as transaction:
        # What was due may have changed since we looked: a new start, another reschedule.
        again = await _snapshot(transaction, broker, app.id, session.id, now)
        if again is None or due.step not in {each.step for each in list_due_steps(again.affairs) if each.at <= now}:
            return True
        await end_open_call(
            again.context,
            transaction,
            again.session,
            by=None,
            reason=due.reason or EndReason.REQUESTED,
            at=_end_of_call(again, due),
        )
    await close_room(again.context, again.session)
    async with broker.store.transaction() as transaction:
        after = await _snapshot(transaction, broker, app.id, session.id, now)
    return after is None or not after.affairs.room_closing


def _end_of_call(snapshot: _Snapshot, due: DueStep) -> datetime:
    """When the call was over: with the last person in it, or when the window closed if nobody knows of persons."""
    call, now = snapshot.call, snapshot.context.now
    if call is None or snapshot.affairs.present is None:
        return min(due.at, now)
    if snapshot.affairs.present == 0 and call.attendance.last_left_at is not None:
        return min(call.attendance.last_left_at, now)
    return min(due.at, now) if snapshot.affairs.present == 0 else now


async def _report_no_shows(snapshot: _Snapshot, due: DueStep) -> bool:
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    starts_at = session.terms.starts_at
    told = await _reconcile_calls(snapshot)
    if told is ReconciliationOutcome.SILENT and now < due.at + GIVE_UP_AFTER:
        # A lost webhook must not make somebody absent.
        return False
    async with broker.store.transaction() as transaction:
        locked = await sessions.lock_by_id(transaction, app.id, session.id)
        if locked is None or starts_at is None or locked.terms != session.terms:
            return True
        if locked.no_shows_reported_for == starts_at:
            return True
        confirmed = told is ReconciliationOutcome.ANSWERED
        missing, evidence = await who_is_missing(transaction, app, locked, confirmed=confirmed)
        data = {"starts_at": rfc3339(starts_at), "call": snapshot.call and str(snapshot.call.id)}
        if evidence:
            await record(
                transaction,
                *(
                    context.event(
                        locked,
                        EventType.PARTICIPANT_NO_SHOW,
                        user_id=person.user_id,
                        data=data | {"role": person.role},
                    )
                    for person in missing
                ),
            )
        await sessions.set_no_shows_reported_for(transaction, app.id, session.id, starts_at)
    return True


async def _reconcile_calls(snapshot: _Snapshot) -> ReconciliationOutcome:
    """Ask about every call that is not settled; where there was none, about the room."""
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    async with broker.store.transaction() as transaction:
        held = await calls.newest_of_session(transaction, app.id, session.id)
    if not held:
        since = session.created_at if session.terms.starts_at is None else session.terms.starts_at - LOOKS_BACK
        return await reconcile_room(broker, app.id, session.id, since=since, now=now)
    told = [
        await reconcile_call(broker, app.id, session.id, call.id, now=now) for call in held if call.settled_at is None
    ]
    return ReconciliationOutcome.SILENT if ReconciliationOutcome.SILENT in told else ReconciliationOutcome.ANSWERED


async def _conclude(snapshot: _Snapshot, due: DueStep) -> bool:
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    told = await _reconcile_calls(snapshot)
    async with broker.store.transaction() as transaction:
        locked = await sessions.lock_by_id(transaction, app.id, session.id)
        if locked is None or locked.terms != session.terms or locked.concluded_at is not None:
            return True
        open_yet = [
            call for call in await calls.newest_of_session(transaction, app.id, session.id) if call.settled_at is None
        ]
        if open_yet or (told is ReconciliationOutcome.SILENT and now < due.at + GIVE_UP_AFTER):
            return False
        await lobby.delete_entries_of_session(transaction, app.id, session.id)
        await write_verdicts(transaction, app, locked, confirmed=told is ReconciliationOutcome.ANSWERED, now=now)
    return True
