"""Asks the provider who is in a call, and repairs what its webhooks lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

import structlog

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.attendance.observations import (
    Observation,
    Presence,
    PresenceReport,
    ReceivedObservation,
    Sign,
    truncate_to_milliseconds,
)
from videobroker.domain.attendance.reconciliation import find_missing_observations
from videobroker.domain.attendance.stays import Span, Stay, UserStay, merge_spans
from videobroker.domain.calls import MAX_CLOCK_SKEW, Call, find_call
from videobroker.domain.events import EventType, create_session_event
from videobroker.domain.ids import AppId, CallId, SessionId, uuid7
from videobroker.domain.lifecycle import SETTLING_DELAY
from videobroker.domain.sessions import Session
from videobroker.domain.times import rfc3339
from videobroker.errors import ProviderError
from videobroker.providers.contract import Capability, Provider
from videobroker.storage.attendance import identities
from videobroker.storage.attendance import stays as stay_rows
from videobroker.storage.calls import calls, rooms
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps
from videobroker.usecases.attendance.process_webhooks import call_for
from videobroker.usecases.attendance.projection import add_observations, as_ours, load_call_record

GIVE_UP_AFTER = timedelta(minutes=30)
"""A provider that has not told us by then who was in a call that ended will not be asked again."""
NAMED_IN_JOURNAL = 100
"""More people than these are counted in the journal, and named in the call alone."""

log = structlog.get_logger(__name__)


class ReconciliationOutcome(StrEnum):
    """What came of asking."""

    NOTHING_TO_ASK = "nothing_to_ask"
    """There is no such call, it is settled, or there was never a room."""
    NOT_ASKABLE = "not_askable"
    """The provider tells nobody who is in a room, with the account's settings."""
    SILENT = "silent"
    """It did not answer."""
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class _Question:
    """One session's room, and at which provider to ask about it."""

    app: App
    session: Session
    room_ids: Sequence[str]
    """The rooms at the provider in which the session met: those it has left, and the present one last."""
    provider: Provider
    shared: bool
    """Other sessions meet in the same room."""


async def reconcile_call(
    broker: Broker, app_id: AppId, session_id: SessionId, call_id: CallId, *, now: datetime
) -> ReconciliationOutcome:
    """Ask the provider about a call, and write what it knew better.

    A call that ended a while ago is settled with it: its attendance is final. A provider that cannot be asked, or
    does not answer, leaves everything as it is.
    """
    async with broker.store.transaction() as transaction:
        call = await calls.find(transaction, app_id, call_id)
        if call is None or call.settled_at is not None:
            return ReconciliationOutcome.NOTHING_TO_ASK
        since = call.started_at - MAX_CLOCK_SKEW
        question = await _question(transaction, broker, app_id, session_id, call.provider, since=since)
    told, rolls = await _presence_reports(question, since=since)
    async with broker.store.transaction() as transaction:
        await _write(transaction, broker, app_id, session_id, call_id, question, told, rolls, now)
    return told


async def reconcile_room(
    broker: Broker, app_id: AppId, session_id: SessionId, *, since: datetime, now: datetime
) -> ReconciliationOutcome:
    """Ask who was in a session's room, of whom nobody told us, and begin calls for whoever was."""
    async with broker.store.transaction() as transaction:
        session = await sessions.find_by_id(transaction, app_id, session_id)
        name = None if session is None else session.provider
        question = None if name is None else await _question(transaction, broker, app_id, session_id, name, since=since)
    told, rolls = await _presence_reports(question, since=since)
    if question is None:
        return told
    begun: set[CallId] = set()
    async with broker.store.transaction() as transaction:
        locked = await sessions.lock_by_id(transaction, app_id, session_id)
        held = await calls.newest_of_session(transaction, app_id, session_id)
        for roll in rolls if locked is not None else ():
            for seen in await _own_people(transaction, question, roll):
                arrival = _arrival(question, roll, seen)
                call = await call_for(
                    transaction, question.app, question.session, held, question.provider, arrival, now
                )
                if call is not None and call.id not in {each.id for each in held}:
                    held.append(call)
                    begun.add(call.id)
    for call_id in begun:
        told = await reconcile_call(broker, app_id, session_id, call_id, now=now)
    return told


