"""Who comes in: the access decision, one room, credentials, and the journal line that is durable before they leave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from videobroker.broker import Broker
from videobroker.domain.access import (
    AccessContext,
    AccessSubject,
    AdmitDecision,
    Reason,
    RefuseDecision,
    WaitDecision,
    compute_token_expiry,
    decide_access,
)
from videobroker.domain.apps import GUEST_ROLE, App, ProviderName
from videobroker.domain.authorization import Action
from videobroker.domain.calls import Call
from videobroker.domain.display_names import mark_guest_name
from videobroker.domain.events import Event, EventType
from videobroker.domain.idempotency import CredentialGrant, is_current
from videobroker.domain.ids import uuid7
from videobroker.domain.join_context import JoinContext, select_providers
from videobroker.domain.rooms import Room
from videobroker.domain.sessions import Session, SessionKey
from videobroker.domain.struct import Struct
from videobroker.domain.times import rfc3339
from videobroker.errors import ParticipantNotFound, RoleNotMapped, RoomNotReady, SurfaceNotOffered
from videobroker.providers.contract import (
    ChannelCredentials,
    CredentialRequest,
    Credentials,
    IssuedCredentials,
    PrebuiltCredentials,
    Provider,
    Surface,
)
from videobroker.storage.attendance import identities
from videobroker.storage.calls import room_codes
from videobroker.storage.joining import provider_uids, removals
from videobroker.storage.journal.journal import record
from videobroker.usecases.access import denial, load_join_context, person_of
from videobroker.usecases.authorization import require, require_among, require_at, require_scope
from videobroker.usecases.calls.calls import open_call
from videobroker.usecases.calls.rooms import open_room
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.waiting_room import request_admission

MAX_CALL_DURATION = timedelta(hours=12)
"""No provider lets a call run longer (100ms: "Max session length: 12 h")."""
ROUNDS = 3
"""How often the room may be closed by somebody between our opening it and our signing for it."""


class JoinRequester(Struct):
    """A person who wants to join."""

    user_id: str
    display_name: str | None = None
    """The name that the request asks for. End users may not choose one: see `Action.CHOOSE_NAME`."""
    is_guest: bool = False
    ticket_name: str | None = None
    """The name that the ticket's issuer gave the person."""
    provider_user_id: str | None = None
    """What the provider calls this person, where that is not their `user_id`."""


class Joined(Struct):
    """Somebody who may enter, with what a frontend needs for it."""

    session: Session
    call: Call
    role: str
    """The provider's role."""
    user_id: str
    display_name: str
    expires_at: datetime
    credentials: Credentials
    issued_at: datetime
    token_id: str
    """Identifies the credential in the journal."""
    hidden_from_repr = ("credentials",)

    @property
    def grant(self) -> CredentialGrant:
        """What the credentials were issued for."""
        return _grant(
            self.session, self.call, self.credentials, self.role, self.token_id, self.issued_at, self.expires_at
        )


class _Attempt(Struct):
    """One visitor's wish to enter one session."""

    context: RequestContext
    key: SessionKey
    visitor: JoinRequester
    surface: Surface
    provider: ProviderName | None


def guest_id(context: RequestContext, *, idempotency_key: str | None) -> str:
    """A new identity for a guest: `guest-` and a UUID. Equal keys make the same guest: the key is unique to a caller
    and a request."""
    identity = uuid7(context.now) if idempotency_key is None else uuid5(context.app.id, idempotency_key)
    return f"guest-{identity}"


async def require_known_guest(broker: Broker, key: SessionKey, guest: str) -> None:
    """Raise `ParticipantNotFound` for an id that we gave to no guest of the session, `SessionNotFound` without one."""
    session = (await load_join_context(broker, key, None)).session
    async with broker.store.transaction() as transaction:
        known = await identities.was_guest(transaction, key.app_id, session.id, guest)
    if not known:
        raise ParticipantNotFound(f"No guest of {key.label} was ever given the id {guest!r}. Leave `guest_id` out.")


