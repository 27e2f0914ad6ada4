"""What somebody who followed a link sees of the session, and how it changes while they look."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from videobroker.domain.access import AccessDecision, AdmitDecision, Reason, RefuseDecision, WaitDecision, decide_access
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import CallId
from videobroker.domain.join_context import select_providers
from videobroker.domain.lobby import LobbyEntry
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.sessions import SessionKey, SessionStatus
from videobroker.domain.tickets import Ticket
from videobroker.errors import TicketExpired, TicketInvalid, TicketRevoked
from videobroker.storage.attendance import stays
from videobroker.storage.joining import provider_uids
from videobroker.storage.postgres.notifications import journal_topic
from videobroker.usecases.access import denial, load_join_context, person_of, refresh_waiting_entry
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.links import refresh_ticket
from videobroker.usecases.joining.waiting_room import count_waiting, request_admission, withdraw

LOOK_AGAIN_SECONDS = 5.0
"""Without a wake-up. They may get lost."""
PAUSE_SECONDS = 0.5
"""After a look: every event of the app wakes everybody who waits anywhere in it."""
LOOKS_SOON = 3
"""So many looks follow soon upon a wake-up: one of them comes after everything that belongs together was written."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The session as the holder of a ticket sees it."""

    key: SessionKey
    title: str | None
    """None for whom the session does not know any more."""
    status: SessionStatus
    starts_at: datetime | None
    ends_at: datetime | None
    ticket: Ticket
    display_name: str | None
    role: str | None
    """The app's role; None for somebody who is not on the roster any more."""
    is_host: bool
    decision: AccessDecision
    provider: ProviderName | None
    """Where the session takes place, as far as that is known."""
    call: tuple[CallId, datetime] | None
    """The one that runs, and since when."""
    host_present: bool | None
    """Whether a host is in it; None when nobody can tell."""
    entry: LobbyEntry | None = None
    """The visitor's place in the waiting room."""
    waiting: int | None = None
    """For a host of a session that lets people in one by one: how many wait."""

    @property
    def essence(self) -> "Visit":
        """Without what changes by the second."""
        decision, entry = self.decision, self.entry
        return replace(
            self,
            decision=replace(decision, retry_after=0) if isinstance(decision, WaitDecision) else decision,
            entry=None if entry is None else replace(entry, seen_at=entry.asked_at),
        )


async def visit(context: RequestContext, ticket: Ticket) -> Visit:
    """How the session stands for the holder of a ticket. Raises `SessionNotFound`.

    Of somebody who waits to be let in, looking is a sign that they still do.
    """
    entrance = await load_join_context(context.broker, ticket.session, ticket.user_id)
    session, terms, door = entrance.session, entrance.session.terms, entrance.access_context(context.app)
    person, call = person_of(context.app, entrance, is_guest=ticket.is_guest), entrance.call
    is_host = person.role in door.policy.host_roles
    counts = is_host and door.policy.waiting_room is WaitingRoom.ADMIT
    roles, waiting = None, None
    if counts or (call is not None and call.evidence_at is not None):
        async with context.store.transaction() as transaction:
            if call is not None and call.evidence_at is not None:
                roles = await stays.roles_present(transaction, context.app.id, call.id)
            if counts:
                waiting = await count_waiting(context, transaction, session)
    decision = decide_access(door, person, context.now)
    await refresh_waiting_entry(context.broker, entrance, decision, now=context.now)
    providers = select_providers(context.app, session)
    registered_name = None if entrance.participant is None else entrance.participant.display_name
    return Visit(
        key=session.key,
        title=None if _is_unknown(decision) else terms.title,
        status=terms.status,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        ticket=ticket,
        display_name=ticket.display_name or registered_name,
        role=person.role,
        is_host=is_host,
        decision=decision,
        provider=providers[0] if providers else None,
        call=None if call is None else (call.id, call.started_at),
        host_present=None if roles is None else not roles.isdisjoint(door.policy.host_roles),
        entry=entrance.entry,
        waiting=waiting,
    )


