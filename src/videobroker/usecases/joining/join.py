"""Join: decides access, opens the room and the call, signs credentials, and journals them before it returns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid5

from prometheus_client import Counter

from videobroker.broker import Broker
from videobroker.domain.access import (
    AccessContext,
    AccessReason,
    AccessSubject,
    AdmitDecision,
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
from videobroker.domain.ids import EventId, uuid7
from videobroker.domain.join_context import JoinContext
from videobroker.domain.rooms import Room
from videobroker.domain.sessions import Session, SessionKey
from videobroker.domain.struct import Struct
from videobroker.domain.times import rfc3339
from videobroker.errors import (
    AccessDenied,
    BrokerError,
    ParticipantNotFound,
    RoleNotMapped,
    RoomNotReady,
    SurfaceNotOffered,
)
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
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import denial, load_join_context, person_of
from videobroker.usecases.authorization import require, require_among, require_at, require_scope
from videobroker.usecases.calls.calls import open_call
from videobroker.usecases.calls.rooms import open_room
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.waiting_room import request_admission

MAX_CALL_DURATION = timedelta(hours=12)
"""No provider lets a call run longer (100ms: "Max session length: 12 h")."""
MAX_ATTEMPTS = 3
"""Another request may close the room after we opened it and before we sign credentials for it."""


JOINS = Counter("videobroker_joins", "Requests for join credentials.", ["outcome", "reason"])


class JoinRequester(Struct):
    """A person who wants to join."""

    user_id: str
    display_name: str | None = None
    """The name that the request asks for. End users may not choose one: see `Action.CHOOSE_NAME`."""
    is_guest: bool = False
    ticket_name: str | None = None
    """The name that the ticket's issuer gave the person."""
    provider_user_id: str | None = None
    """The provider's user ID for this person, if it is not their `user_id`."""


class JoinResult(Struct):
    """Credentials for a person who was admitted."""

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
    join_id: EventId
    """The ID of the event of this join. People with the same role share a room code, and so its `token_id`."""
    hidden_from_repr = ("credentials",)

    @property
    def grant(self) -> CredentialGrant:
        """What the credentials were issued for."""
        return _grant(
            self.session, self.call, self.credentials, self.role, self.token_id, self.issued_at, self.expires_at
        )


class _Attempt(Struct):
    """The arguments of one join."""

    context: RequestContext
    key: SessionKey
    requester: JoinRequester
    surface: Surface
    provider: ProviderName | None


def guest_id(context: RequestContext, *, idempotency_key: str | None) -> str:
    """A new user ID for a guest. Equal idempotency keys, which are unique to a caller and a request, give equal IDs."""
    identity = uuid7(context.now) if idempotency_key is None else uuid5(context.app.id, idempotency_key)
    return f"guest-{identity}"


async def require_known_guest(broker: Broker, key: SessionKey, guest: str) -> None:
    """Raise `ParticipantNotFound` unless this ID was issued to a guest of the session. Raises `SessionNotFound`."""
    session = (await load_join_context(broker, key, None)).session
    async with broker.store.transaction(key.app_id) as unit_of_work:
        known = await identities.was_guest(unit_of_work, key.app_id, session.id, guest)
    if not known:
        raise ParticipantNotFound(f"No guest of {key.label} has the ID {guest!r}. Leave `guest_id` out.")


async def join(
    context: RequestContext,
    key: SessionKey,
    requester: JoinRequester,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
) -> JoinResult:
    """Issue credentials to a person who may join now.

    The first join opens the room and the call. Every join decides again and signs new credentials. The event is durable
    in the journal when this returns. A person whom the waiting room stops gets an entry in it.

    `provider` is the only provider that the requester's frontend supports; None for any. Raises `AccessDenied` with the
    decision, `SessionNotFound`, `SurfaceNotOffered` if the session is at another provider, and what `open_room` raises.
    """
    with _counted():
        return await _join(_Attempt(context, key, requester, surface, provider))


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except AccessDenied as error:
        _count("waiting" if isinstance(error.decision, WaitDecision) else "refused", error.code)
        raise
    except BrokerError as error:
        _count("failed", error.code)
        raise
    except Exception:
        _count("failed", "internal_error")
        raise
    _count("admitted", "")


