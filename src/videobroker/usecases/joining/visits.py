"""The session as the hosted page shows it to a ticket holder, and a stream of its changes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from videobroker.domain.access import (
    AccessDecision,
    AccessReason,
    AdmitDecision,
    RefuseDecision,
    WaitDecision,
    decide_access,
)
from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.others import OthersInCall, list_others
from videobroker.domain.authorization import limit_view
from videobroker.domain.ids import CallId, EventId
from videobroker.domain.join_context import JoinContext, select_providers
from videobroker.domain.lobby import LobbyEntry
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.sessions import SessionKey, SessionStatus
from videobroker.domain.tickets import Ticket
from videobroker.errors import TicketExpired, TicketInvalid, TicketRevoked
from videobroker.storage.attendance import identities, stays
from videobroker.storage.joining import provider_uids
from videobroker.storage.journal import journal
from videobroker.storage.postgres.notifications import journal_topic
from videobroker.storage.sessions import sessions
from videobroker.usecases.access import denial, load_join_context, person_of, refresh_waiting_entry
from videobroker.usecases.authorization import membership_at
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.links import refresh_ticket
from videobroker.usecases.joining.people import CHANGES_OF_PEOPLE
from videobroker.usecases.joining.waiting_room import count_waiting, request_admission, withdraw

POLL_SECONDS = 5.0
"""Polling interval without a notification. Notifications may get lost."""
PAUSE_SECONDS = 0.5
"""Minimum interval: each event of the app notifies all streams of the app."""
FAST_POLLS = 3
"""Polls that follow a notification at the minimum interval, to see transactions that commit shortly after it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The session as the holder of a ticket sees it."""

    key: SessionKey
    title: str | None
    """None for a person who is neither a participant nor an allowed guest."""
    status: SessionStatus
    starts_at: datetime | None
    ends_at: datetime | None
    ticket: Ticket
    display_name: str | None
    role: str | None
    """The app role; None for a person who is no longer on the roster."""
    is_host: bool
    decision: AccessDecision
    provider: ProviderName | None
    """The provider of the session, or the one that would be tried first."""
    call: tuple[CallId, datetime] | None
    """ID and start of the open call."""
    host_present: bool | None
    """Whether a host is in the call; None without evidence from the provider."""
    others: OthersInCall | None = None
    """Who else is in the call; None without evidence from the provider, and for people who are refused."""
    entry: LobbyEntry | None = None
    """The ticket holder's entry in the waiting room."""
    waiting: int | None = None
    """For hosts, if the policy's waiting room is `admit`: how many people wait."""
    host_name: str | None = None
    """The host to contact, if there is one host; for a person who cannot join or was removed, and may see names."""
    people_version: str | None = None
    """For hosts, while a call is running: changes with the list of people."""
    latest_join: EventId | None = None
    """The latest join of this person with a ticket, while a call is running at a provider that lets them join twice."""

    @property
    def essence(self) -> "Visit":
        """The visit without values that change every second, to compare it with the last one."""
        decision, entry = self.decision, self.entry
        return replace(
            self,
            decision=replace(decision, retry_after=0) if isinstance(decision, WaitDecision) else decision,
            entry=None if entry is None else replace(entry, seen_at=entry.asked_at),
        )


async def load_visit(context: RequestContext, ticket: Ticket) -> Visit:
    """The visit of a ticket holder. Raises `SessionNotFound`.

    For a person in the waiting room, it counts as a heartbeat.
    """
    join_context = await load_join_context(context.broker, ticket.session, ticket.user_id)
    session, terms, access_context = (
        join_context.session,
        join_context.session.terms,
        join_context.access_context(context.app),
    )
    person, call = person_of(context.app, join_context, is_guest=ticket.is_guest), join_context.call
    is_host = person.role in access_context.policy.host_roles
    counts_waiting = is_host and access_context.policy.waiting_room is WaitingRoom.ADMIT
    decision = decide_access(access_context, person, context.now)
    people, waiting, people_version, host_name, latest_join = None, None, None, None, None
    has_joins = call is not None and _may_join_twice(context, call.provider)
    has_people = is_host and call is not None
    sees_names = _sees_names(context, join_context)
    needs_host_name = sees_names and (isinstance(decision, RefuseDecision) or join_context.was_removed)
    has_evidence = call is not None and call.evidence_at is not None
    if counts_waiting or has_joins or has_people or needs_host_name or has_evidence:
        async with context.transaction() as unit_of_work:
            if call is not None and call.evidence_at is not None:
                people = await stays.people_present(unit_of_work, context.app.id, call.id)
            if counts_waiting:
                waiting = await count_waiting(context, unit_of_work, session)
            if needs_host_name:
                host = await sessions.find_sole_participant(
                    unit_of_work, context.app.id, session.id, access_context.policy.host_roles
                )
                host_name = host.display_name if host is not None and host.user_id != ticket.user_id else None
            if has_people:
                people_version = await journal.newest_cursor(
                    unit_of_work, context.app.id, session.id, types=CHANGES_OF_PEOPLE
                )
            if has_joins:
                latest_join = await identities.latest_join(unit_of_work, context.app.id, session.id, ticket.user_id)
    await refresh_waiting_entry(context.broker, join_context, decision, now=context.now)
    providers = select_providers(context.app, session)
    registered_name = None if join_context.participant is None else join_context.participant.display_name
    return Visit(
        key=session.key,
        title=None if _is_hidden(decision) else terms.title,
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
        host_present=None if people is None else any(each.role in access_context.policy.host_roles for each in people),
        others=None
        if people is None or isinstance(decision, RefuseDecision)
        else list_others(people, ticket.user_id, sees_names=sees_names),
        host_name=host_name,
        entry=join_context.entry,
        waiting=waiting,
        people_version=people_version,
        latest_join=latest_join,
    )


