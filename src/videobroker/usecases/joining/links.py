"""Issues links, lists and revokes them, and checks the tickets in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.access import Door, Refuse, decide
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType, about
from videobroker.domain.idempotency import CREDENTIAL_MARGIN
from videobroker.domain.ids import TicketId, uuid7
from videobroker.domain.join_context import door_of
from videobroker.domain.sessions import Session, SessionKey
from videobroker.domain.tickets import ACTIVE_PER_PERSON, Ticket, TicketRecord, requested_end
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
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tenants import apps
from videobroker.usecases.access import denial, look_at, person_at
from videobroker.usecases.authorization import require, require_at, require_for_app

REVOKED_AT_ONCE = 1_000
"""Tickets revoked in one transaction, with one event each."""


@dataclass(frozen=True, slots=True)
class Link:
    """A ticket that was issued, and for what."""

    session: Session
    ticket: Ticket
    text: str = field(repr=False)
    """The ticket as its holder shows it."""


@dataclass(frozen=True, slots=True)
class ActiveLink:
    """A link that works now."""

    record: TicketRecord
    expires_at: datetime
    """As the session and its policy are now."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A ticket that was checked."""

    app: App
    ticket: Ticket
    """`expires_at` is as of now."""
    record: TicketRecord


async def issue_link(
    broker: Broker,
    app: App,
    key: SessionKey,
    *,
    user_id: str,
    display_name: str | None,
    is_guest: bool,
    life: timedelta | None,
    actor: Actor,
    now: datetime,
) -> Link:
    """A ticket for one person at one session.

    It is valid until the session's window closes, and not longer than the actor's credential, the policy, and `life`.
    A person who is too early or has to wait gets one: every use repeats the decision. Beyond `ACTIVE_PER_PERSON` it
    replaces the person's oldest one. The events are in the journal before this returns. Raises `SessionNotFound`,
    `AccessDenied` where only a change of the session or of its participants would help, `NotYourself`, `RoleMayNot`,
    `TicketNotEnough`.
    """
    await _require_may_issue(broker, app, key, user_id, display_name, is_guest=is_guest, actor=actor)
    entrance = await look_at(broker, key, user_id)
    door = entrance.door(app)
    decision = decide(door, person_at(app, entrance, is_guest=is_guest), now)
    if isinstance(decision, Refuse):
        raise denial(decision)
    issued = TicketRecord(
        id=TicketId(uuid7(now)),
        session_id=entrance.session.id,
        user_id=user_id,
        display_name=display_name,
        is_guest=is_guest,
        scopes=actor.scopes,
        issued_at=now,
        credential_expires_at=actor.credential_expires_at,
        requested_until=requested_end(now, life),
    )
    expires_at = issued.expires_at(door)
    if expires_at <= now:
        raise UserTokenExpired("The user token has expired, and a link does not outlive it. Send a new one.")
    data = {"guest": is_guest, "token_id": str(issued.id), "expires_at": rfc3339(expires_at)}
    event = about(entrance.session, EventType.LINK_ISSUED, actor=actor, now=now, user_id=user_id, data=data)
    async with broker.store.transaction() as transaction:
        replaced = await _add(transaction, app, issued, now)
        revocations = [
            _revoked(entrance.session, each, actor=actor, now=now, replaced_by=issued.id) for each in replaced
        ]
        await record(transaction, event, *revocations)
    ticket = Ticket(issued.id, key, user_id, display_name, is_guest, now, expires_at)
    return Link(entrance.session, ticket, broker.tickets.sign(ticket))


async def _add(transaction: UnitOfWork, app: App, issued: TicketRecord, now: datetime) -> Sequence[TicketRecord]:
    """Store a new ticket; those that it replaces."""
    await tickets.lock_person(transaction, issued.session_id, issued.user_id)
    await tickets.add(transaction, app.id, issued)
    return await tickets.revoke_oldest(
        transaction, app.id, issued.session_id, issued.user_id, leave=ACTIVE_PER_PERSON, now=now
    )


