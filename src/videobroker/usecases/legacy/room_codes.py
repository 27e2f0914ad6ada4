"""Issues room codes. A code does not expire and admits anyone who has it, so each recipient is journaled."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from videobroker.broker import Broker
from videobroker.domain.access import (
    AccessReason,
    AccessSubject,
    RefuseDecision,
    check_waiting_room,
    decide_call_opening,
    find_permanent_refusal,
)
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.authorization import Action, lacks_scope
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import SessionId
from videobroker.domain.join_context import JoinContext, build_access_context
from videobroker.domain.progress import SessionProgress
from videobroker.domain.rooms import Room, compute_code_id, strip_code_prefix
from videobroker.domain.sessions import Session, SessionKey
from videobroker.errors import SessionNotFound
from videobroker.providers.contract import Capability, CredentialRequest, PrebuiltCredentials, Surface
from videobroker.storage.calls import room_codes
from videobroker.storage.joining import lobby, removals
from videobroker.storage.legacy import session_progress
from videobroker.usecases.access import denial, load_join_context, person_of
from videobroker.usecases.authorization import require_scope
from videobroker.usecases.calls.rooms import open_room
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.join import provider_role, room_code


async def issue_room_code(
    context: RequestContext, key: SessionKey, *, role: str, user_id: str | None, replayed: bool = False
) -> tuple[Session, str]:
    """The session and its room code for an app role, created if there is none.

    `user_id` is the recipient; None for a backend that names none. `replayed` marks the event of a repeated request.

    An existing code is issued before and after the window too, but none is created for a session that is over. A person
    who has to wait for admission gets no code; neither does a request without a `user_id` if the role has to wait.
    Raises `AccessDenied` for these and for people whom the session never admits, `SessionNotFound`, `RoleNotMapped`,
    and what `open_room` raises.
    """
    require_scope(context.actor, Action.JOIN)
    join_context = await load_join_context(context.broker, key, user_id)
    _require_no_wait(context, join_context, role=role, user_id=user_id)
    room = await _room_with_codes(context, join_context, user_id=user_id)
    code = room_code(context.broker, room, provider_role(context.app, room.provider, role))
    await _record_issued(context, join_context.session, room, code, user_id=user_id, replayed=replayed)
    return join_context.session, code


async def issue_existing_codes(
    context: RequestContext, found: Sequence[SessionProgress], *, role: str, user_id: str | None
) -> dict[SessionId, str]:
    """The existing codes of these sessions for an app role. Creates none.

    Includes disabled codes of closed sessions. A user gets no code of a session in which they are blocked or have to
    wait for admission; a request without a user gets none if the role has to wait. Keys without the scope `join` get
    none.
    """
    if lacks_scope(context.actor, Action.JOIN):
        return {}
    codes: dict[SessionId, str] = {}
    events: dict[SessionId, Event] = {}
    async with context.transaction() as unit_of_work:
        ids = [progress.session.id for progress in found]
        banned = await removals.sessions_banning(unit_of_work, context.app.id, ids, user_id)
        admitted = await lobby.admitted(unit_of_work, context.app.id, ids, user_id)
    for progress in found:
        if progress.session.id in banned or _must_wait(context, progress, role, user_id, admitted):
            continue
        room, session = progress.room, progress.session
        code = None if room is None else _code_for(context, room, role)
        if room is not None and code is not None:
            codes[session.id] = code
            events[session.id] = _issued(context, session, room, code, user_id=user_id)
    # One round trip for all. False for a person who was blocked since the check above.
    written = await asyncio.gather(*(context.broker.journal_writer.record(event) for event in events.values()))
    allowed = {session_id for session_id, is_written in zip(events, written, strict=True) if is_written}
    return {session_id: code for session_id, code in codes.items() if session_id in allowed}


@dataclass(frozen=True, slots=True)
class ResolvedRoomCode:
    """The session and the page of a room code."""

    session: Session
    code: str = field(repr=False)
    """The provider's code."""
    url: str | None = field(repr=False)
    """The call page with the person's name; None without a named participant, or if the account has no page."""


async def resolve_code(context: RequestContext, alias: str, *, user_id: str | None) -> ResolvedRoomCode:
    """Find the session of a room code, with or without the app's prefix, for this person.

    Raises `SessionNotFound` if no session has the code, or if the person is not a participant of its session, and
    `AccessDenied` if the session admits no one anymore.
    """
    require_scope(context.actor, Action.JOIN)
    code = strip_code_prefix(alias, code_prefix(context.app))
    roles = {role for role_map in context.app.role_maps.values() for role in role_map.values()}
    async with context.transaction() as unit_of_work:
        key = await session_progress.key_of_code(unit_of_work, context.app.id, code, roles)
    if key is None:
        raise SessionNotFound("No session of this app has this room code.")
    join_context = await load_join_context(context.broker, key, user_id)
    if user_id is not None and join_context.participant is None:
        raise SessionNotFound("No session of this app has this room code.")
    if user_id is not None:
        _require_no_wait(context, join_context, role="", user_id=user_id)
    room = await _room_with_codes(context, join_context, user_id=user_id)
    url = _page(context, join_context, room, code)
    await _record_issued(context, join_context.session, room, code, user_id=user_id)
    return ResolvedRoomCode(join_context.session, code, url)


