"""Who is in a room at 100ms, and who was.

Source: api-reference/Sessions/list-sessions and api-reference/Sessions/retrieve-a-session of the 100ms docs.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Presence, PresenceReport, truncate_to_milliseconds
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsNotFound
from videobroker.providers.hms.responses import HmsPeer, HmsSession

MAX_SESSION_DURATION = timedelta(hours=12)
"""The platform ends every session after that."""


async def fetch_presence(
    client: HmsClient, room_id: str, since: datetime, recorder_roles: Collection[str], *, taken_at: datetime
) -> list[PresenceReport]:
    """The room's meetings that run, or ended at `since` or later, as 100ms knows them after `taken_at`."""
    sessions = [await _whole(client, brief.id) for brief in await _briefs(client, room_id, since)]
    return [
        _roll(session, recorder_roles, truncate_to_milliseconds(taken_at))
        for session in sessions
        if session is not None and session.room_id in (None, room_id) and _reaches(session, since)
    ]


async def _briefs(client: HmsClient, room_id: str, since: datetime) -> list[HmsSession]:
    """Each meeting once: one that ends between the two questions is in both answers."""
    # The filter goes by the start: without the margin, a meeting that was running at `since` would be missed.
    earliest = since - MAX_SESSION_DURATION
    try:
        running = await client.list_sessions(room_id, active=True)
        over = await client.list_sessions(room_id, active=False, after=earliest)
    except HmsNotFound:
        return []
    return list({session.id: session for session in (*running, *over) if _reaches(session, since)}.values())


async def _whole(client: HmsClient, session_id: str) -> HmsSession | None:
    try:
        return await client.get_session(session_id)
    except HmsNotFound:
        return None


def _reaches(session: HmsSession, since: datetime) -> bool:
    return session.ended_at is None or session.ended_at >= truncate_to_milliseconds(since)


def _roll(session: HmsSession, recorder_roles: Collection[str], taken_at: datetime) -> PresenceReport:
    return PresenceReport(
        taken_at=taken_at,
        provider_call_id=session.id,
        began_at=session.began_at,
        ended_at=session.ended_at,
        people=tuple(_seen(peer) for peer in session.peers if peer.role not in recorder_roles),
    )


def _seen(peer: HmsPeer) -> Presence:
    return Presence(
        connection=peer.id,
        provider_user_id=peer.person,
        role=peer.role,
        joined_at=peer.joined_at,
        left_at=peer.left_at,
    )
