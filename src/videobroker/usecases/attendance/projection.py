"""Writes who was in a call: the fold of what was seen, the journal lines about what changed, the call's numbers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.attendance.observations import Observation, ReceivedObservation, Sign
from videobroker.domain.attendance.recordings import RecordingUpdate
from videobroker.domain.attendance.stays import ARRIVAL_TOLERANCE, Stay, fold, summarize_spans
from videobroker.domain.calls import Call
from videobroker.domain.events import Event, EventType, create_session_event
from videobroker.domain.sessions import Session
from videobroker.domain.times import rfc3339
from videobroker.providers.contract import Capability, Provider
from videobroker.storage.attendance import identities
from videobroker.storage.attendance import stays as stay_rows
from videobroker.storage.jobs import Job, Kind, enqueue
from videobroker.storage.joining import removals
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions

ProviderFact = TypeVar("ProviderFact", Observation, RecordingUpdate)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What we hold about one call, or about some of its devices, while nobody else changes it."""

    session: Session
    call: Call
    attested: tuple[ReceivedObservation, ...]
    stays: tuple[Stay, ...]
    """As they are stored."""
    numbered: bool
    """The provider knows people by our numbers."""


async def load_call_record(
    transaction: UnitOfWork,
    app: App,
    session: Session,
    call: Call,
    told: Sequence[Observation] | None = None,
    *,
    numbered: bool,
) -> CallRecord:
    """Everything about a call of a session that this transaction has locked; or what these observations bear upon.

    A device's stays follow from its own signs and from the call's. So one more sign costs what its device has, not
    what the call has.
    """
    devices = None if told is None else _devices(told)
    attested = await stay_rows.observations_of(transaction, app.id, call.id, devices=devices)
    stays = await stay_rows.stays_of(transaction, app.id, call.id, devices=devices)
    return CallRecord(session, call, tuple(attested), stays, numbered)


def _devices(told: Sequence[Observation]) -> set[str] | None:
    """Whose stays may change; None for everybody's."""
    if any(each.sign is Sign.EMPTIED for each in told):
        return None
    return {each.connection for each in told if each.connection is not None}


async def add_observations(
    transaction: UnitOfWork,
    app: App,
    known: CallRecord,
    told: Sequence[ReceivedObservation],
    *,
    final: bool = False,
    now: datetime,
) -> bool:
    """Add what was told to what is known of a call; whether that changed anybody's attendance.

    `final` ends whoever is still there with the call. The journal tells of everybody who came and went, and of
    corrections; people who came back after being removed are put out again.
    """
    call, session = known.call, known.session
    await stay_rows.add_observations(transaction, app.id, call.id, told)
    everything = [each.observation for each in (*known.attested, *told)]
    stays = fold(everything, ended_at=call.ended_at if final else None)
    everybody = {stay.provider_user_id for stay in stays}
    names = await identities.user_ids_by_provider_id(
        transaction, app.id, session.id, everybody, numbered=known.numbered
    )
    await stay_rows.replace_stays(transaction, app.id, call, before=known.stays, after=stays, names=names)
    numbers = summarize_spans(await stay_rows.spans_of(transaction, app.id, call.id))
    await stay_rows.write_summary(
        transaction,
        app.id,
        call.id,
        numbers,
        provider_call_ids=_provider_call_ids(call, told),
        evidence_at=now if told else None,
    )
    changes = list(_changes(known.stays, stays))
    await record(
        transaction, *(_event(app, known, change, names.get(change.stay.provider_user_id), now) for change in changes)
    )
    if changes:
        await _follow_up(transaction, app, session, [change.stay for change in changes if change.arrived], names, now)
    return bool(changes)


def as_ours(provider: Provider, told: ProviderFact) -> ProviderFact:
    """What was told, whose meeting may be one of our calls.

    A room that is not shut at the end of a call goes on for its provider: one of its meetings is then several of ours.
    """
    if Capability.CLOSE_ROOM in provider.capabilities:
        return told
    return replace(told, provider_call_id=None)


