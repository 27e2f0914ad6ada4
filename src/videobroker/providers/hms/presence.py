"""Presence in a 100ms room, now and in the past.

Source: api-reference/Sessions/list-sessions and api-reference/Sessions/retrieve-a-session of the 100ms docs.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Presence, PresenceReport, truncate_to_milliseconds
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsNotFound
from videobroker.providers.hms.responses import HmsPeer, HmsSession

MAX_SESSION_DURATION = timedelta(hours=12)
"""100ms ends longer sessions."""


async def fetch_presence(
    client: HmsClient, room_id: str, since: datetime, recorder_roles: Collection[str], *, taken_at: datetime
) -> list[PresenceReport]:
    """One report for each session of the room that is running, or ended at `since` or later.

    `taken_at` must be a time before the call: the reports include everything that 100ms knew by then.
    """
    sessions = [await _fetch(client, listed.id) for listed in await _list_sessions(client, room_id, since)]
    return [
        _report(session, recorder_roles, truncate_to_milliseconds(taken_at))
        for session in sessions
        if session is not None and session.room_id in (None, room_id) and _overlaps(session, since)
    ]


async def _list_sessions(client: HmsClient, room_id: str, since: datetime) -> list[HmsSession]:
    # The filter applies to the start. Without the margin, a session that was running at `since` would be missed.
    earliest = since - MAX_SESSION_DURATION
    try:
        running = await client.list_sessions(room_id, active=True)
        ended = await client.list_sessions(room_id, active=False, after=earliest)
    except HmsNotFound:
        return []
    # By ID: a session that ends between the two requests is in both lists.
    return list({session.id: session for session in (*running, *ended) if _overlaps(session, since)}.values())


async def _fetch(client: HmsClient, session_id: str) -> HmsSession | None:
    try:
        return await client.get_session(session_id)
    except HmsNotFound:
        return None


def _overlaps(session: HmsSession, since: datetime) -> bool:
    return session.ended_at is None or session.ended_at >= truncate_to_milliseconds(since)


def _report(session: HmsSession, recorder_roles: Collection[str], taken_at: datetime) -> PresenceReport:
    return PresenceReport(
        taken_at=taken_at,
        provider_call_id=session.id,
        began_at=session.began_at,
        ended_at=session.ended_at,
        people=tuple(_presence(peer) for peer in session.peers if peer.role not in recorder_roles),
    )


def _presence(peer: HmsPeer) -> Presence:
    return Presence(
        connection=peer.id,
        provider_user_id=peer.person,
        role=peer.role,
        joined_at=peer.joined_at,
        left_at=peer.left_at,
    )
