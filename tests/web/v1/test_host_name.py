"""The host to contact for a person who cannot join or was removed: only for those who may see names."""

from typing import Any

import pytest

from tenants import Tenant, create_guest_link, create_link, send_as

ADA = {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"}
BEN = {"user_id": "student-1", "role": "student", "display_name": "Ben"}
CLEO = {"user_id": "tutor-2", "role": "tutor", "display_name": "Cleo"}
BOOKING = "/v1/bookings/lesson-1"


async def host_name(tenant: Tenant, link: dict[str, Any]) -> str | None:
    visit = (await send_as(tenant, link, "GET", "/v1/visit")).json()
    name: str | None = visit["host_name"]
    return name


async def test_a_participant_of_a_canceled_session_gets_the_host_s_name(tutoring: Tenant) -> None:
    await tutoring.book(participants=[ADA, BEN])
    ben, ada = await create_link(tutoring), await create_link(tutoring, "tutor-1")
    assert await host_name(tutoring, ben) is None
    await tutoring.post(f"{BOOKING}/cancel")

    assert await host_name(tutoring, ben) == "Ada"
    assert await host_name(tutoring, ada) is None


@pytest.mark.parametrize(("ban", "expected"), [(False, "Ada"), (True, None)])
async def test_a_person_who_was_removed_gets_it_and_one_who_is_blocked_sees_no_names(
    tutoring: Tenant, ban: bool, expected: str | None
) -> None:
    await tutoring.book(participants=[ADA, BEN])
    ben = await create_link(tutoring)
    await tutoring.post(f"{BOOKING}/participants/student-1/remove", {"ban": ban})

    assert await host_name(tutoring, ben) == expected


@pytest.mark.parametrize(
    "hosts", [[], [ADA, CLEO], [{"user_id": "tutor-1", "role": "tutor"}]], ids=["none", "two", "without a name"]
)
async def test_there_is_none_without_exactly_one_host_with_a_name(
    tutoring: Tenant, hosts: list[dict[str, str]]
) -> None:
    await tutoring.book(participants=[*hosts, BEN])
    ben = await create_link(tutoring)
    await tutoring.post(f"{BOOKING}/cancel")

    assert await host_name(tutoring, ben) is None


async def test_a_person_who_is_not_a_participant_any_more_does_not_get_it(tutoring: Tenant) -> None:
    await tutoring.book(participants=[ADA, BEN], policy={"guests_allowed": True})
    ben, guest = await create_link(tutoring), await create_guest_link(tutoring)
    await tutoring.book(participants=[ADA])

    assert await host_name(tutoring, ben) is None
    assert await host_name(tutoring, guest) is None