def _count(outcome: str, reason: str) -> None:
    _labeled(outcome, reason).inc()


@lru_cache(maxsize=256)
def _labeled(outcome: str, reason: str) -> Counter:
    # The client library takes a lock for each lookup. The number of reasons is bounded.
    return JOINS.labels(outcome, reason)


async def _join(attempt: _Attempt) -> JoinResult:
    context, key, requester = attempt.context, attempt.key, attempt.requester
    await _require_may_join(attempt)
    for _ in range(MAX_ATTEMPTS):
        join_context = await load_join_context(context.broker, key, requester.user_id)
        access_context = join_context.access_context(context.app)
        _require_own_name(attempt, join_context)
        admission = await _require_admission(attempt, join_context, access_context)
        _require_provider(attempt, join_context)
        room = join_context.ready_room
        if room is not None and join_context.call is not None and _is_ready(attempt, join_context, room):
            return await _sign_and_record(attempt, join_context, access_context, admission, room, join_context.call)
        await _prepare(attempt, join_context)
    raise RoomNotReady("The room was closed while it was being joined. Try again.", retry_after=1)


async def confirm_join(
    context: RequestContext,
    key: SessionKey,
    requester: JoinRequester,
    stored: CredentialGrant | None,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
) -> bool:
    """Decide again whether a requester may get the credentials that were issued to them earlier.

    False if `join` would issue different ones now: the stored ones expired or were revoked, or the session has another
    room, call, or role for the requester. If True, the event is durable in the journal when this returns. Raises what
    `join` raises.
    """
    attempt = _Attempt(context, key, requester, surface, provider)
    await _require_may_join(attempt)
    join_context = await load_join_context(context.broker, key, requester.user_id)
    access_context = join_context.access_context(context.app)
    _require_own_name(attempt, join_context)
    admission = await _require_admission(attempt, join_context, access_context)
    _require_provider(attempt, join_context)
    room, call = join_context.ready_room, join_context.call
    if stored is None or room is None or call is None or not _is_ready(attempt, join_context, room):
        return False
    vendor = context.provider(room.provider)
    request = _credential_request(attempt, join_context, access_context, admission, vendor)
    signed = _sign(attempt, vendor, room, request)
    fresh = _grant(
        join_context.session, call, signed.credentials, request.role, signed.token_id, context.now, request.expires_at
    )
    if not is_current(stored, fresh, removed_at=await _removed_at(attempt, join_context.session), now=context.now):
        return False
    event = _issued(
        attempt, join_context, room.provider, request, token_id=stored.token_id, expires_at=stored.expires_at
    )
    await _record_issued(
        attempt, join_context, admission, replace(event, data={**(event.data or {}), "replayed": True})
    )
    return True


async def _removed_at(attempt: _Attempt, session: Session) -> datetime | None:
    async with attempt.context.transaction() as unit_of_work:
        removal = await removals.find(unit_of_work, attempt.context.app.id, session.id, attempt.requester.user_id)
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
        # All people with a role share one room code. If the room has another code now, this one is disabled.
        code_id=token_id if isinstance(credentials, PrebuiltCredentials) else None,
        token_id=token_id,
        issued_at=issued_at,
        expires_at=expires_at,
    )


async def _require_may_join(attempt: _Attempt) -> None:
    """Raise unless the actor may request credentials for this person. Raises `ScopeMissing`, `NotYourself`."""
    actor, requester = attempt.context.actor, attempt.requester
    require_scope(actor, Action.JOIN)
    if actor.user_id is None or actor.user_id == requester.user_id:
        return
    if not requester.is_guest:
        require_among(actor, requester.user_id)
    await require(attempt.context, attempt.key, Action.BRING_GUEST)


def _require_own_name(attempt: _Attempt, join_context: JoinContext) -> None:
    """Raise `RoleMayNot` if the actor chose a name that is not the person's own, and may not choose names."""
    requester, actor = attempt.requester, attempt.context.actor
    if requester.display_name is None or actor.user_id != requester.user_id:
        return
    if requester.display_name not in {requester.ticket_name, _registered_name(join_context)}:
        require_at(attempt.context, join_context, Action.CHOOSE_NAME)


