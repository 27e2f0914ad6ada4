"""Projects observations of a call to stays, and records events about changed stays and the totals of the call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.attendance.observations import Observation, ObservationType, ReceivedObservation
from videobroker.domain.attendance.recordings import RecordingUpdate
from videobroker.domain.attendance.stays import ARRIVAL_TOLERANCE, Stay, fold, summarize_spans
from videobroker.domain.calls import Call
from videobroker.domain.events import Event, EventType, create_session_event
from videobroker.domain.sessions import Session
from videobroker.domain.times import rfc3339
from videobroker.providers.contract import Capability, Provider
from videobroker.storage.attendance import identities
from videobroker.storage.attendance import stays as stay_rows
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.joining import removals
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions

ProviderFact = TypeVar("ProviderFact", Observation, RecordingUpdate)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Our record of a call, or of some of its devices, read under the lock of its session."""

    session: Session
    call: Call
    attested: tuple[ReceivedObservation, ...]
    stays: tuple[Stay, ...]
    """The stored stays, before new observations."""
    numbered: bool
    """The provider identifies people by numeric uids that we allocate."""


async def load_call_record(
    unit_of_work: UnitOfWork,
    app: App,
    session: Session,
    call: Call,
    about: Sequence[Observation] | None = None,
    *,
    numbered: bool,
) -> CallRecord:
    """Load the record of a call; the transaction must have locked its session.

    `about` limits it to the devices that these observations can affect. A device's stays depend only on its own
    observations and those of the whole call, so that adding one does not read the whole call.
    """
    devices = None if about is None else _affected_devices(about)
    attested = await stay_rows.observations_of(unit_of_work, app.id, call.id, devices=devices)
    stays = await stay_rows.stays_of(unit_of_work, app.id, call.id, devices=devices)
    return CallRecord(session, call, tuple(attested), stays, numbered)


def _affected_devices(observations: Sequence[Observation]) -> set[str] | None:
    """Devices whose stays may change; None for all."""
    if any(each.sign is ObservationType.EMPTIED for each in observations):
        return None
    return {each.connection for each in observations if each.connection is not None}


async def add_observations(
    unit_of_work: UnitOfWork,
    app: App,
    known: CallRecord,
    received: Sequence[ReceivedObservation],
    *,
    final: bool = False,
    now: datetime,
) -> bool:
    """Add observations to a call, and update its stays. Returns whether a stay changed.

    `final` ends open stays at the end of the call. Joins, departures, and corrections are recorded. People who came
    back after they were removed are disconnected again by a job.
    """
    call, session = known.call, known.session
    await stay_rows.add_observations(unit_of_work, app.id, call.id, received)
    observations = [each.observation for each in (*known.attested, *received)]
    stays = fold(observations, ended_at=call.ended_at if final else None)
    people = {stay.provider_user_id for stay in stays}
    names = await identities.user_ids_by_provider_id(unit_of_work, app.id, session.id, people, numbered=known.numbered)
    await stay_rows.replace_stays(unit_of_work, app.id, call, before=known.stays, after=stays, names=names)
    numbers = summarize_spans(await stay_rows.spans_of(unit_of_work, app.id, call.id))
    await stay_rows.write_summary(
        unit_of_work,
        app.id,
        call.id,
        numbers,
        provider_call_ids=_provider_call_ids(call, received),
        evidence_at=now if received else None,
    )
    changes = list(_changes(known.stays, stays))
    await record(
        unit_of_work, *(_event(app, known, change, names.get(change.stay.provider_user_id), now) for change in changes)
    )
    if changes:
        await _follow_up(unit_of_work, app, session, [change.stay for change in changes if change.arrived], names, now)
    return bool(changes)


def as_ours(provider: Provider, fact: ProviderFact) -> ProviderFact:
    """The fact without the provider's call ID, if that may cover several of our calls.

    A provider that cannot close rooms continues its own call over the end of ours.
    """
    if Capability.CLOSE_ROOM in provider.capabilities:
        return fact
    return replace(fact, provider_call_id=None)


def _provider_call_ids(call: Call, received: Iterable[ReceivedObservation]) -> tuple[str, ...]:
    new = [each.observation.provider_call_id for each in received]
    return tuple(dict.fromkeys([*call.provider_call_ids, *(each for each in new if each is not None)]))


@dataclass(frozen=True, slots=True)
class _Change:
    """One new, changed, or withdrawn stay."""

    type: EventType
    stay: Stay
    former: Stay | None = None

    @property
    def arrived(self) -> bool:
        """Whether the person joined and is still present."""
        return self.type is EventType.PARTICIPANT_JOINED and self.stay.left_at is None


def _changes(before: Sequence[Stay], after: Sequence[Stay]) -> Iterator[_Change]:
    unmatched = {(stay.connection, stay.joined_at): stay for stay in before}
    fresh: list[Stay] = []
    for stay in after:
        former = unmatched.pop((stay.connection, stay.joined_at), None)
        if former is None:
            fresh.append(stay)
        elif former.left_at is None and stay.left_at is not None:
            yield _Change(EventType.PARTICIPANT_LEFT, stay)
        elif former.left_at != stay.left_at:
            yield _Change(EventType.ATTENDANCE_CORRECTED, stay, former)
    for stay in fresh:
        former = _corrected_stay(stay, unmatched.values())
        if former is not None:
            del unmatched[former.connection, former.joined_at]
            yield _Change(EventType.ATTENDANCE_CORRECTED, stay, former)
            continue
        yield _Change(EventType.PARTICIPANT_JOINED, stay)
        if stay.left_at is not None:
            yield _Change(EventType.PARTICIPANT_LEFT, stay)
    for stay in unmatched.values():
        yield _Change(EventType.ATTENDANCE_CORRECTED, stay, stay)


def _corrected_stay(stay: Stay, others: Iterable[Stay]) -> Stay | None:
    """The stored stay that this one corrects: same device, and about the same start or the same end."""
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
    unit_of_work: UnitOfWork, app: App, session: Session, arrived: Sequence[Stay], names: dict[str, str], now: datetime
) -> None:
    # The next lifecycle step checks whether the call is empty, and decides the verdicts again.
    if session.concluded_at is not None:
        await sessions.set_concluded_at(unit_of_work, app.id, session.id, at=None)
    await sessions.bring_next_step_forward(unit_of_work, app.id, session.id, now)
    present = {names[stay.provider_user_id] for stay in arrived if stay.provider_user_id in names}
    if present and await removals.record_sightings(unit_of_work, app.id, session.id, present, now=now):
        # They may have joined with credentials from before their removal.
        await enqueue(unit_of_work, Job(JobKind.ENFORCE_REMOVALS, app.id, session.id, provider=session.provider))
