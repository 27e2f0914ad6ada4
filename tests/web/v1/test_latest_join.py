"""The latest join of a ticket holder, by which a page notices that its person has joined somewhere else."""

import asyncio
from typing import Any

from tenants import Tenant, create_link, send_as

JOIN = "/v1/bookings/lesson-1/join"


async def join_with(tenant: Tenant, link: dict[str, Any], **headers: str) -> str:
    response = await send_as(tenant, link, "POST", JOIN, {"surface": "prebuilt"}, **headers)
    assert response.status_code == 200, response.text
    return str(response.json()["join_id"])


async def latest(tenant: Tenant, link: dict[str, Any]) -> str | None:
    found: str | None = (await send_as(tenant, link, "GET", "/v1/visit")).json()["latest_join"]
    return found


async def test_it_changes_with_each_join_of_the_person(tutoring: Tenant) -> None:
    await tutoring.book()
    link, second_link = await create_link(tutoring), await create_link(tutoring)
    assert await latest(tutoring, link) is None
    first = await join_with(tutoring, link)
    assert await latest(tutoring, link) == first
    second = await join_with(tutoring, second_link)
    assert await latest(tutoring, link) == await latest(tutoring, second_link) == second != first
    (_, event) = await tutoring.events("credentials.issued")
    assert event["id"] == second


async def test_other_people_backends_and_repeated_requests_do_not_change_it(tutoring: Tenant) -> None:
    await tutoring.book()
    link, ada = await create_link(tutoring), await create_link(tutoring, "tutor-1")
    mine = await join_with(tutoring, link, **{"Idempotency-Key": "once"})
    theirs = await join_with(tutoring, ada)
    await tutoring.join(user_id="student-1")
    assert await join_with(tutoring, link, **{"Idempotency-Key": "once"}) == mine
    assert (await latest(tutoring, link), await latest(tutoring, ada)) == (mine, theirs)


async def test_all_of_two_pages_that_join_at_once_see_the_same_one(tutoring: Tenant) -> None:
    await tutoring.book()
    link = await create_link(tutoring)
    joins = await asyncio.gather(*(join_with(tutoring, link) for _ in range(4)))
    assert await latest(tutoring, link) in set(joins)
    assert len(set(joins)) == 4


async def test_without_a_call_there_is_none(tutoring: Tenant) -> None:
    await tutoring.book()
    link = await create_link(tutoring)
    await join_with(tutoring, link)
    await tutoring.post("/v1/bookings/lesson-1/end")
    assert await latest(tutoring, link) is None


async def test_at_agora_there_is_none_because_the_provider_disconnects_the_first_device(agora: Tenant) -> None:
    await agora.book()
    link = await create_link(agora)
    assert (await send_as(agora, link, "POST", JOIN, {})).status_code == 200
    assert await latest(agora, link) is None