async def confirm_link(
    broker: Broker,
    app: App,
    key: SessionKey,
    ticket_id: TicketId,
    *,
    user_id: str,
    display_name: str | None,
    is_guest: bool,
    actor: Actor,
    now: datetime,
) -> datetime | None:
    """Decide again about a link that was issued before: may it be returned again? When it expires, as of now.

    None when it does not work anymore: it was revoked, has expired, or its person was erased. Otherwise the event is in
    the journal before this returns. Raises as `issue_link` does.
    """
    await _require_may_issue(broker, app, key, user_id, display_name, is_guest=is_guest, actor=actor)
    entrance = await look_at(broker, key, user_id)
    door = entrance.door(app)
    decision = decide(door, person_at(app, entrance, is_guest=is_guest), now)
    if isinstance(decision, Refuse):
        raise denial(decision)
    async with broker.store.transaction() as transaction:
        found = await tickets.find(transaction, app.id, ticket_id)
    if found is None or found.record.session_id != entrance.session.id or found.record.revoked_at is not None:
        return None
    expires_at = found.record.expires_at(door)
    if expires_at <= now + CREDENTIAL_MARGIN:
        return None
    data = {"guest": is_guest, "token_id": str(ticket_id), "expires_at": rfc3339(expires_at), "replayed": True}
    event = about(entrance.session, EventType.LINK_ISSUED, actor=actor, now=now, user_id=user_id, data=data)
    async with broker.store.transaction() as transaction:
        await record(transaction, event)
    return expires_at


async def _require_may_issue(
    broker: Broker,
    app: App,
    key: SessionKey,
    user_id: str,
    display_name: str | None,
    *,
    is_guest: bool,
    actor: Actor,
) -> None:
    """A ticket creates no tickets. Only hosts may invite guests with a user token; end users may not choose names."""
    if actor.ticket_id is not None:
        raise TicketNotEnough("A link cannot create other links. Ask your backend for a new one.")
    authorized = await require(broker, app, key, actor, Action.CREATE_LINK, about=None if is_guest else user_id)
    if actor.user_id is None:
        return
    if is_guest:
        require_at(app, authorized.entrance, actor, Action.BRING_GUEST)
    elif display_name is not None:
        require_at(app, authorized.entrance, actor, Action.CHOOSE_NAME)


async def list_links(
    broker: Broker,
    app: App,
    key: SessionKey,
    *,
    user_id: str | None,
    actor: Actor,
    limit: int,
    cursor: str | None,
    now: datetime,
) -> tuple[list[ActiveLink], str | None]:
    """Links of a session that work now, oldest first. A page may have fewer than `limit`.

    Raises `SessionNotFound`, `ScopeMissing`.
    """
    require_for_app(actor, Action.CREATE_LINK)
    entrance = await look_at(broker, key, None)
    door = entrance.door(app)
    async with broker.store.transaction() as transaction:
        found, following = await tickets.page(
            transaction, app.id, entrance.session.id, user_id=user_id, now=now, limit=limit, cursor=cursor
        )
    links = [ActiveLink(each, each.expires_at(door)) for each in found]
    return [link for link in links if link.expires_at > now], following


async def revoke_link(
    broker: Broker, app: App, key: SessionKey, ticket_id: TicketId, *, actor: Actor, now: datetime
) -> int:
    """Revoke one link at once; 0 if it was revoked before. Raises `SessionNotFound`, `LinkNotFound`."""
    require_for_app(actor, Action.CREATE_LINK)
    session = (await look_at(broker, key, None)).session
    async with broker.store.transaction() as transaction:
        if not await tickets.exists_in(transaction, app.id, session.id, ticket_id):
            raise LinkNotFound("This session has no such link. `GET .../links` lists those that work.")
    return await _revoke(broker, session, ticket_id=ticket_id, user_id=None, actor=actor, now=now)


