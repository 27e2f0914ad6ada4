"""A program that uses the Python client. mypy and pyright check it in their strict modes; it never runs."""

from typing import assert_type

from videobroker_client import AsyncClient, Client, Page
from videobroker_client.models import (
    AgoraTokenCredentials,
    Booking,
    BookingSummary,
    CallEndedEvent,
    Event,
    HmsRoomCodeCredentials,
    HmsTokenCredentials,
    JoinCredentials,
    UnknownJoinCredentials,
)


def join(client: Client) -> str:
    joined = client.bookings.join("lesson-1", user_id="ada", surface="sdk")
    assert_type(joined, JoinCredentials)
    if joined.type == "100ms_token":
        assert_type(joined, HmsTokenCredentials)
        return joined.token
    match joined:
        case HmsRoomCodeCredentials():
            return joined.room_code
        case AgoraTokenCredentials():
            return f"{joined.channel} {joined.uid}"
        case UnknownJoinCredentials():
            return joined.provider


def read_events(client: Client) -> list[str]:
    found: list[str] = []
    for event in client.events.list(type=["call.ended"], limit=10):
        assert_type(event, Event)
        if event.type == "call.ended":
            assert_type(event, CallEndedEvent)
            found.append(f"{event.data.reason} {event.data.duration_seconds}")
    return found


async def list_bookings(client: AsyncClient) -> list[str]:
    page = await client.bookings.list(limit=1).page()
    assert_type(page, Page[BookingSummary])
    booking = await client.bookings.get("lesson-1")
    assert_type(booking, Booking)
    async for event in client.events.stream(type=["call.started"]):
        assert_type(event, Event)
        break
    return [each.reference async for each in client.bookings.list()]