def _provider_call_ids(call: Call, told: Iterable[ReceivedObservation]) -> tuple[str, ...]:
    new = [each.observation.provider_call_id for each in told]
    return tuple(dict.fromkeys([*call.provider_call_ids, *(each for each in new if each is not None)]))


@dataclass(frozen=True, slots=True)
class _Change:
    """One stay that is not as it was."""

    type: EventType
    stay: Stay
    former: Stay | None = None

    @property
    def arrived(self) -> bool:
        """Somebody is there who was not."""
        return self.type is EventType.PARTICIPANT_JOINED and self.stay.left_at is None


def _changes(before: Sequence[Stay], after: Sequence[Stay]) -> Iterator[_Change]:
    left_over = {(stay.connection, stay.joined_at): stay for stay in before}
    fresh: list[Stay] = []
    for stay in after:
        former = left_over.pop((stay.connection, stay.joined_at), None)
        if former is None:
            fresh.append(stay)
        elif former.left_at is None and stay.left_at is not None:
            yield _Change(EventType.PARTICIPANT_LEFT, stay)
        elif former.left_at != stay.left_at:
            yield _Change(EventType.ATTENDANCE_CORRECTED, stay, former)
    for stay in fresh:
        former = _alike(stay, left_over.values())
        if former is not None:
            del left_over[former.connection, former.joined_at]
            yield _Change(EventType.ATTENDANCE_CORRECTED, stay, former)
            continue
        yield _Change(EventType.PARTICIPANT_JOINED, stay)
        if stay.left_at is not None:
            yield _Change(EventType.PARTICIPANT_LEFT, stay)
    for stay in left_over.values():
        yield _Change(EventType.ATTENDANCE_CORRECTED, stay, stay)


def _alike(stay: Stay, others: Iterable[Stay]) -> Stay | None:
    """The same stay as it was told before, with another beginning."""
    return next(
        (
            other
            for other in others
            if other.connection == stay.connection
            and (abs(other.joined_at - stay.joined_at) <= ARRIVAL_TOLERANCE or other.left_at == stay.left_at)
        ),
        None,
    )


def _event(app: App, known: CallRecord, change: _Change, user_id: str | None, now: datetime) -> Event:
    stay = change.stay
    data: dict[str, Any] = {"call": str(known.call.id), "role": stay.role, "source": stay.source}
    if user_id != stay.provider_user_id:
        data["provider_user_id"] = stay.provider_user_id
    data["joined_at"] = rfc3339(stay.joined_at)
    if change.type is not EventType.PARTICIPANT_JOINED:
        data["left_at"] = stay.left_at and rfc3339(stay.left_at)
        data["reason"] = stay.reason
    if change.former is stay:
        data["withdrawn"] = True
    elif change.former is not None:
        data["former"] = {
            "joined_at": rfc3339(change.former.joined_at),
            "left_at": change.former.left_at and rfc3339(change.former.left_at),
        }
    return create_session_event(known.session, change.type, actor=Actor(app.id), now=now, user_id=user_id, data=data)


async def _follow_up(
    transaction: UnitOfWork, app: App, session: Session, arrived: Sequence[Stay], names: dict[str, str], now: datetime
) -> None:
    # Whether the call is empty now, whether the verdicts still hold: one look answers both.
    if session.concluded_at is not None:
        await sessions.set_concluded_at(transaction, app.id, session.id, at=None)
    await sessions.bring_next_step_forward(transaction, app.id, session.id, now)
    there = {names[stay.provider_user_id] for stay in arrived if stay.provider_user_id in names}
    if there and await removals.record_sightings(transaction, app.id, session.id, there, now=now):
        # Perhaps with credentials from before they were put out.
        await enqueue(transaction, Job(Kind.EXPEL, app.id, session.id))