async def revoke_links(
    broker: Broker, app: App, key: SessionKey, *, user_id: str | None, actor: Actor, now: datetime
) -> int:
    """Revoke all links of a person at a session, or of everyone, at once; how many. Raises `SessionNotFound`."""
    require_for_app(actor, Action.CREATE_LINK)
    session = (await look_at(broker, key, None)).session
    return await _revoke(broker, session, ticket_id=None, user_id=user_id, actor=actor, now=now)


async def _revoke(
    broker: Broker,
    session: Session,
    *,
    ticket_id: TicketId | None,
    user_id: str | None,
    actor: Actor,
    now: datetime,
) -> int:
    total = 0
    while True:
        async with broker.store.transaction() as transaction:
            revoked = await tickets.revoke(
                transaction,
                session.key.app_id,
                session.id,
                ticket_id=ticket_id,
                user_id=user_id,
                now=now,
                limit=REVOKED_AT_ONCE,
            )
            await record(transaction, *(_revoked(session, each, actor=actor, now=now) for each in revoked))
        total += len(revoked)
        if len(revoked) < REVOKED_AT_ONCE:
            return total


def _revoked(
    session: Session, ticket: TicketRecord, *, actor: Actor, now: datetime, replaced_by: TicketId | None = None
) -> Event:
    data = {"guest": ticket.is_guest, "token_id": str(ticket.id)}
    if replaced_by is not None:
        data["replaced_by"] = str(replaced_by)
    return about(session, EventType.LINK_REVOKED, actor=actor, now=now, user_id=ticket.user_id, data=data)


async def ticket_holder(broker: Broker, text: str, *, is_read: bool = False, now: datetime) -> Holder:
    """Whose ticket this is, as the database says now: nothing is cached, so a revocation is effective at once.

    With `is_read` it is also accepted for a while after the session's window. Raises `TicketInvalid`,
    `TicketExpired`, `TicketRevoked`.
    """
    app, ticket, found = await _look_up(broker, text)
    try:
        return _checked(app, ticket, found, is_read=is_read, now=now)
    except NotAuthenticated as error:
        raise error.of(app.id) from None


async def peek(broker: Broker, text: str, *, now: datetime) -> tuple[App, TicketExpired | TicketRevoked | None]:
    """The app of a ticket, and why the ticket is not accepted anymore, even for reading. Raises `TicketInvalid`."""
    app, ticket, found = await _look_up(broker, text)
    try:
        _checked(app, ticket, found, is_read=True, now=now)
    except (TicketExpired, TicketRevoked) as error:
        return app, error
    return app, None


async def _look_up(broker: Broker, text: str) -> tuple[App, Ticket, FoundTicket | None]:
    ticket = broker.tickets.read(text)
    async with broker.store.transaction() as transaction:
        app = await apps.app_by_id(transaction, ticket.session.app_id)
        found = await tickets.find(transaction, ticket.session.app_id, TicketId(ticket.id))
    if app is None:
        raise TicketInvalid("The app of this link does not exist here. Ask for a new link where you got it.")
    return app, ticket, found


async def check_again(broker: Broker, app: App, ticket: Ticket, *, now: datetime) -> Ticket:
    """The ticket with its expiry as of now, for one that reads. Raises as `ticket_holder` does."""
    async with broker.store.transaction() as transaction:
        found = await tickets.find(transaction, app.id, TicketId(ticket.id))
    return _checked(app, ticket, found, is_read=True, now=now).ticket


def _checked(app: App, ticket: Ticket, found: FoundTicket | None, *, is_read: bool, now: datetime) -> Holder:
    if found is None:
        raise TicketInvalid("This link is not valid anymore. Ask for a new one where you got it.")
    door = _door(app, found)
    found.record.check(door, now, is_read=is_read)
    return Holder(app, replace(ticket, expires_at=found.record.expires_at(door)), found.record)


def _door(app: App, found: FoundTicket) -> Door:
    return door_of(app, found.session, call_running=found.call_running)
