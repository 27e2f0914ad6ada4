"""Reconciliation: reads presence from the provider, and adds observations that its webhooks did not deliver."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

import structlog
from prometheus_client import Counter

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.attendance.observations import (
    Observation,
    ObservationType,
    Presence,
    PresenceReport,
    ReceivedObservation,
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
from videobroker.usecases.attendance.process_webhooks import (
    call_for,
    has_unprocessed_webhooks,
    process_before_decision,
)
from videobroker.usecases.attendance.projection import add_observations, as_ours, load_call_record

GIVE_UP_AFTER = timedelta(minutes=30)
"""How long after its end a call is reconciled with a provider that does not answer."""
MAX_JOURNALED_PEOPLE = 100
"""The event names at most so many people. It counts all of them."""

REPAIRS = Counter(
    "videobroker_reconciliation_repairs",
    "Observations of attendance that no webhook delivered, and that the provider's presence API did.",
    ["type"],
)

log = structlog.get_logger(__name__)


class ReconciliationOutcome(StrEnum):
    NOTHING_TO_ASK = "nothing_to_ask"
    """There is no such call, it is settled, or there was never a room."""
    UNSUPPORTED = "unsupported"
    """The provider has no presence API for the account's settings."""
    UNAVAILABLE = "unavailable"
    """The provider did not answer, or answered with an error."""
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class _PresenceQuery:
    """The rooms of a session at one provider."""

    app: App
    session: Session
    room_ids: Sequence[str]
    """Provider room IDs: earlier generations first, the current one last."""
    provider: Provider
    shared: bool
    """Other sessions use the current room too."""


async def reconcile_call(
    broker: Broker, app_id: AppId, session_id: SessionId, call_id: CallId, *, now: datetime
) -> ReconciliationOutcome:
    """Read presence from the provider, and add observations that are missing from our record of a call.

    Settles a call that ended `SETTLING_DELAY` ago: its attendance is final. If the provider does not answer, a call is
    settled only `GIVE_UP_AFTER` its end. A session with unprocessed webhooks is not settled. No transaction is open
    while the provider is asked.
    """
    async with broker.store.transaction(app_id) as unit_of_work:
        call = await calls.find(unit_of_work, app_id, call_id)
        if call is None or call.settled_at is not None:
            return ReconciliationOutcome.NOTHING_TO_ASK
        since = call.started_at - MAX_CLOCK_SKEW
        query = await _presence_query(unit_of_work, broker, app_id, session_id, call.provider, since=since)
    outcome, reports = await _presence_reports(query, since=since)
    if _may_settle(call, now):
        await process_before_decision(broker, app_id, session_id, now=now)
    async with broker.store.transaction(app_id) as unit_of_work:
        learned = await _write(unit_of_work, broker, app_id, session_id, call_id, query, outcome, reports, now)
    # Counted after the commit.
    for sign, number in learned.items():
        REPAIRS.labels(sign).inc(number)
    return outcome


async def reconcile_room(
    broker: Broker, app_id: AppId, session_id: SessionId, *, since: datetime, now: datetime
) -> ReconciliationOutcome:
    """Open calls for people in the session's room that no webhook reported, and reconcile these calls."""
    async with broker.store.transaction(app_id) as unit_of_work:
        session = await sessions.find_by_id(unit_of_work, app_id, session_id)
        name = None if session is None else session.provider
        query = (
            None if name is None else await _presence_query(unit_of_work, broker, app_id, session_id, name, since=since)
        )
    outcome, reports = await _presence_reports(query, since=since)
    if query is None:
        return outcome
    opened: set[CallId] = set()
    async with broker.store.transaction(app_id) as unit_of_work:
        locked = await sessions.lock_by_id(unit_of_work, app_id, session_id)
        session_calls = await calls.newest_of_session(unit_of_work, app_id, session_id)
        for report in reports if locked is not None else ():
            for presence in await _people_of_session(unit_of_work, query, report):
                arrival = _arrival(query, report, presence)
                call = await call_for(
                    unit_of_work, query.app, query.session, session_calls, query.provider, arrival, now
                )
                if call is not None and call.id not in {each.id for each in session_calls}:
                    session_calls.append(call)
                    opened.add(call.id)
    for call_id in opened:
        outcome = await reconcile_call(broker, app_id, session_id, call_id, now=now)
    return outcome


