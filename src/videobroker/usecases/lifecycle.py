"""Time-driven session lifecycle: closes calls and rooms, reports no-shows, finalizes verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.calls import Call, EndReason
from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.join_context import build_access_context
from videobroker.domain.lifecycle import (
    CONFIRMATION_DELAY,
    DueStep,
    LifecycleState,
    LifecycleStep,
    is_close_due,
    is_closed_because_empty,
    list_due_steps,
)
from videobroker.domain.rooms import Room, RoomState, UnconfirmedRoom
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
from videobroker.usecases.attendance.process_webhooks import has_unprocessed_webhooks, process_before_decision
from videobroker.usecases.attendance.reconciliation import (
    GIVE_UP_AFTER,
    ReconciliationOutcome,
    reconcile_call,
    reconcile_room,
)
from videobroker.usecases.attendance.verdicts import find_missing_participants, write_verdicts
from videobroker.usecases.calls.calls import end_open_call
from videobroker.usecases.calls.rooms import (
    RETRY_DELAY,
    can_close,
    can_close_rooms_at,
    close_former_rooms,
    close_room,
    close_unconfirmed_room,
)
from videobroker.usecases.context import RequestContext

MAX_RETRY_DELAY = timedelta(hours=1)
WEBHOOK_RETRY_DELAY = timedelta(seconds=5)
"""Delay of a decision while webhooks of the session are not processed. Another worker is usually processing them."""
PRESENCE_LOOKBACK = timedelta(hours=12)
"""How long before the start presence is read: room codes open the room at any time."""
MAX_STEPS_PER_RUN = 8
"""More than a session can have due at one time."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A session at the time of a run, and the context in which the service acts on it."""

    context: RequestContext
    session: Session
    call: Call | None
    unconfirmed_rooms: Sequence[UnconfirmedRoom]
    state: LifecycleState


