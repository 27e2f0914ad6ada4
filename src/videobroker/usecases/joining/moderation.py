"""Puts people out of a session, and keeps out whoever was put out.

The removal is written first, in one transaction: from then on the former credentials are not honoured, and new ones
only without a ban. Then the provider is told, by whoever comes first: the request itself or the worker. As often as
somebody comes back with credentials from before, the provider is told again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from videobroker.broker import Broker
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.authorization import Action
from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.rooms import Room, RoomState, compute_code_id
from videobroker.domain.sessions import Session, SessionKey
from videobroker.errors import ParticipantNotFound, ProviderError
from videobroker.providers.contract import Capability, Provider, RoomCodesExhausted
from videobroker.storage.attendance import identities, stays
from videobroker.storage.calls import room_codes, rooms
from videobroker.storage.jobs import Job, Kind, enqueue
from videobroker.storage.joining import lobby, provider_uids, removals
from videobroker.storage.joining.removals import Removal
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require_in
from videobroker.usecases.calls.rooms import close_former_rooms, renew_room
from videobroker.usecases.context import RequestContext

log = structlog.get_logger(__name__)


class Enforcement(StrEnum):
    """How far the provider has put somebody out."""

    DONE = "done"
    """It has done what it can."""
    PENDING = "pending"
    """It could not be reached, and is told again until it does."""
    IMPOSSIBLE = "impossible"
    """It cannot be told: with the account's settings it puts nobody out."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Somebody who was put out."""

    removal: Removal
    enforcement: Enforcement


async def remove(context: RequestContext, key: SessionKey, user_id: str, *, ban: bool) -> Removed:
    """Put a participant or a guest out, with all devices. With `ban` they get no credentials any more.

    Who waited to be let in, or was let in, has to ask again. Raises `SessionNotFound`, `RoleMayNot`, and
    `ParticipantNotFound` for somebody who is neither on the roster, nor waits, nor ever got credentials.
    """
    async with context.store.transaction() as transaction:
        found = await sessions.find(transaction, key)
        if found is None:
            raise session_not_found(key)
        # Before the lock, which delays joins, and again under it.
        await require_in(context, transaction, found, Action.MODERATE)
        await removals.lock_issuing(transaction, found.id, user_id)
        session = await sessions.lock(transaction, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, transaction, session, Action.MODERATE)
        await _require_known(transaction, context.app, session, user_id)
        removal = await removals.record_removal(
            transaction, context.app.id, session.id, user_id, banned=ban, now=context.now
        )
        await provider_uids.retire(transaction, context.app.id, session.id, user_id, now=context.now)
        await lobby.delete_entry(transaction, context.app.id, session.id, user_id)
        await record(
            transaction,
            context.event(session, EventType.PARTICIPANT_REMOVED, user_id=user_id, data={"ban": ban}),
        )
        await enqueue(transaction, Job(Kind.EXPEL, context.app.id, session.id))
    try:
        await enforce_removals(context.broker, context.app.id, session.id, now=context.now)
    except ProviderError as error:
        log.warning("removal.enforce_failed", session_id=str(session.id), error=error.code)
        return Removed(removal, Enforcement.PENDING)
    return Removed(removal, await _enforcement(context, session))


async def _enforcement(context: RequestContext, session: Session) -> Enforcement:
    async with context.store.transaction() as transaction:
        found = await rooms.find(transaction, context.app.id, session.id)
    able = all(
        Capability.REMOVE_PERSON in context.provider(room.provider).capabilities
        for room in found
        if room.state is not RoomState.CLOSED
    )
    return Enforcement.DONE if able else Enforcement.IMPOSSIBLE


async def readmit(context: RequestContext, key: SessionKey, user_id: str) -> bool:
    """Lift a ban: the person gets new credentials again, the former ones stay worthless. False without a ban.

    Raises `SessionNotFound`.
    """
    async with context.store.transaction() as transaction:
        session = await sessions.lock(transaction, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, transaction, session, Action.MODERATE)
        lifted = await removals.lift_ban(transaction, context.app.id, session.id, user_id)
        if lifted:
            event = context.event(session, EventType.PARTICIPANT_READMITTED, user_id=user_id)
            await record(transaction, event)
    return lifted


async def _require_known(transaction: UnitOfWork, app: App, session: Session, user_id: str) -> None:
    person = await sessions.find_participant(transaction, app.id, session.id, user_id)
    if person is not None or await lobby.has_entry(transaction, app.id, session.id, user_id):
        return
    issued = await identities.last_issued_at(
        transaction, app.id, session.id, user_id=user_id, since=session.created_at - timedelta(days=1)
    )
    if issued is None:
        raise ParticipantNotFound(
            f"{user_id!r} is not on the roster of {session.key.label}, and never got credentials."
        )


