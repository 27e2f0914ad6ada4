"""Hands out room codes. A code never expires and admits whoever has it, so the journal knows who got it."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from videobroker.broker import Broker
from videobroker.domain.access import (
    AccessSubject,
    Reason,
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
    """The session and its room code for an app role, made now where there is none yet.

    `replayed` is for the journal: a repeated request gets the code again.

    `user_id` is who gets it; None for a backend that names nobody. The time of day does not matter: a code that was
    made is handed out before the window and after it, but none is made for a session that is over. Whom the waiting
    room keeps gets none, and for a role that has to wait nobody gets one unnamed. Raises `AccessDenied` for them and
    for whom the session never admits, `SessionNotFound`, `RoleNotMapped`, and whatever keeps the room
    from being opened.
    """
    require_scope(context.actor, Action.JOIN)
    entrance = await load_join_context(context.broker, key, user_id)
    _require_no_wait(context, entrance, role=role, user_id=user_id)
    room = await _room_with_codes(context, entrance, user_id=user_id)
    code = room_code(context.broker, room, provider_role(context.app, room.provider, role))
    await _record_issued(context, entrance.session, room, code, user_id=user_id, replayed=replayed)
    return entrance.session, code


async def issue_existing_codes(
    context: RequestContext, found: Sequence[SessionProgress], *, role: str, user_id: str | None
) -> dict[SessionId, str]:
    """The existing codes of these sessions for an app role. Creates none.

    Includes disabled codes of closed sessions. A user gets no code of a session that blocks them or keeps them in its
    waiting room; if it keeps the whole role, requests without a user get none. Nor do keys without the scope `join`.
    """
    if lacks_scope(context.actor, Action.JOIN):
        return {}
    codes: dict[SessionId, str] = {}
    events: dict[SessionId, Event] = {}
    async with context.store.transaction() as transaction:
        ids = [standing.session.id for standing in found]
        banned = await removals.sessions_banning(transaction, context.app.id, ids, user_id)
        admitted = await lobby.admitted(transaction, context.app.id, ids, user_id)
    for standing in found:
        if standing.session.id in banned or _must_wait(context, standing, role, user_id, admitted):
            continue
        room, session = standing.room, standing.session
        code = None if room is None else _code_for(context, room, role)
        if room is not None and code is not None:
            codes[session.id] = code
            events[session.id] = _issued(context, session, room, code, user_id=user_id)
    # One round trip for all. False for a person who was blocked in the meantime.
    written = await asyncio.gather(*(context.broker.journal_writer.record(event) for event in events.values()))
    allowed = {session_id for session_id, is_written in zip(events, written, strict=True) if is_written}
    return {session_id: code for session_id, code in codes.items() if session_id in allowed}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A room code that somebody showed, and what it opens."""

    session: Session
    code: str = field(repr=False)
    """The provider's code."""
    url: str | None = field(repr=False)
    """The page that takes it, with the person's name; None where nobody was named or the account has no page."""


async def resolve_code(context: RequestContext, alias: str, *, user_id: str | None) -> Resolved:
    """What this room code, with or without the app's prefix, opens for this person.

    Raises `SessionNotFound` for a code that no session has, and for everybody who is not on the roster of the session
    that has it; `AccessDenied` when nobody will ever enter it again.
    """
    require_scope(context.actor, Action.JOIN)
    code = strip_code_prefix(alias, code_prefix(context.app))
    roles = {role for role_map in context.app.role_maps.values() for role in role_map.values()}
    async with context.store.transaction() as transaction:
        key = await session_progress.key_of_code(transaction, context.app.id, code, roles)
    if key is None:
        raise SessionNotFound("No session of this app has this room code.")
    entrance = await load_join_context(context.broker, key, user_id)
    if user_id is not None and entrance.participant is None:
        raise SessionNotFound("No session of this app has this room code.")
    if user_id is not None:
        _require_no_wait(context, entrance, role="", user_id=user_id)
    room = await _room_with_codes(context, entrance, user_id=user_id)
    url = _page(context, entrance, room, code)
    await _record_issued(context, entrance.session, room, code, user_id=user_id)
    return Resolved(entrance.session, code, url)


