"""Issues, lists, and revokes links, and verifies their tickets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.access import AccessContext, RefuseDecision, decide_access
from videobroker.domain.apps import App
from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType
from videobroker.domain.idempotency import MIN_REMAINING_LIFETIME
from videobroker.domain.ids import TicketId, uuid7
from videobroker.domain.join_context import build_access_context
from videobroker.domain.pages import Page
from videobroker.domain.sessions import Session, SessionKey
from videobroker.domain.tickets import MAX_ACTIVE_TICKETS_PER_PERSON, Ticket, TicketRecord, compute_requested_end
from videobroker.domain.times import rfc3339
from videobroker.errors import (
    LinkNotFound,
    NotAuthenticated,
    TicketExpired,
    TicketInvalid,
    TicketNotEnough,
    TicketRevoked,
    UserTokenExpired,
)
from videobroker.storage.joining import tickets
from videobroker.storage.joining.tickets import FoundTicket
from videobroker.storage.journal import journal
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import denial, load_join_context, person_of
from videobroker.usecases.authorization import require, require_at, require_for_app
from videobroker.usecases.context import RequestContext

REVOCATIONS_PER_BATCH = 1_000
"""Tickets that are revoked in one transaction, with one event each."""


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A ticket that was just issued."""

    session: Session
    ticket: Ticket
    text: str = field(repr=False)
    """The signed ticket."""


@dataclass(frozen=True, slots=True)
class ActiveLink:
    """A link that is valid now."""

    record: TicketRecord
    expires_at: datetime
    """Computed from the current session and policy."""


@dataclass(frozen=True, slots=True)
class TicketHolderContext:
    """A verified ticket."""

    app: App
    ticket: Ticket
    """`expires_at` is computed from the current session and policy."""
    record: TicketRecord


async def issue_link(
    context: RequestContext,
    key: SessionKey,
    *,
    user_id: str,
    display_name: str | None,
    is_guest: bool,
    life: timedelta | None,
) -> IssuedLink:
    """Issue a ticket for one person in one session.

    It expires when the session's window closes, with the actor's credential, by the policy, or after `life`, whichever
    is first. A person who is early or has to wait gets one too, because every use decides again. Beyond
    `MAX_ACTIVE_TICKETS_PER_PERSON`, the person's oldest ticket is revoked. The events are durable in the journal when
    this returns. Raises `SessionNotFound`, `NotYourself`, `RoleMayNot`, `TicketNotEnough`, `UserTokenExpired`, and
    `AccessDenied` if waiting would not help.
    """
    await _require_may_issue(context, key, user_id, display_name, is_guest=is_guest)
    join_context = await load_join_context(context.broker, key, user_id)
    access_context = join_context.access_context(context.app)
    decision = decide_access(access_context, person_of(context.app, join_context, is_guest=is_guest), context.now)
    if isinstance(decision, RefuseDecision):
        raise denial(decision)
    issued = TicketRecord(
        id=TicketId(uuid7(context.now)),
        session_id=join_context.session.id,
        user_id=user_id,
        display_name=display_name,
        is_guest=is_guest,
        scopes=context.actor.scopes,
        issued_at=context.now,
        credential_expires_at=context.actor.credential_expires_at,
        requested_until=compute_requested_end(context.now, life),
    )
    expires_at = issued.expires_at(access_context)
    if expires_at <= context.now:
        raise UserTokenExpired("The user token has expired, and a link does not outlive it. Send a new one.")
    data = {"guest": is_guest, "token_id": str(issued.id), "expires_at": rfc3339(expires_at)}
    event = context.event(join_context.session, EventType.LINK_ISSUED, user_id=user_id, data=data)
    async with context.transaction() as unit_of_work:
        replaced = await _add(context, unit_of_work, issued)
        revocations = [_revoked(context, join_context.session, each, replaced_by=issued.id) for each in replaced]
        await record(unit_of_work, event, *revocations)
    ticket = Ticket(issued.id, key, user_id, display_name, is_guest, context.now, expires_at)
    return IssuedLink(join_context.session, ticket, context.broker.tickets.sign(ticket))