async def enforce_removals(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> int:
    """Tell the provider of everybody who has to go: removed a moment ago, or back with credentials from before.

    How many those were. Raises `ProviderError` when it cannot be told: then it has to be told again.
    """
    async with broker.store.transaction() as transaction:
        app = await apps.app_by_id(transaction, app_id)
        session = await sessions.find_by_id(transaction, app_id, session_id)
        if app is None or session is None:
            return 0
        known = await removals.of_session(transaction, app_id, session_id)
        fresh = [removal for removal in known if removal.enforced_at is None]
        enforced = [removal for removal in known if removal.enforced_at is not None]
        present = await stays.present_users(transaction, app_id, session_id, [removal.user_id for removal in enforced])
        back = [
            removal
            for removal in enforced
            if removal.user_id in present and await _lacks_valid_credentials(transaction, app, session, removal)
        ]
        found = [
            room
            for room in await rooms.find(transaction, app_id, session_id)
            if room.provider_room_id is not None and room.state is not RoomState.CLOSED
        ]
    context = RequestContext.for_system(broker, app, now)
    if fresh or back:
        # The person to remove may be in a room that the session has left and that is not closed yet.
        await close_former_rooms(context, session)
    failure: ProviderError | None = None
    gone = [removal.user_id for removal in enforced if removal not in back]
    if gone:
        async with broker.store.transaction() as transaction:
            await removals.clear_sightings(transaction, app_id, session_id, gone)
    for removal in (*fresh, *back):
        try:
            for room in found:
                await _disconnect(context, session, removal, room)
            for room in found if removal in fresh else ():
                if not await _is_shared(context, room):
                    await _replace_codes(context, session, removal, room)
        except ProviderError as error:
            # The others have to go all the same.
            failure = error
            continue
        async with broker.store.transaction() as transaction:
            await removals.mark_enforced(transaction, app_id, session_id, removal, at=now)
    if failure is not None:
        raise failure
    return len(fresh) + len(back)


async def _is_shared(context: RequestContext, room: Room) -> bool:
    """Whether other sessions meet in the same room: its codes are theirs as well."""
    async with context.store.transaction() as transaction:
        sharing = await rooms.sessions_of_room(
            transaction, context.app.id, room.provider, room.provider_room_id or "", limit=2
        )
    return len(sharing) > 1


async def _lacks_valid_credentials(transaction: UnitOfWork, app: App, session: Session, removal: Removal) -> bool:
    """Whether nothing that we issued lets the person be there."""
    if removal.banned:
        return True
    since = removal.removed_at
    issued = await identities.last_issued_at(transaction, app.id, session.id, user_id=removal.user_id, since=since)
    return issued is None


async def _disconnect(context: RequestContext, session: Session, removal: Removal, room: Room) -> None:
    provider = context.provider(room.provider)
    if Capability.REMOVE_PERSON not in provider.capabilities:
        return
    async with context.store.transaction() as transaction:
        names = await _provider_user_ids(transaction, context.app, session, provider, removal.user_id)
    for name in sorted(names):
        await provider.remove_person(
            room.provider_room_id or "", name, until=context.now + provider.token_limits.maximum
        )


async def _provider_user_ids(
    transaction: UnitOfWork, app: App, session: Session, provider: Provider, user_id: str
) -> Iterable[str]:
    if not provider.needs_uid:
        return await identities.provider_ids_of_user(transaction, app.id, session.id, user_id)
    numbers = await provider_uids.retired_uids(
        transaction, app.id, session.id, user_id, since=session.created_at - timedelta(days=1)
    )
    return [str(number) for number in numbers]


async def _replace_codes(context: RequestContext, session: Session, removal: Removal, room: Room) -> None:
    """Make the room codes worthless that this person was given, and that of their role."""
    provider = context.provider(room.provider)
    async with context.store.transaction() as transaction:
        person = await sessions.find_participant(transaction, context.app.id, session.id, removal.user_id)
        given = await identities.code_ids_of_user(transaction, context.app.id, session.id, removal.user_id)
    own_role = GUEST_ROLE if person is None else person.role
    for role, code in room_codes.decrypt(context.broker.secret_box, room.codes).items():
        if role != context.app.provider_role(room.provider, own_role) and compute_code_id(code) not in given:
            continue
        try:
            new = await provider.replace_code(room.provider_room_id or "", role, code)
        except RoomCodesExhausted:
            if Capability.CLOSE_ROOM in provider.capabilities:
                return await renew_room(context, session, room)
            # A fixed room cannot be replaced: its code stays valid for everyone, and people who come back are removed
            # when the provider reports it.
            log.warning("removal.room_codes_exhausted", session_id=str(session.id), provider=room.provider)
            return None
        async with context.store.transaction() as transaction:
            await room_codes.replace(transaction, context.app.id, room.id, role=role, former=code, code=new)
    return None
