"""Who attended a booking: the verdicts, as they stand now and as they became final."""

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

LOOKS_BACK = timedelta(days=1)
"""Replicas' clocks may differ: credentials may bear an earlier time than the session."""
NAMED_IN_JOURNAL = 100
"""More verdicts than these are counted in the journal, and named in the attendance alone."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One person's attendance of a booking."""

    user_id: str
    role: str | None
    """The app's role; None for somebody who is not on the roster."""
    display_name: str | None
    judgement: AttendanceResult
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The attendance of a booking."""

    session: Session
    final: bool
    registered: tuple[Judged, ...]
    others: tuple[Judged, ...]
    """Guests, and people whom nobody registered; there is no verdict on them."""
    calls: tuple[Call, ...]


async def attendance_of(context: RequestContext, key: SessionKey, *, acting_for: str | None = None) -> Report:
    """Who attended a booking; participants see their own attendance. Raises `SessionNotFound`, `RoleMayNot`.

    Until the booking is over for good the verdicts are those of this moment. Afterwards they are what was written
    then, whatever the policy says meanwhile.
    """
    authorized = await require(context, key, Action.VIEW_ATTENDANCE, acting_for=acting_for)
    shown = context.actor.user_id if authorized.only_own else None
    async with context.store.transaction() as transaction:
        session = await sessions.find(transaction, key)
        if session is None:
            raise session_not_found(key)
        case = await _case(transaction, context.app, session)
        written = await verdicts.of_session(transaction, context.app.id, session.id) if session.concluded_at else {}
    fresh = case.judged(context.now, is_closed=session.concluded_at is not None)
    final = {user_id: judgement for (user_id, _), judgement in written.items()}
    return Report(
        session=session,
        final=session.concluded_at is not None,
        registered=tuple(_as_written(each, final.get(each.user_id)) for each in fresh if shown in {None, each.user_id}),
        others=tuple(each for each in case.others(context.now) if shown in {None, each.user_id}),
        calls=tuple(case.calls),
    )


async def write_verdicts(
    transaction: UnitOfWork, app: App, session: Session, *, confirmed: bool, now: datetime
) -> None:
    """Write the verdicts on a booking that is over, and say in the journal how they are.

    `confirmed`: the provider was asked about everything and answered.
    """
    case = await _case(transaction, app, session, confirmed=confirmed)
    judged = case.judged(now, is_closed=True)
    former = await verdicts.of_session(transaction, app.id, session.id)
    await verdicts.replace(
        transaction, app.id, session.id, {(each.user_id, each.role or ""): each.judgement for each in judged}
    )
    await sessions.set_concluded_at(transaction, app.id, session.id, at=now)
    data = {
        "counts": {
            verdict.value: sum(each.judgement.verdict is verdict for each in judged) for verdict in AttendanceVerdict
        },
        "verdicts": [
            {"user_id": each.user_id, "verdict": each.judgement.verdict, "rule": each.judgement.rule}
            for each in judged[:NAMED_IN_JOURNAL]
        ],
        "corrected": bool(former),
    }
    changed = {key[0]: value.verdict for key, value in former.items()} != {
        e.user_id: e.judgement.verdict for e in judged
    }
    # A booking without a roster is over as well; that it was over before is not written anywhere then.
    if changed or not judged:
        await record(
            transaction,
            create_session_event(session, EventType.SESSION_CLOSED, actor=Actor(app.id), now=now, data=data),
        )


async def who_is_missing(
    transaction: UnitOfWork, app: App, session: Session, *, confirmed: bool
) -> tuple[list[Participant], bool]:
    """Who of the roster was not in any call so far, and was not put out; and whether anybody could tell."""
    case = await _case(transaction, app, session, confirmed=confirmed)
    there = case.own.keys() | case.banned
    return [person for person in case.roster if person.user_id not in there], case.evidence


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that the verdicts on a booking rest on."""

    app: App
    session: Session
    roster: Sequence[Participant]
    calls: Sequence[Call]
    own: dict[str, tuple[Stay, ...]]
    """By our user id."""
    strangers: dict[str, tuple[Stay, ...]]
    """By what the provider calls people who never got credentials from us."""
    banned: frozenset[str]
    could_enter: bool
    """Somebody got credentials."""
    confirmed: bool
    """The provider was asked just now, and answered."""

    @property
    def evidence(self) -> bool:
        """Somebody told us of every call; where there was none, nobody could enter or the provider said so."""
        if not self.calls:
            return self.confirmed or not self.could_enter
        return all(call.evidence_at is not None for call in self.calls)

    def judged(self, now: datetime, *, is_closed: bool) -> list[Judged]:
        """The verdict on everybody on the roster."""
        hearing = VerdictInput(
            terms=self.session.terms,
            policy=self.app.policy_for(self.session.terms.policy),
            now=now,
            is_closed=is_closed,
            ended_at=self._ended_on_request(),
            requested_ends=tuple(call.ended_at for call in self.calls if call.ended_at and _was_requested(call)),
            evidence=self.evidence,
        )
        return [
            Judged(
                person.user_id,
                person.role,
                person.display_name,
                decide_verdict(
                    replace(hearing, removed=person.user_id in self.banned), self.own.get(person.user_id, ())
                ),
                self.own.get(person.user_id, ()),
            )
            for person in self.roster
        ]

    def others(self, now: datetime) -> tuple[Judged, ...]:
        """Who was there without being on the roster."""
        hearing = VerdictInput(terms=self.session.terms, policy=self.app.policy_for(self.session.terms.policy), now=now)
        registered = {person.user_id for person in self.roster}
        known = {user_id: stays for user_id, stays in self.own.items() if user_id not in registered}
        return tuple(
            Judged(name, None, None, decide_verdict(hearing, stays), stays)
            for name, stays in (*known.items(), *self.strangers.items())
        )

    def _ended_on_request(self) -> datetime | None:
        last = max(self.calls, key=lambda call: call.started_at, default=None)
        return last.ended_at if last is not None and _was_requested(last) else None