async def _presence_query(
    unit_of_work: UnitOfWork,
    broker: Broker,
    app_id: AppId,
    session_id: SessionId,
    name: ProviderName,
    *,
    since: datetime,
) -> _PresenceQuery | None:
    app = await apps.app_by_id(unit_of_work, app_id)
    session = await sessions.find_by_id(unit_of_work, app_id, session_id)
    found = await rooms.find(unit_of_work, app_id, session_id)
    room_id = next((room.provider_room_id for room in found if room.provider is name), None)
    left = [
        room.provider_room_id
        for room in await rooms.former_rooms_of(unit_of_work, app_id, session_id, retired_since=since)
        if room.provider is name
    ]
    room_ids = (*left, *([] if room_id is None else [room_id]))
    if app is None or session is None or not room_ids:
        return None
    sharing = [] if room_id is None else await rooms.sessions_of_room(unit_of_work, app_id, name, room_id, limit=2)
    return _PresenceQuery(app, session, room_ids, broker.provider(app, name), shared=len(sharing) > 1)


async def _presence_reports(
    query: _PresenceQuery | None, *, since: datetime
) -> tuple[ReconciliationOutcome, Sequence[PresenceReport]]:
    if query is None:
        return ReconciliationOutcome.NOTHING_TO_ASK, ()
    if Capability.PRESENCE not in query.provider.capabilities:
        return ReconciliationOutcome.UNSUPPORTED, ()
    try:
        reports = [await query.provider.fetch_presence(room_id, since=since) for room_id in query.room_ids]
        return ReconciliationOutcome.ANSWERED, [report for of_room in reports for report in of_room]
    except ProviderError as error:
        log.warning("attendance.reconciliation_failed", session_id=str(query.session.id), error=error.code)
        return ReconciliationOutcome.UNAVAILABLE, ()


def _arrival(query: _PresenceQuery, report: PresenceReport, presence: Presence) -> Observation:
    arrival = Observation(
        sign=ObservationType.ARRIVED,
        at=presence.joined_at or report.taken_at,
        provider_call_id=report.provider_call_id,
        connection=presence.connection,
        provider_user_id=presence.provider_user_id,
    )
    return as_ours(query.provider, arrival)


async def _people_of_session(unit_of_work: UnitOfWork, query: _PresenceQuery, report: PresenceReport) -> list[Presence]:
    """The people of this session. In a shared room, those who had credentials for it when they joined."""
    if not query.shared:
        return list(report.people)
    own = []
    for presence in report.people:
        session_id = await identities.session_of(
            unit_of_work,
            query.app.id,
            query.provider.name,
            query.room_ids[-1],
            presence.provider_user_id,
            at=presence.joined_at or report.taken_at,
        )
        if session_id == query.session.id:
            own.append(presence)
    return own


async def _reports_of_call(
    unit_of_work: UnitOfWork,
    query: _PresenceQuery,
    reports: Sequence[PresenceReport],
    call: Call,
    session_calls: Sequence[Call],
) -> list[PresenceReport]:
    """The reports, limited to this call of the session."""

    def is_own(observation: Observation) -> bool:
        found = find_call(session_calls, call.provider, as_ours(query.provider, observation))
        return found is not None and found.id == call.id

    reports_of_call = []
    for report in reports:
        people = [
            presence
            for presence in await _people_of_session(unit_of_work, query, report)
            if is_own(_arrival(query, report, presence))
        ]
        opening = Observation(
            sign=ObservationType.OPENED, at=report.began_at or report.taken_at, provider_call_id=report.provider_call_id
        )
        if is_own(opening) and Capability.CLOSE_ROOM in query.provider.capabilities:
            reports_of_call.append(replace(report, people=tuple(people)))
        elif people:
            reports_of_call.append(PresenceReport(taken_at=report.taken_at, people=tuple(people)))
    return reports_of_call


