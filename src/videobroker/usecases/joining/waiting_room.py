"""The waiting room: requests for admission, and decisions on them.

An entry is added in the transaction that records the denied join. It is decided under the lock of its session, which
also ends of calls and removals take, because they delete entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.access import AccessContext, AccessReason, AccessSubject, WaitDecision, decide_access
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.authorization import Action
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EntryId, uuid7
from videobroker.domain.join_context import build_access_context
from videobroker.domain.lobby import EntryState, LobbyEntry
from videobroker.domain.sessions import Session, SessionKey
from videobroker.errors import AlreadyAdmitted, EntryNotFound
from videobroker.storage.calls import calls
from videobroker.storage.joining import lobby
from videobroker.storage.joining.lobby import EntryContext
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require_in
from videobroker.usecases.context import RequestContext

MAX_LOBBY_ENTRIES = 1_000
"""How many entries are listed."""
MAX_WAITING = 500
"""How many people of all sessions are listed for operators."""
WAITING_LOOKBACK = timedelta(minutes=10)
ADMIT_BATCH_ROWS = 500
"""Entries that are loaded at once and admitted by one statement."""


async def request_admission(
    context: RequestContext,
    unit_of_work: UnitOfWork,
    session: Session,
    *,
    user_id: str,
    display_name: str | None,
    role: str | None,
    is_guest: bool,
) -> bool:
    """Add and journal an entry for this person. If they have one, record a heartbeat, and return False."""
    entry = LobbyEntry(
        EntryId(uuid7(context.now)), user_id, display_name, is_guest, EntryState.WAITING, context.now, context.now
    )
    app_id = session.key.app_id
    if await lobby.add_entry(unit_of_work, app_id, session.id, entry):
        data = {"entry": str(entry.id), "guest": is_guest, "role": role}
        event = context.event(session, EventType.PARTICIPANT_WAITING, user_id=user_id, data=data)
        await record(unit_of_work, event)
        return True
    await lobby.refresh_entry(unit_of_work, app_id, session.id, user_id, display_name=display_name, now=context.now)
    return False


async def withdraw(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session, *, user_id: str, is_guest: bool
) -> bool:
    """Withdraw and journal a request that no host has decided yet; False if there is none."""
    await sessions.lock(unit_of_work, session.key)
    entry_id = await lobby.withdraw(unit_of_work, session.key.app_id, session.id, user_id)
    if entry_id is None:
        return False
    data = {"entry": str(entry_id), "guest": is_guest}
    event = context.event(session, EventType.PARTICIPANT_WITHDREW, user_id=user_id, data=data)
    await record(unit_of_work, event)
    return True


async def list_lobby(context: RequestContext, key: SessionKey) -> Sequence[tuple[LobbyEntry, str | None]]:
    """Entries with the app roles of their people, waiting ones first; at most `MAX_LOBBY_ENTRIES`.

    Leaves out people for whom the waiting room does not decide, because another rule refuses or admits them. Raises
    `SessionNotFound`, `RoleMayNot`.
    """
    async with context.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.VIEW_WAITING_ROOM)
        return await _list_entries(context, unit_of_work, session)


@dataclass(frozen=True, slots=True)
class WaitingPerson:
    """A person in the waiting room of a session."""

    session: Session
    entry: LobbyEntry
    role: str | None
    """The app role; None for a person who is neither a participant nor a guest."""


async def list_waiting(broker: Broker, apps: Sequence[App], *, now: datetime) -> list[WaitingPerson]:
    """Who waits now in any session of these apps, longest waiting first, for an operator; at most `MAX_WAITING`.

    Leaves out people whose page has not been open for `WAITING_LOOKBACK`.
    """
    by_id = {app.id: app for app in apps}
    async with broker.store.cross_app_transaction() as unit_of_work:
        found = await lobby.waiting_of_apps(
            unit_of_work, list(by_id), seen_after=now - WAITING_LOOKBACK, limit=MAX_WAITING
        )
    return [
        WaitingPerson(each.session, each.found.entry, _role(each.found))
        for each in found
        if _is_in_waiting_room(
            build_access_context(by_id[each.session.key.app_id], each.session, call_running=each.call_running),
            each.found,
            now,
        )
    ]


async def admit(context: RequestContext, key: SessionKey, entry_id: EntryId) -> tuple[LobbyEntry, str | None]:
    """Admit a person who waits or was denied. Raises `SessionNotFound`, `RoleMayNot`, `EntryNotFound`."""
    return await _decide(context, key, entry_id, EntryState.ADMITTED)


async def deny(context: RequestContext, key: SessionKey, entry_id: EntryId) -> tuple[LobbyEntry, str | None]:
    """Deny a person who waits.

    Raises `SessionNotFound`, `RoleMayNot`, `EntryNotFound`, and `AlreadyAdmitted`: the person may have credentials
    then.
    """
    return await _decide(context, key, entry_id, EntryState.DENIED)


async def admit_all(context: RequestContext, key: SessionKey) -> Sequence[tuple[LobbyEntry, str | None]]:
    """Admit everyone who waits, and return their entries. Raises `SessionNotFound`, `RoleMayNot`."""
    async with context.transaction() as unit_of_work:
        session = await _lock_moderated(context, unit_of_work, key)
        access_context = await _access_context(unit_of_work, context.app, session)
        admitted: list[tuple[LobbyEntry, str | None]] = []
        last: LobbyEntry | None = None
        while True:
            page = await lobby.waiting_page(
                unit_of_work, context.app.id, session.id, after=last, limit=ADMIT_BATCH_ROWS
            )
            admitted += await _admit_page(context, unit_of_work, session, access_context, page)
            if len(page) < ADMIT_BATCH_ROWS:
                return admitted
            last = page[-1].entry


async def _admit_page(
    context: RequestContext,
    unit_of_work: UnitOfWork,
    session: Session,
    access_context: AccessContext,
    page: Sequence[EntryContext],
) -> list[tuple[LobbyEntry, str | None]]:
    """Admit everyone who is stopped only by the waiting room, longest waiting first, in two round trips."""
    roles = {found.entry.id: _role(found) for found in page if _is_in_waiting_room(access_context, found, context.now)}
    entries = await lobby.admit_many(
        unit_of_work, session.key.app_id, list(roles), by=context.actor.user_id, now=context.now
    )
    entries.sort(key=lambda entry: (entry.asked_at, entry.id))
    await record(unit_of_work, *(_decided(context, session, entry) for entry in entries))
    return [(entry, roles[entry.id]) for entry in entries]


async def _decide(
    context: RequestContext, key: SessionKey, entry_id: EntryId, state: EntryState
) -> tuple[LobbyEntry, str | None]:
    async with context.transaction() as unit_of_work:
        session = await _lock_moderated(context, unit_of_work, key)
        found = await lobby.find_entry(unit_of_work, context.app.id, session.id, entry_id)
        if found is None or not _is_in_waiting_room(
            await _access_context(unit_of_work, context.app, session), found, context.now
        ):
            raise EntryNotFound(
                TranslatableText(
                    "No pending request with this ID. `GET .../lobby` lists the people in the waiting room."
                )
            )
        if state is EntryState.DENIED and found.entry.state is EntryState.ADMITTED:
            raise AlreadyAdmitted(
                TranslatableText("Already admitted. To remove them, use `POST .../participants/{user_id}/remove`.")
            )
        if found.entry.state is not state:
            await _write_decision(context, unit_of_work, session, entry_id, state)
            found = await lobby.find_entry(unit_of_work, context.app.id, session.id, entry_id) or found
    return found.entry, _role(found)


async def _lock_moderated(context: RequestContext, unit_of_work: UnitOfWork, key: SessionKey) -> Session:
    session = await sessions.lock(unit_of_work, key)
    if session is None:
        raise session_not_found(key)
    await require_in(context, unit_of_work, session, Action.MODERATE)
    return session


async def _write_decision(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session, entry_id: EntryId, state: EntryState
) -> None:
    app_id = session.key.app_id
    out_of = [EntryState.WAITING, EntryState.DENIED] if state is EntryState.ADMITTED else [EntryState.WAITING]
    is_decided = await lobby.decide(
        unit_of_work, app_id, entry_id, state, out_of=out_of, by=context.actor.user_id, now=context.now
    )
    found = await lobby.find_entry(unit_of_work, app_id, session.id, entry_id)
    if is_decided and found is not None:
        await record(unit_of_work, _decided(context, session, found.entry))


def _decided(context: RequestContext, session: Session, entry: LobbyEntry) -> Event:
    admitted = entry.state is EntryState.ADMITTED
    return context.event(
        session,
        EventType.PARTICIPANT_ADMITTED if admitted else EventType.PARTICIPANT_DENIED,
        user_id=entry.user_id,
        data={"entry": str(entry.id), "guest": entry.is_guest},
    )


async def _list_entries(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session
) -> list[tuple[LobbyEntry, str | None]]:
    access_context = await _access_context(unit_of_work, context.app, session)
    found = await lobby.entries_of_session(unit_of_work, context.app.id, session.id, limit=MAX_LOBBY_ENTRIES)
    return [(each.entry, _role(each)) for each in found if _is_in_waiting_room(access_context, each, context.now)]


async def count_waiting(context: RequestContext, unit_of_work: UnitOfWork, session: Session) -> int:
    """How many people wait for admission."""
    entries = await _list_entries(context, unit_of_work, session)
    return sum(entry.state_at(context.now) is EntryState.WAITING for entry, _ in entries)


async def _access_context(unit_of_work: UnitOfWork, app: App, session: Session) -> AccessContext:
    latest = await calls.latest(unit_of_work, app.id, session.id)
    return build_access_context(app, session, call_running=latest is not None and latest.ended_at is None)


def _role(found: EntryContext) -> str | None:
    return GUEST_ROLE if found.entry.is_guest else found.role


def _is_in_waiting_room(access_context: AccessContext, found: EntryContext, now: datetime) -> bool:
    """Whether only the waiting room decides about this person, regardless of its decision so far."""
    person = AccessSubject(_role(found), is_guest=found.entry.is_guest, removed=found.banned)
    decision = decide_access(access_context, person, now)
    return isinstance(decision, WaitDecision) and decision.reason is AccessReason.WAITING_FOR_ADMISSION
