"""Display names for the uids in a call, for ticket holders."""

import httpx

from tenants import Tenant, create_guest_link, create_link, send_as


async def names(tenant: Tenant, link: dict[str, str], *uids: object) -> httpx.Response:
    """The names for these uids, requested with the ticket of this link."""
    query = "&".join(f"uid={uid}" for uid in uids)
    return await send_as(tenant, link, "GET", f"/v1/visit/people?{query}")


async def test_people_in_a_call_have_names(agora: Tenant) -> None:
    await agora.book(policy={"guests_allowed": True})
    ada = (await agora.join(user_id="tutor-1")).json()["uid"]
    ben = (await agora.join(user_id="student-1")).json()["uid"]
    gus = await create_guest_link(agora)
    guest = (await send_as(agora, gus, "POST", "/v1/bookings/lesson-1/join", {})).json()["uid"]

    seen = (await names(agora, gus, ada, ben, guest, 1)).json()["data"]

    assert {each["uid"]: (each["display_name"], each["is_host"], each["is_guest"]) for each in seen} == {
        ada: ("Ada", True, False),
        ben: ("Ben", False, False),
        guest: ("Gus", False, True),
    }


async def test_a_person_who_may_not_join_gets_no_names(agora: Tenant) -> None:
    await agora.book()
    ada = (await agora.join(user_id="tutor-1")).json()["uid"]
    ben = await create_link(agora)
    await agora.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})

    refused = await names(agora, ben, ada)

    assert (refused.status_code, refused.json()["code"]) == (403, "participant_removed")


async def test_uids_of_another_session_have_no_names(agora: Tenant) -> None:
    await agora.book("mine")
    await agora.book("other")
    ada = (await agora.join(reference="other", user_id="tutor-1")).json()["uid"]

    assert (await names(agora, await create_link(agora, path="/v1/bookings/mine/links"), ada)).json()["data"] == []


async def test_an_invalid_uid_is_refused(agora: Tenant) -> None:
    await agora.book()
    ben = await create_link(agora)

    for wrong in ([0], [-1], [2**31], ["x"], [], range(1, 102)):
        assert (await names(agora, ben, *wrong)).status_code == 422
