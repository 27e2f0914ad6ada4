"""Removes people from a session, and blocks them.

A removal is committed first. From then on former credentials are not accepted, and a blocked person gets no new ones.
Then the request or the worker, whichever is first, enforces the removal at the provider, and again whenever the person
comes back with former credentials.
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
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.joining import lobby, provider_uids, removals
from videobroker.storage.joining.removals import Removal
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import require_in
from videobroker.usecases.calls.rooms import close_former_rooms, renew_room
from videobroker.usecases.context import RequestContext

log = structlog.get_logger(__name__)


class RemovalEnforcement(StrEnum):
    """Whether the provider has enforced a removal."""

    DONE = "done"
    """The provider did what it can."""
    PENDING = "pending"
    """The provider could not be reached. The worker retries."""
    IMPOSSIBLE = "impossible"
    """The provider cannot remove people with the account's settings."""


@dataclass(frozen=True, slots=True)
class RemovalResult:
    removal: Removal
    enforcement: RemovalEnforcement


async def remove(context: RequestContext, key: SessionKey, user_id: str, *, ban: bool) -> RemovalResult:
    """Remove a participant or guest with all their devices. With `ban`, they get no credentials anymore.

    Deletes their waiting room entry, so that they have to request admission again. Raises `SessionNotFound`,
    `RoleMayNot`, and `ParticipantNotFound` for a person who is not on the roster, does not wait, and never got
    credentials.
    """
    async with context.transaction() as unit_of_work:
        found = await sessions.find(unit_of_work, key)
        if found is None:
            raise session_not_found(key)
        # Authorize before taking the lock, which delays joins, and again under it.
        await require_in(context, unit_of_work, found, Action.MODERATE)
        await removals.lock_issuing(unit_of_work, found.id, user_id)
        session = await sessions.lock(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.MODERATE)
        await _require_known(unit_of_work, context.app, session, user_id)
        removal = await removals.record_removal(
            unit_of_work, context.app.id, session.id, user_id, banned=ban, now=context.now
        )
        await provider_uids.retire(unit_of_work, context.app.id, session.id, user_id, now=context.now)
        await lobby.delete_entry(unit_of_work, context.app.id, session.id, user_id)
        await record(
            unit_of_work,
            context.event(session, EventType.PARTICIPANT_REMOVED, user_id=user_id, data={"ban": ban}),
        )
        await enqueue(
            unit_of_work, Job(JobKind.ENFORCE_REMOVALS, context.app.id, session.id, provider=session.provider)
        )
    try:
        await enforce_removals(context.broker, context.app.id, session.id, now=context.now)
    except ProviderError as error:
        log.warning("removal.enforce_failed", session_id=str(session.id), error=error.code)
        return RemovalResult(removal, RemovalEnforcement.PENDING)
    return RemovalResult(removal, await _enforcement(context, session))


async def _enforcement(context: RequestContext, session: Session) -> RemovalEnforcement:
    async with context.transaction() as unit_of_work:
        found = await rooms.find(unit_of_work, context.app.id, session.id)
    can_remove = all(
        Capability.REMOVE_PERSON in context.provider(room.provider).capabilities
        for room in found
        if room.state is not RoomState.CLOSED
    )
    return RemovalEnforcement.DONE if can_remove else RemovalEnforcement.IMPOSSIBLE


async def readmit(context: RequestContext, key: SessionKey, user_id: str) -> bool:
    """Unblock a person; False if they are not blocked. Former credentials stay invalid.

    Raises `SessionNotFound`, `RoleMayNot`.
    """
    async with context.transaction() as unit_of_work:
        session = await sessions.lock(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.MODERATE)
        lifted = await removals.lift_ban(unit_of_work, context.app.id, session.id, user_id)
        if lifted:
            event = context.event(session, EventType.PARTICIPANT_READMITTED, user_id=user_id)
            await record(unit_of_work, event)
    return lifted


async def _require_known(unit_of_work: UnitOfWork, app: App, session: Session, user_id: str) -> None:
    person = await sessions.find_participant(unit_of_work, app.id, session.id, user_id)
    if person is not None or await lobby.has_entry(unit_of_work, app.id, session.id, user_id):
        return
    issued = await identities.last_issued_at(
        unit_of_work, app.id, session.id, user_id=user_id, since=session.created_at - timedelta(days=1)
    )
    if issued is None:
        raise ParticipantNotFound(
            TranslatableText(
                "%(user_id)r is not a participant of %(session)s, and never got credentials.",
                user_id=user_id,
                session=session.key.label,
            )
        )


