"""Gives links to people, and finds out whose a link is."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.access import Refuse, decide
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.ids import uuid7
from videobroker.domain.journal import EventType, about
from videobroker.domain.sessions import Session, SessionKey
from videobroker.domain.tickets import Ticket, expiry
from videobroker.domain.times import rfc3339
from videobroker.errors import TicketInvalid
from videobroker.storage.journal import record
from videobroker.usecases.doors import denial, look_at, person_at


@dataclass(frozen=True, slots=True)
class Link:
    """A ticket that was issued, and for what."""

    session: Session
    ticket: Ticket
    text: str = field(repr=False)
    """The ticket as its holder shows it."""


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
    """A ticket for one person at one session; it lives as long as the policy says, or as `life`.

    Coming too early, or to a waiting room, is no reason to refuse it: using it repeats the decision. The journal has
    the line about it before this returns. Raises `SessionNotFound`, and `AccessDenied` for whom nothing but a change
    of the session or of its roster would let in.
    """
    entrance = await look_at(broker, key, user_id)
    door = entrance.door(app)
    decision = decide(door, person_at(app, entrance, is_guest=is_guest), now)
    if isinstance(decision, Refuse):
        raise denial(decision)
    expires_at = expiry(now, timedelta(seconds=door.policy.ticket_seconds) if life is None else life)
    ticket = Ticket(uuid7(now), key, user_id, display_name, is_guest, now, expires_at)
    data = {"guest": is_guest, "token_id": str(ticket.id), "expires_at": rfc3339(expires_at)}
    event = about(entrance.session, EventType.LINK_ISSUED, actor=actor, now=now, user_id=user_id, data=data)
    async with broker.store.transaction() as transaction:
        await record(transaction, event)
    return Link(entrance.session, ticket, broker.tickets.sign(ticket))


async def ticket_holder(broker: Broker, text: str, *, now: datetime) -> tuple[App, Ticket]:
    """Whose ticket this is, and of which app. Raises `TicketInvalid`, `TicketExpired`."""
    ticket = broker.tickets.read(text)
    ticket.check(now)
    async with broker.store.transaction() as transaction:
        app = await broker.accounts.app_by_id(transaction, ticket.session.app_id)
    if app is None:
        raise TicketInvalid("The app of this link does not exist here. Ask for a new link where you got it.")
    return app, ticket