async def _add(context: RequestContext, unit_of_work: UnitOfWork, issued: TicketRecord) -> Sequence[TicketRecord]:
    """Store a new ticket, and return those that were revoked for it."""
    await tickets.lock_person(unit_of_work, issued.session_id, issued.user_id)
    await tickets.add(unit_of_work, context.app.id, issued)
    return await tickets.revoke_oldest(
        unit_of_work,
        context.app.id,
        issued.session_id,
        issued.user_id,
        leave=MAX_ACTIVE_TICKETS_PER_PERSON,
        now=context.now,
    )


async def confirm_link(
    context: RequestContext,
    key: SessionKey,
    ticket_id: TicketId,
    *,
    user_id: str,
    display_name: str | None,
    is_guest: bool,
) -> datetime | None:
    """Decide again whether a link that was issued earlier may be returned. Returns its current expiry.

    None if it was revoked, has expired, or its person was erased. Otherwise the event is durable in the journal when
    this returns. Raises what `issue_link` raises.
    """
    await _require_may_issue(context, key, user_id, display_name, is_guest=is_guest)
    join_context = await load_join_context(context.broker, key, user_id)
    access_context = join_context.access_context(context.app)
    decision = decide_access(access_context, person_of(context.app, join_context, is_guest=is_guest), context.now)
    if isinstance(decision, RefuseDecision):
        raise denial(decision)
    async with context.transaction() as unit_of_work:
        found = await tickets.find(unit_of_work, context.app.id, ticket_id)
    if found is None or found.record.session_id != join_context.session.id or found.record.revoked_at is not None:
        return None
    expires_at = found.record.expires_at(access_context)
    if expires_at <= context.now + MIN_REMAINING_LIFETIME:
        return None
    data = {"guest": is_guest, "token_id": str(ticket_id), "expires_at": rfc3339(expires_at), "replayed": True}
    event = context.event(join_context.session, EventType.LINK_ISSUED, user_id=user_id, data=data)
    async with context.transaction() as unit_of_work:
        await record(unit_of_work, event)
    return expires_at


async def _require_may_issue(
    context: RequestContext, key: SessionKey, user_id: str, display_name: str | None, *, is_guest: bool
) -> None:
    """Raise unless the actor may create this link. Tickets cannot create tickets; end users may not choose names."""
    if context.actor.ticket_id is not None:
        raise TicketNotEnough("A link cannot create other links. Ask your backend for a new one.")
    authorized = await require(context, key, Action.CREATE_LINK, about=None if is_guest else user_id)
    if context.actor.user_id is None:
        return
    if is_guest:
        require_at(context, authorized.join_context, Action.BRING_GUEST)
    elif display_name is not None:
        require_at(context, authorized.join_context, Action.CHOOSE_NAME)


async def list_links(
    context: RequestContext, key: SessionKey, *, user_id: str | None, limit: int, cursor: str | None
) -> Page[ActiveLink]:
    """One page of the valid links of a session, oldest first. A page may have fewer than `limit`.

    Raises `SessionNotFound`, `ScopeMissing`.
    """
    require_for_app(context.actor, Action.VIEW_LINKS)
    join_context = await load_join_context(context.broker, key, None)
    access_context = join_context.access_context(context.app)
    async with context.transaction() as unit_of_work:
        page = await tickets.page(
            unit_of_work,
            context.app.id,
            join_context.session.id,
            user_id=user_id,
            now=context.now,
            limit=limit,
            cursor=cursor,
        )
    links = [ActiveLink(each, each.expires_at(access_context)) for each in page.items]
    return Page([link for link in links if link.expires_at > context.now], page.next_cursor)


async def last_link_uses(context: RequestContext, key: SessionKey) -> Mapping[TicketId, datetime]:
    """When each link of a session was last used, as far as the session's newest events have it.

    Raises `SessionNotFound`, `ScopeMissing`.
    """
    require_for_app(context.actor, Action.VIEW_LINKS)
    session = (await load_join_context(context.broker, key, None)).session
    async with context.transaction() as unit_of_work:
        return await journal.last_ticket_uses(unit_of_work, context.app.id, session.id)


async def revoke_link(context: RequestContext, key: SessionKey, ticket_id: TicketId) -> int:
    """Revoke one link. Returns 0 if it was already revoked, else 1. Raises `SessionNotFound`, `LinkNotFound`."""
    require_for_app(context.actor, Action.CREATE_LINK)
    session = (await load_join_context(context.broker, key, None)).session
    async with context.transaction() as unit_of_work:
        if not await tickets.exists_in(unit_of_work, context.app.id, session.id, ticket_id):
            raise LinkNotFound(
                TranslatableText("This session has no such link. `GET .../links` lists those that work.")
            )
    return await _revoke(context, session, ticket_id=ticket_id, user_id=None)