def _registered_name(join_context: JoinContext) -> str | None:
    return None if join_context.participant is None else join_context.participant.display_name


def _display_name(requester: JoinRequester, join_context: JoinContext) -> str:
    """The name that others in the call see. Guests are marked, because their names are not verified."""
    name = requester.display_name or requester.ticket_name or _registered_name(join_context) or requester.user_id
    return mark_guest_name(name) if requester.is_guest else name


async def _require_admission(
    attempt: _Attempt, join_context: JoinContext, access_context: AccessContext
) -> AdmitDecision:
    person = person_of(attempt.context.app, join_context, is_guest=attempt.requester.is_guest)
    decision = decide_access(access_context, person, attempt.context.now)
    if isinstance(decision, AdmitDecision):
        return decision
    guest_id = attempt.requester.user_id if attempt.requester.is_guest else None
    if decision.reason is AccessReason.WAITING_FOR_ADMISSION:
        await _request_admission(attempt, join_context, person, decision)
    else:
        await attempt.context.broker.journal_writer.record(_denied(attempt, join_context, person.role, decision))
    raise denial(decision, guest_id=guest_id)


async def _request_admission(
    attempt: _Attempt, join_context: JoinContext, person: AccessSubject, decision: WaitDecision | RefuseDecision
) -> None:
    requester = attempt.requester
    async with attempt.context.transaction() as unit_of_work:
        has_entered = await request_admission(
            attempt.context,
            unit_of_work,
            join_context.session,
            user_id=requester.user_id,
            display_name=requester.display_name or requester.ticket_name or _registered_name(join_context),
            role=person.role,
            is_guest=requester.is_guest,
        )
        # Once, not for each request of a client that polls.
        if has_entered:
            await record(unit_of_work, _denied(attempt, join_context, person.role, decision))


def _require_provider(attempt: _Attempt, join_context: JoinContext) -> None:
    session, offered = join_context.session, join_context.selectable_providers(attempt.context.app)
    if attempt.provider is not None and offered and attempt.provider not in offered:
        raise SurfaceNotOffered(
            f"The {session.key.label} takes place at {' or '.join(offered)}, not at {attempt.provider}. "
            f"Ask for credentials of {offered[0]}."
        )


def _is_ready(attempt: _Attempt, join_context: JoinContext, room: Room) -> bool:
    if attempt.surface is Surface.PREBUILT:
        return bool(room.codes)
    return join_context.uid is not None or not attempt.context.provider(room.provider).needs_uid


async def _prepare(attempt: _Attempt, join_context: JoinContext) -> None:
    context, requester, session = attempt.context, attempt.requester, join_context.session
    # Single-flight: concurrent first joins share one opening, and the waiting ones use no database connection.
    flight_key = (session.id, session.version, attempt.provider, attempt.surface)
    room = await context.broker.single_flight.do(flight_key, lambda: _open(attempt, session))
    if context.provider(room.provider).needs_uid:
        async with context.transaction() as unit_of_work:
            await provider_uids.allocate(
                unit_of_work,
                context.app.id,
                session.id,
                requester.user_id,
                guest_name=(requester.display_name or requester.ticket_name) if requester.is_guest else None,
            )


async def _open(attempt: _Attempt, session: Session) -> Room:
    room = await open_room(attempt.context, session, surface=attempt.surface, provider=attempt.provider)
    async with attempt.context.transaction() as unit_of_work:
        await open_call(attempt.context, unit_of_work, session, room.provider, by=attempt.requester.user_id)
    return room


async def _sign_and_record(
    attempt: _Attempt,
    join_context: JoinContext,
    access_context: AccessContext,
    admission: AdmitDecision,
    room: Room,
    call: Call,
) -> JoinResult:
    provider = attempt.context.provider(room.provider)
    request = _credential_request(attempt, join_context, access_context, admission, provider)
    signed = _sign(attempt, provider, room, request)
    event = _issued(
        attempt, join_context, room.provider, request, token_id=signed.token_id, expires_at=request.expires_at
    )
    await _record_issued(attempt, join_context, admission, event)
    return JoinResult(
        session=join_context.session,
        call=call,
        role=request.role,
        user_id=attempt.requester.user_id,
        display_name=request.display_name,
        expires_at=request.expires_at,
        credentials=signed.credentials,
        issued_at=attempt.context.now,
        token_id=signed.token_id,
        join_id=event.id,
    )


