"""Requests to be admitted, with a ticket, separate from joining."""

from datetime import timedelta

import httpx

from tenants import MovableClock, Tenant, create_guest_link, create_link, send_as


async def request_admission(tenant: Tenant, link: dict[str, str]) -> httpx.Response:
    """Ask to be admitted with the ticket of this link."""
    return await send_as(tenant, link, "POST", "/v1/visit/knock")


async def test_a_person_who_asks_waits_until_a_host_decides(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit"})
    link = await create_link(tutoring)

    first = (await request_admission(tutoring, link)).json()
    repeated = (await request_admission(tutoring, link)).json()

    assert first["decision"]["reason"] == "waiting_for_admission"
    assert first["lobby"]["state"] == "waiting"
    assert repeated["lobby"] == first["lobby"]
    assert len(await tutoring.events("participant.waiting", user_id="student-1")) == 1
    entry = first["lobby"]["entry"]
    assert (await tutoring.post(f"/v1/bookings/lesson-1/lobby/{entry}/admit")).status_code == 200
    assert (await request_admission(tutoring, link)).json()["decision"]["decision"] == "admit"


async def test_a_guest_asks_with_their_name(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit", "guests_allowed": True})
    link = await create_guest_link(tutoring)

    await request_admission(tutoring, link)

    (entry,) = (await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"]
    assert (entry["display_name"], entry["is_guest"]) == ("Gus", True)


async def test_a_person_who_is_refused_for_another_reason_does_not_wait(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book(policy={"waiting_room": "admit"}, starts_in=timedelta(hours=2))
    link = await create_link(tutoring)

    seen = (await request_admission(tutoring, link)).json()

    assert seen["decision"]["reason"] == "too_early"
    assert seen["lobby"] is None
    assert await tutoring.events("participant.waiting") == []


async def test_a_denied_person_can_ask_again_and_remains_denied(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit"})
    link = await create_link(tutoring)
    entry = (await request_admission(tutoring, link)).json()["lobby"]["entry"]
    await tutoring.post(f"/v1/bookings/lesson-1/lobby/{entry}/deny")

    seen = (await request_admission(tutoring, link)).json()

    assert seen["decision"] == {**seen["decision"], "decision": "refuse", "reason": "admission_denied"}


async def test_asking_needs_a_ticket(tutoring: Tenant) -> None:
    assert (await tutoring.api.post("/v1/visit/knock")).status_code == 401
    assert (await tutoring.post("/v1/visit/knock")).status_code == 401


async def withdraw(tenant: Tenant, link: dict[str, str]) -> httpx.Response:
    """Withdraw the request of the holder of this link."""
    return await send_as(tenant, link, "DELETE", "/v1/visit/knock")


async def test_a_withdrawn_request_is_no_longer_in_the_waiting_room(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit"})
    link = await create_link(tutoring)
    entry = (await request_admission(tutoring, link)).json()["lobby"]["entry"]

    seen = await withdraw(tutoring, link)
    repeated = await withdraw(tutoring, link)

    assert (seen.status_code, seen.json()["lobby"]) == (200, None)
    assert repeated.json()["lobby"] is None
    assert (await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"] == []
    (event,) = await tutoring.events("participant.withdrew")
    assert (event["user_id"], event["data"]) == ("student-1", {"entry": entry, "guest": False})
    assert (await tutoring.post(f"/v1/bookings/lesson-1/lobby/{entry}/admit")).status_code == 404
    assert (await request_admission(tutoring, link)).json()["lobby"]["state"] == "waiting"


async def test_a_decided_request_cannot_be_withdrawn(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit"})
    link = await create_link(tutoring)
    entry = (await request_admission(tutoring, link)).json()["lobby"]["entry"]
    await tutoring.post(f"/v1/bookings/lesson-1/lobby/{entry}/deny")

    seen = (await withdraw(tutoring, link)).json()

    assert seen["lobby"]["state"] == "denied"
    assert await tutoring.events("participant.withdrew") == []


async def test_withdrawing_needs_a_ticket_and_affects_its_holder_only(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit", "guests_allowed": True})
    ben, gus = await create_link(tutoring), await create_guest_link(tutoring)
    await request_admission(tutoring, ben)

    await withdraw(tutoring, gus)

    (entry,) = (await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"]
    assert entry["user_id"] == "student-1"
    assert (await tutoring.send("DELETE", "/v1/visit/knock")).status_code in {401, 403}
