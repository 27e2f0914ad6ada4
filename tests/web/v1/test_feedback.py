"""Feedback about a call: who can give it, how often, and where it goes."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tenants import MovableClock, Sandbox, Tenant, create_guest_link, create_link, error_code, send_as
from videobroker.domain.actors import Actor
from videobroker.usecases.journal.erasure import erase_person

PATH = "/v1/bookings/lesson-1/feedback"
JOIN = "/v1/bookings/lesson-1/join"


async def start_lesson(tenant: Tenant, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A lesson with Ben in its call: his link and his credentials."""
    await tenant.book(**fields)
    link = await create_link(tenant)
    joined = await send_as(tenant, link, "POST", JOIN, {})
    assert joined.status_code == 200, joined.text
    return link, joined.json()


async def test_feedback_becomes_an_event(tutoring: Tenant) -> None:
    link, joined = await start_lesson(tutoring)
    body = {"rating": 2, "problems": ["audio", "audio", "other"], "comment": "No sound.\nThen an echo."}
    given = await send_as(tutoring, link, "POST", PATH, body)
    assert given.status_code == 200, given.text
    (event,) = await tutoring.events("feedback.given")
    assert given.json() == {
        "id": event["id"],
        "call": joined["call"]["id"],
        "user_id": "student-1",
        "given_at": event["occurred_at"],
    }
    assert (event["user_id"], event["asked_by"]["ticket_id"]) == ("student-1", link["id"])
    assert event["data"] == {
        "call": joined["call"]["id"],
        "rating": 2,
        "details": {"problems": ["audio", "other"], "comment": "No sound.\nThen an echo."},
    }


async def test_each_person_gives_it_once_per_call_also_with_concurrent_requests(tutoring: Tenant) -> None:
    link, _ = await start_lesson(tutoring)
    sent = await asyncio.gather(*(send_as(tutoring, link, "POST", PATH, {"rating": 4}) for _ in range(3)))
    assert sorted(each.status_code for each in sent) == [200, 409, 409]
    assert {error_code(each) for each in sent if each.status_code == 409} == {"feedback_already_given"}
    await tutoring.join()
    backend = await tutoring.post(PATH, {"user_id": "tutor-1", "rating": 5})
    assert backend.status_code == 200, backend.text
    await tutoring.post("/v1/bookings/lesson-1/end")
    await tutoring.join()
    await send_as(tutoring, link, "POST", JOIN, {})
    again = await send_as(tutoring, link, "POST", PATH, {"rating": 5})
    assert again.status_code == 200, again.text
    assert [each["user_id"] for each in await tutoring.events("feedback.given")] == [
        "student-1",
        "tutor-1",
        "student-1",
    ]


async def test_only_people_who_were_in_the_call_can_give_it(tutoring: Tenant) -> None:
    _, joined = await start_lesson(tutoring)
    ada = await create_link(tutoring, "tutor-1")
    refused = await send_as(tutoring, ada, "POST", PATH, {"rating": 1})
    assert (refused.status_code, error_code(refused)) == (403, "not_in_call")
    other = await send_as(tutoring, ada, "POST", PATH, {"rating": 1, "user_id": "student-1"})
    assert (other.status_code, error_code(other)) == (403, "not_yourself")
    await tutoring.book("lesson-2")
    elsewhere = await tutoring.post(
        "/v1/bookings/lesson-2/feedback", {"user_id": "student-1", "rating": 1, "call": joined["call"]["id"]}
    )
    assert (elsewhere.status_code, error_code(elsewhere)) == (404, "call_not_found")
    unknown = await tutoring.post(PATH, {"user_id": "student-1", "rating": 1, "call": str(uuid4())})
    assert (unknown.status_code, error_code(unknown)) == (404, "call_not_found")
    assert await tutoring.events("feedback.given") == []


async def test_a_person_whom_the_provider_saw_was_in_the_call(webhook_tenant: Tenant, sandbox: Sandbox) -> None:
    await webhook_tenant.book()
    joined = (await webhook_tenant.join()).json()
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    given = await webhook_tenant.post(PATH, {"user_id": "tutor-1", "rating": 3})
    assert given.status_code == 200, given.text


async def test_a_guest_gives_it_with_their_link(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    gus = await create_guest_link(tutoring)
    await send_as(tutoring, gus, "POST", JOIN, {})
    assert (await send_as(tutoring, gus, "POST", PATH, {"rating": 5})).status_code == 200


async def test_a_blocked_person_gives_none(tutoring: Tenant) -> None:
    link, _ = await start_lesson(tutoring)
    await tutoring.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
    refused = await send_as(tutoring, link, "POST", PATH, {"comment": "Unfair."})
    assert (refused.status_code, error_code(refused)) == (403, "participant_removed")


async def test_it_can_be_given_for_a_day_after_the_window(tutoring: Tenant, clock: MovableClock) -> None:
    link, joined = await start_lesson(tutoring)
    await tutoring.post("/v1/bookings/lesson-1/end")
    clock.move(hours=20)
    assert error_code(await send_as(tutoring, link, "POST", JOIN, {})) == "ticket_expired"
    given = await send_as(tutoring, link, "POST", PATH, {"rating": 4, "call": joined["call"]["id"]})
    assert given.status_code == 200, given.text
    clock.move(hours=10)
    assert error_code(await send_as(tutoring, link, "POST", PATH, {"rating": 4})) == "ticket_expired"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rating": 0},
        {"rating": 6},
        {"rating": "5"},
        {"rating": 4.5},
        {"problems": ["smell"]},
        {"problems": []},
        {"comment": ""},
        {"comment": "x" * 1001},
        {"comment": "a\u0000b"},
        {"stars": 5},
    ],
)
async def test_invalid_feedback_is_refused(tutoring: Tenant, body: dict[str, Any]) -> None:
    link, _ = await start_lesson(tutoring)
    refused = await send_as(tutoring, link, "POST", PATH, body)
    assert (refused.status_code, error_code(refused)) == (422, "invalid_request")
    assert await tutoring.events("feedback.given") == []


async def test_a_repeated_request_with_a_key_gets_the_first_response(tutoring: Tenant) -> None:
    link, _ = await start_lesson(tutoring)
    first, second = [
        await send_as(tutoring, link, "POST", PATH, {"rating": 4}, **{"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert (first.json(), second.headers["Idempotency-Replayed"]) == (second.json(), "true")
    assert len(await tutoring.events("feedback.given")) == 1


async def test_credentials_are_removed_and_an_erasure_removes_all_of_it(tutoring: Tenant) -> None:
    link, joined = await start_lesson(tutoring)
    await send_as(tutoring, link, "POST", PATH, {"comment": f"My link {link['ticket']} did not work.", "rating": 1})
    (event,) = await tutoring.events("feedback.given")
    assert event["data"]["details"]["comment"] == "My link [removed] did not work."
    await erase_person(
        tutoring.broker, tutoring.app.id, "student-1", actor=Actor(tutoring.app.id), now=tutoring.broker.now()
    )
    (event,) = await tutoring.events("feedback.given")
    assert (event["user_id"], event["data"]) == (None, {"call": joined["call"]["id"], "rating": 1})


async def test_a_call_that_ended_long_ago_stays_the_latest(tutoring: Tenant, clock: MovableClock) -> None:
    link, joined = await start_lesson(tutoring, starts_in=timedelta(minutes=1))
    await tutoring.post("/v1/bookings/lesson-1/end")
    clock.move(minutes=30)
    given = await send_as(tutoring, link, "POST", PATH, {"rating": 4})
    assert given.json()["call"] == joined["call"]["id"]
