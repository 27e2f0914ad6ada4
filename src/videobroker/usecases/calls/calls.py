"""Starts, ends, and lists calls."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from videobroker.domain.access import (
    AccessDecision,
    AccessReason,
    AdmitDecision,
    RefuseDecision,
    decide_access,
    decide_call_opening,
)
from videobroker.domain.actors import Actor
from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import ReceivedObservation
from videobroker.domain.attendance.stays import Stay, UserStay
from videobroker.domain.authorization import Action
from videobroker.domain.calls import Call, CallFilter, CallOrder, EndReason
from videobroker.domain.events import EventType
from videobroker.domain.ids import CallId, uuid7
from videobroker.domain.join_context import JoinContext
from videobroker.domain.pages import Page
from videobroker.domain.sessions import Session, SessionKey
from videobroker.errors import CallNotFound, RoomNotReady, SessionNotFound
from videobroker.providers.contract import Surface
from videobroker.storage.attendance import stays
from videobroker.storage.calls import calls, lists, rooms
from videobroker.storage.calls.lists import ListedCall
from videobroker.storage.joining import lobby
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import denial, load_join_context, person_of, session_not_found
from videobroker.usecases.authorization import require, require_at, require_for_app
from videobroker.usecases.calls.rooms import can_close_rooms_at, close_room, open_room
from videobroker.usecases.context import RequestContext


async def start_call(context: RequestContext, key: SessionKey, *, user_id: str | None) -> tuple[Session, Call]:
    """Open the session's room and a call in it, or return the call that is open.

    With a `user_id`, that person must be allowed to join now; without one, the session must be in its window. An end
    user needs `Action.START_CALL` as well. Raises `AccessDenied`, `RoleMayNot`, `SessionNotFound`, and what `open_room`
    raises.
    """
    join_context = await require_may_start(context, key, user_id=user_id)
    session, call = join_context.session, join_context.call
    if call is not None and join_context.ready_room is not None:
        return session, call
    room = await open_room(context, session, surface=Surface.SDK)
    async with context.transaction() as unit_of_work:
        call = await open_call(context, unit_of_work, session, room.provider, by=user_id)
    return session, call


async def require_may_start(context: RequestContext, key: SessionKey, *, user_id: str | None) -> JoinContext:
    """Load the session, if the actor may start its call now. Raises `AccessDenied`, `RoleMayNot`, `SessionNotFound`."""
    join_context = await load_join_context(context.broker, key, user_id)
    decision = _may_start(context, join_context, user_id)
    if not isinstance(decision, AdmitDecision):
        raise denial(decision)
    require_at(context, join_context, Action.START_CALL)
    return join_context


def _may_start(context: RequestContext, join_context: JoinContext, user_id: str | None) -> AccessDecision:
    access_context = join_context.access_context(context.app)
    if user_id is None:
        return decide_call_opening(access_context, context.now)
    return decide_access(access_context, person_of(context.app, join_context, is_guest=False), context.now)


async def open_call(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session, provider: ProviderName, *, by: str | None
) -> Call:
    """The open call of the session, created if there is none.

    Raises `RoomNotReady` if the session was closed meanwhile: a retry gets the reason.
    """
    locked = await sessions.lock(unit_of_work, session.key)
    if locked is None or locked.terms.is_closed:
        raise RoomNotReady("The session was changed while its call was being opened. Try again.", retry_after=1)
    if locked.provider is not provider:
        raise RoomNotReady("The session moved to another provider while it was being joined. Try again.", retry_after=1)
    if locked.ended_for_all_at not in {None, session.ended_for_all_at}:
        # Ended for everyone since the access decision: it has to be made again.
        raise RoomNotReady("The call was ended while it was being joined. Try again.", retry_after=1)
    call = Call(CallId(uuid7(context.now)), session.id, provider, started_at=context.now, started_by=by)
    if await calls.open_call(unit_of_work, context.app.id, call):
        # The window may have closed since this request began: the lifecycle has to check.
        await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
        await sessions.set_ended_for_all(unit_of_work, context.app.id, session.id, None)
        data = {"call": str(call.id), "provider": provider}
        await record(unit_of_work, context.event(session, EventType.CALL_STARTED, user_id=by, data=data))
        return call
    running = await calls.latest(unit_of_work, context.app.id, session.id)
    return running or call


async def end_call(context: RequestContext, key: SessionKey, *, user_id: str | None) -> tuple[Session, Call]:
    """End the open call and close the room. Without an open call, returns the last one.

    Among end users, only hosts may. If the provider cannot be reached, the call ends nevertheless; the room stays
    `closing` and is retried, also by ending the call again. Raises `SessionNotFound`, `AccessDenied` for a `user_id`
    that is not a participant, `RoleMayNot`, and `CallNotFound` when there never was a call.
    """
    session, call = await _end_open_call(context, key, user_id=user_id)
    await close_room(context, session)
    return session, call


async def require_may_end(context: RequestContext, key: SessionKey, *, user_id: str | None) -> JoinContext:
    """Load the session, if the actor may end its call. Raises `AccessDenied`, `RoleMayNot`, `SessionNotFound`."""
    join_context = await load_join_context(context.broker, key, user_id)
    if user_id is not None and join_context.participant is None:
        raise denial(RefuseDecision(AccessReason.NOT_A_PARTICIPANT))
    require_at(context, join_context, Action.END_CALL)
    return join_context


async def _end_open_call(context: RequestContext, key: SessionKey, *, user_id: str | None) -> tuple[Session, Call]:
    join_context = await require_may_end(context, key, user_id=user_id)
    session = join_context.session
    async with context.transaction() as unit_of_work:
        # Lock order: the session before its calls, as everywhere else, to avoid deadlocks.
        await sessions.lock(unit_of_work, key)
        ended = await end_open_call(context, unit_of_work, session, by=user_id, reason=EndReason.REQUESTED)
        if ended is not None and _is_host_or_backend(context, join_context):
            await sessions.set_ended_for_all(unit_of_work, context.app.id, session.id, ended.ended_at)
        latest = ended or await calls.latest(unit_of_work, context.app.id, session.id)
    if latest is None:
        raise CallNotFound(TranslatableText("There has been no call in %(session)s yet.", session=key.label))
    return session, latest


def _is_host_or_backend(context: RequestContext, join_context: JoinContext) -> bool:
    if context.actor.user_id is None:
        return True
    host_roles = context.app.policy_for(join_context.session.terms.policy).host_roles
    return join_context.participant is not None and join_context.participant.role in host_roles


async def end_open_call(
    context: RequestContext,
    unit_of_work: UnitOfWork,
    session: Session,
    *,
    by: str | None,
    reason: EndReason,
    at: datetime | None = None,
) -> Call | None:
    """End and journal the session's open call. Returns it, or None if there is none.

    `at` is an earlier end that became known only now; None for now.
    """
    ended = await calls.end_call(unit_of_work, context.app.id, session.id, by=by, reason=reason, at=at or context.now)
    if ended is not None:
        if can_close_rooms_at(context, ended.provider):
            # In the same transaction, so that a worker closes the room if this process dies now.
            await rooms.request_closing(unit_of_work, context.app.id, session.id, now=context.now)
        await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
        await lobby.delete_entries_of_session(unit_of_work, context.app.id, session.id)
        data = {
            "call": str(ended.id),
            "provider": ended.provider,
            "reason": reason,
            "duration_seconds": ended.duration_seconds,
            "people": ended.attendance.people,
            "peak": ended.attendance.peak,
        }
        await record(unit_of_work, context.event(session, EventType.CALL_ENDED, user_id=by, data=data))
    return ended


async def list_calls(
    context: RequestContext, key: SessionKey, *, acting_for: str | None = None, limit: int, cursor: str | None
) -> tuple[Session, Page[Call]]:
    """The session, and one page of its calls, oldest first. Raises `SessionNotFound`, `RoleMayNot`."""
    authorized = await require(context, key, Action.VIEW_CALLS, acting_for=acting_for)
    session = authorized.join_context.session
    async with context.transaction() as unit_of_work:
        page = await calls.page(unit_of_work, key.app_id, session.id, limit=limit, cursor=cursor)
    shown = [_visible_to(context.actor, call, only_own=authorized.only_own) for call in page.items]
    return session, Page(shown, page.next_cursor)


async def list_calls_of_app(
    context: RequestContext, chosen: CallFilter, order: CallOrder, *, limit: int, cursor: str | None
) -> Page[ListedCall]:
    """One page of the app's calls with their sessions. Only for backends: what an end user sees of a call depends on
    their role in its session.

    Raises `RoleMayNot`, `ScopeMissing`, `InvalidCursor`, and `SessionNotFound` for a filter by a session that does not
    exist.
    """
    require_for_app(context.actor, Action.VIEW_CALLS)
    async with context.transaction() as unit_of_work:
        if chosen.session is not None and await sessions.find(unit_of_work, chosen.session) is None:
            raise session_not_found(chosen.session)
        return await lists.page(unit_of_work, context.app.id, chosen, order, limit=limit, cursor=cursor)


def _visible_to(actor: Actor, call: Call, *, only_own: bool) -> Call:
    """The call, without IDs of other people who started or ended it if the actor may see only their own data."""
    if not only_own:
        return call
    own = {None, actor.user_id}
    return replace(
        call,
        started_by=call.started_by if call.started_by in own else None,
        ended_by=call.ended_by if call.ended_by in own else None,
    )


@dataclass(frozen=True, slots=True)
class CallDetails:
    """A call with its attendance and the evidence for it."""

    session: Session
    call: Call
    attended: tuple[UserStay, ...]
    evidence: Mapping[str, tuple[ReceivedObservation, ...]]
    """By `Observation.evidence`: a webhook has one observation, a reconciliation may have many."""

    def evidence_for(self, stay: Stay) -> list[ReceivedObservation]:
        """The observations of this stay, by their time."""
        observations = [each for name in stay.evidence for each in self.evidence.get(name, ())]
        own = [each for each in observations if each.observation.connection in {None, stay.connection}]
        return sorted(own, key=lambda each: (each.observation.at, each.received_at))


async def find_call_with_attendance(
    context: RequestContext, call_id: CallId, *, acting_for: str | None = None
) -> CallDetails:
    """A call with its attendance. Participants may see only their own. Raises `CallNotFound`, `RoleMayNot`."""
    session, call, for_user = await _find_call(context, call_id, acting_for=acting_for)
    async with context.transaction() as unit_of_work:
        attended = await stays.attended_call(unit_of_work, context.app.id, call.id)
        attested = await stays.observations_of(unit_of_work, context.app.id, call.id)
    evidence: dict[str, list[ReceivedObservation]] = defaultdict(list)
    for each in attested:
        evidence[each.observation.evidence].append(each)
    shown = [each for each in attended if for_user in {None, each.user_id}]
    return CallDetails(session, call, tuple(shown), {name: tuple(found) for name, found in evidence.items()})


async def _find_call(
    context: RequestContext, call_id: CallId, *, acting_for: str | None
) -> tuple[Session, Call, str | None]:
    """The call, its session, and the user to whose attendance the view is limited (None: no limit)."""
    missing = CallNotFound("This app has no call with this ID.")
    async with context.transaction() as unit_of_work:
        call = await calls.find(unit_of_work, context.app.id, call_id)
        session = None if call is None else await sessions.find_by_id(unit_of_work, context.app.id, call.session_id)
    if call is None or session is None:
        raise missing
    try:
        authorized = await require(context, session.key, Action.VIEW_CALLS, acting_for=acting_for)
    except SessionNotFound:
        raise missing from None
    for_user = context.actor.user_id if authorized.only_own else acting_for
    return session, _visible_to(context.actor, call, only_own=authorized.only_own), for_user
