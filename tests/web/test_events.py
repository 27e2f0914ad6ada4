"""The journal, as it is read over HTTP."""

import asyncio
from typing import Any

from sqlalchemy import text

from house import MovableClock, Tenant
from videobroker.domain.journal import Asker, EventType, about
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.storage import sessions
from videobroker.storage.journal import record


async def test_events_come_oldest_first_and_can_be_followed_from_any_of_them(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.join()
    await tutoring.post("/v1/bookings/lesson-1/end")
    everything = await tutoring.events()
    kinds = [event["type"] for event in everything]
    assert kinds == [
        "session.registered",
        "room.opened",
        "call.started",
        "credentials.issued",
        "call.ended",
        "room.closed",
    ]
    for position, event in enumerate(everything):
        rest = await tutoring.events(cursor=event["cursor"])
        assert rest == everything[position + 1 :]


async def test_filters_narrow_the_journal(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book("a")
    await tutoring.book("b")
    await tutoring.join("a", "tutor-1")
    await tutoring.join("b", "student-1")
    about_a = await tutoring.events(kind="booking", reference="a")
    assert {event["session"]["reference"] for event in about_a} == {"a"}
    assert {event["user_id"] for event in await tutoring.events(user_id="student-1")} == {"student-1"}
    assert [event["type"] for event in await tutoring.events("call.started")] == ["call.started"] * 2
    assert await tutoring.events(since="2150-01-01T00:00:00Z") == []


async def test_the_two_names_of_a_session_belong_together(tutoring: Tenant) -> None:
    answer = await tutoring.get("/v1/events", params={"reference": "a"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    unknown = await tutoring.get("/v1/events", params={"kind": "booking", "reference": "a"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "session_not_found")


async def test_whoever_follows_the_journal_misses_nothing_although_writers_commit_in_any_order(
    tutoring: Tenant,
) -> None:
    """A slow transaction takes its numbers first and commits last: a naive reader would pass over it."""
    await tutoring.book()
    key = SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1")
    asker, now = Asker(tutoring.app.id), tutoring.broker.now()

    written = asyncio.Event()

    async def write(slow: asyncio.Event | None, marker: str) -> None:
        async with tutoring.broker.store.transaction() as transaction:
            session = await sessions.find(transaction, key)
            assert session is not None
            await record(
                transaction, about(session, EventType.SESSION_UPDATED, asker=asker, now=now, data={"marker": marker})
            )
            if slow is not None:
                written.set()
                await slow.wait()

    seen: list[str] = []
    cursor: str | None = None

    async def follow() -> None:
        nonlocal cursor
        params: dict[str, Any] = {"cursor": cursor} if cursor else {}
        for event in await tutoring.events("session.updated", **params):
            seen.append(event["data"]["marker"])
            cursor = event["cursor"]

    gate = asyncio.Event()
    slow = asyncio.create_task(write(gate, "slow"))
    await written.wait()
    await write(None, "fast")
    await follow()
    assert seen == []  # "fast" is held back as long as something before it may still come
    gate.set()
    await slow
    await follow()
    assert seen == ["slow", "fast"]


async def test_the_journal_survives_what_it_is_about(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.send("DELETE", "/v1/bookings/lesson-1/participants/student-1")
    async with tutoring.broker.store.transaction() as transaction:
        left = await transaction.scalar(
            text("select count(*) from journal where app_id = :app_id and user_id = 'student-1'"),
            {"app_id": tutoring.app.id},
        )
    assert left == 1
