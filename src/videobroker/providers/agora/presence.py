"""Who is in a channel.

Source: the pages "Query user list" and "Query user status" of the Agora docs.
"""

import asyncio
from datetime import datetime

from videobroker.domain.attendance.observations import Presence, PresenceReport, truncate_to_milliseconds
from videobroker.providers.agora.client import AgoraClient
from videobroker.providers.agora.responses import Present, Property

ASKED_ONE_BY_ONE = 50
"""Of so many people it is asked when they came, each with a request of its own; of the others it is not known."""

ASKED_TOGETHER = 10
"""As many as may be asked in one second."""


async def call_roll(client: AgoraClient, channel: str, *, taken_at: datetime) -> PresenceReport:
    """Who is there, as Agora knows it after `taken_at`. An empty channel has nobody in it: that is told as well."""
    people = await client.list_people(channel)
    asked, others = people[:ASKED_ONE_BY_ONE], people[ASKED_ONE_BY_ONE:]
    seen: list[Presence] = []
    for start in range(0, len(asked), ASKED_TOGETHER):
        seen += await _ask(client, channel, asked[start : start + ASKED_TOGETHER])
    seen += [_seen(person) for person in others]
    return PresenceReport(taken_at=truncate_to_milliseconds(taken_at), people=tuple(seen))


async def _ask(client: AgoraClient, channel: str, people: tuple[Present, ...]) -> list[Presence]:
    known = await asyncio.gather(*(client.get_property(channel, person.uid) for person in people))
    return [
        _seen(person, told)
        for person, told in zip(people, known, strict=True)
        if told is not None  # has left in between
    ]


def _seen(person: Present, told: Property | None = None) -> Presence:
    uid, role = str(person.uid), person.role
    if told is None:
        return Presence(connection=uid, provider_user_id=uid, role=role.value)
    return Presence(connection=uid, provider_user_id=uid, role=(told.role or role).value, joined_at=told.joined_at)
