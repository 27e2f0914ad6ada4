"""Presence in an Agora channel.

Source: the pages "Query user list" and "Query user status" of the Agora docs.
"""

import asyncio
from datetime import datetime

from videobroker.domain.attendance.observations import Presence, PresenceReport, truncate_to_milliseconds
from videobroker.providers.agora.client import AgoraClient
from videobroker.providers.agora.responses import ChannelUser, UserStatus

MAX_STATUS_QUERIES = 50
"""The join time needs one request per participant. Beyond this number, it stays unknown."""

STATUS_QUERIES_PER_BATCH = 10
"""Agora's limit per second."""


async def fetch_presence(client: AgoraClient, channel: str, *, taken_at: datetime) -> PresenceReport:
    """The participants in the channel now, possibly none. `taken_at` must be a time before the call."""
    people = await client.list_users(channel)
    queried, others = people[:MAX_STATUS_QUERIES], people[MAX_STATUS_QUERIES:]
    present: list[Presence] = []
    for start in range(0, len(queried), STATUS_QUERIES_PER_BATCH):
        present += await _query_statuses(client, channel, queried[start : start + STATUS_QUERIES_PER_BATCH])
    present += [_presence(person) for person in others]
    return PresenceReport(taken_at=truncate_to_milliseconds(taken_at), people=tuple(present))


async def _query_statuses(client: AgoraClient, channel: str, people: tuple[ChannelUser, ...]) -> list[Presence]:
    statuses = await asyncio.gather(*(client.get_user_status(channel, person.uid) for person in people))
    return [
        _presence(person, status)
        for person, status in zip(people, statuses, strict=True)
        if status is not None  # None: left after the list was read
    ]


def _presence(person: ChannelUser, status: UserStatus | None = None) -> Presence:
    uid, role = str(person.uid), person.role
    if status is None:
        return Presence(connection=uid, provider_user_id=uid, role=role.value)
    return Presence(connection=uid, provider_user_id=uid, role=(status.role or role).value, joined_at=status.joined_at)
