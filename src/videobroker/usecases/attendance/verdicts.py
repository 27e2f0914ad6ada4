"""Attendance verdicts of a booking: provisional until it is concluded, then final."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.attendance.stays import Stay
from videobroker.domain.attendance.verdicts import AttendanceResult, AttendanceVerdict, VerdictInput, decide_verdict
from videobroker.domain.authorization import Action
from videobroker.domain.calls import Call, EndReason
from videobroker.domain.events import EventType, create_session_event
from videobroker.domain.sessions import Participant, Session, SessionKey
from videobroker.storage.attendance import identities, verdicts
from videobroker.storage.attendance import stays as stay_rows
from videobroker.storage.calls import calls
from videobroker.storage.joining import removals
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require
from videobroker.usecases.context import RequestContext

CLOCK_TOLERANCE = timedelta(days=1)
"""Clocks of replicas may differ, so that credentials may have an earlier time than their session."""
MAX_JOURNALED_VERDICTS = 100
"""The event names at most so many participants. It counts all of them."""


@dataclass(frozen=True, slots=True)
class PersonAttendance:
    """One person's attendance of a booking."""

    user_id: str
    role: str | None
    """The app role; None for a person who is not on the roster."""
    display_name: str | None
    result: AttendanceResult
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True)
class AttendanceReport:
    """The attendance of a booking."""

    session: Session
    final: bool
    registered: tuple[PersonAttendance, ...]
    others: tuple[PersonAttendance, ...]
    """Guests and other people who are not on the roster. They get no verdict."""
    calls: tuple[Call, ...]


async def attendance_of(context: RequestContext, key: SessionKey, *, acting_for: str | None = None) -> AttendanceReport:
    """The attendance of a booking. Participants may see only their own. Raises `SessionNotFound`, `RoleMayNot`.

    Verdicts are computed on request until the booking is concluded. Afterwards they are the stored ones, even if the
    policy has changed since.
    """
    authorized = await require(context, key, Action.VIEW_ATTENDANCE, acting_for=acting_for)
    only_user = context.actor.user_id if authorized.only_own else None
    async with context.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        case = await _case(unit_of_work, context.app, session)
        written = await verdicts.of_session(unit_of_work, context.app.id, session.id) if session.concluded_at else {}
    fresh = case.person_attendances(context.now, is_closed=session.concluded_at is not None)
    final = {user_id: result for (user_id, _), result in written.items()}
    return AttendanceReport(
        session=session,
        final=session.concluded_at is not None,
        registered=tuple(
            _with_stored_verdict(each, final.get(each.user_id)) for each in fresh if only_user in {None, each.user_id}
        ),
        others=tuple(each for each in case.others(context.now) if only_user in {None, each.user_id}),
        calls=tuple(case.calls),
    )


async def write_verdicts(
    unit_of_work: UnitOfWork, app: App, session: Session, *, confirmed: bool, now: datetime
) -> None:
    """Store and journal the final verdicts of a booking.

    `confirmed`: the provider was just asked about every call, and answered. Late webhooks may conclude a booking again:
    the event then has `corrected`, and is recorded only if a verdict changed.
    """
    case = await _case(unit_of_work, app, session, confirmed=confirmed)
    person_attendances = case.person_attendances(now, is_closed=True)
    former = await verdicts.of_session(unit_of_work, app.id, session.id)
    await verdicts.replace(
        unit_of_work, app.id, session.id, {(each.user_id, each.role or ""): each.result for each in person_attendances}
    )
    await sessions.set_concluded_at(unit_of_work, app.id, session.id, at=now)
    data = {
        "counts": {
            verdict.value: sum(each.result.verdict is verdict for each in person_attendances)
            for verdict in AttendanceVerdict
        },
        "verdicts": [
            {"user_id": each.user_id, "verdict": each.result.verdict, "rule": each.result.rule}
            for each in person_attendances[:MAX_JOURNALED_VERDICTS]
        ],
        "corrected": bool(former),
    }
    changed = {key[0]: value.verdict for key, value in former.items()} != {
        e.user_id: e.result.verdict for e in person_attendances
    }
    # Without a roster there are no stored verdicts, so it is not known whether the event was recorded before.
    if changed or not person_attendances:
        await record(
            unit_of_work,
            create_session_event(session, EventType.SESSION_CLOSED, actor=Actor(app.id), now=now, data=data),
        )


async def find_missing_participants(
    unit_of_work: UnitOfWork, app: App, session: Session, *, confirmed: bool
) -> tuple[list[Participant], bool]:
    """Participants who were in no call and are not blocked, and whether there is evidence for that."""
    case = await _case(unit_of_work, app, session, confirmed=confirmed)
    accounted_for = case.stays.keys() | case.banned
    return [person for person in case.roster if person.user_id not in accounted_for], case.evidence


