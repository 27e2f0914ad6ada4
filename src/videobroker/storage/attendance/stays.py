"""Observations of calls, and the stays that are projected from them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from videobroker.domain.attendance.observations import EvidenceSource, Observation, ObservationType, ReceivedObservation
from videobroker.domain.attendance.others import PersonInCall
from videobroker.domain.attendance.stays import AttendanceSummary, RoleSpan, Span, Stay, UserStay, merge_spans
from videobroker.domain.calls import Call
from videobroker.domain.ids import AppId, CallId, SessionId
from videobroker.domain.times import rfc3339
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import attendance, calls, observations, participants


async def add_observations(
    unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId, attested: Iterable[ReceivedObservation]
) -> None:
    rows = [_columns_of_observation(app_id, call_id, each) for each in attested]
    if rows:
        await unit_of_work.execute(insert(observations), rows)


async def observations_of(
    unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId, *, devices: Collection[str] | None = None
) -> list[ReceivedObservation]:
    """The observations of a call in the order of their arrival.

    With `devices`, only those of these devices, and those of the call itself.
    """
    statement = (
        select(observations)
        .where(observations.c.app_id == app_id, observations.c.call_id == call_id)
        .order_by(observations.c.seq)
    )
    if devices is not None:
        own = observations.c.connection.in_(list(devices))
        statement = statement.where(own | observations.c.connection.is_(None))
    return [_attested_from(row) for row in await unit_of_work.execute(statement)]


async def stays_of(
    unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId, *, devices: Collection[str] | None = None
) -> tuple[Stay, ...]:
    """The stays in a call, by arrival; with `devices`, only of these."""
    statement = (
        select(attendance)
        .where(attendance.c.app_id == app_id, attendance.c.call_id == call_id)
        .order_by(attendance.c.joined_at, attendance.c.provider_user_id, attendance.c.connection)
    )
    if devices is not None:
        statement = statement.where(attendance.c.connection.in_(list(devices)))
    return tuple(_stay_from(row) for row in await unit_of_work.execute(statement))


async def spans_of(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId) -> dict[str, tuple[Span, ...]]:
    """When each person was in the call, with any device and under any provider ID."""
    # A person without credentials from us may have a provider ID that equals another person's user ID.
    person = func.coalesce(attendance.c.user_id, literal("?").concat(attendance.c.provider_user_id))
    statement = select(person.label("person"), attendance.c.joined_at, attendance.c.left_at).where(
        attendance.c.app_id == app_id, attendance.c.call_id == call_id
    )
    found: dict[str, list[Span]] = defaultdict(list)
    for row in await unit_of_work.execute(statement):
        found[row.person].append(Span(row.joined_at, row.left_at))
    return {name: merge_spans(spans) for name, spans in found.items()}


async def attended_session(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[UserStay]:
    """All stays in all calls of a session, by arrival."""
    statement = (
        select(attendance)
        .where(attendance.c.app_id == app_id, attendance.c.session_id == session_id)
        .order_by(attendance.c.joined_at, attendance.c.provider_user_id, attendance.c.connection)
    )
    return [UserStay(_stay_from(row), row.user_id) for row in await unit_of_work.execute(statement)]


async def attended_call(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId) -> list[UserStay]:
    """All stays in one call, by arrival."""
    statement = (
        select(attendance)
        .where(attendance.c.app_id == app_id, attendance.c.call_id == call_id)
        .order_by(attendance.c.joined_at, attendance.c.provider_user_id, attendance.c.connection)
    )
    return [UserStay(_stay_from(row), row.user_id) for row in await unit_of_work.execute(statement)]


async def present_users(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Collection[str]
) -> set[str]:
    """Which of these people are in a call of the session now, as far as it is recorded."""
    if not user_ids:
        return set()
    statement = select(attendance.c.user_id).where(
        attendance.c.app_id == app_id,
        attendance.c.session_id == session_id,
        attendance.c.user_id.in_(list(user_ids)),
        attendance.c.left_at.is_(None),
    )
    return set((await unit_of_work.execute(statement)).scalars())


async def people_present(unit_of_work: UnitOfWork, app_id: AppId, call_id: CallId) -> list[PersonInCall]:
    """Who is in the call now, as far as it is recorded, by arrival. A person with several devices is there once."""
    # A person without credentials from us may have a provider ID that equals another person's user ID.
    person = func.coalesce(attendance.c.user_id, literal("?").concat(attendance.c.provider_user_id))
    statement = (
        select(attendance.c.user_id, participants.c.display_name, participants.c.role)
        .join_from(
            attendance,
            participants,
            and_(
                participants.c.app_id == attendance.c.app_id,
                participants.c.session_id == attendance.c.session_id,
                participants.c.user_id == attendance.c.user_id,
            ),
            isouter=True,
        )
        .where(attendance.c.app_id == app_id, attendance.c.call_id == call_id, attendance.c.left_at.is_(None))
        .group_by(person, attendance.c.user_id, participants.c.display_name, participants.c.role)
        .order_by(func.min(attendance.c.joined_at), person)
    )
    return [PersonInCall(row.user_id, row.display_name, row.role) for row in await unit_of_work.execute(statement)]


async def replace_stays(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    call: Call,
    *,
    before: Sequence[Stay],
    after: Sequence[Stay],
    names: Mapping[str, str],
) -> None:
    """Replace the stays `before` of a call by `after`; writes only the differences.

    `names` are user IDs by provider ID.
    """
    known = set(before)
    keys = {(stay.connection, stay.joined_at) for stay in after}
    gone = [(stay.connection, stay.joined_at) for stay in before if (stay.connection, stay.joined_at) not in keys]
    if gone:
        await unit_of_work.execute(
            delete(attendance).where(
                attendance.c.app_id == app_id,
                attendance.c.call_id == call.id,
                tuple_(attendance.c.connection, attendance.c.joined_at).in_(gone),
            )
        )
    rows = [_columns_of_stay(app_id, call, stay, names) for stay in after if stay not in known]
    if rows:
        statement = upsert(attendance)
        key = {"app_id", "call_id", "connection", "joined_at"}
        changed = {column.name: statement.excluded[column.name] for column in attendance.c if column.name not in key}
        await unit_of_work.execute(statement.on_conflict_do_update(index_elements=sorted(key), set_=changed), rows)


async def write_summary(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    call_id: CallId,
    summary: AttendanceSummary,
    *,
    provider_call_ids: Sequence[str],
    evidence_at: datetime | None,
) -> None:
    """Write the numbers of a call, and when the last evidence about it was received."""
    await unit_of_work.execute(
        update(calls)
        .where(calls.c.app_id == app_id, calls.c.id == call_id)
        .values(
            people=summary.people,
            peak=summary.peak,
            present=summary.present,
            first_joined_at=summary.first_joined_at,
            last_left_at=summary.last_left_at,
            provider_call_ids=list(provider_call_ids),
            evidence_at=func.coalesce(func.greatest(calls.c.evidence_at, evidence_at), evidence_at),
        )
    )


def _columns_of_observation(app_id: AppId, call_id: CallId, attested: ReceivedObservation) -> dict[str, Any]:
    each = attested.observation
    return {
        "app_id": app_id,
        "call_id": call_id,
        "sign": each.sign,
        "at": each.at,
        "source": each.source,
        "evidence": each.evidence,
        "type": attested.type,
        "received_at": attested.received_at,
        "provider_call_id": each.provider_call_id,
        "connection": each.connection,
        "provider_user_id": each.provider_user_id,
        "role": each.role,
        "former_role": each.former_role,
        "since": each.since,
        "since_is_exact": each.since_is_exact,
        "number": each.order,
        "reason": each.reason,
    }


def _attested_from(row: Row[Any]) -> ReceivedObservation:
    each = Observation(
        sign=ObservationType(row.sign),
        at=row.at,
        source=EvidenceSource(row.source),
        evidence=row.evidence,
        provider_call_id=row.provider_call_id,
        connection=row.connection,
        provider_user_id=row.provider_user_id,
        role=row.role,
        former_role=row.former_role,
        since=row.since,
        since_is_exact=row.since_is_exact,
        order=row.number,
        reason=row.reason,
    )
    return ReceivedObservation(each, row.received_at, row.type)


def _columns_of_stay(app_id: AppId, call: Call, stay: Stay, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "app_id": app_id,
        "call_id": call.id,
        "session_id": call.session_id,
        "connection": stay.connection,
        "joined_at": stay.joined_at,
        "provider_user_id": stay.provider_user_id,
        "user_id": names.get(stay.provider_user_id),
        "joined_source": stay.joined_source,
        "left_at": stay.left_at,
        "left_source": stay.left_source,
        "roles": [{"role": span.role, "since": rfc3339(span.since)} for span in stay.roles],
        "reason": stay.reason,
        "evidence": list(stay.evidence),
    }


def _stay_from(row: Row[Any]) -> Stay:
    return Stay(
        connection=row.connection,
        provider_user_id=row.provider_user_id,
        joined_at=row.joined_at,
        joined_source=EvidenceSource(row.joined_source),
        left_at=row.left_at,
        left_source=None if row.left_source is None else EvidenceSource(row.left_source),
        roles=tuple(RoleSpan(span["role"], datetime.fromisoformat(span["since"])) for span in row.roles),
        reason=row.reason,
        evidence=tuple(row.evidence),
    )