def _was_requested(call: Call) -> bool:
    return call.end_reason in {EndReason.REQUESTED, EndReason.SESSION_CLOSED}


async def _case(transaction: UnitOfWork, app: App, session: Session, *, confirmed: bool = False) -> _Case:
    """Only what took place in the booking's present window: it may have been moved after people had met."""
    window = _window(app, session)
    attended = [
        each
        for each in await stay_rows.attended_session(transaction, app.id, session.id)
        if window.overlaps(each.stay.joined_at, each.stay.left_at)
    ]
    held = await calls.newest_of_session(transaction, app.id, session.id)
    removed = await removals.of_session(transaction, app.id, session.id)
    issued = await identities.last_issued_at(
        transaction, app.id, session.id, user_id=None, since=session.created_at - LOOKS_BACK
    )
    return _Case(
        app=app,
        session=session,
        roster=await sessions.participants_of(transaction, app.id, session.id),
        calls=[call for call in held if window.overlaps(call.started_at, call.ended_at)],
        own=_grouped((each.user_id, each.stay) for each in attended),
        strangers=_grouped((each.stay.provider_user_id, each.stay) for each in attended if each.user_id is None),
        banned=frozenset(removal.user_id for removal in removed if removal.banned),
        could_enter=issued is not None,
        confirmed=confirmed,
    )


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of time; an end that is not known is open."""

    start: datetime | None
    end: datetime | None

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        """Whether something that lasted so long lies at least partly in it."""
        began_in_time = self.end is None or start <= self.end
        return began_in_time and (self.start is None or end is None or end >= self.start)


def _window(app: App, session: Session) -> _Window:
    terms, policy = session.terms, app.policy_for(session.terms.policy)
    if terms.starts_at is None or terms.ends_at is None:
        return _Window(None, None)
    earliest = max((policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values()))
    return _Window(terms.starts_at - timedelta(seconds=earliest), terms.ends_at + policy.grace + policy.overrun)


def _grouped(stays: Iterable[tuple[str | None, Stay]]) -> dict[str, tuple[Stay, ...]]:
    own: dict[str, list[Stay]] = defaultdict(list)
    for name, stay in stays:
        if name is not None:
            own[name].append(stay)
    return {name: tuple(each) for name, each in own.items()}


def _as_written(fresh: Judged, written: AttendanceResult | None) -> Judged:
    return fresh if written is None else Judged(fresh.user_id, fresh.role, fresh.display_name, written, fresh.stays)