async def revoke_links(context: RequestContext, key: SessionKey, *, user_id: str | None) -> int:
    """Revoke all links of a person in a session, or of everyone. Returns how many. Raises `SessionNotFound`."""
    require_for_app(context.actor, Action.CREATE_LINK)
    session = (await load_join_context(context.broker, key, None)).session
    return await _revoke(context, session, ticket_id=None, user_id=user_id)


async def _revoke(context: RequestContext, session: Session, *, ticket_id: TicketId | None, user_id: str | None) -> int:
    total = 0
    while True:
        async with context.transaction() as unit_of_work:
            revoked = await tickets.revoke(
                unit_of_work,
                session.key.app_id,
                session.id,
                ticket_id=ticket_id,
                user_id=user_id,
                now=context.now,
                limit=REVOCATIONS_PER_BATCH,
            )
            await record(unit_of_work, *(_revoked(context, session, each) for each in revoked))
        total += len(revoked)
        if len(revoked) < REVOCATIONS_PER_BATCH:
            return total


def _revoked(
    context: RequestContext, session: Session, ticket: TicketRecord, *, replaced_by: TicketId | None = None
) -> Event:
    data = {"guest": ticket.is_guest, "token_id": str(ticket.id)}
    if replaced_by is not None:
        data["replaced_by"] = str(replaced_by)
    return context.event(session, EventType.LINK_REVOKED, user_id=ticket.user_id, data=data)


async def ticket_holder(broker: Broker, text: str, *, is_read: bool = False, now: datetime) -> TicketHolderContext:
    """Verify a ticket. Nothing is cached, so that a revocation is effective at once.

    With `is_read`, it is also accepted for a while after the session's window. Raises `TicketInvalid`,
    `TicketExpired`, `TicketRevoked`.
    """
    app, ticket, found = await _load_ticket(broker, text)
    try:
        return _check_ticket(app, ticket, found, is_read=is_read, now=now)
    except NotAuthenticated as error:
        raise error.of(app.id) from None


async def find_ticket_app(
    broker: Broker, text: str, *, now: datetime
) -> tuple[App, TicketExpired | TicketRevoked | None]:
    """The app of a ticket, and the error if it is not accepted even for reading. Raises `TicketInvalid`."""
    app, ticket, found = await _load_ticket(broker, text)
    try:
        _check_ticket(app, ticket, found, is_read=True, now=now)
    except (TicketExpired, TicketRevoked) as error:
        return app, error
    return app, None


async def _load_ticket(broker: Broker, text: str) -> tuple[App, Ticket, FoundTicket | None]:
    ticket = broker.tickets.read(text)
    async with broker.store.transaction(ticket.session.app_id) as unit_of_work:
        app = await apps.app_by_id(unit_of_work, ticket.session.app_id)
        found = await tickets.find(unit_of_work, ticket.session.app_id, TicketId(ticket.id))
    if app is None:
        raise TicketInvalid("The app of this link does not exist here. Ask for a new link.")
    return app, ticket, found


async def refresh_ticket(context: RequestContext, ticket: Ticket) -> Ticket:
    """Verify a ticket for reading, with its current expiry. Raises what `ticket_holder` raises."""
    async with context.transaction() as unit_of_work:
        found = await tickets.find(unit_of_work, context.app.id, TicketId(ticket.id))
    return _check_ticket(context.app, ticket, found, is_read=True, now=context.now).ticket


def _check_ticket(
    app: App, ticket: Ticket, found: FoundTicket | None, *, is_read: bool, now: datetime
) -> TicketHolderContext:
    if found is None:
        raise TicketInvalid("This link is not valid anymore. Ask for a new link.")
    access_context = _access_context(app, found)
    found.record.check(access_context, now, is_read=is_read)
    return TicketHolderContext(app, replace(ticket, expires_at=found.record.expires_at(access_context)), found.record)


def _access_context(app: App, found: FoundTicket) -> AccessContext:
    return build_access_context(app, found.session, call_running=found.call_running)