async def _record_issued(attempt: _Attempt, join_context: JoinContext, admission: AdmitDecision, event: Event) -> None:
    """Journal issued credentials. Raises `AccessDenied` if the person was blocked after the decision."""
    if await attempt.context.broker.journal_writer.record(event):
        return
    decision = RefuseDecision(AccessReason.PARTICIPANT_REMOVED, admission.opens_at, admission.closes_at)
    await attempt.context.broker.journal_writer.record(
        _denied(attempt, join_context, _app_role(attempt.requester, join_context), decision)
    )
    raise denial(decision)


def _credential_request(
    attempt: _Attempt,
    join_context: JoinContext,
    access_context: AccessContext,
    admission: AdmitDecision,
    provider: Provider,
) -> CredentialRequest:
    requester = attempt.requester
    role = _app_role(requester, join_context)
    rule = provider.token_limits
    return CredentialRequest(
        user_id=requester.provider_user_id or requester.user_id,
        role=provider_role(attempt.context.app, provider.name, role),
        display_name=_display_name(requester, join_context),
        issued_at=attempt.context.now,
        expires_at=compute_token_expiry(
            attempt.context.now,
            until=admission.until,
            lifetime=access_context.policy.token_lifetime(guest=requester.is_guest, default=rule.default),
            maximum=rule.maximum,
            max_call_duration=MAX_CALL_DURATION if rule.must_cover_call else None,
        ),
        uid=join_context.uid,
    )


def _app_role(requester: JoinRequester, join_context: JoinContext) -> str:
    participant = join_context.participant
    return GUEST_ROLE if requester.is_guest or participant is None else participant.role


def provider_role(app: App, provider: ProviderName, role: str) -> str:
    """The provider role of an app role. Raises `RoleNotMapped`."""
    mapped = app.provider_role(provider, role)
    if mapped is None:
        known = ", ".join(sorted(app.role_maps.get(provider, {}))) or "none"
        raise RoleNotMapped(
            TranslatableText(
                "The app's role map says nothing about the role %(role)r at %(provider)s. Use one of its roles "
                "(%(known)s), or extend the map with `videobroker apps update`.",
                role=role,
                provider=provider,
                known=known,
            ),
            role=role,
        )
    return mapped


def _sign(attempt: _Attempt, provider: Provider, room: Room, request: CredentialRequest) -> IssuedCredentials:
    room_id = room.provider_room_id or ""
    if attempt.surface is Surface.SDK:
        return provider.sign(room_id, request)
    return provider.sign_prebuilt(room_id, room_code(attempt.context.broker, room, request.role), request)


def room_code(broker: Broker, room: Room, role: str) -> str:
    """The room code of a provider role. Raises `RoleNotMapped`."""
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
    join_context: JoinContext,
    provider: ProviderName,
    request: CredentialRequest,
    *,
    token_id: str,
    expires_at: datetime,
) -> Event:
    return _about(
        attempt,
        join_context,
        EventType.CREDENTIALS_ISSUED,
        {
            "provider": provider,
            "surface": attempt.surface,
            "role": request.role,
            "guest": attempt.requester.is_guest,
            "token_id": token_id,
            "expires_at": rfc3339(expires_at),
            **({} if request.user_id == attempt.requester.user_id else {"provider_user_id": request.user_id}),
        },
    )


def _denied(
    attempt: _Attempt, join_context: JoinContext, role: str | None, decision: WaitDecision | RefuseDecision
) -> Event:
    return _about(
        attempt,
        join_context,
        EventType.CREDENTIALS_DENIED,
        {
            "decision": "wait" if isinstance(decision, WaitDecision) else "refuse",
            "reason": decision.reason,
            "role": role,
            "guest": attempt.requester.is_guest,
        },
    )


def _about(attempt: _Attempt, join_context: JoinContext, event_type: EventType, data: Mapping[str, Any]) -> Event:
    return attempt.context.event(join_context.session, event_type, user_id=attempt.requester.user_id, data=data)
