"""The people of a session, for its hosts: who is in the call, who is missing, and who is blocked."""

from typing import Any

from tenants import MovableClock, Sandbox, Tenant, create_guest_link, create_link, error_code, send_as

PATH = "/v1/bookings/lesson-1/people"


async def people(tenant: Tenant, **filters: Any) -> dict[str, tuple[str | None, str, bool]]:
    response = await tenant.get(PATH, **filters)
    assert response.status_code == 200, response.text
    return {
        each["user_id"]: (each["display_name"], each["presence"], each["is_blocked"])
        for each in response.json()["data"]
    }


async def test_people_in_the_call_come_first(webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    await webhook_tenant.book(policy={"guests_allowed": True})
    assert await people(webhook_tenant) == {
        "student-1": ("Ben", "absent", False),
        "tutor-1": ("Ada", "absent", False),
    }
    gus = await create_guest_link(webhook_tenant)
    guest = (await send_as(webhook_tenant, gus, "POST", "/v1/bookings/lesson-1/join", {})).json()
    assert set((await people(webhook_tenant)).values()) == {("Ada", "unknown", False), ("Ben", "unknown", False)}
    await sandbox.join_room(guest["room_id"], token=guest["token"])
    clock.move(minutes=1)
    ada = (await webhook_tenant.join()).json()
    peer = await sandbox.join_room(ada["room_id"], token=ada["token"])
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()

    listed = (await webhook_tenant.get(PATH)).json()["data"]
    assert [(each["user_id"], each["presence"], each["is_host"]) for each in listed] == [
        (guest["user_id"], "in_call", False),
        ("tutor-1", "in_call", True),
        ("student-1", "absent", False),
    ]
    assert (listed[0]["display_name"], listed[0]["role"]) == ("Gus", None)
    assert listed[0]["in_call_since"] < listed[1]["in_call_since"]

    await sandbox.leave_room(ada["room_id"], peer)
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    assert (await people(webhook_tenant))["tutor-1"] == ("Ada", "absent", False)


async def test_blocked_people_are_listed_until_they_are_unblocked(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    gus = await create_guest_link(tutoring)
    guest = (await send_as(tutoring, gus, "POST", "/v1/bookings/lesson-1/join", {})).json()["user_id"]
    for user_id in (guest, "student-1"):
        await tutoring.post(f"/v1/bookings/lesson-1/participants/{user_id}/remove", {"ban": True})
    listed = await people(tutoring)
    assert {user_id: (each[0], each[2]) for user_id, each in listed.items()} == {
        guest: ("Gus", True),
        "student-1": ("Ben", True),
        "tutor-1": ("Ada", False),
    }
    await tutoring.post(f"/v1/bookings/lesson-1/participants/{guest}/readmit")
    assert guest not in await people(tutoring)


async def test_a_host_sees_them_with_a_link_and_no_one_else_does(tutoring: Tenant) -> None:
    await tutoring.book()
    ada, ben = await create_link(tutoring, "tutor-1"), await create_link(tutoring)
    assert (await send_as(tutoring, ada, "GET", PATH)).status_code == 200
    assert error_code(await send_as(tutoring, ben, "GET", PATH)) == "role_may_not"
    missing = await tutoring.get("/v1/bookings/nothing/people")
    assert (missing.status_code, error_code(missing)) == (404, "session_not_found")


async def version(tenant: Tenant, link: dict[str, Any]) -> str | None:
    found: str | None = (await send_as(tenant, link, "GET", "/v1/visit")).json()["people_version"]
    return found


async def test_the_visit_of_a_host_tells_when_the_list_changes(
    webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await webhook_tenant.book()
    ada, ben = await create_link(webhook_tenant, "tutor-1"), await create_link(webhook_tenant)
    assert await version(webhook_tenant, ada) is None
    credentials = (await webhook_tenant.join()).json()
    seen = [await version(webhook_tenant, ada)]
    peer = await sandbox.join_room(credentials["room_id"], token=credentials["token"])
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    seen.append(await version(webhook_tenant, ada))
    await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
    seen.append(await version(webhook_tenant, ada))
    await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/readmit")
    seen.append(await version(webhook_tenant, ada))
    cleo = {"role": "student", "display_name": "Cleo"}
    await webhook_tenant.send("PUT", "/v1/bookings/lesson-1/participants/student-2", json=cleo)
    seen.append(await version(webhook_tenant, ada))
    clock.move(minutes=1)
    await sandbox.leave_room(credentials["room_id"], peer)
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    seen.append(await version(webhook_tenant, ada))

    assert None not in seen
    assert len(set(seen)) == len(seen)
    assert await version(webhook_tenant, ben) is None


async def test_the_version_stays_while_the_list_does(tutoring: Tenant) -> None:
    await tutoring.book()
    ada, ben = await create_link(tutoring, "tutor-1"), await create_link(tutoring)
    await send_as(tutoring, ada, "POST", "/v1/bookings/lesson-1/join", {})
    before = await version(tutoring, ada)
    assert before is not None

    await send_as(tutoring, ben, "POST", "/v1/bookings/lesson-1/join", {})
    await send_as(tutoring, ada, "GET", PATH)

    assert await version(tutoring, ada) == before