async def join(
    context: RequestContext,
    key: SessionKey,
    visitor: JoinRequester,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
) -> Joined:
    """Credentials for somebody who may enter now.

    `provider` is the only one that the visitor's frontend can enter at; without it, any of the session's will do.

    The first to enter opens the room and the call. Joining again repeats the check and signs anew. The journal has
    the line about it before this returns. Raises `AccessDenied` with the decision, `SessionNotFound`, and whatever
    keeps the room from being opened; `SurfaceNotOffered` when the session does not take place at `provider`.
    """
    attempt = _Attempt(context, key, visitor, surface, provider)
    await _require_may_join(attempt)
    for _ in range(ROUNDS):
        entrance = await load_join_context(context.broker, key, visitor.user_id)
        door = entrance.access_context(context.app)
        _require_own_name(attempt, entrance)
        admission = await _require_admission(attempt, entrance, door)
        _require_provider(attempt, entrance.session)
        room = entrance.ready_room
        if room is not None and entrance.call is not None and _is_ready(attempt, entrance, room):
            return await _sign_and_record(attempt, entrance, door, admission, room, entrance.call)
        await _prepare(attempt, entrance)
    raise RoomNotReady("The room was closed while it was being entered. Ask again.", retry_after=1)


async def confirm_join(
    context: RequestContext,
    key: SessionKey,
    visitor: JoinRequester,
    stored: CredentialGrant | None,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
) -> bool:
    """Decide again about a visitor whose credentials were issued before: may they be returned again?

    False when `join` would issue others now: those from before expired or were revoked, or the session has another
    room, call, or role for the visitor. True: the journal has the event about it before this returns. Raises as `join`
    does.
    """
    attempt = _Attempt(context, key, visitor, surface, provider)
    await _require_may_join(attempt)
    entrance = await load_join_context(context.broker, key, visitor.user_id)
    door = entrance.access_context(context.app)
    _require_own_name(attempt, entrance)
    admission = await _require_admission(attempt, entrance, door)
    _require_provider(attempt, entrance.session)
    room, call = entrance.ready_room, entrance.call
    if stored is None or room is None or call is None or not _is_ready(attempt, entrance, room):
        return False
    vendor = context.provider(room.provider)
    seat = _seat(attempt, entrance, door, admission, vendor)
    signed = _sign(attempt, vendor, room, seat)
    fresh = _grant(entrance.session, call, signed.credentials, seat.role, signed.token_id, context.now, seat.expires_at)
    if not is_current(stored, fresh, removed_at=await _removed_at(attempt, entrance.session), now=context.now):
        return False
    event = _issued(attempt, entrance, room.provider, seat, token_id=stored.token_id, expires_at=stored.expires_at)
    await _record_issued(attempt, entrance, admission, replace(event, data={**(event.data or {}), "replayed": True}))
    return True


async def _removed_at(attempt: _Attempt, session: Session) -> datetime | None:
    async with attempt.context.store.transaction() as transaction:
        removal = await removals.find(transaction, attempt.context.app.id, session.id, attempt.visitor.user_id)
    return None if removal is None else removal.removed_at


def _grant(
    session: Session,
    call: Call,
    credentials: Credentials,
    role: str,
    token_id: str,
    issued_at: datetime,
    expires_at: datetime,
) -> CredentialGrant:
    return CredentialGrant(
        session_id=str(session.id),
        call_id=str(call.id),
        provider=credentials.provider,
        surface=credentials.surface,
        room_id=credentials.channel if isinstance(credentials, ChannelCredentials) else credentials.room_id,
        role=role,
        # Everyone with a role gets the same room code: another code means that this one is disabled.
        code_id=token_id if isinstance(credentials, PrebuiltCredentials) else None,
        token_id=token_id,
        issued_at=issued_at,
        expires_at=expires_at,
    )


async def _require_may_join(attempt: _Attempt) -> None:
    """Raise unless the actor may ask for credentials of this visitor. Raises `ScopeMissing`, `NotYourself`."""
    actor, visitor = attempt.context.actor, attempt.visitor
    require_scope(actor, Action.JOIN)
    if actor.user_id is None or actor.user_id == visitor.user_id:
        return
    if not visitor.is_guest:
        require_among(actor, visitor.user_id)
    await require(attempt.context, attempt.key, Action.BRING_GUEST)


def _require_own_name(attempt: _Attempt, entrance: JoinContext) -> None:
    """Raise unless the actor may choose the visitor's name, or asks for the one they have. Raises `RoleMayNot`."""
    visitor, actor = attempt.visitor, attempt.context.actor
    if visitor.display_name is None or actor.user_id != visitor.user_id:
        return
    if visitor.display_name not in {visitor.ticket_name, _registered_name(entrance)}:
        require_at(attempt.context, entrance, Action.CHOOSE_NAME)


