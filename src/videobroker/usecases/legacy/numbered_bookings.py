"""Makes bookings of which videobroker is the only keeper: it also gives them their references."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.access import Wait
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.ids import uuid7
from videobroker.domain.sessions import (
    Participant,
    Registered,
    Session,
    SessionKey,
    SessionKind,
    SessionStatus,
    SessionTerms,
)
from videobroker.errors import AccessDenied, BrokerError
from videobroker.providers.contract import Surface
from videobroker.storage.legacy import counters
from videobroker.usecases import registration
from videobroker.usecases.calls.rooms import open_room
from videobroker.usecases.joining.join import provider_role, room_code
from videobroker.usecases.legacy.room_codes import hand_out_code


@dataclass(frozen=True, slots=True)
class Appointed:
    """A booking that was made, and the room code that goes with it."""

    session: Session
    code: str | None = field(repr=False)
    """For the role that was asked for; None where the booking has no video, or keeps that role in a waiting room."""


async def appoint(
    broker: Broker,
    app: App,
    terms: SessionTerms,
    people: Sequence[Participant],
    *,
    role: str,
    actor: Actor,
    now: datetime,
) -> Appointed:
    """Make a confirmed booking under the app's next number; with video, also its room and the code for an app role.

    All of it or nothing: when the room cannot be had, the booking ends cancelled and the reason is raised. Until the
    room is there the booking is pending, so that nobody enters half of one, whenever this process dies. Raises
    whatever `registering.register` and `hand_out_code` raise.
    """
    registration.require_may_create(app, SessionKind.BOOKING, terms, people, actor)
    if not terms.video:
        return Appointed((await _numbered(broker, app, terms, people, actor=actor, now=now)).session, None)
    pending = replace(terms, status=SessionStatus.PENDING)
    session = (await _numbered(broker, app, pending, people, actor=actor, now=now)).session
    try:
        return await _with_room(broker, app, session, terms, role=role, actor=actor, now=now)
    except BrokerError:
        await registration.cancel(broker, app, session.key, actor=actor, now=now)
        raise


async def _with_room(
    broker: Broker, app: App, session: Session, terms: SessionTerms, *, role: str, actor: Actor, now: datetime
) -> Appointed:
    room = await open_room(broker, app, session, surface=Surface.SDK, codes=True, actor=actor, now=now)
    room_code(broker, room, provider_role(app, room.provider, role))  # raises before anybody may enter
    confirmed = await registration.amend(
        broker, app, session.key, lambda known: replace(known, status=terms.status), actor=actor, now=now
    )
    try:
        _, code = await hand_out_code(broker, app, session.key, role=role, user_id=None, actor=actor, now=now)
    except AccessDenied as error:
        if not isinstance(error.decision, Wait):
            raise
        # The waiting room: whoever is let in gets their credentials then.
        return Appointed(confirmed.session, None)
    return Appointed(confirmed.session, code)


async def _numbered(
    broker: Broker, app: App, terms: SessionTerms, people: Sequence[Participant], *, actor: Actor, now: datetime
) -> Registered:
    while True:
        async with broker.store.transaction() as transaction:
            number = await counters.next_number(transaction, app.id, SessionKind.BOOKING)
        key = SessionKey(app.id, SessionKind.BOOKING, str(number))
        registered = await registration.register_new(broker, app, key, terms, people, actor=actor, now=now)
        if registered is not None:
            return registered


async def book(
    broker: Broker, app: App, terms: SessionTerms, people: Sequence[Participant], *, actor: Actor, now: datetime
) -> Registered:
    """Make a booking under a reference of ours, a UUID. Raises whatever `registering.register` raises."""
    registration.require_may_create(app, SessionKind.BOOKING, terms, people, actor)
    key = SessionKey(app.id, SessionKind.BOOKING, str(uuid7(now)))
    return await registration.register(broker, app, key, terms, people, actor=actor, now=now)