async def request_to_join(context: RequestContext, ticket: Ticket) -> Visit:
    """Ask to be let in, where the waiting room is what keeps the holder outside; how the session stands then.

    Raises `SessionNotFound`.
    """
    entrance = await load_join_context(context.broker, ticket.session, ticket.user_id)
    person = person_of(context.app, entrance, is_guest=ticket.is_guest)
    decision = decide_access(entrance.access_context(context.app), person, context.now)
    if isinstance(decision, WaitDecision) and decision.reason is Reason.WAITING_FOR_ADMISSION:
        participant = entrance.participant
        async with context.store.transaction() as transaction:
            await request_admission(
                context,
                transaction,
                entrance.session,
                user_id=ticket.user_id,
                display_name=ticket.display_name or (participant.display_name if participant else None),
                role=person.role,
                is_guest=ticket.is_guest,
            )
    return await visit(context, ticket)


async def withdraw_request(context: RequestContext, ticket: Ticket) -> Visit:
    """Take back the holder's request to join, unless a host has decided it; the visit as it is then.

    Raises `SessionNotFound`.
    """
    session = (await load_join_context(context.broker, ticket.session, ticket.user_id)).session
    async with context.store.transaction() as transaction:
        await withdraw(context, transaction, session, user_id=ticket.user_id, is_guest=ticket.is_guest)
    return await visit(context, ticket)


@dataclass(frozen=True, slots=True)
class CallPerson:
    """A person in a call, as the others in it see them."""

    uid: int
    display_name: str
    is_host: bool
    is_guest: bool


async def name_uids(context: RequestContext, ticket: Ticket, numbers: Collection[int]) -> Sequence[CallPerson]:
    """Who has these uids in the session, for a ticket holder who may join it now; unknown uids are left out.

    Raises `SessionNotFound`, and `AccessDenied` for everyone else: names are for the people in the call.
    """
    entrance = await load_join_context(context.broker, ticket.session, ticket.user_id)
    door = entrance.access_context(context.app)
    decision = decide_access(door, person_of(context.app, entrance, is_guest=ticket.is_guest), context.now)
    if not isinstance(decision, AdmitDecision):
        raise denial(decision)
    async with context.store.transaction() as transaction:
        found = await provider_uids.named_uids(transaction, context.app.id, entrance.session.id, numbers)
    return [
        CallPerson(
            uid=each.uid,
            # As in credentials: a participant without a name goes by their user ID.
            display_name=each.display_name or each.user_id,
            is_host=each.role in door.policy.host_roles,
            is_guest=each.role is None,
        )
        for each in found
    ]


def _is_unknown(decision: AccessDecision) -> bool:
    return isinstance(decision, RefuseDecision) and decision.reason in {
        Reason.NOT_A_PARTICIPANT,
        Reason.GUESTS_NOT_ALLOWED,
    }


async def watch(
    context: RequestContext, ticket: Ticket, *, seconds: float
) -> AsyncGenerator[tuple[Visit, datetime], None]:
    """The visit at once, and again whenever it is another one, with the time; for so many seconds.

    It ends early when the ticket is revoked or may not even read anymore. Raises `SessionNotFound`.
    """
    until = time.monotonic() + seconds
    shown: Visit | None = None
    looks_soon = 0
    with context.broker.listener.subscribed(journal_topic(context.app.id)) as woken:
        while time.monotonic() < until:
            woken.clear()
            context = context.at(context.broker.now())
            try:
                ticket = await refresh_ticket(context, ticket)
            except (TicketRevoked, TicketExpired, TicketInvalid):
                return
            seen = await visit(context, ticket)
            if seen.essence != shown:
                shown = seen.essence
                yield seen, context.now
            await asyncio.sleep(PAUSE_SECONDS)
            pause = PAUSE_SECONDS if looks_soon else LOOK_AGAIN_SECONDS
            looks_soon = max(looks_soon - 1, 0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), _until_next(seen, ticket, pause, context.broker.now()))
                looks_soon = LOOKS_SOON


def _until_next(seen: Visit, ticket: Ticket, pause: float, now: datetime) -> float:
    """How long nothing changes by the passing of time, at most `pause`."""
    moments = [
        ticket.expires_at,
        seen.decision.opens_at,
        seen.decision.closes_at,
        getattr(seen.decision, "until", None),
    ]
    coming = [(moment - now) for moment in moments if moment is not None and moment > now]
    return max(min([timedelta(seconds=pause), *coming]).total_seconds(), 0.01)