def _registered_name(entrance: JoinContext) -> str | None:
    return None if entrance.participant is None else entrance.participant.display_name


def _display_name(visitor: JoinRequester, entrance: JoinContext) -> str:
    """What the others in the call see. A guest is marked, because the name is not verified."""
    name = visitor.display_name or visitor.ticket_name or _registered_name(entrance) or visitor.user_id
    return mark_guest_name(name) if visitor.is_guest else name


async def _require_admission(attempt: _Attempt, entrance: JoinContext, door: AccessContext) -> AdmitDecision:
    person = person_of(attempt.context.app, entrance, is_guest=attempt.visitor.is_guest)
    decision = decide_access(door, person, attempt.context.now)
    if isinstance(decision, AdmitDecision):
        return decision
    guest_id = attempt.visitor.user_id if attempt.visitor.is_guest else None
    if decision.reason is Reason.WAITING_FOR_ADMISSION:
        await _request_admission(attempt, entrance, person, decision)
    else:
        await attempt.context.broker.journal_writer.record(_denied(attempt, entrance, person.role, decision))
    raise denial(decision, guest_id=guest_id)


async def _request_admission(
    attempt: _Attempt, entrance: JoinContext, person: AccessSubject, decision: WaitDecision | RefuseDecision
) -> None:
    visitor = attempt.visitor
    async with attempt.context.store.transaction() as transaction:
        await record(transaction, _denied(attempt, entrance, person.role, decision))
        await request_admission(
            attempt.context,
            transaction,
            entrance.session,
            user_id=visitor.user_id,
            display_name=visitor.display_name or visitor.ticket_name or _registered_name(entrance),
            role=person.role,
            is_guest=visitor.is_guest,
        )


def _require_provider(attempt: _Attempt, session: Session) -> None:
    offered = select_providers(attempt.context.app, session)
    if attempt.provider is not None and offered and attempt.provider not in offered:
        raise SurfaceNotOffered(
            f"The {session.key.label} takes place at {' or '.join(offered)}, not at {attempt.provider}. "
            f"Ask for credentials of {offered[0]}."
        )


def _is_ready(attempt: _Attempt, entrance: JoinContext, room: Room) -> bool:
    if attempt.surface is Surface.PREBUILT:
        return bool(room.codes)
    return entrance.uid is not None or not attempt.context.provider(room.provider).needs_uid


async def _prepare(attempt: _Attempt, entrance: JoinContext) -> None:
    context, visitor = attempt.context, attempt.visitor
    session = _narrowed(entrance.session, attempt.provider)
    # The crowd that comes first waits without connections, for one of them: the others have nothing to ask.
    wanted = (session.id, session.version, session.terms.providers, attempt.surface)
    room = await context.broker.single_flight.do(wanted, lambda: _open(attempt, session))
    if context.provider(room.provider).needs_uid:
        async with context.store.transaction() as transaction:
            await provider_uids.allocate(
                transaction,
                context.app.id,
                session.id,
                visitor.user_id,
                guest_name=(visitor.display_name or visitor.ticket_name) if visitor.is_guest else None,
            )


async def _open(attempt: _Attempt, session: Session) -> Room:
    room = await open_room(attempt.context, session, surface=attempt.surface)
    async with attempt.context.store.transaction() as transaction:
        await open_call(attempt.context, transaction, session, room.provider, by=attempt.visitor.user_id)
    return room


def _narrowed(session: Session, provider: ProviderName | None) -> Session:
    return session if provider is None else replace(session, terms=replace(session.terms, providers=(provider,)))


async def _sign_and_record(
    attempt: _Attempt, entrance: JoinContext, door: AccessContext, admission: AdmitDecision, room: Room, call: Call
) -> Joined:
    provider = attempt.context.provider(room.provider)
    seat = _seat(attempt, entrance, door, admission, provider)
    signed = _sign(attempt, provider, room, seat)
    event = _issued(attempt, entrance, room.provider, seat, token_id=signed.token_id, expires_at=seat.expires_at)
    await _record_issued(attempt, entrance, admission, event)
    return Joined(
        session=entrance.session,
        call=call,
        role=seat.role,
        user_id=attempt.visitor.user_id,
        display_name=seat.display_name,
        expires_at=seat.expires_at,
        credentials=signed.credentials,
        issued_at=attempt.context.now,
        token_id=signed.token_id,
    )