async def run_due_steps(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> list[LifecycleStep]:
    """Run the due steps of a session, and store when the next one is due. Returns the steps that were run.

    Idempotent, and safe to interrupt at any point: due steps are computed from stored state.
    """
    done: list[LifecycleStep] = []
    postponed: dict[LifecycleStep, datetime] = {}
    retry_at = await _close_former_rooms(broker, app_id, session_id, now=now)
    for _ in range(MAX_STEPS_PER_RUN):
        async with broker.store.transaction(app_id) as unit_of_work:
            snapshot = await _snapshot(unit_of_work, broker, app_id, session_id, now)
            if snapshot is None:
                return done
            steps = [step for step in list_due_steps(snapshot.state) if step.step not in postponed]
            due = next((step for step in steps if step.at <= now), None)
            if due is None:
                times = [*postponed.values(), *(step.at for step in steps), *([] if retry_at is None else [retry_at])]
                await sessions.set_next_step_at(unit_of_work, app_id, session_id, min(times, default=None))
                return done
        done.append(due.step)
        delay = await _run_step(snapshot, due)
        if delay is not None:
            # A step that fails must not delay the others.
            postponed[due.step] = now + delay
    return done


async def _close_former_rooms(
    broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime
) -> datetime | None:
    """Close the session's earlier rooms. Returns when to retry if the provider could not be reached."""
    async with broker.store.transaction(app_id) as unit_of_work:
        if not await rooms.former_rooms_of(unit_of_work, app_id, session_id):
            return None
        app = await apps.app_by_id(unit_of_work, app_id)
        session = await sessions.find_by_id(unit_of_work, app_id, session_id)
    if app is None or session is None:
        return None
    try:
        await close_former_rooms(RequestContext.for_system(broker, app, now), session)
    except ProviderError as error:
        log.warning("room.former_close_failed", session_id=str(session_id), error=error.code)
        return now + RETRY_DELAY
    return None


def _retry_delay(due: DueStep, now: datetime) -> timedelta:
    """A quarter of the time since the step was due, so that retries become less frequent."""
    return min(max((now - due.at) / 4, RETRY_DELAY), MAX_RETRY_DELAY)


async def _snapshot(
    unit_of_work: UnitOfWork, broker: Broker, app_id: AppId, session_id: SessionId, now: datetime
) -> _Snapshot | None:
    app = await apps.app_by_id(unit_of_work, app_id)
    session = await sessions.lock_by_id(unit_of_work, app_id, session_id)
    if app is None or session is None:
        return None
    context = RequestContext.for_system(broker, app, now)
    session_calls = await calls.newest_of_session(unit_of_work, app_id, session_id)
    call = next((call for call in session_calls if call.ended_at is None), None)
    found = await rooms.find(unit_of_work, app_id, session_id)
    room = next((room for room in found if room.provider is session.provider), None)
    unconfirmed = [
        each
        for each in await _unconfirmed(unit_of_work, session, found)
        # During a call, a room is also prepared to replace the present one.
        if (call is None or call.provider is not each.room.provider) and can_close_rooms_at(context, each.room.provider)
    ]
    last_ended = max((call.ended_at for call in session_calls if call.ended_at is not None), default=None)
    state = LifecycleState(
        access=build_access_context(app, session, call_running=call is not None),
        is_closed=session.terms.is_closed,
        created_at=session.created_at,
        changed_at=session.updated_at,
        call_open=call is not None,
        room_open=room is not None and room.state is RoomState.READY and can_close(context, session),
        room_closing=room is not None and room.state is RoomState.CLOSING and can_close(context, session),
        room_unconfirmed_since=min((each.since for each in unconfirmed), default=None),
        present=None if call is None or call.evidence_at is None else call.attendance.present,
        empty_since=None if call is None else await _quiet_since(unit_of_work, app, session, call),
        last_call_ended_at=last_ended,
        no_shows_reported_for=session.no_shows_reported_for,
        concluded=session.concluded_at is not None,
    )
    return _Snapshot(context, session, call, unconfirmed, state)


async def _unconfirmed(unit_of_work: UnitOfWork, session: Session, found: Sequence[Room]) -> Sequence[UnconfirmedRoom]:
    if all(room.state in {RoomState.READY, RoomState.CLOSED} for room in found):
        return ()
    return await rooms.unconfirmed_of(unit_of_work, session.key.app_id, session.id)


async def _quiet_since(unit_of_work: UnitOfWork, app: App, session: Session, call: Call) -> datetime:
    """When the last person left or got credentials, whichever is later: a person with credentials may be joining."""
    last_left_at = call.attendance.last_left_at or call.started_at
    issued_at = await identities.last_issued_at(unit_of_work, app.id, session.id, user_id=None, since=call.started_at)
    return max(last_left_at, issued_at or call.started_at)


async def _run_step(snapshot: _Snapshot, due: DueStep) -> timedelta | None:
    """Run one step. Returns after which time to retry it; None if it is done."""
    log.info("lifecycle.step_started", step=due.step, session_id=str(snapshot.session.id), reason=due.reason)
    match due.step:
        case LifecycleStep.CLOSE:
            return await _close(snapshot, due)
        case LifecycleStep.CLOSE_UNCONFIRMED:
            return await _close_unconfirmed(snapshot, due)
        case LifecycleStep.REPORT_NO_SHOWS:
            return await _report_no_shows(snapshot, due)
        case LifecycleStep.CONCLUDE:
            return await _conclude(snapshot, due)


async def _close(snapshot: _Snapshot, due: DueStep) -> timedelta | None:
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    if snapshot.call is not None and snapshot.state.present == 0:
        # Unprocessed webhooks or the provider may know of people in the call. Do not disconnect them by mistake.
        await process_before_decision(broker, app.id, session.id, now=now)
        await reconcile_call(broker, app.id, session.id, snapshot.call.id, now=now)
    async with broker.store.transaction(app.id) as unit_of_work:
        # The session may have been rescheduled, or the call joined again, since the snapshot.
        current = await _snapshot(unit_of_work, broker, app.id, session.id, now)
        if current is None or not is_close_due(current.state, now):
            return None
        if is_closed_because_empty(current.state, now) and await has_unprocessed_webhooks(
            unit_of_work, app.id, session.id, now=now
        ):
            return WEBHOOK_RETRY_DELAY
        await end_open_call(
            current.context,
            unit_of_work,
            current.session,
            by=None,
            reason=due.reason or EndReason.REQUESTED,
            at=_end_of_call(current, due),
        )
    await close_room(current.context, current.session)
    async with broker.store.transaction(app.id) as unit_of_work:
        after = await _snapshot(unit_of_work, broker, app.id, session.id, now)
    return _retry_delay(due, now) if after is not None and after.state.room_closing else None


async def _close_unconfirmed(snapshot: _Snapshot, due: DueStep) -> timedelta | None:
    closed = [
        await close_unconfirmed_room(snapshot.context, snapshot.session, each)
        for each in snapshot.unconfirmed_rooms
        if each.since + CONFIRMATION_DELAY <= snapshot.context.now
    ]
    return None if all(closed) else _retry_delay(due, snapshot.context.now)


def _end_of_call(snapshot: _Snapshot, due: DueStep) -> datetime:
    """When the last person left; without evidence of people, when the step became due. Never in the future."""
    call, now = snapshot.call, snapshot.context.now
    if call is None or snapshot.state.present is None:
        return min(due.at, now)
    if snapshot.state.present == 0 and call.attendance.last_left_at is not None:
        return min(call.attendance.last_left_at, now)
    return min(due.at, now) if snapshot.state.present == 0 else now


async def _report_no_shows(snapshot: _Snapshot, due: DueStep) -> timedelta | None:
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    starts_at = session.terms.starts_at
    await process_before_decision(broker, app.id, session.id, now=now)
    outcome = await _reconcile_calls(snapshot)
    if outcome is ReconciliationOutcome.UNAVAILABLE and now < due.at + GIVE_UP_AFTER:
        # A lost webhook must not make a participant a no-show.
        return _retry_delay(due, now)
    async with broker.store.transaction(app.id) as unit_of_work:
        locked = await sessions.lock_by_id(unit_of_work, app.id, session.id)
        if locked is None or starts_at is None or locked.terms != session.terms:
            return None
        if locked.no_shows_reported_for == starts_at:
            return None
        if await has_unprocessed_webhooks(unit_of_work, app.id, session.id, now=now):
            return WEBHOOK_RETRY_DELAY
        confirmed = outcome is ReconciliationOutcome.ANSWERED
        missing, evidence = await find_missing_participants(unit_of_work, app, locked, confirmed=confirmed)
        data = {"starts_at": rfc3339(starts_at), "call": snapshot.call and str(snapshot.call.id)}
        if evidence:
            await record(
                unit_of_work,
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
        await sessions.set_no_shows_reported_for(unit_of_work, app.id, session.id, starts_at)
    return None


async def _reconcile_calls(snapshot: _Snapshot) -> ReconciliationOutcome:
    """Reconcile every call that is not settled; without any call, the room."""
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    async with broker.store.transaction(app.id) as unit_of_work:
        session_calls = await calls.newest_of_session(unit_of_work, app.id, session.id)
    if not session_calls:
        since = session.created_at if session.terms.starts_at is None else session.terms.starts_at - PRESENCE_LOOKBACK
        return await reconcile_room(broker, app.id, session.id, since=since, now=now)
    outcomes = [
        await reconcile_call(broker, app.id, session.id, call.id, now=now)
        for call in session_calls
        if call.settled_at is None
    ]
    if ReconciliationOutcome.UNAVAILABLE in outcomes:
        return ReconciliationOutcome.UNAVAILABLE
    return ReconciliationOutcome.ANSWERED


async def _conclude(snapshot: _Snapshot, due: DueStep) -> timedelta | None:
    context, session = snapshot.context, snapshot.session
    broker, app, now = context.broker, context.app, context.now
    await process_before_decision(broker, app.id, session.id, now=now)
    outcome = await _reconcile_calls(snapshot)
    async with broker.store.transaction(app.id) as unit_of_work:
        locked = await sessions.lock_by_id(unit_of_work, app.id, session.id)
        if locked is None or locked.terms != session.terms or locked.concluded_at is not None:
            return None
        if await has_unprocessed_webhooks(unit_of_work, app.id, session.id, now=now):
            return WEBHOOK_RETRY_DELAY
        unsettled = [
            call for call in await calls.newest_of_session(unit_of_work, app.id, session.id) if call.settled_at is None
        ]
        if unsettled or (outcome is ReconciliationOutcome.UNAVAILABLE and now < due.at + GIVE_UP_AFTER):
            return _retry_delay(due, now)
        await lobby.delete_entries_of_session(unit_of_work, app.id, session.id)
        await write_verdicts(unit_of_work, app, locked, confirmed=outcome is ReconciliationOutcome.ANSWERED, now=now)
    return None
