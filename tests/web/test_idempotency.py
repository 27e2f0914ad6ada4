"""The `Idempotency-Key`: the same request again gets the same answer."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from house import MovableClock, Sandbox, Tenant


def keyed(key: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key}}


async def alter(tenant: Tenant, change: str) -> None:
    async with tenant.broker.store.transaction() as transaction:
        await transaction.execute(
            text(f"update idempotency set {change} where app_id = :app_id"),  # noqa: S608  our own words
            {"app_id": tenant.app.id},
        )


async def test_the_same_key_and_body_get_the_stored_answer(tutoring: Tenant) -> None:
    await tutoring.book()
    first = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    again = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await tutoring.events("credentials.issued")) == 1


async def test_another_body_or_path_under_the_same_key_is_refused(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    for path, body in (
        ("/v1/bookings/lesson-1/join", {"user_id": "student-1"}),
        ("/v1/bookings/lesson-1/start", {"user_id": "tutor-1"}),
    ):
        answer = await tutoring.post(path, body, **keyed("k1"))
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_spacing_and_the_order_of_fields_make_no_other_body(tutoring: Tenant) -> None:
    await tutoring.book()
    bodies = ('{"user_id":"tutor-1","surface":"sdk"}', '{ "surface": "sdk",\n "user_id": "tutor-1" }')
    answers = [
        await tutoring.send("POST", "/v1/bookings/lesson-1/join", content=body, **keyed("k1")) for body in bodies
    ]
    assert answers[0].json() == answers[1].json()


async def test_keys_of_different_apps_are_different_keys(tutoring: Tenant, other: Tenant) -> None:
    for tenant in (tutoring, other):
        await tenant.book()
        answer = await tenant.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("same"))
        assert "Idempotency-Replayed" not in answer.headers


async def test_twenty_requests_at_once_make_one_guest(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    answers = await asyncio.gather(
        *(tutoring.post("/v1/bookings/lesson-1/guests", {"name": "G"}, **keyed("k1")) for _ in range(20))
    )
    done = [answer.json() for answer in answers if answer.status_code == 200]
    in_flight = [answer for answer in answers if answer.status_code == 409]
    assert len(done) + len(in_flight) == 20
    assert len({guest["user_id"] for guest in done}) == 1
    assert len(await tutoring.events("credentials.issued")) == 1
    for answer in in_flight:
        assert answer.json()["code"] == "request_in_flight"
        assert answer.headers["Retry-After"] == "1"


async def test_a_refusal_is_not_kept(tutoring: Tenant) -> None:
    await tutoring.book(status="pending")
    path, body = "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 403
    await tutoring.book()
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 200


async def test_a_failure_of_the_vendor_is_not_kept(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    path, body = "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}
    await sandbox.fault("status", status=500)
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 503
    await sandbox.heal()
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 200


async def test_a_request_that_died_can_be_repeated_and_makes_the_same_guest(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    path = "/v1/bookings/lesson-1/guests"
    first = (await tutoring.post(path, {"name": "G"}, **keyed("k1"))).json()
    # What a crash between the work and its answer leaves behind: a lease that nobody renews.
    await alter(tutoring, "status = null, sealed_answer = null, lease_until = clock_timestamp() + interval '9 seconds'")
    in_flight = await tutoring.post(path, {"name": "G"}, **keyed("k1"))
    assert (in_flight.status_code, in_flight.json()["code"]) == (409, "request_in_flight")
    await alter(tutoring, "lease_until = clock_timestamp() - interval '1 second'")
    again = await tutoring.post(path, {"name": "G"}, **keyed("k1"))
    assert again.status_code == 200
    assert again.json()["user_id"] == first["user_id"]


async def test_stored_answers_are_unreadable_in_the_database(tutoring: Tenant) -> None:
    await tutoring.book()
    answer = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    async with tutoring.broker.store.transaction() as transaction:
        stored = await transaction.scalar(
            text("select sealed_answer from idempotency where app_id = :app_id"), {"app_id": tutoring.app.id}
        )
    assert stored
    assert answer.json()["token"].encode() not in stored
    assert b"tutor-1" not in stored


@pytest.mark.parametrize("action", ["start", "end", "cancel"])
async def test_every_post_that_changes_something_takes_a_key(
    tutoring: Tenant, clock: MovableClock, action: str
) -> None:
    await tutoring.book()
    await tutoring.join()
    key = str(uuid4())
    first = await tutoring.post(f"/v1/bookings/lesson-1/{action}", **keyed(key))
    clock.move(minutes=1)
    again = await tutoring.post(f"/v1/bookings/lesson-1/{action}", **keyed(key))
    assert first.status_code == 200
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