async def _question(
    transaction: UnitOfWork,
    broker: Broker,
    app_id: AppId,
    session_id: SessionId,
    name: ProviderName,
    *,
    since: datetime,
) -> _Question | None:
    app = await apps.app_by_id(transaction, app_id)
    session = await sessions.find_by_id(transaction, app_id, session_id)
    found = await rooms.find(transaction, app_id, session_id)
    room_id = next((room.provider_room_id for room in found if room.provider is name), None)
    left = [
        room.provider_room_id
        for room in await rooms.former_rooms_of(transaction, app_id, session_id, retired_since=since)
        if room.provider is name
    ]
    room_ids = (*left, *([] if room_id is None else [room_id]))
    if app is None or session is None or not room_ids:
        return None
    sharing = [] if room_id is None else await rooms.sessions_of_room(transaction, app_id, name, room_id, limit=2)
    return _Question(app, session, room_ids, broker.provider(app, name), shared=len(sharing) > 1)


async def _presence_reports(
    question: _Question | None, *, since: datetime
) -> tuple[ReconciliationOutcome, Sequence[PresenceReport]]:
    if question is None:
        return ReconciliationOutcome.NOTHING_TO_ASK, ()
    if Capability.PRESENCE not in question.provider.capabilities:
        return ReconciliationOutcome.NOT_ASKABLE, ()
    try:
        rolls = [await question.provider.fetch_presence(room_id, since=since) for room_id in question.room_ids]
        return ReconciliationOutcome.ANSWERED, [roll for of_room in rolls for roll in of_room]
    except ProviderError as error:
        log.warning("attendance.reconciliation_failed", session_id=str(question.session.id), error=error.code)
        return ReconciliationOutcome.SILENT, ()


def _arrival(question: _Question, roll: PresenceReport, seen: Presence) -> Observation:
    arrival = Observation(
        sign=Sign.ARRIVED,
        at=seen.joined_at or roll.taken_at,
        provider_call_id=roll.provider_call_id,
        connection=seen.connection,
        provider_user_id=seen.provider_user_id,
    )
    return as_ours(question.provider, arrival)


async def _own_people(transaction: UnitOfWork, question: _Question, roll: PresenceReport) -> list[Presence]:
    """In a room that several sessions share: only those who had credentials for this one when they came."""
    if not question.shared:
        return list(roll.people)
    own = []
    for seen in roll.people:
        session_id = await identities.session_of(
            transaction,
            question.app.id,
            question.provider.name,
            question.room_ids[-1],
            seen.provider_user_id,
            at=seen.joined_at or roll.taken_at,
        )
        if session_id == question.session.id:
            own.append(seen)
    return own


async def _own_part(
    transaction: UnitOfWork, question: _Question, rolls: Sequence[PresenceReport], call: Call, held: Sequence[Call]
) -> list[PresenceReport]:
    """What of the roll calls is about this call, and not about another one of the session."""

    def is_own(observation: Observation) -> bool:
        found = find_call(held, call.provider, as_ours(question.provider, observation))
        return found is not None and found.id == call.id

    parts = []
    for roll in rolls:
        people = [
            seen for seen in await _own_people(transaction, question, roll) if is_own(_arrival(question, roll, seen))
        ]
        opened = Observation(
            sign=Sign.OPENED, at=roll.began_at or roll.taken_at, provider_call_id=roll.provider_call_id
        )
        if is_own(opened) and Capability.CLOSE_ROOM in question.provider.capabilities:
            parts.append(replace(roll, people=tuple(people)))
        elif people:
            parts.append(PresenceReport(taken_at=roll.taken_at, people=tuple(people)))
    return parts


