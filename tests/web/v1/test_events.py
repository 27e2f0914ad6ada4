"""The journal over HTTP."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import text

from tenants import MovableClock, Tenant, context_of, create_link, send_as
from videobroker.domain.actors import Actor
from videobroker.domain.events import EventType, create_session_event
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.times import rfc3339
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import InvalidInput
from videobroker.storage.journal.journal import record
from videobroker.storage.sessions import sessions
from videobroker.usecases import management
from videobroker.usecases.journal.app_events import require_lately


async def test_events_are_listed_oldest_first_and_a_list_can_continue_at_any_event(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.join()
    await tutoring.post("/v1/bookings/lesson-1/end")
    all_events = await tutoring.events()
    kinds = [event["type"] for event in all_events]
    assert kinds == [
        "session.registered",
        "room.opened",
        "call.started",
        "credentials.issued",
        "call.ended",
        "room.closed",
    ]
    for position, event in enumerate(all_events):
        rest = await tutoring.events(cursor=event["cursor"])
        assert rest == all_events[position + 1 :]


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


async def test_kind_and_reference_must_be_used_together(tutoring: Tenant) -> None:
    response = await tutoring.get("/v1/events", params={"reference": "a"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    unknown = await tutoring.get("/v1/events", params={"kind": "booking", "reference": "a"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "session_not_found")


async def test_a_reader_misses_no_event_although_writers_commit_in_any_order(
    tutoring: Tenant,
) -> None:
    """A slow transaction takes its number first and commits last: a naive reader would skip its event."""
    await tutoring.book()
    key = SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1")
    actor, now = Actor(tutoring.app.id), tutoring.broker.now()

    written = asyncio.Event()

    async def write(slow: asyncio.Event | None, marker: str) -> None:
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            session = await sessions.find(unit_of_work, key)
            assert session is not None
            await record(
                unit_of_work,
                create_session_event(session, EventType.SESSION_UPDATED, actor=actor, now=now, data={"marker": marker}),
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
    assert seen == []  # The event "fast" is delayed until no event before it can appear.
    gate.set()
    await slow
    await follow()
    assert seen == ["slow", "fast"]


async def test_the_journal_outlives_its_subjects(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.send("DELETE", "/v1/bookings/lesson-1/participants/student-1")
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        remaining = await unit_of_work.scalar(
            text("select count(*) from journal where app_id = :app_id and user_id = 'student-1'"),
            {"app_id": tutoring.app.id},
        )
    assert remaining == 1


# --- events of the app ------------------------------------------------------------------------------------------------

OPENED: dict[str, Any] = {
    "kind": "booking",
    "reference": "lesson-1",
    "user_id": "student-1",
    "event": "whiteboard.opened",
    "details": {"page": 3, "tools": ["pen", None, 2.5, True], "by": {"name": "Zo\u00eb"}},
}


async def tokens(tenant: Tenant) -> Callable[[str], str]:
    """Creates user tokens of the app's own identity provider."""
    secret = f"invented-secret-of-the-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    expires_at = int((tenant.broker.now() + timedelta(hours=1)).timestamp())
    return lambda user_id: jwt.encode({"sub": user_id, "exp": expires_at}, secret)


def assert_refused(response: httpx.Response, status: int, code: str) -> bool:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    return True