async def _record_issued(attempt: _Attempt, entrance: JoinContext, admission: AdmitDecision, event: Event) -> None:
    """Journal issued credentials; raises `AccessDenied` if the person was blocked after the decision."""
    if await attempt.context.broker.journal_writer.record(event):
        return
    decision = RefuseDecision(Reason.PARTICIPANT_REMOVED, admission.opens_at, admission.closes_at)
    await attempt.context.broker.journal_writer.record(
        _denied(attempt, entrance, _app_role(attempt.visitor, entrance), decision)
    )
    raise denial(decision)


def _seat(
    attempt: _Attempt, entrance: JoinContext, door: AccessContext, admission: AdmitDecision, provider: Provider
) -> CredentialRequest:
    visitor = attempt.visitor
    role = _app_role(visitor, entrance)
    rule = provider.token_limits
    return CredentialRequest(
        user_id=visitor.provider_user_id or visitor.user_id,
        role=provider_role(attempt.context.app, provider.name, role),
        display_name=_display_name(visitor, entrance),
        issued_at=attempt.context.now,
        expires_at=compute_token_expiry(
            attempt.context.now,
            until=admission.until,
            lifetime=door.policy.token_lifetime(guest=visitor.is_guest, default=rule.default),
            maximum=rule.maximum,
            max_call_duration=MAX_CALL_DURATION if rule.must_cover_call else None,
        ),
        uid=entrance.uid,
    )


def _app_role(visitor: JoinRequester, entrance: JoinContext) -> str:
    participant = entrance.participant
    return GUEST_ROLE if visitor.is_guest or participant is None else participant.role


def provider_role(app: App, provider: ProviderName, role: str) -> str:
    """What the role is called at the provider. Raises `RoleNotMapped`."""
    mapped = app.provider_role(provider, role)
    if mapped is None:
        known = ", ".join(sorted(app.role_maps.get(provider, {}))) or "none"
        raise RoleNotMapped(
            f"The app's role map says nothing about the role {role!r} at {provider}. "
            f"Use one of its roles ({known}), or extend the map with `videobroker apps update`.",
            role=role,
        )
    return mapped


def _sign(attempt: _Attempt, provider: Provider, room: Room, seat: CredentialRequest) -> IssuedCredentials:
    room_id = room.provider_room_id or ""
    if attempt.surface is Surface.SDK:
        return provider.sign(room_id, seat)
    return provider.sign_prebuilt(room_id, room_code(attempt.context.broker, room, seat.role), seat)


def room_code(broker: Broker, room: Room, role: str) -> str:
    """The room's code for a role of the provider. Raises `RoleNotMapped`."""
    code = room_codes.decrypt(broker.secret_box, room.codes).get(role)
    if code is None:
        raise RoleNotMapped(
            f"{room.provider} gave no room code for the role {role!r}: its template has no such role. "
            "Roles are case-sensitive: compare the template with the app's role map.",
            role=role,
        )
    return code


def _issued(
    attempt: _Attempt,
    entrance: JoinContext,
    provider: ProviderName,
    seat: CredentialRequest,
    *,
    token_id: str,
    expires_at: datetime,
) -> Event:
    return _about(
        attempt,
        entrance,
        EventType.CREDENTIALS_ISSUED,
        {
            "provider": provider,
            "surface": attempt.surface,
            "role": seat.role,
            "guest": attempt.visitor.is_guest,
            "token_id": token_id,
            "expires_at": rfc3339(expires_at),
            **({} if seat.user_id == attempt.visitor.user_id else {"provider_user_id": seat.user_id}),
        },
    )


def _denied(
    attempt: _Attempt, entrance: JoinContext, role: str | None, decision: WaitDecision | RefuseDecision
) -> Event:
    return _about(
        attempt,
        entrance,
        EventType.CREDENTIALS_DENIED,
        {
            "decision": "wait" if isinstance(decision, WaitDecision) else "refuse",
            "reason": decision.reason,
            "role": role,
            "guest": attempt.visitor.is_guest,
        },
    )


def _about(attempt: _Attempt, entrance: JoinContext, event_type: EventType, data: Mapping[str, Any]) -> Event:
    return attempt.context.event(entrance.session, event_type, user_id=attempt.visitor.user_id, data=data)