def _page(context: RequestContext, join_context: JoinContext, room: Room, code: str) -> str | None:
    person, provider = join_context.participant, context.provider(room.provider)
    if person is None or Capability.PREBUILT not in provider.capabilities:
        return None
    # The code determines the role and the validity. The page uses only the name of the request.
    request = CredentialRequest(
        person.user_id,
        _role_of(context.broker, room, code),
        person.display_name or person.user_id,
        context.now,
        context.now,
    )
    credentials = provider.sign_prebuilt(room.provider_room_id or "", code, request).credentials
    return credentials.url if isinstance(credentials, PrebuiltCredentials) else None


def _require_no_wait(context: RequestContext, join_context: JoinContext, *, role: str, user_id: str | None) -> None:
    """Raise `AccessDenied` for a person who has to wait; without a `user_id`, if the role has to wait."""
    access_context = join_context.access_context(context.app)
    if user_id is None:
        # A backend may start the next call after one that was ended for everyone.
        access_context = replace(access_context, ended_for_all_at=None)
    person = AccessSubject(role) if user_id is None else person_of(context.app, join_context, is_guest=False)
    # A permanent refusal takes precedence.
    decision = find_permanent_refusal(access_context, person) or check_waiting_room(access_context, person, context.now)
    if decision is not None:
        raise denial(decision)


def _must_wait(
    context: RequestContext, progress: SessionProgress, role: str, user_id: str | None, admitted: Collection[SessionId]
) -> bool:
    session = progress.session
    access_context = build_access_context(context.app, session, call_running=progress.call_running)
    if user_id is None:
        # As in `_require_no_wait`.
        access_context = replace(access_context, ended_for_all_at=None)
    own_role = role if user_id is None else None if progress.own is None else progress.own.role
    return (
        check_waiting_room(access_context, AccessSubject(own_role, admitted=session.id in admitted), context.now)
        is not None
    )


def _role_of(broker: Broker, room: Room, code: str) -> str:
    return next((role for role, each in room_codes.decrypt(broker.secret_box, room.codes).items() if each == code), "")


def _code_for(context: RequestContext, room: Room, role: str) -> str | None:
    return room_codes.decrypt(context.broker.secret_box, room.codes).get(
        context.app.provider_role(room.provider, role) or ""
    )


async def _room_with_codes(context: RequestContext, join_context: JoinContext, *, user_id: str | None) -> Room:
    person = None if user_id is None else person_of(context.app, join_context, is_guest=False)
    refusal = find_permanent_refusal(join_context.access_context(context.app), person)
    if refusal is not None:
        raise denial(refusal)
    room = join_context.ready_room
    if room is not None and room.codes:
        return room
    decision = decide_call_opening(join_context.access_context(context.app), context.now)
    if isinstance(decision, RefuseDecision):
        if join_context.room is not None and join_context.room.codes:
            return join_context.room
        raise denial(decision)
    return await open_room(context, join_context.session, surface=Surface.SDK, codes=True)


async def _record_issued(
    context: RequestContext, session: Session, room: Room, code: str, *, user_id: str | None, replayed: bool = False
) -> None:
    event = _issued(context, session, room, code, user_id=user_id)
    if replayed:
        event = replace(event, data={**(event.data or {}), "replayed": True})
    if not await context.broker.journal_writer.record(event):
        # Blocked after the decision, while the room was prepared.
        raise denial(RefuseDecision(AccessReason.PARTICIPANT_REMOVED))


def _issued(context: RequestContext, session: Session, room: Room, code: str, *, user_id: str | None) -> Event:
    data = {
        "provider": room.provider,
        "surface": Surface.PREBUILT,
        "role": _role_of(context.broker, room, code),
        "guest": False,
        "token_id": compute_code_id(code),
        "expires_at": None,
    }
    return context.event(session, EventType.CREDENTIALS_ISSUED, user_id=user_id, data=data)


def code_prefix(app: App) -> str | None:
    """The prefix of the app's room codes; None if it uses the provider's codes unchanged."""
    account = app.accounts.get(ProviderName.HMS)
    return None if account is None else account.settings.get("room_code_prefix") or None
