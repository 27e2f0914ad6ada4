"""Creates bookings for apps that do not store them: this service assigns their references."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from videobroker.domain.access import WaitDecision
from videobroker.domain.ids import uuid7
from videobroker.domain.sessions import (
    Participant,
    RegistrationResult,
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
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.join import provider_role, room_code
from videobroker.usecases.legacy.room_codes import issue_room_code


@dataclass(frozen=True, slots=True)
class NumberedBooking:
    """A new booking with its room code."""

    session: Session
    code: str | None = field(repr=False)
    """For the requested role; None if the booking has no video, or if that role has to wait for admission."""


async def register_appointment(
    context: RequestContext, terms: SessionTerms, people: Sequence[Participant], *, role: str
) -> NumberedBooking:
    """Create a booking with the app's next number; with video, also its room and the code of an app role.

    If the room cannot be opened, the booking is cancelled, and the error is raised. Until the room is open the booking
    is pending, so that after a crash no one can join an incomplete booking. Raises what `registration.register` and
    `issue_room_code` raise.
    """
    registration.require_may_create(context, SessionKind.BOOKING, terms, people)
    if not terms.video:
        return NumberedBooking((await _register_next(context, terms, people)).session, None)
    pending = replace(terms, status=SessionStatus.PENDING)
    session = (await _register_next(context, pending, people)).session
    try:
        return await _with_room(context, session, terms, role=role)
    except BrokerError:
        await registration.cancel(context, session.key)
        raise


async def _with_room(context: RequestContext, session: Session, terms: SessionTerms, *, role: str) -> NumberedBooking:
    room = await open_room(context, session, surface=Surface.SDK, codes=True)
    room_code(context.broker, room, provider_role(context.app, room.provider, role))  # raises before anyone can join
    confirmed = await registration.amend(context, session.key, lambda known: replace(known, status=terms.status))
    try:
        _, code = await issue_room_code(context, session.key, role=role, user_id=None)
    except AccessDenied as error:
        if not isinstance(error.decision, WaitDecision):
            raise
        # The role has to wait for admission, and gets credentials afterwards.
        return NumberedBooking(confirmed.session, None)
    return NumberedBooking(confirmed.session, code)


async def _register_next(
    context: RequestContext, terms: SessionTerms, people: Sequence[Participant]
) -> RegistrationResult:
    while True:
        async with context.transaction() as unit_of_work:
            number = await counters.next_number(unit_of_work, context.app.id, SessionKind.BOOKING)
        key = SessionKey(context.app.id, SessionKind.BOOKING, str(number))
        registered = await registration.register_new(context, key, terms, people)
        if registered is not None:
            return registered


async def register_booking(
    context: RequestContext, terms: SessionTerms, people: Sequence[Participant]
) -> RegistrationResult:
    """Create a booking with a new UUID as its reference. Raises what `registration.register` raises."""
    registration.require_may_create(context, SessionKind.BOOKING, terms, people)
    key = SessionKey(context.app.id, SessionKind.BOOKING, str(uuid7(context.now)))
    return await registration.register(context, key, terms, people)