async def _write(
    unit_of_work: UnitOfWork,
    broker: Broker,
    app_id: AppId,
    session_id: SessionId,
    call_id: CallId,
    query: _PresenceQuery | None,
    outcome: ReconciliationOutcome,
    reports: Sequence[PresenceReport],
    now: datetime,
) -> Mapping[str, int]:
    """How many observations of each type were missing and are written."""
    session = await sessions.lock_by_id(unit_of_work, app_id, session_id)
    call = await calls.find(unit_of_work, app_id, call_id)
    app = await apps.app_by_id(unit_of_work, app_id) if query is None else query.app
    if session is None or call is None or app is None or call.settled_at is not None:
        return {}
    numbered = broker.provider(app, call.provider).needs_uid
    record_of_call = await load_call_record(unit_of_work, app, session, call, numbered=numbered)
    evidence = str(uuid7(now))
    missing: Sequence[Observation] = ()
    if query is not None and outcome is ReconciliationOutcome.ANSWERED:
        session_calls = await calls.newest_of_session(unit_of_work, app_id, session_id)
        # The empty report is the last: it ends stays of people whom no report names.
        own = [
            *await _reports_of_call(unit_of_work, query, reports, call, session_calls),
            PresenceReport(taken_at=truncate_to_milliseconds(now)),
        ]
        missing = find_missing_observations(
            [each.observation for each in record_of_call.attested],
            record_of_call.stays,
            own,
            evidence=evidence,
            ended_at=None if call.ended_at is None else truncate_to_milliseconds(call.ended_at),
        )
    settles = _settles(
        call, outcome, [stay for stay in record_of_call.stays if stay.left_at is None], missing, now
    ) and not await has_unprocessed_webhooks(unit_of_work, app_id, session_id, now=now)
    attested = tuple(ReceivedObservation(each, now, None) for each in missing)
    # Usually nothing is missing, and there is nothing to write.
    if attested or settles:
        await add_observations(unit_of_work, app, record_of_call, attested, final=settles, now=now)
    if outcome is ReconciliationOutcome.ANSWERED:
        await calls.set_evidence_at(unit_of_work, app_id, call_id, now=now)
    learned = _counts(attested)
    if attested:
        data = {"call": str(call.id), "roll_call": evidence, "learned": learned}
        event = create_session_event(session, EventType.ATTENDANCE_RECONCILED, actor=Actor(app_id), now=now, data=data)
        await record(unit_of_work, event)
    if settles:
        await _settle(unit_of_work, app, session, call, reconciled=outcome is ReconciliationOutcome.ANSWERED, now=now)
    return learned


def _may_settle(call: Call, now: datetime) -> bool:
    return call.ended_at is not None and now >= call.ended_at + SETTLING_DELAY


def _settles(
    call: Call, outcome: ReconciliationOutcome, present: Sequence[Stay], missing: Sequence[Observation], now: datetime
) -> bool:
    """Whether the attendance of the call is final."""
    if call.ended_at is None or not _may_settle(call, now):
        return False
    if (
        outcome in {ReconciliationOutcome.UNSUPPORTED, ReconciliationOutcome.NOTHING_TO_ASK}
        or now >= call.ended_at + GIVE_UP_AFTER
    ):
        return True
    departed = {each.connection for each in missing if each.sign in {ObservationType.LEFT, ObservationType.ABSENT}}
    return outcome is ReconciliationOutcome.ANSWERED and all(stay.connection in departed for stay in present)


def _counts(received: Sequence[ReceivedObservation]) -> dict[str, int]:
    signs = [each.observation.sign for each in received]
    return {sign.value: signs.count(sign) for sign in ObservationType if sign in signs}


def _attendance_data(attended: Iterable[UserStay]) -> list[dict[str, Any]]:
    """For each person: first join, last departure, and seconds present on any device, ordered by first join."""
    people: dict[tuple[str | None, str], list[Stay]] = {}
    for each in attended:
        name = each.user_id or each.stay.provider_user_id
        people.setdefault((each.user_id, name), []).append(each.stay)
    return [_attendance_of_person(*person, stays) for person, stays in islice(people.items(), MAX_JOURNALED_PEOPLE)]


def _attendance_of_person(user_id: str | None, name: str, stays: Sequence[Stay]) -> dict[str, Any]:
    spans = merge_spans(Span(stay.joined_at, stay.left_at or stay.joined_at) for stay in stays)
    return {
        "user_id": user_id,
        **({"provider_user_id": name} if user_id is None else {}),
        "joined_at": rfc3339(spans[0].start),
        "left_at": rfc3339(spans[-1].end or spans[-1].start),
        "present_seconds": int(sum(((span.end or span.start) - span.start).total_seconds() for span in spans)),
    }


async def _settle(
    unit_of_work: UnitOfWork, app: App, session: Session, call: Call, *, reconciled: bool, now: datetime
) -> None:
    if not await calls.mark_settled(unit_of_work, app.id, call.id, now=now):
        return
    await sessions.bring_next_step_forward(unit_of_work, app.id, session.id, now)
    settled = await calls.find(unit_of_work, app.id, call.id)
    numbers = (settled or call).attendance
    data: dict[str, Any] = {
        "call": str(call.id),
        "people": numbers.people,
        "peak": numbers.peak,
        "duration_seconds": call.duration_seconds,
        "reconciled": reconciled,
        "attendance": _attendance_data(await stay_rows.attended_call(unit_of_work, app.id, call.id)),
    }
    await record(
        unit_of_work, create_session_event(session, EventType.CALL_SETTLED, actor=Actor(app.id), now=now, data=data)
    )