def _may_join_twice(context: RequestContext, provider: ProviderName) -> bool:
    """Whether the provider lets a person join with two devices. With a uid, it disconnects the first one itself."""
    return provider in context.app.accounts and not context.provider(provider).needs_uid


async def request_to_join(context: RequestContext, ticket: Ticket) -> Visit:
    """Request admission if only the waiting room prevents the holder from joining. Returns the visit afterwards.

    Raises `SessionNotFound`.
    """
    join_context = await load_join_context(context.broker, ticket.session, ticket.user_id)
    person = person_of(context.app, join_context, is_guest=ticket.is_guest)
    decision = decide_access(join_context.access_context(context.app), person, context.now)
    if isinstance(decision, WaitDecision) and decision.reason is AccessReason.WAITING_FOR_ADMISSION:
        participant = join_context.participant
        async with context.transaction() as unit_of_work:
            await request_admission(
                context,
                unit_of_work,
                join_context.session,
                user_id=ticket.user_id,
                display_name=ticket.display_name or (participant.display_name if participant else None),
                role=person.role,
                is_guest=ticket.is_guest,
            )
    return await load_visit(context, ticket)


async def withdraw_request(context: RequestContext, ticket: Ticket) -> Visit:
    """Withdraw the holder's request to join, unless a host has decided it. Returns the visit afterwards.

    Raises `SessionNotFound`.
    """
    session = (await load_join_context(context.broker, ticket.session, ticket.user_id)).session
    async with context.transaction() as unit_of_work:
        await withdraw(context, unit_of_work, session, user_id=ticket.user_id, is_guest=ticket.is_guest)
    return await load_visit(context, ticket)


@dataclass(frozen=True, slots=True)
class CallPerson:
    """A person in a call, as the others in it see them."""

    uid: int
    display_name: str
    is_host: bool
    is_guest: bool


async def name_uids(context: RequestContext, ticket: Ticket, numbers: Collection[int]) -> Sequence[CallPerson]:
    """The people with these uids, for a ticket holder who may join the session now. Unknown uids are left out.

    Raises `SessionNotFound`, and `AccessDenied` for everyone else: only people in the call may see names.
    """
    join_context = await load_join_context(context.broker, ticket.session, ticket.user_id)
    access_context = join_context.access_context(context.app)
    decision = decide_access(
        access_context, person_of(context.app, join_context, is_guest=ticket.is_guest), context.now
    )
    if not isinstance(decision, AdmitDecision):
        raise denial(decision)
    async with context.transaction() as unit_of_work:
        found = await provider_uids.named_uids(unit_of_work, context.app.id, join_context.session.id, numbers)
    return [
        CallPerson(
            uid=each.uid,
            # As in credentials: a participant without a name is shown with their user ID.
            display_name=each.display_name or each.user_id,
            is_host=each.role in access_context.policy.host_roles,
            is_guest=each.role is None,
        )
        for each in found
    ]


def _sees_names(context: RequestContext, join_context: JoinContext) -> bool:
    policy = context.app.policy_for(join_context.session.terms.policy)
    return limit_view(context.actor, policy=policy, person=membership_at(context, join_context)).names


def _is_hidden(decision: AccessDecision) -> bool:
    return isinstance(decision, RefuseDecision) and decision.reason in {
        AccessReason.NOT_A_PARTICIPANT,
        AccessReason.GUESTS_NOT_ALLOWED,
    }


async def watch(
    context: RequestContext, ticket: Ticket, *, seconds: float
) -> AsyncGenerator[tuple[Visit, datetime], None]:
    """Yield the visit now and after every change, each with its time, for so many seconds.

    Ends early when the ticket is revoked, or has expired even for reading. Raises `SessionNotFound`.
    """
    deadline = time.monotonic() + seconds
    shown: Visit | None = None
    fast_polls = 0
    with context.broker.listener.subscribed(journal_topic(context.app.id)) as wake_event:
        while time.monotonic() < deadline:
            wake_event.clear()
            context = context.at(context.broker.now())
            try:
                ticket = await refresh_ticket(context, ticket)
            except (TicketRevoked, TicketExpired, TicketInvalid):
                return
            current = await load_visit(context, ticket)
            if current.essence != shown:
                shown = current.essence
                yield current, context.now
            await asyncio.sleep(PAUSE_SECONDS)
            pause = PAUSE_SECONDS if fast_polls else POLL_SECONDS
            fast_polls = max(fast_polls - 1, 0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    wake_event.wait(), _seconds_to_next_change(current, ticket, pause, context.broker.now())
                )
                fast_polls = FAST_POLLS


def _seconds_to_next_change(current: Visit, ticket: Ticket, pause: float, now: datetime) -> float:
    """Seconds until the next change that depends only on time, at most `pause`."""
    times = [
        ticket.expires_at,
        current.decision.opens_at,
        current.decision.closes_at,
        getattr(current.decision, "until", None),
    ]
    remaining = [time - now for time in times if time is not None and time > now]
    return max(min([timedelta(seconds=pause), *remaining]).total_seconds(), 0.01)