@dataclass(frozen=True, slots=True)
class _BookingEvidence:
    """The input of the verdicts on a booking."""

    app: App
    session: Session
    roster: Sequence[Participant]
    calls: Sequence[Call]
    stays: dict[str, tuple[Stay, ...]]
    """By user ID."""
    unidentified: dict[str, tuple[Stay, ...]]
    """By provider user ID, for people who never got credentials from us."""
    banned: frozenset[str]
    credentials_issued: bool
    """At least one person got credentials."""
    confirmed: bool
    """The provider was just asked, and answered."""

    @property
    def evidence(self) -> bool:
        """Whether the stays are complete: the provider reported on every call, or there cannot have been any."""
        if not self.calls:
            return self.confirmed or not self.credentials_issued
        return all(call.evidence_at is not None for call in self.calls)

    def person_attendances(self, now: datetime, *, is_closed: bool) -> list[PersonAttendance]:
        verdict_input = VerdictInput(
            terms=self.session.terms,
            policy=self.app.policy_for(self.session.terms.policy),
            now=now,
            is_closed=is_closed,
            ended_at=self._ended_on_request(),
            requested_ends=tuple(call.ended_at for call in self.calls if call.ended_at and _was_requested(call)),
            evidence=self.evidence,
        )
        return [
            PersonAttendance(
                person.user_id,
                person.role,
                person.display_name,
                decide_verdict(
                    replace(verdict_input, removed=person.user_id in self.banned), self.stays.get(person.user_id, ())
                ),
                self.stays.get(person.user_id, ()),
            )
            for person in self.roster
        ]

    def others(self, now: datetime) -> tuple[PersonAttendance, ...]:
        """The attendance of people who are not on the roster."""
        verdict_input = VerdictInput(
            terms=self.session.terms, policy=self.app.policy_for(self.session.terms.policy), now=now
        )
        registered = {person.user_id for person in self.roster}
        identified = {user_id: stays for user_id, stays in self.stays.items() if user_id not in registered}
        return tuple(
            PersonAttendance(name, None, None, decide_verdict(verdict_input, stays), stays)
            for name, stays in (*identified.items(), *self.unidentified.items())
        )

    def _ended_on_request(self) -> datetime | None:
        last = max(self.calls, key=lambda call: call.started_at, default=None)
        return last.ended_at if last is not None and _was_requested(last) else None


def _was_requested(call: Call) -> bool:
    return call.end_reason in {EndReason.REQUESTED, EndReason.SESSION_CLOSED}


async def _case(unit_of_work: UnitOfWork, app: App, session: Session, *, confirmed: bool = False) -> _BookingEvidence:
    """Load what happened in the booking's current window. It may have been rescheduled after people met."""
    window = _window(app, session)
    attended = [
        each
        for each in await stay_rows.attended_session(unit_of_work, app.id, session.id)
        if window.overlaps(each.stay.joined_at, each.stay.left_at)
    ]
    session_calls = await calls.newest_of_session(unit_of_work, app.id, session.id)
    removed = await removals.of_session(unit_of_work, app.id, session.id)
    issued = await identities.last_issued_at(
        unit_of_work, app.id, session.id, user_id=None, since=session.created_at - CLOCK_TOLERANCE
    )
    return _BookingEvidence(
        app=app,
        session=session,
        roster=await sessions.participants_of(unit_of_work, app.id, session.id),
        calls=[call for call in session_calls if window.overlaps(call.started_at, call.ended_at)],
        stays=_group_by_name((each.user_id, each.stay) for each in attended),
        unidentified=_group_by_name(
            (each.stay.provider_user_id, each.stay) for each in attended if each.user_id is None
        ),
        banned=frozenset(removal.user_id for removal in removed if removal.banned),
        credentials_issued=issued is not None,
        confirmed=confirmed,
    )


@dataclass(frozen=True, slots=True)
class _PersonWindow:
    """A time range. None leaves an end open."""

    start: datetime | None
    end: datetime | None

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        began_in_time = self.end is None or start <= self.end
        return began_in_time and (self.start is None or end is None or end >= self.start)


def _window(app: App, session: Session) -> _PersonWindow:
    terms, policy = session.terms, app.policy_for(session.terms.policy)
    if terms.starts_at is None or terms.ends_at is None:
        return _PersonWindow(None, None)
    earliest = max((policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values()))
    return _PersonWindow(terms.starts_at - timedelta(seconds=earliest), terms.ends_at + policy.grace + policy.overrun)


def _group_by_name(stays: Iterable[tuple[str | None, Stay]]) -> dict[str, tuple[Stay, ...]]:
    grouped: dict[str, list[Stay]] = defaultdict(list)
    for name, stay in stays:
        if name is not None:
            grouped[name].append(stay)
    return {name: tuple(each) for name, each in grouped.items()}


def _with_stored_verdict(fresh: PersonAttendance, written: AttendanceResult | None) -> PersonAttendance:
    return (
        fresh
        if written is None
        else PersonAttendance(fresh.user_id, fresh.role, fresh.display_name, written, fresh.stays)
    )
