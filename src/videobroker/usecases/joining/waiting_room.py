"""The waiting room: asking to be let in, and letting people in or not.

An entry is written in the transaction that records the refusal it comes from, and decided under the lock on its
session: what ends the call or puts somebody out has the same lock, and takes the entries along.
"""

from collections.abc import Sequence
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.access import Door, Person, Reason, Wait, decide
from videobroker.domain.actors import Actor
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType, about
from videobroker.domain.ids import EntryId, uuid7
from videobroker.domain.join_context import door_of
from videobroker.domain.lobby import Entry, EntryState
from videobroker.domain.sessions import Session, SessionKey
from videobroker.errors import AlreadyAdmitted, EntryNotFound
from videobroker.storage.calls import calls
from videobroker.storage.joining import lobby
from videobroker.storage.joining.lobby import Found
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.usecases.access import no_session
from videobroker.usecases.authorization import require_in

MOST_ENTRIES = 1_000
"""So many are shown."""
ADMITTED_TOGETHER = 500
"""So many entries are admitted by one statement, and are in memory with what is known of the people."""
UNDECIDED = (EntryState.WAITING,)


async def knock(
    transaction: UnitOfWork,
    session: Session,
    *,
    user_id: str,
    display_name: str | None,
    role: str | None,
    is_guest: bool,
    actor: Actor,
    now: datetime,
) -> None:
    """Somebody asks to be let in: an entry, and an event, or a sign of life where there is an entry already."""
    entry = Entry(EntryId(uuid7(now)), user_id, display_name, is_guest, EntryState.WAITING, now, now)
    app_id = session.key.app_id
    if await lobby.knock(transaction, app_id, session.id, entry):
        data = {"entry": str(entry.id), "guest": is_guest, "role": role}
        event = about(session, EventType.PARTICIPANT_WAITING, actor=actor, now=now, user_id=user_id, data=data)
        await record(transaction, event)
    else:
        await lobby.saw(transaction, app_id, session.id, user_id, display_name=display_name, now=now)


async def withdraw(
    transaction: UnitOfWork, session: Session, *, user_id: str, is_guest: bool, actor: Actor, now: datetime
) -> bool:
    """Take back a request to join that no host has decided yet, and record that; False when there is none."""
    await sessions.lock(transaction, session.key)
    entry_id = await lobby.withdraw(transaction, session.key.app_id, session.id, user_id)
    if entry_id is None:
        return False
    data = {"entry": str(entry_id), "guest": is_guest}
    event = about(session, EventType.PARTICIPANT_WITHDREW, actor=actor, now=now, user_id=user_id, data=data)
    await record(transaction, event)
    return True


async def list_lobby(
    broker: Broker, app: App, key: SessionKey, *, actor: Actor, now: datetime
) -> Sequence[tuple[Entry, str | None]]:
    """Who waits and who was decided about, with their roles: who waits comes first.

    Whom only something else keeps out, or nothing, is not among them. Raises `SessionNotFound`, `RoleMayNot`.
    """
    async with broker.store.transaction() as transaction:
        session = await sessions.find(transaction, key)
        if session is None:
            raise no_session(key)
        await require_in(transaction, app, session, actor, Action.MODERATE)
        return await _kept(transaction, app, session, now)


async def admit(
    broker: Broker, app: App, key: SessionKey, entry_id: EntryId, *, actor: Actor, now: datetime
) -> tuple[Entry, str | None]:
    """Let somebody in who waits or was denied. Raises `SessionNotFound`, `RoleMayNot`, `EntryNotFound`."""
    return await _settle(broker, app, key, entry_id, EntryState.ADMITTED, actor=actor, now=now)


async def deny(
    broker: Broker, app: App, key: SessionKey, entry_id: EntryId, *, actor: Actor, now: datetime
) -> tuple[Entry, str | None]:
    """Do not let somebody in who waits.

    Raises `SessionNotFound`, `RoleMayNot`, `EntryNotFound`, and `AlreadyAdmitted`: credentials may be out then.
    """
    return await _settle(broker, app, key, entry_id, EntryState.DENIED, actor=actor, now=now)


async def admit_all(
    broker: Broker, app: App, key: SessionKey, *, actor: Actor, now: datetime
) -> Sequence[tuple[Entry, str | None]]:
    """Let everybody in who waits; who that was. Raises `SessionNotFound`, `RoleMayNot`."""
    async with broker.store.transaction() as transaction:
        session = await _moderated(transaction, app, key, actor)
        door = await _door(transaction, app, session)
        admitted: list[tuple[Entry, str | None]] = []
        last: Entry | None = None
        while True:
            page = await lobby.waiting(transaction, app.id, session.id, after=last, limit=ADMITTED_TOGETHER)
            admitted += await _admit_page(transaction, session, door, page, actor, now)
            if len(page) < ADMITTED_TOGETHER:
                return admitted
            last = page[-1].entry