def _page(context: RequestContext, entrance: JoinContext, room: Room, code: str) -> str | None:
    person, provider = entrance.participant, context.provider(room.provider)
    if person is None or Capability.PREBUILT not in provider.capabilities:
        return None
    # The code decides the role and how long it is valid; of the seat, the page shows only who it is.
    seat = CredentialRequest(
        person.user_id,
        _role_of(context.broker, room, code),
        person.display_name or person.user_id,
        context.now,
        context.now,
    )
    credentials = provider.sign_prebuilt(room.provider_room_id or "", code, seat).credentials
    return credentials.url if isinstance(credentials, PrebuiltCredentials) else None


def _require_no_wait(context: RequestContext, entrance: JoinContext, *, role: str, user_id: str | None) -> None:
    """Raise `AccessDenied` for whom the waiting room keeps; somebody who is not named stands for their role."""
    door = entrance.access_context(context.app)
    if user_id is None:
        # A backend may start the next call after one that was ended for everyone.
        door = replace(door, ended_for_all_at=None)
    person = AccessSubject(role) if user_id is None else person_of(context.app, entrance, is_guest=False)
    # What rules them out at any time comes first.
    decision = find_permanent_refusal(door, person) or check_waiting_room(door, person, context.now)
    if decision is not None:
        raise denial(decision)


def _must_wait(
    context: RequestContext, standing: SessionProgress, role: str, user_id: str | None, admitted: Collection[SessionId]
) -> bool:
    session = standing.session
    door = build_access_context(context.app, session, call_running=standing.call_running)
    if user_id is None:
        # As in `_require_no_wait`.
        door = replace(door, ended_for_all_at=None)
    own_role = role if user_id is None else None if standing.own is None else standing.own.role
    return check_waiting_room(door, AccessSubject(own_role, admitted=session.id in admitted), context.now) is not None


def _role_of(broker: Broker, room: Room, code: str) -> str:
    return next((role for role, each in room_codes.decrypt(broker.secret_box, room.codes).items() if each == code), "")


def _code_for(context: RequestContext, room: Room, role: str) -> str | None:
    return room_codes.decrypt(context.broker.secret_box, room.codes).get(
        context.app.provider_role(room.provider, role) or ""
    )


async def _room_with_codes(context: RequestContext, entrance: JoinContext, *, user_id: str | None) -> Room:
    person = None if user_id is None else person_of(context.app, entrance, is_guest=False)
    refusal = find_permanent_refusal(entrance.access_context(context.app), person)
    if refusal is not None:
        raise denial(refusal)
    room = entrance.ready_room
    if room is not None and room.codes:
        return room
    decision = decide_call_opening(entrance.access_context(context.app), context.now)
    if isinstance(decision, RefuseDecision):
        if entrance.room is not None and entrance.room.codes:
            return entrance.room
        raise denial(decision)
    return await open_room(context, entrance.session, surface=Surface.SDK, codes=True)


async def _record_issued(
    context: RequestContext, session: Session, room: Room, code: str, *, user_id: str | None, replayed: bool = False
) -> None:
    event = _issued(context, session, room, code, user_id=user_id)
    if replayed:
        event = replace(event, data={**(event.data or {}), "replayed": True})
    if not await context.broker.journal_writer.record(event):
        # Blocked after the decision, while the room was prepared.
        raise denial(RefuseDecision(Reason.PARTICIPANT_REMOVED))


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
    """What the app puts before its room codes; None when it shows them as they are."""
    account = app.accounts.get(ProviderName.HMS)
    return None if account is None else account.settings.get("room_code_prefix") or None