async def _write(
    transaction: UnitOfWork,
    broker: Broker,
    app_id: AppId,
    session_id: SessionId,
    call_id: CallId,
    question: _Question | None,
    told: ReconciliationOutcome,
    rolls: Sequence[PresenceReport],
    now: datetime,
) -> None:
    session = await sessions.lock_by_id(transaction, app_id, session_id)
    call = await calls.find(transaction, app_id, call_id)
    app = await apps.app_by_id(transaction, app_id) if question is None else question.app
    if session is None or call is None or app is None or call.settled_at is not None:
        return
    numbered = broker.provider(app, call.provider).needs_uid
    known = await load_call_record(transaction, app, session, call, numbered=numbered)
    evidence = str(uuid7(now))
    news: Sequence[Observation] = ()
    if question is not None and told is ReconciliationOutcome.ANSWERED:
        held = await calls.newest_of_session(transaction, app_id, session_id)
        # With one that names nobody: whoever is not named anywhere is not there any more.
        own = [
            *await _own_part(transaction, question, rolls, call, held),
            PresenceReport(taken_at=truncate_to_milliseconds(now)),
        ]
        if call.ended_at is not None:
            # Nobody is missed at a call that is over.
            over = truncate_to_milliseconds(call.ended_at)
            own = [replace(roll, taken_at=min(roll.taken_at, over)) for roll in own]
        news = find_missing_observations(
            [each.observation for each in known.attested], known.stays, own, evidence=evidence
        )
    settles = _settles(call, told, [stay for stay in known.stays if stay.left_at is None], news, now)
    attested = tuple(ReceivedObservation(each, now, None) for each in news)
    # Mostly nothing is new: what was learned before has been written.
    if attested or settles:
        await add_observations(transaction, app, known, attested, final=settles, now=now)
    if told is ReconciliationOutcome.ANSWERED:
        await calls.set_evidence_at(transaction, app_id, call_id, now=now)
    if attested:
        data = {"call": str(call.id), "roll_call": evidence, "learned": _counts(attested)}
        event = create_session_event(session, EventType.ATTENDANCE_RECONCILED, actor=Actor(app_id), now=now, data=data)
        await record(transaction, event)
    if settles:
        await _settle(transaction, app, session, call, reconciled=told is ReconciliationOutcome.ANSWERED, now=now)


def _settles(
    call: Call, told: ReconciliationOutcome, present: Sequence[Stay], news: Sequence[Observation], now: datetime
) -> bool:
    """Whether there is nothing more to learn about a call."""
    if call.ended_at is None or now < call.ended_at + SETTLING_DELAY:
        return False
    if (
        told in {ReconciliationOutcome.NOT_ASKABLE, ReconciliationOutcome.NOTHING_TO_ASK}
        or now >= call.ended_at + GIVE_UP_AFTER
    ):
        return True
    gone = {each.connection for each in news if each.sign in {Sign.LEFT, Sign.ABSENT}}
    return told is ReconciliationOutcome.ANSWERED and all(stay.connection in gone for stay in present)


def _counts(told: Sequence[ReceivedObservation]) -> dict[str, int]:
    signs = [each.observation.sign for each in told]
    return {sign.value: signs.count(sign) for sign in Sign if sign in signs}


def _told_of(attended: Iterable[UserStay]) -> list[dict[str, Any]]:
    """Who was there, from when to when and for how long, with all devices; in the order in which they came."""
    people: dict[tuple[str | None, str], list[Stay]] = {}
    for each in attended:
        name = each.user_id or each.stay.provider_user_id
        people.setdefault((each.user_id, name), []).append(each.stay)
    return [_told_of_person(*person, stays) for person, stays in islice(people.items(), NAMED_IN_JOURNAL)]


def _told_of_person(user_id: str | None, name: str, stays: Sequence[Stay]) -> dict[str, Any]:
    spans = merge_spans(Span(stay.joined_at, stay.left_at or stay.joined_at) for stay in stays)
    return {
        "user_id": user_id,
        **({"provider_user_id": name} if user_id is None else {}),
        "joined_at": rfc3339(spans[0].start),
        "left_at": rfc3339(spans[-1].end or spans[-1].start),
        "present_seconds": int(sum(((span.end or span.start) - span.start).total_seconds() for span in spans)),
    }


async def _settle(
    transaction: UnitOfWork, app: App, session: Session, call: Call, *, reconciled: bool, now: datetime
) -> None:
    if not await calls.mark_settled(transaction, app.id, call.id, now=now):
        return
    await sessions.bring_next_step_forward(transaction, app.id, session.id, now)
    settled = await calls.find(transaction, app.id, call.id)
    numbers = (settled or call).attendance
    data: dict[str, Any] = {
        "call": str(call.id),
        "people": numbers.people,
        "peak": numbers.peak,
        "duration_seconds": call.duration_seconds,
        "reconciled": reconciled,
        "attendance": _told_of(await stay_rows.attended_call(transaction, app.id, call.id)),
    }
    await record(
        transaction, create_session_event(session, EventType.CALL_SETTLED, actor=Actor(app.id), now=now, data=data)
    )
