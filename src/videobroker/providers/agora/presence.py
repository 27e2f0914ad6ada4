"""Who is in a channel.

Source: the pages "Query user list" and "Query user status" of the Agora docs.
"""

import asyncio
from datetime import datetime

from videobroker.domain.attendance.observations import Presence, PresenceReport, truncate_to_milliseconds
from videobroker.providers.agora.client import AgoraClient
from videobroker.providers.agora.responses import ChannelUser, UserStatus

MAX_STATUS_QUERIES = 50
"""Of so many people it is asked when they came, each with a request of its own; of the others it is not known."""

STATUS_QUERIES_PER_BATCH = 10
"""As many as may be asked in one second."""


async def fetch_presence(client: AgoraClient, channel: str, *, taken_at: datetime) -> PresenceReport:
    """Who is there, as Agora knows it after `taken_at`. An empty channel has nobody in it: that is told as well."""
    people = await client.list_users(channel)
    asked, others = people[:MAX_STATUS_QUERIES], people[MAX_STATUS_QUERIES:]
    seen: list[Presence] = []
    for start in range(0, len(asked), STATUS_QUERIES_PER_BATCH):
        seen += await _ask(client, channel, asked[start : start + STATUS_QUERIES_PER_BATCH])
    seen += [_seen(person) for person in others]
    return PresenceReport(taken_at=truncate_to_milliseconds(taken_at), people=tuple(seen))


async def _ask(client: AgoraClient, channel: str, people: tuple[ChannelUser, ...]) -> list[Presence]:
    known = await asyncio.gather(*(client.get_user_status(channel, person.uid) for person in people))
    return [
        _seen(person, told)
        for person, told in zip(people, known, strict=True)
        if told is not None  # has left in between
    ]


def _seen(person: ChannelUser, told: UserStatus | None = None) -> Presence:
    uid, role = str(person.uid), person.role
    if told is None:
        return Presence(connection=uid, provider_user_id=uid, role=role.value)
    return Presence(connection=uid, provider_user_id=uid, role=(told.role or role).value, joined_at=told.joined_at)
