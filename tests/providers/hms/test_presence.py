"""Presence at 100ms: requests and reports."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from videobroker.domain.attendance.observations import Presence, PresenceReport
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.provider import HmsProvider

from .conftest import START

ROOM = "65f0c1a2b3d4e5f60718293a"
SINCE = START - timedelta(hours=1)
BEGAN, ENDED = "2026-03-12T20:30:00.197Z", "2026-03-12T20:59:04.015Z"
NOTHING = {"limit": 100, "data": None, "last": ""}

pytestmark = pytest.mark.usefixtures("waits")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def peer(peer_id: str, **fields: object) -> dict[str, object]:
    return {"id": peer_id, "user_id": f"user of {peer_id}", "role": "student", "joined_at": BEGAN, **fields}


def session(session_id: str, *peers: dict[str, object], active: bool = True, **fields: object) -> dict[str, object]:
    return {
        "id": session_id,
        "room_id": ROOM,
        "active": active,
        "peers": {str(each["id"]): each for each in peers},
        "created_at": BEGAN,
        "updated_at": ENDED,
        **fields,
    }


class Sessions:
    """Mocks the lists of running and ended calls, and each call."""

    def __init__(self, vendor: respx.MockRouter, running: list[Any], over: list[Any]) -> None:
        self.running = vendor.get("/sessions", params={"active": "true"}).respond(json=_page(running))
        self.over = vendor.get("/sessions", params={"active": "false"}).respond(json=_page(over))
        for each in (*running, *over):
            vendor.get(f"/sessions/{each['id']}").respond(json=each)


def _page(sessions: list[Any]) -> dict[str, object]:
    briefs = [{**each, "peers": list(each["peers"])} for each in sessions]
    return {"limit": 100, "data": briefs or None, "last": sessions[-1]["id"] if sessions else ""}


async def test_a_running_call_reports_present_and_former_people(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    people = [
        peer("p1", left_at=ENDED),
        peer("p2", joined_at="2026-03-12T20:31:00.123456789Z", left_at="0001-01-01T00:00:00Z"),
        peer("p3", user_id="", joined_at="0001-01-01T00:00:00Z", role=None),
        peer("bot", role="__internal_recorder"),
    ]
    lists = Sessions(vendor, [session("s1", *people)], [])
    assert await provider.fetch_presence(ROOM, since=SINCE) == [
        PresenceReport(
            taken_at=START,
            provider_call_id="s1",
            began_at=moment(BEGAN),
            people=(
                Presence(
                    connection="p1",
                    provider_user_id="user of p1",
                    role="student",
                    joined_at=moment(BEGAN),
                    left_at=moment(ENDED),
                ),
                Presence(
                    connection="p2",
                    provider_user_id="user of p2",
                    role="student",
                    joined_at=datetime(2026, 3, 12, 20, 31, 0, 123_000, tzinfo=UTC),
                ),
                Presence(connection="p3", provider_user_id="p3"),
            ),
        )
    ]
    assert dict(lists.running.calls.last.request.url.params) == {"room_id": ROOM, "active": "true", "limit": "100"}
    assert dict(lists.over.calls.last.request.url.params) == {
        "room_id": ROOM,
        "active": "false",
        "after": "2026-03-12T08:10:00.000Z",
        "limit": "100",
    }


async def test_ended_calls_are_reported_if_they_overlap_the_queried_time(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    before = "2026-03-12T20:09:59.999Z"
    Sessions(
        vendor,
        [session("still-running", created_at="2026-03-12T09:00:00Z")],
        [session("reached-in", active=False), session("too-early", active=False, updated_at=before)],
    )
    rolls = await provider.fetch_presence(ROOM, since=SINCE)
    assert [(roll.provider_call_id, roll.ended_at) for roll in rolls] == [
        ("still-running", None),
        ("reached-in", moment(ENDED)),
    ]


async def test_a_session_that_ends_between_the_requests_is_reported_once(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    Sessions(vendor, [session("s1")], [session("s1", active=False)])
    vendor.get("/sessions/s1").respond(json=session("s1", active=False))
    rolls = await provider.fetch_presence(ROOM, since=SINCE)
    assert [roll.ended_at for roll in rolls] == [moment(ENDED)]


async def test_calls_of_another_room_are_omitted(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    Sessions(vendor, [session("s1", room_id="another"), session("s2", room_id=None)], [])
    assert [roll.provider_call_id for roll in await provider.fetch_presence(ROOM, since=SINCE)] == ["s2"]


async def test_a_missing_call_is_omitted(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    Sessions(vendor, [session("s1"), session("s2")], [])
    vendor.get("/sessions/s1").respond(404, json={"code": 404, "message": "session not found"})
    assert [roll.provider_call_id for roll in await provider.fetch_presence(ROOM, since=SINCE)] == ["s2"]


async def test_peers_may_be_an_array_with_invalid_entries(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    Sessions(vendor, [session("s1")], [])
    vendor.get("/sessions/s1").respond(json=session("s1", peers=[peer("p1"), "p2", None, {"role": "student"}]))
    [roll] = await provider.fetch_presence(ROOM, since=SINCE)
    assert [person.connection for person in roll.people] == ["p1"]


async def test_all_pages_of_a_list_are_read(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.get("/sessions", params={"active": "true"}).respond(json=NOTHING)
    over = vendor.get("/sessions", params={"active": "false"})
    over.side_effect = [
        httpx.Response(
            200, json={"limit": 10, "data": [session(f"s{number}", active=False) for number in range(10)], "last": "s9"}
        ),
        httpx.Response(200, json={"limit": 10, "data": [], "last": None}),
    ]
    for number in range(10):
        vendor.get(f"/sessions/s{number}").respond(json=session(f"s{number}", active=False))
    assert len(await provider.fetch_presence(ROOM, since=SINCE)) == 10
    assert over.calls.last.request.url.params["start"] == "s9"


@pytest.mark.parametrize("response", [(200, NOTHING), (404, {"code": 404, "message": "Error: Room not found"})])
async def test_a_room_without_calls_and_an_unknown_room_have_no_reports(
    provider: HmsProvider, vendor: respx.MockRouter, response: tuple[int, dict[str, object]]
) -> None:
    vendor.get("/sessions").respond(response[0], json=response[1])
    assert await provider.fetch_presence(ROOM, since=SINCE) == []


async def test_an_unusable_response_is_not_reported_as_empty(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.get("/sessions").respond(500)
    with pytest.raises(ProviderUnavailable):
        await provider.fetch_presence(ROOM, since=SINCE)
    vendor.get("/sessions").respond(400, json={"code": 400, "message": "no"})
    with pytest.raises(ProviderRefused):
        await provider.fetch_presence(ROOM, since=SINCE)