class TestAppEvents:
    async def test_is_in_the_journal_as_in_the_response(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book()
        before = tutoring.broker.now()
        clock.move(seconds=30)
        response = await tutoring.post("/v1/events", {**OPENED, "occurred_at": rfc3339(before)})
        assert response.status_code == 201, response.text
        (listed,) = await tutoring.events("app.reported")
        assert response.json() == listed
        assert listed["session"] == {"kind": "booking", "reference": "lesson-1"}
        assert (listed["user_id"], listed["asked_by"]["user_id"]) == ("student-1", None)
        assert listed["data"]["event"] == "whiteboard.opened"
        assert listed["data"]["details"] == OPENED["details"]
        assert listed["data"]["reported_at"] == before.isoformat()
        assert listed["occurred_at"] > rfc3339(before)
        assert await tutoring.events(cursor=listed["cursor"]) == []

    async def test_can_be_without_a_session_and_a_person(self, tutoring: Tenant) -> None:
        response = await tutoring.post("/v1/events", {"event": "survey.sent"})
        (listed,) = await tutoring.events("app.reported")
        assert response.json() == listed
        assert (listed["session"], listed["user_id"], listed["data"]["details"]) == (None, None, {})

    async def test_is_recorded_once_under_one_idempotency_key(self, tutoring: Tenant) -> None:
        await tutoring.book()
        first, repeated = [
            await tutoring.post("/v1/events", OPENED, headers={"Idempotency-Key": "once"}) for _ in range(2)
        ]
        assert first.json() == repeated.json()
        assert (first.status_code, repeated.status_code) == (201, 201)
        assert repeated.headers["Idempotency-Replayed"] == "true"
        assert len(await tutoring.events("app.reported")) == 1

    async def test_needs_an_existing_session(self, tutoring: Tenant) -> None:
        assert assert_refused(await tutoring.post("/v1/events", OPENED), 404, "session_not_found")
        assert await tutoring.events() == []

    async def test_stores_no_credentials(self, tutoring: Tenant) -> None:
        details = {"token": "hush", "note": "they used abc-defg-hij", "deep": [{"password": "hush"}]}
        await tutoring.post("/v1/events", {"event": "noted", "details": details})
        (listed,) = await tutoring.events("app.reported")
        assert "hush" not in str(listed)
        assert "abc-defg-hij" not in str(listed)

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": None},
            {"reference": None},
            {"kind": "meeting"},
            {"event": ""},
            {"event": "two words"},
            {"event": ".hidden"},
            {"event": "x" * 65},
            {"event": None},
            {"user_id": "x" * 129},
            {"details": []},
            {"details": None},
            {"details": {"a": "x" * 4_096}},
            {"details": {"a": "\0"}},
            {"details": {"a": 2**63}},
            {"details": {"1": {"2": {"3": {"4": [{"6": {"7": {"8": {}}}}]}}}}},
            {"unknown": True},
            {"occurred_at": "yesterday"},
            {"occurred_at": "2026-03-12T14:00:00"},
        ],
        ids=lambda change: str(change)[:60],
    )
    async def test_is_refused_if_invalid(self, tutoring: Tenant, change: dict[str, Any]) -> None:
        await tutoring.book()
        assert assert_refused(await tutoring.post("/v1/events", {**OPENED, **change}), 422, "invalid_request")
        assert await tutoring.events("app.reported") == []

    @pytest.mark.parametrize(
        ("age", "fits"),
        [
            (timedelta(minutes=-1), True),
            (timedelta(minutes=-1, microseconds=-1), False),
            (timedelta(days=30), True),
            (timedelta(days=30, microseconds=1), False),
        ],
        ids=str,
    )
    def test_can_have_happened_recently(self, clock: MovableClock, age: timedelta, fits: bool) -> None:
        now = clock()
        with nullcontext() if fits else pytest.raises(InvalidInput, match="occurred_at"):
            require_lately(now - age, now=now)

    @pytest.mark.parametrize("age", [timedelta(hours=-1), timedelta(days=31)], ids=str)
    async def test_is_refused_with_a_time_that_is_too_far_from_now(self, tutoring: Tenant, age: timedelta) -> None:
        body = {"event": "noted", "occurred_at": rfc3339(tutoring.broker.now() - age)}
        assert assert_refused(await tutoring.post("/v1/events", body), 422, "invalid_request")
        assert await tutoring.events("app.reported") == []

    async def test_can_be_nested_eight_levels_deep(self, tutoring: Tenant) -> None:
        details = {"2": {"3": {"4": {"5": {"6": {"7": {"8": "the bottom"}}}}}}}
        response = await tutoring.post("/v1/events", {"event": "noted", "details": details})
        assert response.status_code == 201, response.text

    async def test_can_be_sent_by_a_user_about_themselves_in_their_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        token = await tokens(tutoring)
        unnamed = {name: value for name, value in OPENED.items() if name != "user_id"}
        for body in (OPENED, unnamed):
            response = await send_as(tutoring, token("student-1"), "POST", "/v1/events", body)
            assert response.status_code == 201, response.text
        listed = await tutoring.events("app.reported")
        assert [(each["user_id"], each["asked_by"]["user_id"]) for each in listed] == [("student-1", "student-1")] * 2

    async def test_cannot_be_sent_by_a_user_about_anything_else(self, tutoring: Tenant) -> None:
        await tutoring.book()
        token = await tokens(tutoring)
        ticket = await create_link(tutoring)
        path = "/v1/events"
        unnamed = {name: value for name, value in OPENED.items() if name != "user_id"}
        assert assert_refused(await send_as(tutoring, token("tutor-1"), "POST", path, OPENED), 403, "not_yourself")
        assert assert_refused(
            await send_as(tutoring, token("stranger"), "POST", path, unnamed), 404, "session_not_found"
        )
        unknown_session = await send_as(tutoring, token("tutor-1"), "POST", path, {"event": "noted"})
        assert assert_refused(unknown_session, 422, "invalid_request")
        assert assert_refused(await send_as(tutoring, ticket, "POST", path, OPENED), 403, "ticket_not_enough")
        assert await tutoring.events("app.reported") == []