async def enforce_removals(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> int:
    """Disconnect removed people at the provider: new removals, and people who came back with former credentials.

    Returns how many. Every removal is tried; then the last `ProviderError` is raised, and the call has to be repeated.
    """
    async with broker.store.transaction(app_id) as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
        session = await sessions.find_by_id(unit_of_work, app_id, session_id)
        if app is None or session is None:
            return 0
        known = await removals.of_session(unit_of_work, app_id, session_id)
        fresh = [removal for removal in known if removal.enforced_at is None]
        enforced = [removal for removal in known if removal.enforced_at is not None]
        present = await stays.present_users(unit_of_work, app_id, session_id, [removal.user_id for removal in enforced])
        returned = [
            removal
            for removal in enforced
            if removal.user_id in present and await _lacks_valid_credentials(unit_of_work, app, session, removal)
        ]
        found = [
            room
            for room in await rooms.find(unit_of_work, app_id, session_id)
            if room.provider_room_id is not None and room.state is not RoomState.CLOSED
        ]
    context = RequestContext.for_system(broker, app, now)
    if fresh or returned:
        # The person may be in a room of a former generation that is not closed yet.
        await close_former_rooms(context, session)
    failure: ProviderError | None = None
    absent_ids = [removal.user_id for removal in enforced if removal not in returned]
    if absent_ids:
        async with broker.store.transaction(app_id) as unit_of_work:
            await removals.clear_sightings(unit_of_work, app_id, session_id, absent_ids)
    for removal in (*fresh, *returned):
        try:
            for room in found:
                await _disconnect(context, session, removal, room)
            for room in found if removal in fresh else ():
                if not await _is_shared(context, room):
                    await _replace_codes(context, session, removal, room)
        except ProviderError as error:
            # Try the others nevertheless.
            failure = error
            continue
        async with broker.store.transaction(app_id) as unit_of_work:
            await removals.mark_enforced(unit_of_work, app_id, session_id, removal, at=now)
    if failure is not None:
        raise failure
    return len(fresh) + len(returned)


async def _is_shared(context: RequestContext, room: Room) -> bool:
    """Whether other sessions use the room. Then its codes are theirs too."""
    async with context.transaction() as unit_of_work:
        sharing = await rooms.sessions_of_room(
            unit_of_work, context.app.id, room.provider, room.provider_room_id or "", limit=2
        )
    return len(sharing) > 1


async def _lacks_valid_credentials(unit_of_work: UnitOfWork, app: App, session: Session, removal: Removal) -> bool:
    """Whether the person has no credentials that were issued after the removal, or is blocked."""
    if removal.banned:
        return True
    since = removal.removed_at
    issued = await identities.last_issued_at(unit_of_work, app.id, session.id, user_id=removal.user_id, since=since)
    return issued is None


async def _disconnect(context: RequestContext, session: Session, removal: Removal, room: Room) -> None:
    provider = context.provider(room.provider)
    if Capability.REMOVE_PERSON not in provider.capabilities:
        return
    async with context.transaction() as unit_of_work:
        names = await _provider_user_ids(unit_of_work, context.app, session, provider, removal.user_id)
    for name in sorted(names):
        await provider.remove_person(
            room.provider_room_id or "", name, until=context.now + provider.token_limits.maximum
        )


async def _provider_user_ids(
    unit_of_work: UnitOfWork, app: App, session: Session, provider: Provider, user_id: str
) -> Iterable[str]:
    if not provider.needs_uid:
        return await identities.provider_ids_of_user(unit_of_work, app.id, session.id, user_id)
    numbers = await provider_uids.retired_uids(
        unit_of_work, app.id, session.id, user_id, since=session.created_at - timedelta(days=1)
    )
    return [str(number) for number in numbers]


async def _replace_codes(context: RequestContext, session: Session, removal: Removal, room: Room) -> None:
    """Replace the room codes that this person got, and the code of their role."""
    provider = context.provider(room.provider)
    async with context.transaction() as unit_of_work:
        person = await sessions.find_participant(unit_of_work, context.app.id, session.id, removal.user_id)
        given = await identities.code_ids_of_user(unit_of_work, context.app.id, session.id, removal.user_id)
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
        async with context.transaction() as unit_of_work:
            await room_codes.replace(unit_of_work, context.app.id, room.id, role=role, former=code, code=new)
    return None