async def _admit_page(
    transaction: UnitOfWork, session: Session, door: Door, page: Sequence[Found], actor: Actor, now: datetime
) -> list[tuple[Entry, str | None]]:
    """Admit everyone that only the waiting room keeps outside, longest waiting first, in two round trips."""
    roles = {found.entry.id: _role(found) for found in page if _is_kept(door, found, now)}
    entries = await lobby.admit_many(transaction, session.key.app_id, list(roles), by=actor.user_id, now=now)
    entries.sort(key=lambda entry: (entry.asked_at, entry.id))
    await record(transaction, *(_decided(session, entry, actor, now) for entry in entries))
    return [(entry, roles[entry.id]) for entry in entries]


async def _settle(
    broker: Broker, app: App, key: SessionKey, entry_id: EntryId, state: EntryState, *, actor: Actor, now: datetime
) -> tuple[Entry, str | None]:
    async with broker.store.transaction() as transaction:
        session = await _moderated(transaction, app, key, actor)
        found = await lobby.find(transaction, app.id, session.id, entry_id)
        if found is None or not _is_kept(await _door(transaction, app, session), found, now):
            raise EntryNotFound("Nobody waits here under this id any more. `GET .../lobby` shows who does.")
        if state is EntryState.DENIED and found.entry.state is EntryState.ADMITTED:
            raise AlreadyAdmitted("They were let in already. Put them out: `POST .../participants/{user_id}/remove`.")
        if found.entry.state is not state:
            await _write(transaction, session, entry_id, state, actor, now)
            found = await lobby.find(transaction, app.id, session.id, entry_id) or found
    return found.entry, _role(found)


async def _moderated(transaction: UnitOfWork, app: App, key: SessionKey, actor: Actor) -> Session:
    session = await sessions.lock(transaction, key)
    if session is None:
        raise no_session(key)
    await require_in(transaction, app, session, actor, Action.MODERATE)
    return session


async def _write(
    transaction: UnitOfWork, session: Session, entry_id: EntryId, state: EntryState, actor: Actor, now: datetime
) -> None:
    app_id = session.key.app_id
    out_of = [EntryState.WAITING, EntryState.DENIED] if state is EntryState.ADMITTED else list(UNDECIDED)
    settled = await lobby.settle(transaction, app_id, entry_id, state, out_of=out_of, by=actor.user_id, now=now)
    found = await lobby.find(transaction, app_id, session.id, entry_id)
    if settled and found is not None:
        await record(transaction, _decided(session, found.entry, actor, now))


def _decided(session: Session, entry: Entry, actor: Actor, now: datetime) -> Event:
    admitted = entry.state is EntryState.ADMITTED
    return about(
        session,
        EventType.PARTICIPANT_ADMITTED if admitted else EventType.PARTICIPANT_DENIED,
        actor=actor,
        now=now,
        user_id=entry.user_id,
        data={"entry": str(entry.id), "guest": entry.is_guest},
    )


async def _kept(transaction: UnitOfWork, app: App, session: Session, now: datetime) -> list[tuple[Entry, str | None]]:
    door = await _door(transaction, app, session)
    found = await lobby.of_session(transaction, app.id, session.id, limit=MOST_ENTRIES)
    return [(each.entry, _role(each)) for each in found if _is_kept(door, each, now)]


async def count_waiting(transaction: UnitOfWork, app: App, session: Session, now: datetime) -> int:
    """How many people wait to be let in."""
    kept = await _kept(transaction, app, session, now)
    return sum(entry.state_at(now) is EntryState.WAITING for entry, _ in kept)


async def _door(transaction: UnitOfWork, app: App, session: Session) -> Door:
    held = await calls.latest(transaction, app.id, session.id)
    return door_of(app, session, call_running=held is not None and held.ended_at is None)


def _role(found: Found) -> str | None:
    return GUEST_ROLE if found.entry.is_guest else found.role


def _is_kept(door: Door, found: Found, now: datetime) -> bool:
    """Whether it is the waiting room, and nothing else, that keeps or kept this person."""
    person = Person(_role(found), is_guest=found.entry.is_guest, removed=found.banned)
    decision = decide(door, person, now)
    return isinstance(decision, Wait) and decision.reason is Reason.WAITING_FOR_ADMISSION
